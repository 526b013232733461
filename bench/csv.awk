# csv.awk - what the scripts that read our data share.

# split_line LINE FIELD: its fields; quotes are for blanks and commas only
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

# In place: there are never many.
function sort(list, n,    i, j, v)
{
	for (i = 2; i <= n; i++) {
		v = list[i]
		for (j = i - 1; j > 0 && list[j] > v; j--)
			list[j + 1] = list[j]
		list[j + 1] = v
	}
}

# quantile LIST N Q: of a sorted list, between two of its values if need be
function quantile(list, n, q,    place, below)
{
	place = 1 + (n - 1) * q
	below = int(place)
	if (below >= n)
		return list[n]
	return list[below] + (place - below) * (list[below + 1] - list[below])
}

# What so many bytes (or whatever) in so many microseconds are in a work's
# unit.  For all but costs, more is better.
function worth(unit, amount, took)
{
	if (unit == "GiB/s")
		return amount / 1073741824 / took * 1000000
	if (unit == "trips/s")
		return amount / took * 1000000
	if (unit == "ms")
		return took / 1000
	return took / amount
}

function show(value)
{
	return sprintf(value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f",
	    value)
}

# read_result FIELDS: a line of results.csv into value[work, who, n] and what
# is known of both
function read_result(f,    key)
{
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
	if (f[8] !~ /^[0-9]+$/)
		absent[key] = f[8]
	else if (f[5] > 0)
		value[key, f[5]] = worth(f[3], f[4], f[8])
	if (f[5] > rounds)
		rounds = f[5]
}

# ratios WORK PEER: sets least, lower, middle, upper, greatest of the rounds'
# ratios, and mine and theirs, the medians.  How many rounds there are.
function ratios(work, peer,    i, n, us, them, a, b, r)
{
	us = work SUBSEP ours[work]
	them = work SUBSEP peer
	n = 0
	for (i = 1; i <= rounds; i++) {
		if (!((us, i) in value) || !((them, i) in value) ||
		    value[them, i] == 0)
			continue
		a[++n] = value[us, i]
		b[n] = value[them, i]
		r[n] = a[n] / b[n]
	}
	if (n == 0)
		return 0
	sort(a, n)
	sort(b, n)
	sort(r, n)
	mine = quantile(a, n, 0.5)
	theirs = quantile(b, n, 0.5)
	least = r[1]
	lower = quantile(r, n, 0.25)
	middle = quantile(r, n, 0.5)
	upper = quantile(r, n, 0.75)
	greatest = r[n]
	return n
}

# verdict RATIO REACH: met, NOT MET, or nothing where there is no figure
function verdict(ratio, goal)
{
	if (goal == "-")
		return ""
	if (sub(/^</, "", goal))
		return ratio <= goal + 0 ? "met" : "NOT MET"
	return ratio >= goal + 0 ? "met" : "NOT MET"
}

function goal_of(goal)
{
	if (goal == "-")
		return ""
	return sub(/^</, "", goal) ? "<= " show(goal + 0) : ">= " show(goal + 0)
}
