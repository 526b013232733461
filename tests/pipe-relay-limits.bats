#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# --bytes, --rate-limit, --memory, --dump

@test "-c takes exactly so many bytes, and leaves the rest in the input" {
	local option

	for option in -q --no-splice --memory=100 --dump=/dev/null; do
		run -0 bash -c 'printf %s abcdefghij |
		    { "$IPCTOOL" pipe-relay "$1" -c 4 > out; cat; }' \
		    bash "$option"
		is efghij
		[[ $(< out) == abcd ]]
		printf %s abcdefghij > data
		run -0 bash -c '{ "$IPCTOOL" pipe-relay "$1" -c 4 > out; cat; } \
		    < data' bash "$option"
		is efghij
	done
	run -0 ipctool pipe-relay -c 0 <<< hello
	is ""
	run -0 ipctool pipe-relay --bytes=1k -i /dev/zero -o out
	size_is 1024 out
}

@test "-c counts across inputs" {
	printf abc > one
	printf def > two
	run -0 ipctool pipe-relay -i one -i two -i missing -c 5
	is abcde
}

# Never faster than that; the limiter's unit tests prove that it is not slower.
@test "-L lets so much go by in a second, and never much at a time" {
	local option

	random_file 100000 data
	for option in -q --no-splice --memory=1M; do
		timed run -0 bash -c 'cat data |
		    "$IPCTOOL" pipe-relay "$1" -L 200000 > out' bash "$option"
		same data out
		at_least 390 "$elapsed"
	done
	timed run -0 ipctool pipe-relay --rate-limit=200000 -i data -o one \
	    -o two
	at_least 390 "$elapsed"
	same data one
	same data two
}

@test "a rate of a byte a second moves bytes one by one" {
	timed run -0 bash -c 'printf ab | "$IPCTOOL" pipe-relay -L 2'
	is ab
	at_least 900 "$elapsed"
}

@test "--stats says how long -L held back, whatever is behind it" {
	local held

	head -c 600000 /dev/zero > data
	held='"held_back_seconds": (0\.[1-9]|[1-9])'
	run -0 --separate-stderr ipctool pipe-relay -i data -L 1M -o out1 \
	    -o out2 --stats=json
	[[ $(grep -cE "$held" <<< "$stderr") == 2 ]]
	run -0 --separate-stderr ipctool pipe-relay -i data -L 1M -o out1 \
	    -o out2 --stats
	[[ $(grep -cE "held back for (0\.[1-9]|[1-9])" <<< "$stderr") == 1 ]]
	mkfifo tap
	run -0 --separate-stderr ipctool pipe-relay -i data -L 1M -m 64K \
	    -o out --tap=tap --stats=json
	stderr_matches "$held"
	# Not that a tap has no reader.
	run -0 --separate-stderr bash -c '{ echo a; sleep 0.2; echo b; } |
	    "$IPCTOOL" pipe-relay --tap=tap --stats=json'
	run ! grep -E '"held_back_seconds": 0\.0*[1-9]' <<< "$stderr"
}

@test "being held back by -L is no idleness for -T" {
	run -0 bash -c 'printf abc | "$IPCTOOL" pipe-relay -L 5 -T 0.1'
	is abc
	mkfifo q
	exec {q}<> q
	run -124 --separate-stderr ipctool pipe-relay -L 1M -T 0.1 < q
	stderr_matches "nothing moved for 0.1s"
}

@test "--stats says how long the rate held it back" {
	random_file 50000 data
	run -0 --separate-stderr ipctool pipe-relay -L 100k -i data -o out \
	    --stats
	stderr_matches "data: held back for (0\.[1-9][0-9]*|[1-9][0-9.]*) s by the rate limit"
}

@test "-m reads ahead of a reader that has not begun" {
	mkfifo q
	random_file 3M data
	background ipctool pipe-relay -m 8M -i data -o q
	local relay=$PID q
	exec {q}< q
	run -0 limited bash -c 'head -c 3M <&"$1" > out' bash "$q"
	same data out
	exec {q}>&-
	ends_with 0 "$relay"
}

@test "-m lets the writer end before the reader begins, until it is full" {
	mkfifo in out
	background bash -c 'exec "$IPCTOOL" pipe-relay -m 1M < in > out'
	local relay=$PID reader
	exec {reader}<> out
	# More than all pipes hold, less than the ring.
	run -0 limited bash -c '"$TOOLS_DIR/peer-write" --bytes=1M > in'
	background "$TOOLS_DIR/peer-check" --stop=1M out
	local check=$PID
	ends_with 0 "$check"
	ends_with 0 "$relay"
	exec {reader}>&-
}

@test "-m moves everything, in any size, with fast and slow sides" {
	local size

	for size in 1 1000 64k 10M; do
		run -0 limited bash -c '"$TOOLS_DIR/peer-write" --bytes=300K \
		    --chunks=1-9000 --seed=3 | "$IPCTOOL" pipe-relay -m "$1" |
		    "$TOOLS_DIR/peer-check" --bytes=300K --seed=3 \
		    --chunk=7777' bash "$size"
	done
	run -0 limited bash -c '"$TOOLS_DIR/peer-write" --bytes=1M |
	    "$IPCTOOL" pipe-relay -m 100k |
	    "$TOOLS_DIR/peer-check" --bytes=1M --delay=1000 --chunk=8K'
}

@test "an input that fails is told when what was in memory is delivered" {
	mkdir dir
	random_file 300000 data
	run -1 --separate-stderr bash -c '"$IPCTOOL" pipe-relay -m 1M -i data \
	    -i dir -i data | { sleep 0.2; cat > out; }
	    exit "${PIPESTATUS[0]}"'
	stderr_is "ipctool pipe-relay: dir: Is a directory"
	same out <(cat data data)
}

@test "-m takes memory as it is needed, be it more than there is" {
	run -0 --separate-stderr ipctool pipe-relay -m 4000000T <<< x
	is x
	run -2 ipctool pipe-relay -m 9000000T <<< x
	random_file 9M data
	# The reader begins when all is in memory.
	run -0 bash -c 'cat data | "$IPCTOOL" pipe-relay -v -m 30G 2> log |
	    { until grep -q "end of file" log; do sleep 0.01; done; cat > out; }'
	same data out
}

@test "where memory ends, -m is as large as can be, and nothing is lost" {
	# AddressSanitizer needs more of it than any limit leaves.
	[[ ${SANITIZED-} != yes ]] || skip "a sanitizer takes all memory"
	random_file 60M data
	mkfifo q
	hold r q
	background bash -c 'ulimit -v 40000
	    exec "$IPCTOOL" pipe-relay -m 30G -i data -o q'
	local relay=$PID
	wait_until quiet "$relay"
	collect q
	ends_with 0 "$relay"
	die_pid "${pids[0]}"
	ends_with 0 "$COLLECTOR"
	same data out
}

# undump FILE: the bytes that a dump shows
undump() {
	grep "|" "$1" | sed -E "s/^[^ ]+ [0-9a-f]+  //; s/ *\\|.*//; s/ //g" |
	    perl -ne "chomp; print pack(q(H*), \$_)"
}

@test "--dump shows every byte, and can be read back" {
	need perl
	local option

	random_file 200000 data
	for option in -q --memory=100000; do
		run -0 bash -c 'cat data |
		    "$IPCTOOL" pipe-relay "$1" --dump=log > out' bash "$option"
		same data out
		undump log > again
		same data again
	done
	run -0 --separate-stderr ipctool pipe-relay -x -i data -o out
	undump <(printf '%s\n' "$stderr") > again
	same data again
}

@test "a dump is safe for a terminal, and has time, direction and offset" {
	printf '\033[31mred\n\0\377%s' "0123456789" > data
	run -0 ipctool pipe-relay -i data --dump=log -o out
	run -1 grep -q '[^ -~]' log
	[[ $(head -n 1 log) =~ ^"> "[0-9]+\.[0-9]{6}s\ 21\ bytes$ ]]
	[[ $(sed -n 2,3p log) == "\
> 00000000  1b 5b 33 31 6d 72 65 64  0a 00 ff 30 31 32 33 34  |.[31mred...01234|
> 00000010  35 36 37 38 39                                    |56789|" ]]
}

@test "what a dump shows is there at once" {
	mkfifo in
	background bash -c 'exec "$IPCTOOL" pipe-relay --dump=log < in > out'
	local relay=$PID feed
	exec {feed}> in
	printf x >&"$feed"
	wait_until grep -q '|x|' log
	printf yz >&"$feed"
	wait_until grep -q '00000001 .*|yz|' log
	exec {feed}>&-
	ends_with 0 "$relay"
}

@test "a dump that cannot be written is said, and the data is not touched" {
	random_file 100000 data
	run -1 --separate-stderr ipctool pipe-relay --dump=/dev/full -i data \
	    -o out
	stderr_is "ipctool pipe-relay: /dev/full: No space left on device"
	same data out
	run -1 --separate-stderr bash -c 'echo x |
	    { "$IPCTOOL" pipe-relay --dump=missing/log; cat; exit 1; }'
	is x
	stderr_is "ipctool pipe-relay: missing/log: No such file or directory"
}

@test "a dump that nobody reads does not hold the run beyond its time-outs" {
	mkfifo log
	hold r log
	timed run -124 ipctool pipe-relay -t 0.3 --dump=log -o out < /dev/zero
	at_least 300 "$elapsed"
	timed run -124 ipctool pipe-relay -T 0.3 --dump=log -o out < /dev/zero
	at_least 300 "$elapsed"
	background ipctool pipe-relay --dump=log -o out < /dev/zero
	wait_until holds "$PID" log
	wait_until quiet "$PID"
	kill "$PID"
	ends_with 143 "$PID"
}

@test "sizes that make no sense are usage errors" {
	local option

	for option in --rate-limit=0 --memory=0 --tap-memory=0 -c-1 -c1x -L1Kx \
	    -m0x10 -s0 --size=x; do
		run -2 --separate-stderr ipctool pipe-relay "$option"
	done
}
