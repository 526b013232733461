# table.awk - results.csv of bench/run as a table; after csv.awk.
#
# One line for each peer: the medians of both, and the median, the quartiles
# and the extremes of the rounds' ratios.  A ratio above 1 means that ipctool
# is ahead; where less is better (a figure to reach with "<=") it is its cost
# over the peer's.  -v markdown=1 makes a table for a page; -v only="A B"
# chooses works, -v goals=1 what has a figure to reach.

FNR > 1 {
	if (split_line($0, f) != 8) {
		print FILENAME ": line " FNR " is not mine" > "/dev/stderr"
		bad = 1
		exit 1
	}
	read_result(f)
}

function line(work, peer,    n, goal, met, key)
{
	key = work SUBSEP peer
	goal = reach[key]
	if (goals && goal == "-")
		return
	n = ratios(work, peer)
	if (n == 0) {
		met = why_not(absent[work, ours[work]], absent[key])
		unmeasured += goal != "-"
		if (markdown)
			printf "| %s | %s | | | %s | %s |\n", title[work],
			    peer, code(goal_of(goal)), met
		else
			printf "  %-28s %s\n", peer, met
		return
	}
	met = verdict(middle, goal)
	missed += met == "NOT MET"
	reached += met == "met"
	if (markdown)
		printf "| %s | %s | %s | %s to %s | %s | %s |\n", title[work],
		    peer, show(middle), show(lower), show(upper),
		    code(goal_of(goal)), met == "NOT MET" ? "**not met**" : met
	else
		printf "  %-28s %7s %7s %6s %6s..%-6s %6s..%-6s %7s %s\n", peer,
		    show(mine), show(theirs), show(middle), show(lower),
		    show(upper), show(least), show(greatest), goal_of(goal),
		    met
}

function why_not(us, them)
{
	if (us == "failed")
		return "ipctool failed"
	if (us == "missing")
		return "not measured"
	return them == "missing" ? "not installed" : "failed"
}

function code(text)
{
	sub(/<=/, "≤", text)
	sub(/>=/, "≥", text)
	return text
}

function heading()
{
	if (markdown) {
		print "| work | beside | ratio | quartiles | to reach | |"
		print "|---|---|---|---|---|---|"
	} else
		printf "%-30s %7s %7s %6s %14s %14s %7s\n",
		    "  ipctool beside", "ipctool", "peer", "ratio",
		    "quartiles", "extremes", "reach"
}

END {
	if (bad)
		exit 1
	if (works == 0)
		exit 0
	heading()
	for (w = 1; w <= works; w++) {
		if (only != "" && index(" " only " ", " " order[w] " ") == 0)
			continue
		if (!markdown)
			printf "%s, %s (%s)\n", title[order[w]],
			    unit[order[w]], ours[order[w]]
		for (p = 1; p <= count[order[w]]; p++)
			line(order[w], peers[order[w], p])
	}
	if (markdown)
		exit 0
	printf "%d of the ratios met, %d not met, %d not measured\n", reached,
	    missed, unmeasured
}
