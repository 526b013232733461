# summary.awk - growth.csv and costs.csv of bench/run as tables; after csv.awk.
#
# A table has a line for each size or program, and the medians.
# -v markdown=1 makes them for a page; -v only="A B" chooses works,
# of costs.csv by the part of their names before the hyphen; -v relative=1 shows
# multiples of the first line.

FNR == 1 {
	costs = split_line($0, f) == 4
	next
}

split_line($0, f) == 8 {
	add(f[1], f[2] ", " f[3], f[5], f[7], worth(f[3], f[4], f[8]))
}

# works that begin alike, cpu-ordinary and cpu-splicing, are one table.
costs {
	group = f[1]
	sub(/-.*/, "", group)
	column = f[1]
	sub(/^[^-]*-?/, "", column)
	add(group, group, f[3], column \
	    (column != "" && f[2] != "" ? ", " : "") f[2], f[4])
}

function add(work, title, row, column, v,    key)
{
	if (!(work in title_of)) {
		title_of[work] = title
		order[++works] = work
	}
	if (!((work, "row", row) in seen)) {
		seen[work, "row", row] = 1
		rows[work, ++nrows[work]] = row
	}
	if (!((work, "column", column) in seen)) {
		seen[work, "column", column] = 1
		columns[work, ++ncolumns[work]] = column
	}
	key = work SUBSEP row SUBSEP column
	cell[key, ++n[key]] = v
}

# What the column is measured by
function unit_of(work, column,    key)
{
	key = work SUBSEP rows[work, 1] SUBSEP column
	return relative && (key in n) && cell[key, 1] > 0 ? cell[key, 1] : 1
}

function middle_of(key, scale,    i, list)
{
	if (!(key in n))
		return ""
	for (i = 1; i <= n[key]; i++)
		list[i] = cell[key, i]
	sort(list, n[key])
	i = quantile(list, n[key], 0.5)
	return !relative && i == int(i) ? i : show(i / scale)
}

# 65536 as 64 K, where it is bytes
function size_of(x)
{
	if (x !~ /^[0-9]+$/ || x < 1024 || x % 1024 != 0)
		return x
	if (x % 1073741824 == 0)
		return x / 1073741824 " G"
	return x % 1048576 == 0 ? x / 1048576 " M" : x / 1024 " K"
}

function table(work,    r, c, line, rule, name)
{
	line = sprintf("%-28s", "")
	rule = "|---|"
	for (c = 1; c <= ncolumns[work]; c++) {
		name = columns[work, c]
		if (relative)	# units no more
			sub(/,? ?[^ ,]*$/, "", name)
		line = line sprintf(markdown ? "| %s " : " %26s", name)
		rule = rule "---|"
	}
	if (markdown)
		printf "| %s|\n%s\n", line, rule
	else
		printf "%s\n%s\n", title_of[work], line
	for (r = 1; r <= nrows[work]; r++) {
		line = sprintf(markdown ? "| %s " : "  %-26s",
		    size_of(rows[work, r]))
		for (c = 1; c <= ncolumns[work]; c++)
			line = line sprintf(markdown ? "| %s " : " %26s",
			    middle_of(work SUBSEP rows[work, r] SUBSEP \
			    columns[work, c],
			    unit_of(work, columns[work, c])))
		print line (markdown ? "|" : "")
	}
}

END {
	for (w = 1; w <= works; w++)
		if (only == "" ||
		    index(" " only " ", " " order[w] " ") > 0)
			table(order[w])
}
