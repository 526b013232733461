#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

setup() {
	common_setup
	mkfifo q
}

# waiting_reader OPTION...: fifo-read q in the background, asleep, into out and
# err
waiting_reader() {
	background ipctool fifo-read "$@" q > out 2> err
	READER=$PID
	wait_until quiet "$READER"
}

lines_are() {
	[[ $(wc -l < "$2") == "$1" ]]
}

@test "what a writer writes arrives, and the run ends when it leaves" {
	waiting_reader
	put hello q
	ends_with 0 "$READER"
	[[ $(< out) == hello ]]
	size_is 0 err
}

@test "a writer that is already waiting is served at once" {
	background bash -c 'echo hello > q'
	local writer=$PID
	wait_until opening "$writer"
	run -0 --separate-stderr ipctool fifo-read q
	is hello
	stderr_is ""
	ends_with 0 "$writer"
}

@test "the end comes only when the last of several writers has left" {
	waiting_reader
	hold w q
	local holder=$PID
	put one q
	wait_until size_is 4 out
	put two q
	wait_until size_is 8 out
	run ! gone "$READER"
	die_pid "$holder"
	ends_with 0 "$READER"
	[[ $(< out) == $'one\ntwo' ]]
}

@test "a writer that comes and leaves without a word ends the run" {
	waiting_reader
	limited bash -c ': > q'
	ends_with 0 "$READER"
	size_is 0 out
}

@test "bytes of all values arrive unchanged" {
	random_file 1M data
	background ipctool fifo-read q > out
	local reader=$PID
	limited dd if=data of=q bs=7777 conv=notrunc status=none
	ends_with 0 "$reader"
	same data out
}

@test "--follow loses nothing between 2,000 writers, one after the other" {
	waiting_reader -f
	limited bash -c 'for ((i = 1; i <= 2000; i++)); do
		echo "$i" > q
	done'
	wait_until lines_are 2000 out
	kill "$READER"
	ends_with 143 "$READER"
	same out <(seq 2000)
}

@test "--follow loses nothing however long it takes from one writer to the next" {
	local i tries

	need strace
	# Each close(2) takes its time, in which the next writer comes.
	background strace -f -qq -o /dev/null -e trace=close \
	    -e inject=close:delay_enter=20000 \
	    "$IPCTOOL" fifo-read -f -t 10 -c 40 q > out 2> err
	local reader=$PID
	for i in 100 101 102 103 104 105 106 107 108 109; do
		put "$i" q
		for ((tries = 0; tries < 2000; tries++)); do
			if size_is $(((i - 99) * 4)) out; then
				break
			fi
		done
	done
	ends_with 0 "$reader"
	same out <(seq 100 109)
}

@test "--follow loses nothing between writers at the same time" {
	local i writers=()

	waiting_reader -f
	for i in 1 2 3 4; do
		background bash -c 'for ((i = 1; i <= 250; i++)); do
			echo "$1-$i" > q
		done' bash "$i"
		writers+=("$PID")
	done
	for i in "${writers[@]}"; do
		ends_with 0 "$i"
	done
	wait_until lines_are 1000 out
	kill "$READER"
	ends_with 143 "$READER"
	same <(sort out) <(for i in 1 2 3 4; do
		seq -f "$i-%.0f" 250
	done | sort)
}

@test "--follow never has the write end open" {
	waiting_reader -f
	put hello q
	wait_until size_is 6 out
	wait_until quiet "$READER"
	local fd flags
	for fd in "/proc/$READER/fd"/*; do
		if [[ $fd -ef q ]]; then
			flags=$(sed -n 's/^flags:\t//p' \
			    "/proc/$READER/fdinfo/${fd##*/}")
			(((8#$flags & 3) == 0))		# O_RDONLY
		fi
	done
	holds "$READER" q
}

@test "--bytes stops exactly there, and the rest is for the next reader" {
	local part

	random_file 50000 data
	hold rw q
	limited dd if=data of=q bs=50000 conv=notrunc status=none
	: > out
	for part in 1 4096 12345 0 4095 29463; do
		ipctool fifo-read -c "$part" q > piece
		size_is "$part" piece
		cat piece >> out
	done
	same data out
	run -5 ipctool fifo-read -n q
}

@test "--bytes is exact through memory and through pipes, too" {
	random_file 40000 data
	hold rw q
	limited dd if=data of=q bs=40000 conv=notrunc status=none
	ipctool fifo-read -c 10001 q | cat > out
	ipctool fifo-read -c 10002 q >> out
	ipctool fifo-read -c 19997 q | cat >> out
	same data out
}

@test "--bytes counts across writers under --follow" {
	waiting_reader -f -c 10
	put one q
	put two q
	put three q
	ends_with 0 "$READER"
	[[ $(< out) == $'one\ntwo\nth' ]]
}

@test "fewer bytes than --bytes asks for are no failure" {
	waiting_reader -c 100
	put hello q
	ends_with 0 "$READER"
	[[ $(< out) == hello ]]
}

@test "--bytes=0 waits for nobody and takes nothing" {
	run -0 --separate-stderr ipctool fifo-read -c 0 q
	is ""
	hold rw q
	put hello q
	run -0 ipctool fifo-read -c 0 q
	is ""
	run -0 ipctool fifo-read -n q
	is hello
}

@test "--nonblock without a writer is status 3" {
	run -3 --separate-stderr ipctool fifo-read -n q
	is ""
	stderr_is "ipctool fifo-read: q: no writer"
}

@test "--nonblock with a writer but nothing queued is status 5" {
	hold rw q
	timed run -5 --separate-stderr ipctool fifo-read -n q
	is ""
	stderr_matches "^ipctool fifo-read: q: [^ ].*$"
	at_least 50 "$elapsed"
}

@test "--nonblock takes what is queued and does not wait for the end" {
	hold rw q
	put one q
	put two q
	run -0 --separate-stderr ipctool fifo-read -n q
	is $'one\ntwo'
	stderr_is ""
	run -5 ipctool fifo-read -n q
}

@test "--nonblock takes all of a full pipe" {
	random_file 64K data
	hold rw q
	limited dd if=data of=q bs=64K conv=notrunc status=none
	ipctool fifo-read -n q > out
	same data out
	limited dd if=data of=q bs=64K conv=notrunc status=none
	ipctool fifo-read -n q | cat > out
	same data out
}

# A writer that a busy machine lets wait for more than the 50 ms that it gets
# is unlucky; a run that does not wait at all loses nearly all of them.
@test "--nonblock kills no writer that is waiting in open: 50 messages arrive" {
	local tries status arrived=0

	for ((tries = 0; tries < 55 && arrived < 50; tries++)); do
		background bash -c 'echo "message $1" > q' bash "$tries"
		wait_until opening "$PID"
		status=0
		ipctool fifo-read -n q > out 2> err || status=$?
		if ((status == 5)); then
			finish "$PID" || :
			continue
		fi
		((status == 0))
		[[ $(< out) == "message $tries" ]]
		ends_with 0 "$PID"
		arrived=$((arrived + 1))
	done
	((arrived == 50))
}

@test "no writer within --open-timeout is 124, in time, and names the path" {
	timed run -124 --separate-stderr ipctool fifo-read -w 0.2 q
	is ""
	stderr_is "ipctool fifo-read: q: no writer within 0.2s"
	at_least 200 "$elapsed"
	run -124 --separate-stderr ipctool fifo-read -w 20ms q
	stderr_is "ipctool fifo-read: q: no writer within 20ms"
}

@test "--open-timeout counts anew between writers under --follow" {
	hold rw q
	local holder=$PID
	background ipctool fifo-read -f -w 0.3 q > out 2> err
	local reader=$PID
	put one q
	wait_until size_is 4 out
	timed eval 'die_pid "$holder"; ends_with 124 "$reader"'
	at_least 300 "$elapsed"
	[[ $(< err) == "ipctool fifo-read: q: no writer within 0.3s" ]]
	[[ $(< out) == one ]]
}

@test "--open-timeout does not count while a silent writer is there" {
	hold rw q
	timed run -124 --separate-stderr ipctool fifo-read -w 0.1 -t 0.4 q
	stderr_is "ipctool fifo-read: not done within 0.4s (--timeout)"
	at_least 400 "$elapsed"
}

@test "a writer that comes before --open-timeout runs out stops the clock" {
	tries 8 clock_stops
}

# One try: the writer may come too late.
clock_stops() {
	local after

	after=$(longer 1000)
	background ipctool fifo-read -w "$(longer 300)" -t "$after" q \
	    > out 2> err
	local reader=$PID
	wait_until quiet "$reader"
	background bash -c 'exec sleep 1000 > q'
	ends_with 124 "$reader"
	die_pid "$PID"
	[[ $(< err) == "ipctool fifo-read: not done within $after (--timeout)" ]]
}

@test "nothing moved for --idle-timeout is 124, with a silent writer" {
	hold rw q
	timed run -124 --separate-stderr ipctool fifo-read -T 0.2 q
	stderr_matches "^ipctool fifo-read: .*nothing moved for 0.2s \(--idle-timeout\)$"
	at_least 200 "$elapsed"
}

@test "--idle-timeout does not count while there is no writer" {
	timed run -124 --separate-stderr ipctool fifo-read -T 0.1 -w 0.4 q
	stderr_is "ipctool fifo-read: q: no writer within 0.4s"
	at_least 400 "$elapsed"
}

@test "--idle-timeout counts from the last byte" {
	hold rw q
	tries 8 counts_from_the_last
}

# One try: the writer may not be quick enough.
counts_from_the_last() {
	background ipctool fifo-read -T "$(longer 400)" q > out
	local reader=$PID
	timed limited "$TOOLS_DIR/peer-write" --bytes=40 --chunk=8 \
	    --delay=200000 q
	at_least 800 "$elapsed" && ends_with 124 "$reader" &&
	    size_is 40 out
}

@test "--idle-timeout counts the wait for room in standard output" {
	hold rw q
	mkfifo full
	hold rw full
	yes | limited dd of=full oflag=nonblock bs=4096 status=none \
	    2>/dev/null || :
	put hello q
	timed run -124 --separate-stderr bash -c \
	    '"$IPCTOOL" fifo-read -T 0.2 q > full'
	stderr_matches "nothing moved for 0.2s"
	at_least 200 "$elapsed"
}

@test "not done within --timeout is 124" {
	timed run -124 --separate-stderr ipctool fifo-read -t 0.2 q
	stderr_is "ipctool fifo-read: not done within 0.2s (--timeout)"
	at_least 200 "$elapsed"
}

@test "--timeout ends a run that is busy, too" {
	background bash -c 'exec yes > q'
	timed run -124 --separate-stderr bash -c \
	    '"$IPCTOOL" fifo-read -t 0.2 q > /dev/null'
	stderr_is "ipctool fifo-read: not done within 0.2s (--timeout)"
	at_least 200 "$elapsed"
}

@test "a run that is done in time is not touched by its limits" {
	background bash -c 'echo hello > q'
	run -0 --separate-stderr ipctool fifo-read -w 9 -T 9 -t 9 q
	is hello
	stderr_is ""
}

@test "a FIFO removed while we wait for a writer is said, and soon" {
	beats 2 reader_is_told
}

reader_is_told() {
	[[ -p q ]] || mkfifo q
	waiting_reader
	rm q
	ends_with 1 "$READER" &&
	    compare_text err "ipctool fifo-read: q: removed while waiting for a writer" \
	    "$(< err)"
}

@test "a FIFO renamed or replaced while we wait is said, and soon" {
	waiting_reader
	mv q elsewhere
	ends_with 1 "$READER"
	mkfifo q
	waiting_reader
	mkfifo new
	mv new q
	ends_with 1 "$READER"
	[[ $(< err) == "ipctool fifo-read: q: removed while waiting for a writer" ]]
}

@test "a FIFO removed between two writers of --follow is said" {
	waiting_reader -f
	put one q
	wait_until size_is 4 out
	wait_until quiet "$READER"
	rm q
	ends_with 1 "$READER"
	[[ $(< out) == one ]]
}

@test "a FIFO removed while a writer is there is read to its end" {
	waiting_reader
	hold w q
	local holder=$PID
	put one q
	wait_until size_is 4 out
	put two q
	rm q
	die_pid "$holder"
	ends_with 0 "$READER"
	[[ $(< out) == $'one\ntwo' ]]
}

@test "a second link to the FIFO does not hide that its path is gone" {
	ln q other
	waiting_reader
	rm q
	ends_with 1 "$READER"
}

@test "what is no FIFO is status 6 and is not read" {
	local name

	echo data > file
	mkdir dir
	ln -s file link
	for name in file dir link /dev/null /dev/zero; do
		run -6 --separate-stderr ipctool fifo-read "$name"
		is ""
		stderr_matches "^ipctool fifo-read: $name: not a FIFO$"
		run -6 ipctool fifo-read -n "$name"
	done
	need socat
	background socat UNIX-LISTEN:sock -
	wait_until test -S sock
	run -6 ipctool fifo-read sock
}

@test "a link to a FIFO is the FIFO" {
	ln -s q link
	hold rw q
	put hello q
	run -0 ipctool fifo-read -c 6 link
	is hello
}

@test "a missing FIFO is an error, and nothing is created" {
	run -1 --separate-stderr ipctool fifo-read missing
	stderr_is "ipctool fifo-read: missing: No such file or directory"
	ln -s missing dangling
	run -1 --separate-stderr ipctool fifo-read dangling
	run -1 --separate-stderr ipctool fifo-read q/x
	stderr_is "ipctool fifo-read: q/x: Not a directory"
	[[ ! -e missing ]]
}

@test "a FIFO that we may not read is an error" {
	((EUID != 0)) || skip "root may read everything"
	chmod 200 q
	run -1 --separate-stderr ipctool fifo-read q
	stderr_is "ipctool fifo-read: q: Permission denied"
}

@test "standard output that cannot take it is an error, said once" {
	background bash -c 'echo hello > q'
	run -1 --separate-stderr bash -c '"$IPCTOOL" fifo-read q > /dev/full'
	stderr_is "ipctool fifo-read: standard output: No space left on device"
}

@test "closed standard output is an error before anything is taken" {
	hold rw q
	put hello q
	run -1 --separate-stderr bash -c '"$IPCTOOL" fifo-read -c 6 q >&-'
	stderr_is "ipctool fifo-read: standard output: Bad file descriptor"
	run -0 ipctool fifo-read -n q
	is hello
}

@test "when the reader of standard output has gone we die of SIGPIPE, silently" {
	local status=0

	make_dead
	hold rw q
	put hello q
	ipctool fifo-read q 1>&"$DEAD" 2> err || status=$?
	((status == 141))
	size_is 0 err
	# What was not read is left alone.
	run -0 ipctool fifo-read -n q
	is hello
}

@test "a reader of standard output that leaves is noticed while nothing comes" {
	hold rw q
	mkfifo o
	hold r o
	local holder=$PID
	background bash -c 'exec "$IPCTOOL" fifo-read q > o 2> err'
	local reader=$PID
	wait_until holds "$reader" q
	wait_until quiet "$reader"
	die_pid "$holder"
	ends_with 141 "$reader"
	size_is 0 err
}

@test "a reader of standard output that leaves after some data is noticed, too" {
	hold rw q
	mkfifo o
	background head -n 1 o
	local head=$PID
	background bash -c 'exec "$IPCTOOL" fifo-read q > o 2> err'
	local reader=$PID
	put hello q
	ends_with 0 "$head"
	ends_with 141 "$reader"
	size_is 0 err
}

@test "where SIGPIPE is ignored or blocked the broken pipe is said, status 1" {
	local status=0

	make_dead
	hold rw q
	put hello q
	limited env --ignore-signal=PIPE "$IPCTOOL" fifo-read q 1>&"$DEAD" \
	    2> err || status=$?
	((status == 1))
	[[ $(< err) == "ipctool fifo-read: standard output: Broken pipe" ]]
	status=0
	limited env --default-signal=PIPE "$TOOLS_DIR/launch" --block=PIPE \
	    "$IPCTOOL" fifo-read q 1>&"$DEAD" 2> err || status=$?
	((status == 1))
	[[ $(< err) == "ipctool fifo-read: standard output: Broken pipe" ]]
}

@test "- is standard input" {
	run -0 --separate-stderr ipctool fifo-read - < <(echo hello)
	is hello
	echo "from a file" > file
	run -0 --separate-stderr ipctool fifo-read -c 4 - < file
	is from
	run -1 --separate-stderr bash -c '"$IPCTOOL" fifo-read - <&-'
	stderr_is "ipctool fifo-read: standard input: Bad file descriptor"
}

@test "the bytes after --bytes stay in standard input" {
	run -0 --separate-stderr bash -c 'printf %s 0123456789 |
	    { "$IPCTOOL" fifo-read -c 4 -; echo; cat; }'
	is $'0123\n456789'
	printf %s 0123456789 > file
	run -0 --separate-stderr bash -c '{ "$IPCTOOL" fifo-read -c 4 -
	    echo; cat; } < file'
	is $'0123\n456789'
}

@test "--stats says how much and where" {
	background bash -c 'echo hello > q'
	run -0 --separate-stderr ipctool fifo-read --stats q
	is hello
	stderr_matches '^ipctool fifo-read: 6 bytes \(6 B\) in [0-9.]+ s, .*/s, (splice|copy)'
	stderr_matches $'\n''ipctool fifo-read: q -> standard output: 6 in, 6 out, waited [0-9.]+ s for input, [0-9.]+ s for output$'
}

@test "as many FIFOs are read at a time as there are descriptors for" {
	local n names=() out

	for n in {1..70}; do
		mkfifo "f$n"
		names+=("f$n")
	done
	for out in ' > out' ' | cat > out'; do
		background bash -c "ulimit -n 64
		    \"\$IPCTOOL\" fifo-read \"\$@\" $out" bash "${names[@]:0:50}"
		for ((n = 1; n <= 50; n++)); do
			put "line $n" "f$n"
		done
		ends_with 0 "$PID"
		same <(sort out) <(printf 'line %s\n' {1..50} | sort)
	done
	run -1 --separate-stderr limited bash -c 'ulimit -n 64
	    exec "$IPCTOOL" fifo-read -w 0.2 "$@"' bash "${names[@]}"
	stderr_matches $'(^|\n)ipctool fifo-read: f70: Too many open files'
	lacks "Invalid argument"
}

@test "--nonblock takes what standard input holds, and waits for no more" {
	hold rw q
	run -5 --separate-stderr limited "$IPCTOOL" fifo-read -n - < q
	stderr_is "ipctool fifo-read: standard input: a writer holds it, but nothing is queued"
	put hello q
	run -0 limited "$IPCTOOL" fifo-read -n - < q
	is hello
	echo file > data
	run -0 limited "$IPCTOOL" fifo-read -n - < data
	is file
}

@test "standard input that is also the output is refused" {
	echo precious > file
	# shellcheck disable=SC2094 # that is the point
	run -1 --separate-stderr limited bash -c 'ulimit -f 1000
	    "$IPCTOOL" fifo-read - < file >> file'
	stderr_is "ipctool fifo-read: standard input: input file is output file"
	[[ $(< file) == precious ]]
}
