#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# How much goes to 64 outputs; more of it makes no other test.
BYTES=${FANOUT_BYTES:-2M}
# How many runs in which an output dies
RUNS=${FANOUT_RUNS:-60}

# sinks N: FIFOs with readers that check what they get, files, appended files,
# pipes, by turns; $outputs are the options for them.
sinks() {
	local i fd

	outputs=()
	checks=()
	files=()
	for ((i = 0; i < $1; i++)); do
		case $((i % 4)) in
		0)
			mkfifo "fifo$i"
			background limited "$TOOLS_DIR/peer-check" \
			    --bytes="$BYTES" --seed=7 \
			    --chunk=$((1000 + i * 777)) "fifo$i" > "got$i"
			checks+=("$PID")
			outputs+=(-o "fifo$i")
			;;
		1)
			outputs+=(-o "file$i")
			files+=("file$i")
			;;
		2)
			exec {fd}> >(exec 3>&-; limited "$TOOLS_DIR/peer-check" \
			    --bytes="$BYTES" --seed=7 --chunk=100000 \
			    > "got$i" || echo failed > "got$i")
			outputs+=(-o "/dev/fd/$fd")
			fds+=("$fd")
			pipes+=("got$i")
			;;
		3)
			# A file that cannot be spliced to
			echo before > "file$i"
			exec {fd}>> "file$i"
			outputs+=(-o "/dev/fd/$fd")
			fds+=("$fd")
			appended+=("file$i")
			;;
		esac
	done
}

close_fds() {
	local fd

	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
}

good_check() {
	[[ -s $1 && $(< "$1") != failed ]]
}

# relay_to N OPTION...
relay_to() {
	local fds=() pipes=() appended=() outputs checks files name pid
	local sinks=$1

	shift
	sinks "$sinks"
	"$TOOLS_DIR/peer-write" --bytes="$BYTES" --seed=7 > data
	"$TOOLS_DIR/peer-write" --bytes="$BYTES" --seed=7 --chunks=1-1M |
	    limited "$IPCTOOL" pipe-relay "$@" "${outputs[@]}" || return
	close_fds
	for pid in "${checks[@]}"; do
		ends_with 0 "$pid" || return
	done
	for name in "${pipes[@]}"; do
		wait_until good_check "$name" || return
	done
	for name in "${files[@]}"; do
		same data "$name" || return
	done
	for name in "${appended[@]}"; do
		same <(echo before; cat data) "$name" || return
	done
	rm -f fifo* file* got*
}

@test "1, 2, 4, 16 and 64 outputs of all kinds get the same bytes" {
	local n

	for n in 1 2 4 16 64; do
		relay_to "$n"
	done
}

@test "the same, copied through memory, and with a ring" {
	relay_to 5 --no-splice
	relay_to 5 --memory=300k
	relay_to 5 --dump=/dev/null
}

@test "files, sockets and FIFOs are inputs of a fan-out" {
	need perl
	random_file 300000 data
	mkfifo q
	run -0 ipctool pipe-relay -i data -o one -o two
	same data one
	same data two
	background cp data q
	run -1 --separate-stderr ipctool pipe-relay -i q -i data -i missing \
	    -o one -o two
	stderr_is "ipctool pipe-relay: missing: No such file or directory"
	same <(cat data data) one
	same one two
	# shellcheck disable=SC2094
	run -0 limited perl -MSocket -e '
		socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die;
		if (!fork) {
			open(STDIN, "<&", $b) or die;
			close($a); close($b);
			exec @ARGV;
		}
		close($b);
		open(my $data, "<", "data"); local $/;
		print {$a} readline($data); close($a);
		wait; exit($? != 0);
	' "$IPCTOOL" pipe-relay -o one -o two -o -
	same data one
	same data two
}

@test "a terminal, /dev/null and a full device are outputs, too" {
	need script
	seq 300 > data
	limited script -qec '"$IPCTOOL" pipe-relay -i data -o - -o out \
	    -o /dev/null' /dev/null < /dev/null > screen
	same data out
	same data <(tr -d '\r' < screen)
	run -1 --separate-stderr ipctool pipe-relay -i data -o one \
	    -o /dev/full -o two
	stderr_is "ipctool pipe-relay: /dev/full: No space left on device"
	same data one
	same data two
}

@test "one output a hundred times slower loses nothing, and nobody else does" {
	mkfifo slow quick
	background limited "$TOOLS_DIR/peer-check" --bytes=1M --delay=5000 \
	    --chunk=8K slow > /dev/null
	local slow=$PID
	background limited "$TOOLS_DIR/peer-check" --bytes=1M quick > /dev/null
	local quick=$PID
	limited "$TOOLS_DIR/peer-write" --bytes=1M |
	    limited "$IPCTOOL" pipe-relay -o slow -o quick -o file
	ends_with 0 "$slow"
	ends_with 0 "$quick"
	same file <("$TOOLS_DIR/peer-write" --bytes=1M)
}

@test "an output that dies at any moment does no harm to the others" {
	local i stop

	seed_random
	mkfifo dies lives
	"$TOOLS_DIR/peer-write" --bytes=400K > data
	for ((i = 0; i < RUNS; i++)); do
		stop=$((RANDOM * 12))
		background "$TOOLS_DIR/peer-check" --stop="$stop" dies \
		    > /dev/null
		local dies=$PID
		background limited "$TOOLS_DIR/peer-check" --bytes=400K lives \
		    > /dev/null
		local lives=$PID
		if ((i % 2)); then
			# shellcheck disable=SC2002 # it has to be a pipe
			cat data | limited "$IPCTOOL" pipe-relay -p -o file \
			    -o dies -o lives
		else
			limited "$IPCTOOL" pipe-relay -p -i data -o file \
			    -o dies -o lives
		fi
		ends_with 0 "$dies"
		ends_with 0 "$lives"
		same data file
	done
}

@test "it ends when all outputs have died" {
	mkfifo a b
	background "$TOOLS_DIR/peer-check" --stop=1000 a
	background "$TOOLS_DIR/peer-check" --stop=70000 b
	run -0 limited bash -c 'yes | "$IPCTOOL" pipe-relay -p -o a -o b'
}

# What tee(1) and we do with a broken standard output and a file: status,
# messages, and whether the file got everything.
both_do() {
	local mode=$1 program

	for program in tee ours; do
		rm -f file
		local status=0
		case $program in
		tee)
			limited env --default-signal=PIPE tee ${mode:+"$mode"} \
			    file 2> err 1>&"$2" < data || status=$?
			;;
		ours)
			limited env --default-signal=PIPE "$IPCTOOL" \
			    pipe-relay ${mode:+"$mode"} -o - -o file \
			    2> err 1>&"$2" < data || status=$?
			;;
		esac
		{
			echo "status $status"
			sed -e 's/^tee: //' -e 's/^ipctool pipe-relay: //' \
			    -e "s/'//g" err
			# What ends the run may end it before the file does.
			if [[ $mode != *exit ]] && ((status != 141)); then
				cmp data file && echo complete
			fi
		} > "did.$program"
	done
	diff -u did.tee did.ours
}

@test "the modes of --output-error are those of tee(1)" {
	local mode full

	need tee
	random_file 300000 data
	exec {full}> /dev/full
	make_dead
	for mode in "" -p --output-error --output-error=warn \
	    --output-error=warn-nopipe --output-error=exit \
	    --output-error=exit-nopipe; do
		echo "mode '$mode', a reader that left" >&2
		both_do "$mode" "$DEAD"
		case $mode in
		*exit | *exit-nopipe) continue ;;
		esac
		echo "mode '$mode', a full device" >&2
		both_do "$mode" "$full"
	done
	for mode in --output-error=exit --output-error=exit-nopipe; do
		run -1 --separate-stderr limited tee "$mode" /dev/full < data
		local said=$stderr
		run -1 --separate-stderr ipctool pipe-relay "$mode" \
		    -o - -o /dev/full < data
		stderr_is "${said/tee:/ipctool pipe-relay:}"
	done
}

@test "a mode that tee does not know is a usage error" {
	# Beginnings that no other one has
	for mode in warn- exit-n; do
		run -0 ipctool pipe-relay --output-error="$mode" < /dev/null
	done
	for mode in w e exit-x warn-nopipes ""; do
		run -2 --separate-stderr ipctool pipe-relay \
		    --output-error="$mode" < /dev/null
		stderr_matches "mode of --output-error"
	done
	run -2 --separate-stderr ipctool pipe-relay --output-error=never
	stderr_matches "mode of --output-error.*never"
	run -2 --separate-stderr ipctool pipe-relay -pwarn
}

@test "-p works for a single output as well" {
	make_dead
	run -0 --separate-stderr bash -c 'seq 100000 |
	    "$IPCTOOL" pipe-relay -p 1>&"$1"' bash "$DEAD"
	stderr_is ""
	run -1 --separate-stderr bash -c 'seq 100000 |
	    "$IPCTOOL" pipe-relay --output-error=warn 1>&"$1"' \
	    bash "$DEAD"
	stderr_is "ipctool pipe-relay: standard output: Broken pipe"
}

@test "where SIGPIPE is ignored, a reader that left is said" {
	make_dead
	run -1 --separate-stderr bash -c 'seq 100000 |
	    env --ignore-signal=PIPE "$IPCTOOL" pipe-relay \
	    -o "/dev/fd/$1" -o file' bash "$DEAD"
	stderr_is "ipctool pipe-relay: /dev/fd/$DEAD: Broken pipe"
}

@test "an output that cannot be opened is said, and the others get everything" {
	random_file 100000 data
	run -1 --separate-stderr ipctool pipe-relay -i data -o one \
	    -o missing/file -o two
	stderr_is "ipctool pipe-relay: missing/file: No such file or directory"
	same data one
	same data two
	run -1 --separate-stderr ipctool pipe-relay -i data -o missing/one \
	    -o missing/two
	stderr_is "ipctool pipe-relay: missing/one: No such file or directory
ipctool pipe-relay: missing/two: No such file or directory"
	run -1 --separate-stderr ipctool pipe-relay --output-error=exit \
	    -i data -o missing/one -o three
	stderr_is "ipctool pipe-relay: missing/one: No such file or directory"
}

@test "FIFOs are opened at the same time: readers may have any order" {
	mkfifo a b c
	random_file 100000 data
	background bash -c 'exec 4< c 5< b 6< a; cat <&4 > got.c &
	    cat <&5 > got.b & cat <&6 > got.a; wait'
	local readers=$PID
	run -0 ipctool pipe-relay -t 10 -i data -o a -o b -o c
	ends_with 0 "$readers"
	same data got.a
	same data got.b
	same data got.c
}

@test "a FIFO without a reader: -n is 3, -w is 124, and no input is taken" {
	mkfifo a b
	hold r a
	run -3 --separate-stderr bash -c 'echo x |
	    { "$IPCTOOL" pipe-relay -n -o a -o b; s=$?; cat; exit "$s"; }'
	is x
	stderr_is "ipctool pipe-relay: b: no reader"
	run -124 --separate-stderr bash -c 'echo x |
	    { "$IPCTOOL" pipe-relay -w 0.1 -o a -o b; s=$?; cat; exit "$s"; }'
	is x
	stderr_is "ipctool pipe-relay: b: no reader within 0.1s"
}

@test "an input that is one of the outputs is refused" {
	echo precious > file
	mkfifo q
	run -1 --separate-stderr ipctool pipe-relay -i file -o one -o file
	stderr_is "ipctool pipe-relay: file: input file is output file"
	[[ $(< file) == precious ]]
	run -1 --separate-stderr ipctool pipe-relay -i q -o one -o q -w 5
	stderr_is "ipctool pipe-relay: q: input file is output file"
	run -1 --separate-stderr ipctool pipe-relay -i file --tap=file -o one
	stderr_is "ipctool pipe-relay: file: input file is output file"
	[[ $(< file) == precious ]]
}

@test "-a appends to all outputs" {
	echo one > a
	echo one > b
	run -0 ipctool pipe-relay -a -o a -o b <<< two
	[[ $(< a) == $'one\ntwo' && $(< b) == $'one\ntwo' ]]
}

@test "standard output may be an output twice" {
	run -0 ipctool pipe-relay -o - -o - <<< hello
	is $'hello\nhello'
}

@test "-c takes not one byte more, also with several outputs" {
	local option

	for option in -q --no-splice; do
		run -0 bash -c 'printf %s abcdefghij |
		    { "$IPCTOOL" pipe-relay "$1" -c 4 -o one -o two; cat; }' \
		    bash "$option"
		is efghij
		[[ $(< one) == abcd && $(< two) == abcd ]]
	done
}

@test "the counters have a line for each output, and the transport" {
	need jq
	random_file 300000 data
	run -0 --separate-stderr bash -c 'cat data |
	    "$IPCTOOL" pipe-relay --stats -o one -o two'
	stderr_matches "^ipctool pipe-relay: 300000 bytes .*, tee
ipctool pipe-relay: standard input -> one: 300000 in, 300000 out, waited .*
ipctool pipe-relay: standard input -> two: 300000 in, 300000 out, waited [^
]*$"
	run -0 --separate-stderr ipctool pipe-relay --stats=json -i data \
	    -o one -o two --no-splice
	run -0 jq -r '.stats[] | [.source, .sink, .transport, .bytes_out] |
	    join(" ")' <<< "$stderr"
	is "data one copy 300000
data two copy 300000"
}

@test "time-outs end a fan-out that is stuck" {
	mkfifo stuck
	hold r stuck
	timed run -124 --separate-stderr ipctool pipe-relay -T 0.2 -o stuck \
	    -o file < /dev/zero
	at_least 200 "$elapsed"
	timed run -124 --separate-stderr ipctool pipe-relay -t 0.2 -o stuck \
	    -o file < /dev/zero
	at_least 200 "$elapsed"
}
