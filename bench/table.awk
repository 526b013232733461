# table.awk - results.csv of bench/run as a table.
#
# One line for each peer: the median of both, and the median, the least and
# the greatest of the rounds' ratios.  A ratio above 1 means that ipctool is
# ahead; where less is better (reach "<1") it is its cost over the peer's.

function median(list, n,    i, j, v)
{
	for (i = 2; i <= n; i++) {
		v = list[i]
		for (j = i - 1; j > 0 && list[j] > v; j--)
			list[j + 1] = list[j]
		list[j + 1] = v
	}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# A value of 4,000,000,000 bytes in so many microseconds, and so on, in the
# work's unit.  For all but costs, more is better.
function worth(unit, amount, took)
{
	if (unit == "GiB/s")
		return amount / 1073741824 / took * 1000000
	if (unit == "trips/s")
		return amount / took * 1000000
	return took / amount
}

function show(value)
{
	return sprintf(value < 100 ? "%.2f" : "%.0f", value)
}

# The titles have no commas; a label may.
function split_line(line, field,    n, part)
{
	n = 0
	while (line != "") {
		if (match(line, /^"[^"]*"(,|$)/)) {
			part = substr(line, 2, RLENGTH - 2)
			sub(/"$/, "", part)
		} else {
			match(line, /^[^,]*(,|$)/)
			part = substr(line, 1, RLENGTH)
		}
		line = substr(line, RLENGTH + 1)
		sub(/,$/, "", part)
		sub(/"$/, "", part)
		field[++n] = part
	}
	return n
}

NR > 1 {
	if (split_line($0, f) != 8) {
		print FILENAME ": line " NR " is not mine" > "/dev/stderr"
		exit bad = 1
	}
	if (!(f[1] in title)) {
		title[f[1]] = f[2]
		unit[f[1]] = f[3]
		order[++works] = f[1]
	}
	key = f[1] SUBSEP f[6]
	if (f[7] == "us")
		ours[f[1]] = f[6]
	else if (!(key in reach)) {
		reach[key] = f[7]
		peers[f[1], ++count[f[1]]] = f[6]
	}
	value[key, ++n[key]] = worth(f[3], f[4], f[8])
}

function line(work, peer,    mine, theirs, i, a, b, r, goal, ratio, met)
{
	mine = work SUBSEP ours[work]
	theirs = work SUBSEP peer
	for (i = 1; i <= n[theirs]; i++) {
		a[i] = value[mine, i]
		b[i] = value[theirs, i]
		r[i] = a[i] / b[i]
	}
	goal = reach[theirs]
	ratio = median(r, n[theirs])
	if (goal == "-")
		met = ""
	else if (sub(/^</, "", goal)) {
		met = ratio <= goal + 0 ? "met" : "NOT MET"
		goal = "<= " sprintf("%.2f", goal)
	} else {
		met = ratio >= goal + 0 ? "met" : "NOT MET"
		goal = ">= " sprintf("%.2f", goal)
	}
	missed += met == "NOT MET"
	printf "  %-27s %9s %9s %7.2f %7.2f .. %-6.2f %8s  %s\n", peer,
	    show(median(a, n[theirs])), show(median(b, n[theirs])), ratio,
	    r[1], r[n[theirs]], goal, met
}

END {
	if (bad)
		exit 1
	printf "%-29s %9s %9s %7s %17s %8s\n", "  ipctool against", "ipctool",
	    "peer", "ratio", "least .. greatest", "to reach"
	for (w = 1; w <= works; w++) {
		printf "%s, %s (%s)\n", title[order[w]], unit[order[w]],
		    ours[order[w]]
		for (p = 1; p <= count[order[w]]; p++)
			line(order[w], peers[order[w], p])
	}
	printf "%d of the ratios not met\n", missed
}
