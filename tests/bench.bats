#!/usr/bin/env bats

# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# bench/: that it runs, says what is missing, and draws.  How fast anything
# is, no test says.

# Each benchmark is many runs of many programs.
export LIMIT=120

setup() {
	common_setup
	BENCH=$SRCDIR/bench
	ORIGINAL_BUILDDIR=$BUILDDIR
	# Where bench/run puts its data, and finds its peer
	BUILDDIR=$PWD/build
	export BUILDDIR
	mkdir -p build/bench
	own_peer
}

# bench/peer is not built for the tests.
own_peer() {
	local peer=$BATS_FILE_TMPDIR/peer

	if [[ ! -x $peer ]]; then
		"${CC:-cc}" -O1 -o "$peer" "$SRCDIR/bench/peer.c"
	fi
	cp "$peer" "$BUILDDIR/bench/peer"
}

small() {
	limited "$BENCH/run" --quick --rounds=1 --bytes=64K --pipe-size=64K \
	    "$@"
}

# bats test_tags=slow
@test "a small benchmark runs, and has figures for all that is there" {
	local work works=(ordinary splicing max fanout-splicing fanout fifo
	    atomic duplex stats meter)

	# That counts instructions as well, by valgrind.
	[[ ${SANITIZED:-no} == yes ]] || works+=(create)
	run --separate-stderr small --record=data "${works[@]}"
	echo "$stderr"
	((status == 0))
	matches 'ordinary ends, GiB/s'
	matches '[0-9]+ of the ratios met, [0-9]+ not met'
	[[ -s data/machine.csv ]]
	for work in "${works[@]}"; do
		grep -q "^$work,.*,us,[1-9]" data/results.csv
	done
	run ! grep failed data/results.csv
}

# bats test_tags=slow
@test "growth and costs are measured, each by itself" {
	local work works=(grow-bytes grow-writes grow-pipes grow-records)

	run -0 --separate-stderr small --record=data "${works[@]}" busy
	for work in "${works[@]}"; do
		grep -q "^$work,.*,[1-9][0-9]*$" data/growth.csv
	done
	# No percentages of CPU that nobody can have
	grep -q '^busy-writer,%,"ordinary ends, anywhere, no relay",[0-9]*$' data/costs.csv
}

@test "what is recorded anew replaces only the works that were measured" {
	small --record=data atomic > /dev/null
	small --record=data max > /dev/null
	small --record=data max > /dev/null
	grep -q ^atomic, data/results.csv
	grep -q ^max, data/results.csv
	[[ $(grep -c '^max,.*,us,' data/results.csv) -eq 1 ]]
	[[ $(grep -c ^work, data/results.csv) -eq 1 ]]
}

@test "a peer that is not installed is said to be missing and has no figure" {
	PV=/nonexistent/pv run -0 --separate-stderr small --record=data ordinary
	matches 'pv +not installed'
	stderr_matches '/nonexistent/pv is not installed: left out'
	grep -q '"pv",3,missing$' data/results.csv
	run ! grep -E '"pv",3,[0-9]' data/results.csv
	# Nor is it in the table of a page, but as what it is
	awk -v markdown=1 -f "$BENCH/csv.awk" -f "$BENCH/table.awk" \
	    data/results.csv > page
	grep -q '^| ordinary ends | pv | | | ≥ 3.00 | not installed |$' page
}

@test "a peer that fails is left out, and the run fails" {
	PV=false run -1 --separate-stderr small ordinary
	matches 'pv +failed'
	stderr_matches 'ordinary: pv failed'
	matches 'mbuffer|socat|tee'
}

@test "unknown works and options are refused" {
	run -1 "$BENCH/run" nonsense
	matches 'nonsense: no such work; try --list'
	run -1 "$BENCH/run" --nonsense
	matches '--nonsense: no such option'
	run -1 "$BENCH/run" --bytes=1x create
	matches '1x: not a size'
}

# With these ipctool is 2 (1.8 to 2.2) times as fast as a, and costs half of b.
write_results() {
	cat > results.csv <<- 'END'
	work,title,unit,amount,round,who,reach,took
	w,"a work",GiB/s,1073741824,1,"us & <them>",us,500000
	w,"a work",GiB/s,1073741824,1,"a & <b>",1.5,1000000
	w,"a work",GiB/s,1073741824,2,"us & <them>",us,500000
	w,"a work",GiB/s,1073741824,2,"a & <b>",1.5,900000
	w,"a work",GiB/s,1073741824,3,"us & <them>",us,500000
	w,"a work",GiB/s,1073741824,3,"a & <b>",1.5,1100000
	w,"a work",GiB/s,1073741824,0,"gone",3,missing
	c,"a cost",us,1,1,"us",us,50
	c,"a cost",us,1,1,"b","<0.4",100
	END
}

@test "the table has the median of the rounds' ratios, and what is met" {
	write_results
	run -0 awk -f "$BENCH/csv.awk" -f "$BENCH/table.awk" results.csv
	matches 'a & <b> +2.00 +1.00 +2.00 +1.90..2.10 +1.80..2.20 +>= 1.50 met'
	matches 'gone +not installed'
	matches 'b +50.0 +100 +0.50 .*<= 0.40 NOT MET'
	matches '1 of the ratios met, 1 not met, 1 not measured'
}

@test "two runs agree where their ranges overlap" {
	write_results
	mkdir one two
	cp results.csv one
	sed 's/500000$/480000/' results.csv > two/results.csv
	run -0 "$BENCH/run" --agree=one,two
	matches '2 ratios agree, 0 differ'
	sed 's/500000$/100000/' results.csv > two/results.csv
	run -1 "$BENCH/run" --agree=one,two
	matches 'a & <b> .*DIFFER'
}

@test "charts are well-formed, and have a line or a row for each" {
	local chart

	need xmllint
	mkdir data
	write_results
	cp results.csv data
	{
		echo work,title,unit,amount,x,round,who,took
		for x in 1 1024 65536 1048576; do
			echo "grow-bytes,\"t\",ms,1,$x,1,\"a & <b>\",$((x + 9))"
			echo "grow-bytes,\"t\",ms,1,$x,2,\"a & <b>\",$((x + 8))"
			echo "grow-bytes,\"t\",ms,1,$x,1,\"c\",500"
		done
	} > data/growth.csv
	run -0 "$BENCH/charts" data
	is ""
	for chart in ratios grow-bytes; do
		run -0 xmllint --noout "data/$chart.svg"
		is ""
		run ! grep -iE 'nan|inf"' "data/$chart.svg"
	done
	# Two ratios, with the figure to reach for each
	[[ $(grep -c 'class="goal"' data/ratios.svg) -eq 2 ]]
	[[ $(grep -c '<path ' data/grow-bytes.svg) -eq 2 ]]
	grep -q '>a &amp; &lt;b&gt;<' data/grow-bytes.svg
	grep -q '>64 K<' data/grow-bytes.svg
	# What was not recorded is not drawn
	[[ ! -e data/grow-pipes.svg ]]
}

@test "the pages get their figures from the data" {
	mkdir data
	write_results
	cp results.csv data
	cat > page <<- 'END'
	It is <!--= w/a & <b -->?<!--/--> and <!--= c/b -->9.99<!--/--> here,
	and <!--= none/b -->1<!--/--> there.
	<!-- bench: table w -->
	old
	<!-- end -->
	after
	END
	sed -i 's/a & <b -->/a -->/' page
	sed -i 's/"a & <b>"/"a"/' data/results.csv
	run -0 awk -v dir=data -v here="$BENCH" -f "$BENCH/csv.awk" \
	    -f "$BENCH/fill.awk" data/results.csv page
	matches 'It is <!--= w/a -->2.00<!--/--> and <!--= c/b -->0.50<!--/-->'
	matches 'and <!--= none/b -->–<!--/--> there'
	matches '\| a work \| a \| 2.00 \| 1.90 to 2.10 \| ≥ 1.50 \| met \|'
	matches $'<!-- end -->\nafter'
	[[ $output != *old* && $output != *'a cost'* ]]
}

@test "the figures in the pages are those of the data that are recorded" {
	local page

	[[ -s $SRCDIR/docs/bench/results.csv ]]
	for page in docs/performance.md README.md; do
		awk -v dir="$SRCDIR/docs/bench" -v here="$BENCH" \
		    -f "$BENCH/csv.awk" -f "$BENCH/fill.awk" \
		    "$SRCDIR/docs/bench/results.csv" "$SRCDIR/$page" > made
		same "$SRCDIR/$page" made
	done
}

@test "a start needs as many instructions as were recorded" {
	need valgrind
	BUILDDIR=$ORIGINAL_BUILDDIR run "$BENCH/instructions"
	if [[ $output == *"this is no ordinary build"* ]]; then
		skip "this is no ordinary build"
	fi
	((status == 0))
	matches 'fifo-create needs no more instructions than mkfifo'
	matches ' 0 failed'
}

@test "a start that needs more instructions than were recorded is a failure" {
	need valgrind
	sed 's/^"fifo-create",[0-9]*/"fifo-create",1000/' \
	    "$BENCH/instructions.csv" > recorded
	BUILDDIR=$ORIGINAL_BUILDDIR RECORD=$PWD/recorded \
	    run "$BENCH/instructions"
	if [[ $output == *"this is no ordinary build"* ]]; then
		skip "this is no ordinary build"
	fi
	((status == 1))
	matches 'not ok [0-9]+ - fifo-create: [0-9]+ instructions, 1000 recorded'
}
