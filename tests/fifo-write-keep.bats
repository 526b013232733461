#!/usr/bin/env bats

# How fifo-write stays: --keep across readers, --drain until all was read,
# and several FIFOs at once.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set

load lib/common

setup() {
	common_setup
	mkfifo q a b c
}

# collect_each FIFO...: what comes out of each, into the file out.FIFO
collect_each() {
	local fifo

	for fifo in "$@"; do
		background cat "$fifo" > "out.$fifo"
	done
}

# -- --keep

@test "--keep: the next reader goes on where the last one stopped" {
	local n

	seq 100 > data
	IN=data writer -k q
	for ((n = 0; n < 10; n++)); do
		run -0 ipctool fifo-read -l 10 q
		is "$(seq $((n * 10 + 1)) $((n * 10 + 10)))"
	done
	ends_with 0 "$WRITER"
	size_is 0 err
}

@test "--keep outlives readers that take what they like" {
	local n

	seq 100000 > data
	IN=data writer -k q
	for ((n = 0; n < 30; n++)); do
		ipctool fifo-read -c $((n * n * 31 + 1)) q >> out
	done
	ipctool fifo-read q >> out
	ends_with 0 "$WRITER"
	same data out
}

@test "--keep: what is in the FIFO when a reader leaves is for the next" {
	local fd

	mkfifo input
	IN=input writer -k q
	exec {fd}<> input
	printf 'one\ntwo\n' >&"$fd"
	run -0 ipctool fifo-read -l 1 q
	is one
	# Nobody reads, and more comes meanwhile.
	printf 'three\n' >&"$fd"
	run -0 ipctool fifo-read -l 1 q
	is two
	run -0 ipctool fifo-read -l 1 q
	is three
	run ! gone "$WRITER"
	exec {fd}>&-
	ends_with 0 "$WRITER"
	size_is 0 err
}

@test "--keep: messages, too, are handed over once" {
	local n

	writer -k -m one -m two -m three q
	for n in one two three; do
		run -0 ipctool fifo-read -l 1 q
		is "$n"
	done
	ends_with 0 "$WRITER"
}

@test "--keep: 40 readers do not wait for a look that is made once a second" {
	seq 40 > data
	beats 15 forty_readers
}

forty_readers() {
	local n

	: > out
	IN=data writer -k q
	for ((n = 1; n <= 40; n++)); do
		ipctool fifo-read -l 1 q >> out || return
	done
	ends_with 0 "$WRITER" && same data out
}

@test "--keep ends only when its last byte was read" {
	seq 10 > data
	IN=data writer -k q
	run -0 ipctool fifo-read -l 9 q
	wait_until quiet "$WRITER"
	run ! gone "$WRITER"
	run -0 ipctool fifo-read -n q
	is 10
	ends_with 0 "$WRITER"
}

# One that is there before the writer, which can so not run out of time
two_lines_reader() {
	background ipctool fifo-read -l 2 q > out
	wait_until holds "$PID" q
}

@test "--keep: --open-timeout counts between readers, and it says how much went" {
	seq 10 > data
	two_lines_reader
	IN=data writer -k -w 0.3 q
	ends_with 124 "$WRITER"
	err_is "ipctool fifo-write: q: no reader within 0.3s, after 21 bytes"
	IN=data writer -k -w 0.1 q
	ends_with 124 "$WRITER"
	err_is "ipctool fifo-write: q: no reader within 0.1s"
	two_lines_reader
	IN=data writer -k -t 0.3 q
	ends_with 124 "$WRITER"
	err_is "ipctool fifo-write: not done within 0.3s (--timeout), after 21 bytes"
}

@test "--keep: --idle-timeout does not count between readers" {
	seq 10 > data
	two_lines_reader
	timed eval 'IN=data writer -k -T 0.1 -w 0.5 q; ends_with 124 "$WRITER"'
	err_is "ipctool fifo-write: q: no reader within 0.5s, after 21 bytes"
	at_least 500 "$elapsed"
}

@test "--keep notices that the FIFO is removed while nobody reads" {
	seq 10 > data
	beats 2 removal_between_readers
}

removal_between_readers() {
	[[ -p q ]] || mkfifo q
	IN=data writer -k q
	run -0 ipctool fifo-read -l 2 q
	rm q
	ends_with 1 "$WRITER" &&
	    err_is "ipctool fifo-write: q: removed while waiting for a reader, after 21 bytes"
}

@test "--keep dies of a signal while it waits for the next reader" {
	local signal

	seq 10 > data
	for signal in TERM INT HUP; do
		IN=data writer -k q
		run -0 ipctool fifo-read -l 2 q
		wait_until quiet "$WRITER"
		kill -s "$signal" "$WRITER"
		ends_with $((128 + $(kill -l "$signal"))) "$WRITER"
	done
}

@test "--keep with --atomic and --lock goes on with the next record" {
	local n option

	seq -f '%0999g' 60 > data
	for option in -A --lock; do
		rm -f out
		IN=data writer -k "$option" q
		for n in 10 20 3 7 20; do
			ipctool fifo-read -l "$n" q >> out
		done
		ends_with 0 "$WRITER"
		same data out
	done
}

@test "--keep survives a reader that is killed, and one that only looks" {
	seq 1000000 > data
	IN=data writer -k q
	hold r q
	wait_until quiet "$WRITER"
	die_pid "$PID"
	limited bash -c ': < q'
	limited cat q > out
	ends_with 0 "$WRITER"
	same data out
}

# -- --drain

@test "--drain succeeds when all was read, not before" {
	hold r q
	writer -D -m hello q
	need perl
	wait_until unread_is 6 q
	wait_until quiet "$WRITER"
	run ! gone "$WRITER"
	run -0 limited head -c 3 q
	wait_until quiet "$WRITER"
	run ! gone "$WRITER"
	[[ $(queued q) == lo ]]
	ends_with 0 "$WRITER"
	size_is 0 err
	# Without it what is in the FIFO is enough.
	run -0 ipctool fifo-write -m hello q
	[[ $(queued q) == hello ]]
}

@test "--drain: the last reader leaves with bytes unread: status 4" {
	need perl
	hold r q
	local holder=$PID
	writer -D -m hello q
	wait_until unread_is 6 q
	die_pid "$holder"
	ends_with 4 "$WRITER"
	err_is "ipctool fifo-write: q: the reader left with 6 bytes unread, after 6 bytes"
	writer --drain -m hello -m world q
	run -0 limited head -c 7 q
	ends_with 4 "$WRITER"
	err_is "ipctool fifo-write: q: the reader left with 5 bytes unread, after 12 bytes"
}

@test "--drain: other writers make it unknowable: cannot confirm, status 1" {
	hold r q
	local holder=$PID
	writer -D -m hello q
	need perl
	wait_until unread_is 6 q
	wait_until quiet "$WRITER"
	echo other > q
	wait_until unread_is 12 q
	run ! gone "$WRITER"
	die_pid "$holder"
	ends_with 1 "$WRITER"
	err_is "ipctool fifo-write: q: cannot confirm that all was read: others write to it, too, after 6 bytes"
}

@test "--drain: what was there before us may be what was read: cannot confirm" {
	hold r q
	local holder=$PID
	echo before > q
	writer -D -m hello q
	need perl
	wait_until unread_is 13 q
	wait_until quiet "$WRITER"
	limited head -c 3 q > out
	wait_until quiet "$WRITER"
	run ! gone "$WRITER"
	die_pid "$holder"
	ends_with 1 "$WRITER"
	[[ $(< err) == *"cannot confirm"* ]]
}

@test "--drain with other writers succeeds when the FIFO was empty once" {
	hold r q
	writer -D -m hello q
	need perl
	wait_until unread_is 6 q
	wait_until quiet "$WRITER"
	echo other > q
	[[ $(queued q) == $'hello\nother' ]]
	ends_with 0 "$WRITER"
}

@test "--drain: 30 messages do not wait for a look that is made once a second" {
	background ipctool fifo-read -f q >> out
	wait_until holds "$PID" q
	beats 15 thirty_messages
}

thirty_messages() {
	local n

	: > out
	for ((n = 1; n <= 30; n++)); do
		ipctool fifo-write -D -m "$n" q || return
	done
	# What it said was read has left the FIFO for the reader's output.
	wait_until eval '[[ $(wc -l < out) == 30 ]]' && same out <(seq 30)
}

@test "--drain: a reader that reads by splice, and one byte at a time" {
	random_file 300K data
	IN=data writer -D q
	limited "$IPCTOOL" fifo-read q > out
	ends_with 0 "$WRITER"
	same data out
	IN=data writer -D q
	limited dd if=q of=out bs=1000 status=none
	ends_with 0 "$WRITER"
	same data out
}

@test "--drain ends by --timeout and --idle-timeout, and says how much went" {
	hold r q
	run -124 --separate-stderr ipctool fifo-write -D -t 0.2 -m hello q
	stderr_is "ipctool fifo-write: not done within 0.2s (--timeout), after 6 bytes"
	run -124 --separate-stderr ipctool fifo-write -D -T 0.2 -m hello q
	stderr_is "ipctool fifo-write: nothing moved for 0.2s (--idle-timeout), after 6 bytes"
}

@test "--drain with --keep waits for readers until all was read" {
	seq 10 > data
	IN=data writer -D -k q
	run -0 ipctool fifo-read -l 4 q
	wait_until quiet "$WRITER"
	run ! gone "$WRITER"
	run -0 ipctool fifo-read -l 6 q
	is "$(seq 5 10)"
	ends_with 0 "$WRITER"
}

@test "--drain of a FIFO that is removed is no matter while somebody reads" {
	hold r q
	local holder=$PID fd
	exec {fd}<> q
	writer -D -m hello q
	need perl
	wait_until unread_is 6 q
	rm q
	wait_until quiet "$WRITER"
	run ! gone "$WRITER"
	limited head -c 6 <&"$fd" > out
	exec {fd}>&-
	ends_with 0 "$WRITER"
}

@test "--nonblock excludes --keep and --drain" {
	local option

	for option in -k --keep -D --drain; do
		run -2 --separate-stderr ipctool fifo-write -n "$option" -m x q
		stderr_matches "^ipctool fifo-write: --nonblock does not wait: it excludes --(keep|drain)"
	done
}

# -- several FIFOs

@test "several FIFOs: each record goes to all" {
	random_file 3M data
	collect_each a b c
	run -0 --separate-stderr ipctool fifo-write a b c < data
	stderr_is ""
	for pid in "${pids[@]}"; do
		ends_with 0 "$pid"
	done
	same data out.a
	same data out.b
	same data out.c
}

@test "several FIFOs: messages, in memory and by records" {
	local options

	for options in "-m one -m two" "-A -m one -m two" \
	    "--lock -m one -m two" "-D -m one -m two" "-k -m one -m two"; do
		collect_each a b
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool fifo-write $options a b
		stderr_is ""
		for pid in "${pids[@]}"; do
			ends_with 0 "$pid"
		done
		pids=()
		same out.a <(printf 'one\ntwo\n')
		same out.b <(printf 'one\ntwo\n')
	done
	yes 0123456789abcde | head -n 50000 > data
	for options in "" -A --lock -k -D; do
		collect_each a b
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool fifo-write $options a b < data
		stderr_is ""
		for pid in "${pids[@]}"; do
			ends_with 0 "$pid"
		done
		pids=()
		same data out.a
		same data out.b
	done
}

@test "several FIFOs: data starts when all have a reader" {
	random_file 1M data
	IN=data writer a b c
	collect_each a c
	wait_until holds "${pids[1]}" a
	wait_until holds "${pids[2]}" c
	size_is 0 out.a
	size_is 0 out.c
	run ! gone "$WRITER"
	collect_each b
	ends_with 0 "$WRITER"
	for pid in "${pids[@]:1}"; do
		ends_with 0 "$pid"
	done
	same data out.a
	same data out.b
	same data out.c
}

@test "several FIFOs: a reader that opens them in the opposite order is met" {
	local n order

	for order in "c b a" "b a c" "a b c"; do
		for ((n = 0; n < 5; n++)); do
			background bash -c 'fds=()
				for fifo in $1; do
					exec {fd}< "$fifo"
					fds+=("$fd")
				done
				for fd in "${fds[@]}"; do
					cat <&"$fd"
				done' bash "$order" > out
			local reader=$PID
			run -0 ipctool fifo-write -w 20 -m hello a b c
			ends_with 0 "$reader"
			same out <(printf 'hello\nhello\nhello\n')
		done
	done
}

@test "several FIFOs: one reader dies: all others get everything, status 1" {
	random_file 3M data
	collect_each a c
	background "$TOOLS_DIR/peer-check" --stop=100000 b > taken
	run -1 --separate-stderr ipctool fifo-write a b c < data
	stderr_matches '^ipctool fifo-write: b: the reader left after [0-9]+ bytes$'
	for pid in "${pids[@]}"; do
		ends_with 0 "$pid"
	done
	same data out.a
	same data out.c
}

@test "several FIFOs: a reader that dies while the input is silent is said" {
	local fd

	mkfifo input
	collect_each a
	local collector=$PID
	background head -n 1 b > out.b
	local head=$PID
	IN=input writer a b
	exec {fd}<> input
	echo one >&"$fd"
	ends_with 0 "$head"
	wait_until test -s err
	err_is "ipctool fifo-write: b: the reader left after 4 bytes"
	echo two >&"$fd"
	wait_until size_is 8 out.a
	exec {fd}>&-
	ends_with 1 "$WRITER"
	ends_with 0 "$collector"
	same out.a <(printf 'one\ntwo\n')
}

@test "several FIFOs: when all readers have left it ends, status 1" {
	background head -c 5 a
	background head -c 5 b
	run -1 --separate-stderr ipctool fifo-write a b < /dev/zero
	stderr_matches 'fifo-write: a: the reader left after [0-9]+ bytes'
	stderr_matches 'fifo-write: b: the reader left after [0-9]+ bytes'
}

@test "several FIFOs: the slowest reader sets the pace, and nothing is lost" {
	random_file 400K data
	collect_each a
	background "$TOOLS_DIR/peer-check" --bytes=400K --chunk=4096 \
	    --delay=200 b > taken
	run -0 ipctool fifo-write a b < data
	for pid in "${pids[@]}"; do
		ends_with 0 "$pid"
	done
	same data out.a
}

@test "several FIFOs: one without a reader ends the wait as a single one does" {
	collect_each a
	wait_until opening "$PID"
	run -124 --separate-stderr ipctool fifo-write -w 0.2 -m x a b
	stderr_is "ipctool fifo-write: b: no reader within 0.2s"
	ends_with 0 "$PID"
	run -124 --separate-stderr ipctool fifo-write -t 0.2 -m x a b
	stderr_is "ipctool fifo-write: not done within 0.2s (--timeout)"
	hold r a
	run -3 --separate-stderr ipctool fifo-write -n -m x a b
	stderr_is "ipctool fifo-write: b: no reader"
	[[ -z $(queued a) ]]
	echo precious > file
	run -6 ipctool fifo-write -m x a file
	run -1 ipctool fifo-write -m x a missing
	run -1 ipctool fifo-write --require-owner=4242 -m x a b
	[[ -z $(queued a) && $(< file) == precious ]]
}

@test "several FIFOs: one that is removed while we wait is said, within 2 s" {
	beats 3 removal_of_one
}

removal_of_one() {
	[[ -p b ]] || mkfifo b
	writer -m x a b
	wait_until eval 'helper_opens "$WRITER"'
	rm b
	ends_with 1 "$WRITER" && err_is "ipctool fifo-write: b: removed while waiting for a reader"
}

# One of its threads is blocked inside open(2).
helper_opens() {
	grep -qs wait_for_partner "/proc/$1/task/"*/wchan
}

@test "several FIFOs: signals end the wait for readers" {
	local signal

	for signal in TERM INT HUP; do
		writer -m x a b c
		wait_until helper_opens "$WRITER"
		kill -s "$signal" "$WRITER"
		ends_with $((128 + $(kill -l "$signal"))) "$WRITER"
	done
}

@test "several FIFOs: --nonblock, one of them is full: status 5, it is named" {
	local holder

	hold r a b
	holder=$PID
	head -c 65536 /dev/zero > full
	cat full > b
	run -5 --separate-stderr ipctool fifo-write -n -m hello a b
	stderr_is "ipctool fifo-write: b: full after 0 bytes"
	die_pid "$holder"
}

@test "several FIFOs: a record that cannot be atomic is status 8" {
	head -c 5000 /dev/zero > long
	collect_each a b
	run -8 --separate-stderr ipctool fifo-write -A a b < long
	stderr_matches "a record longer than 4096 bytes cannot be atomic"
	for pid in "${pids[@]}"; do
		ends_with 0 "$pid"
	done
	size_is 0 out.a
	size_is 0 out.b
}

@test "several FIFOs with --keep: each has its own readers, one after the other" {
	local n fifo

	seq 12 > data
	IN=data writer -k a b
	# Opened at the same time: both have to have a reader first.
	hold r a b
	local holder=$PID
	wait_until holds "$WRITER" b
	wait_until holds "$WRITER" a
	die_pid "$holder"
	for ((n = 0; n < 4; n++)); do
		for fifo in a b; do
			ipctool fifo-read -l 3 "$fifo" >> "out.$fifo"
		done
	done
	ends_with 0 "$WRITER"
	same data out.a
	same data out.b
}

@test "several FIFOs with --drain: all must have been read" {
	hold r a b
	need perl
	writer -D -m hello a b
	wait_until eval '(($(unread a) == 6 && $(unread b) == 6))'
	[[ $(queued a) == hello ]]
	wait_until quiet "$WRITER"
	run ! gone "$WRITER"
	[[ $(queued b) == hello ]]
	ends_with 0 "$WRITER"
}
