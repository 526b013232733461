# agree.awk - whether two results.csv of bench/run agree; after csv.awk.
#
# Two runs agree in a ratio if the ranges of their rounds' ratios overlap.
# Status 1 if one does not.

FNR == 1 {
	if (FILENAME != "" && NR > 1)
		keep()
	next
}

split_line($0, f) == 8 {
	read_result(f)
}

# The ratios of the first file, and all else forgotten.
function keep(    w, p)
{
	for (w = 1; w <= works; w++)
		for (p = 1; p <= count[order[w]]; p++) {
			if (ratios(order[w], peers[order[w], p]) == 0)
				continue
			low[order[w], peers[order[w], p]] = least
			high[order[w], peers[order[w], p]] = greatest
			at[order[w], peers[order[w], p]] = middle
		}
	split("", value)
	split("", absent)
}

END {
	for (w = 1; w <= works; w++)
		for (p = 1; p <= count[order[w]]; p++) {
			key = order[w] SUBSEP peers[order[w], p]
			if (ratios(order[w], peers[order[w], p]) == 0 ||
			    !(key in low))
				continue
			same = least <= high[key] && greatest >= low[key]
			differ += !same
			agreed += same
			printf "%-18s %-30s %7s %7s  %s\n", order[w],
			    peers[order[w], p], show(at[key]), show(middle),
			    same ? "agree" : "DIFFER"
		}
	printf "%d ratios agree, %d differ\n", agreed, differ
	exit differ > 0
}
