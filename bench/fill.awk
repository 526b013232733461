# fill.awk - puts what was recorded into a page; after csv.awk.
#
#   awk -v dir=DATA -v here=BENCH -f csv.awk -f fill.awk results.csv PAGE
#
# A line `<!-- bench: table [WORK]... -->` and what follows it up to a line
# `<!-- end -->` become a table of those works (those with a figure to reach
# if none is named); `costs WORK...` the same of what was counted, `multiples
# WORK...` that by its first line, `machine` what it was measured on.  Within
# a line, <!--= WORK/PEER -->...<!--/--> is a ratio.  What was not recorded
# leaves a dash.

FILENAME ~ /results\.csv$/ {
	if (FNR > 1 && split_line($0, f) == 8)
		read_result(f)
	next
}

/^<!-- end -->$/ {
	inside = 0
}

inside {
	next
}

/^<!-- bench: .* -->$/ {
	print
	inside = 1
	split($0, word, " ")
	what = word[3]
	rest = $0
	sub(/^<!-- bench: [a-z]* ?/, "", rest)
	sub(/ *-->$/, "", rest)
	print ""
	fflush()
	system(command(what, rest))
	print ""
	next
}

{
	print fill_line($0)
}

function quoted(text)
{
	gsub(/\047/, "\047\\\047\047", text)
	return "\047" text "\047"
}

function command(what, rest,    awk)
{
	awk = "awk -v markdown=1 -v only=" quoted(rest) " -f " \
	    quoted(here "/csv.awk") " -f "
	if (what == "table")
		return awk quoted(here "/table.awk") \
		    (rest == "" ? " -v goals=1 " : " ") "-- " \
		    quoted(dir "/results.csv")
	if (what == "multiples")
		return awk quoted(here "/summary.awk") " -v relative=1 -- " \
		    quoted(dir "/costs.csv")
	if (what == "costs")
		return awk quoted(here "/summary.awk") " -- " \
		    quoted(dir "/costs.csv")
	return awk quoted(here "/machine.awk") " -- " quoted(dir "/machine.csv")
}

# Of all works, this is of one peer: as often as it says so in the line
function fill_line(line,    done, name, slash)
{
	done = ""
	while (match(line, /<!--= [^>]* -->[^<]*<!--\/-->/)) {
		name = substr(line, RSTART, RLENGTH)
		done = done substr(line, 1, RSTART - 1)
		line = substr(line, RSTART + RLENGTH)
		sub(/^<!--= /, "", name)
		sub(/ -->.*/, "", name)
		slash = index(name, "/")
		done = done "<!--= " name " -->" \
		    figure(substr(name, 1, slash - 1),
		    substr(name, slash + 1)) "<!--/-->"
	}
	return done line
}

function figure(work, peer)
{
	return ratios(work, peer) == 0 ? "–" : show(middle)
}
