#!/usr/bin/env bats

# What fifo-write does with records: --atomic, --lock, --drop,
# --no-delimiter; and that it says how much went.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set
# shellcheck disable=SC2034 # and use

load lib/common

setup() {
	common_setup
	mkfifo q
}

# record C LENGTH: a line of this length in all, out of this character
record() {
	head -c $(($2 - 1)) /dev/zero | tr '\0' "$1"
	echo
}

# -- --atomic

@test "--atomic hands on records of at most 4096 bytes, delimiter included" {
	{
		record a 4096
		echo
		record b 4095
		printf 'c\0c\n'
		head -c 4096 /dev/zero | tr '\0' d
	} > data
	collect
	run -0 --separate-stderr ipctool fifo-write -A q < data
	stderr_is ""
	ends_with 0 "$COLLECTOR"
	same data out
}

@test "--atomic: a record that is too long is status 8, those before it went" {
	{
		record a 4096
		record b 100
	} > before
	{
		cat before
		record c 4097
		echo never
	} > data
	collect
	run -8 --separate-stderr ipctool fifo-write -A q < data
	stderr_is "ipctool fifo-write: q: a record longer than 4096 bytes cannot be atomic, after 4196 bytes"
	ends_with 0 "$COLLECTOR"
	same before out

	collect
	record c 5000 > data
	run -8 --separate-stderr ipctool fifo-write --atomic q < data
	stderr_is "ipctool fifo-write: q: a record longer than 4096 bytes cannot be atomic"
	ends_with 0 "$COLLECTOR"
	size_is 0 out

	# Without a delimiter, and without an end to be seen
	collect
	run -8 limited bash -c '"$IPCTOOL" fifo-write -A q < /dev/zero'
	ends_with 0 "$COLLECTOR"
	size_is 0 out
}

@test "--atomic: messages, other delimiters, and --nonblock" {
	collect
	run -8 --separate-stderr ipctool fifo-write -A -m one \
	    -m "$(record x 4096)" -m "$(record y 4097)" -m never q
	stderr_matches "after 4100 bytes$"
	ends_with 0 "$COLLECTOR"
	same out <(echo one; record x 4096)

	collect
	run -0 ipctool fifo-write -A -d x q < <(record a 3000 | tr '\n' x
	    record b 3000 | tr '\n' x)
	ends_with 0 "$COLLECTOR"
	size_is 6000 out
	collect
	run -8 ipctool fifo-write -A -z q < <(record a 3000; record b 3000)
	ends_with 0 "$COLLECTOR"
	size_is 0 out

	hold r q
	run -8 ipctool fifo-write -A -n -m "$(record y 4098)" q
	run -5 --separate-stderr ipctool fifo-write -A -n q \
	    < <(for n in {1..40}; do record z 4000; done)
	stderr_matches '^ipctool fifo-write: q: full after ([0-9]+) bytes$'
	((BASH_REMATCH[1] % 4000 == 0 && BASH_REMATCH[1] > 20000))
	queued q > out
	size_is "${BASH_REMATCH[1]}" out
}

@test "--atomic waits for the end of a record, and hands each on at once" {
	local fd

	mkfifo input
	collect
	IN=input writer -A q
	exec {fd}<> input
	printf 'one\ntw' >&"$fd"
	wait_until size_is 4 out
	printf 'o\n' >&"$fd"
	wait_until size_is 8 out
	printf 'end' >&"$fd"
	exec {fd}>&-
	ends_with 0 "$WRITER"
	ends_with 0 "$COLLECTOR"
	same out <(printf 'one\ntwo\nend')
}

@test "--atomic: no write is longer than 4096 bytes or ends in a record" {
	local sizes

	need strace
	for n in {1..300}; do
		record r $((n * 7 % 900 + 10))
	done > data
	collect
	limited strace -o calls -P "$PWD/q" -e trace=write,writev -s 10000 -xx \
	    "$IPCTOOL" fifo-write -A q < data
	ends_with 0 "$COLLECTOR"
	same data out
	# Each call that wrote something: its last byte is a newline.
	grep -E '= [1-9][0-9]*$' calls > writes
	(($(wc -l < writes) > 20))
	run ! grep -vE '\\x0a"(, iov_len=[0-9]+\}.*)?, [0-9]+\) += |\\x0a", iov_len=[0-9]+\}\], [0-9]+\) += ' writes
	sizes=$(sed 's/.*= //' writes | sort -n | tail -n 1)
	between 1000 4096 "$sizes"
}

@test "--atomic: records of several writers are never mixed" {
	local c writers=()

	mkfifo shared
	collect shared
	hold w shared
	local holder=$PID
	for c in a b c d; do
		for n in {1..300}; do
			record "$c" 3500
		done > "data.$c"
		IN=data.$c
		background bash -c 'exec "$IPCTOOL" fifo-write -A shared \
		    < "$1"' bash "data.$c"
		writers+=("$PID")
	done
	for c in "${writers[@]}"; do
		ends_with 0 "$c"
	done
	die_pid "$holder"
	ends_with 0 "$COLLECTOR"
	for c in a b c d; do
		grep "^$c" out | cmp - "data.$c"
	done
	size_is $((4 * 300 * 3500)) out
}

# -- --lock

@test "--lock: records of any size stay whole among those that lock" {
	local c n writers=()

	collect
	hold w q
	local holder=$PID
	for c in a b c; do
		for n in {1..6}; do
			record "$c" 100000
			record "$c" 5
			((n % 3)) || record "$c" 2500000
		done > "data.$c"
		background bash -c 'exec "$IPCTOOL" fifo-write --lock q \
		    < "$1"' bash "data.$c"
		writers+=("$PID")
	done
	for c in "${writers[@]}"; do
		ends_with 0 "$c"
	done
	die_pid "$holder"
	ends_with 0 "$COLLECTOR"
	for c in a b c; do
		grep "^$c" out | cmp - "data.$c"
	done
	size_is $((3 * $(stat -c %s data.a))) out
}

@test "--lock with --atomic takes long records" {
	record x 100000 > data
	collect
	run -0 --separate-stderr ipctool fifo-write -A --lock q < data
	stderr_is ""
	ends_with 0 "$COLLECTOR"
	same data out
	collect
	run -0 ipctool fifo-write -A --lock -m "$(record y 9000)" q
	ends_with 0 "$COLLECTOR"
	size_is 9000 out
}

# A writer that has the lock, since the FIFO is full in the midst of a record
make_locker() {
	record x 300000 > long
	hold r q
	HOLDER=$PID
	IN=long writer --lock q
	wait_until eval '(($(unread q) >= 65536))'
	wait_until quiet "$WRITER"
	LOCKER=$WRITER
}

@test "--lock: a second one with --nonblock is status 7 and writes nothing" {
	need perl
	make_locker
	run -7 --separate-stderr ipctool fifo-write -n --lock -m never q
	stderr_is "ipctool fifo-write: q: locked by another process"
	run -7 ipctool fifo-write -n -A --lock -m never q
	collect
	wait_until test -s out
	die_pid "$HOLDER"
	ends_with 0 "$LOCKER"
	ends_with 0 "$COLLECTOR"
	same long out
}

@test "--lock: a second one waits for the end of the record" {
	need perl
	make_locker
	background ipctool fifo-write --lock -m second q
	local second=$PID
	wait_until blocked_in '*setlk*' "$second"
	collect
	ends_with 0 "$LOCKER"
	ends_with 0 "$second"
	die_pid "$HOLDER"
	ends_with 0 "$COLLECTOR"
	same out <(cat long; echo second)
}

@test "--lock: a wait for the lock ends by --timeout, --idle-timeout, signals" {
	local signal

	need perl
	make_locker
	timed run -124 --separate-stderr ipctool fifo-write --lock -t 0.2 \
	    -m x q
	stderr_is "ipctool fifo-write: not done within 0.2s (--timeout)"
	at_least 200 "$elapsed"
	timed run -124 --separate-stderr ipctool fifo-write --lock -T 0.2 \
	    -m x q
	stderr_is "ipctool fifo-write: nothing moved for 0.2s (--idle-timeout)"
	at_least 200 "$elapsed"
	for signal in TERM INT HUP; do
		background ipctool fifo-write --lock -m x q
		wait_until blocked_in '*setlk*' "$PID"
		kill -s "$signal" "$PID"
		ends_with $((128 + $(kill -l "$signal"))) "$PID"
	done
}

@test "--lock: a reader that leaves while we wait for the lock is noticed" {
	need perl
	make_locker
	background ipctool fifo-write --lock -m x q 2> err2
	local second=$PID
	wait_until blocked_in '*setlk*' "$second"
	die_pid "$HOLDER"
	ends_with 4 "$LOCKER"
	ends_with 4 "$second"
	[[ $(< err2) == "ipctool fifo-write: q: the reader left after 0 bytes" ]]
}

@test "--lock: who was killed has no lock any more" {
	need perl
	make_locker
	kill -KILL "$LOCKER"
	finish "$LOCKER" || :
	queued q > /dev/null
	run -0 ipctool fifo-write -n --lock -m x q
}

@test "--lock is taken for each record, not for the run" {
	local fd

	need perl
	mkfifo input
	hold r q
	IN=input writer --lock q
	exec {fd}<> input
	printf 'one\nhalf' >&"$fd"
	wait_until unread_is 4 q
	run -0 ipctool fifo-write -n --lock -m two q
	printf ' done\n' >&"$fd"
	exec {fd}>&-
	ends_with 0 "$WRITER"
	[[ $(queued q) == $'one\ntwo\nhalf done' ]]
}

# -- --drop

@test "--drop without a reader drops all, counts it, and succeeds at once" {
	seq 100 > data
	run -0 --separate-stderr ipctool fifo-write --drop q < data
	is ""
	stderr_is ""
	run -0 --separate-stderr ipctool fifo-write --drop -m x --stats q
	stderr_matches 'dropped 1 record'
	run -0 --separate-stderr ipctool fifo-write --drop --stats=json q < data
	stderr_matches '"records_dropped": 100,'
}

@test "--drop into a full FIFO drops whole records, and never waits" {
	local n got

	hold r q
	yes "$(record x 1000)" | head -n 500 > data
	run -0 --separate-stderr ipctool fifo-write --drop --stats=json q < data
	queued q > out
	got=$(wc -l < out)
	between 32 66 "$got"
	size_is $((got * 1000)) out
	[[ $(sort -u out) == "$(record x 1000)" ]]
	stderr_matches "\"records_dropped\": $((500 - got)),"
}

@test "--drop: what a slow reader gets are whole records in their order" {
	local fd

	seq -f '%06g abcdefghijklmnopqrstuvwxyz' 60000 > data
	mkfifo control
	exec {fd}<> control
	background bash -c 'while read -r -N 5000 -t 20 part; do
		printf %s "$part"; done < q > out; printf %s "$part" >> out'
	local reader=$PID
	wait_until opening "$reader"
	run -0 ipctool fifo-write --drop q < data
	ends_with 0 "$reader"
	(($(wc -l < out) > 100))
	run ! grep -vE '^[0-9]{6} abcdefghijklmnopqrstuvwxyz$' out
	sort -c -u out
	exec {fd}>&-
}

@test "--drop goes on when the reader leaves, and when the next one comes" {
	local fd n

	mkfifo input
	IN=input writer --drop q
	exec {fd}<> input
	for n in 1 2 3; do
		echo "nobody $n" >&"$fd"
		background head -n 1 q > out
		local reader=$PID
		# It may be there before or after a record.
		wait_until eval 'echo "record" >&"$fd"; gone '"$reader"
		ends_with 0 "$reader"
		[[ $(< out) == record || $(< out) == "nobody $n" ]]
	done
	run ! gone "$WRITER"
	exec {fd}>&-
	ends_with 0 "$WRITER"
	size_is 0 err
}

@test "--drop ends when the name stands for something else by now" {
	local fd

	mkfifo input
	IN=input writer --drop q
	exec {fd}<> input
	background head -n 1 q > out
	wait_until eval 'echo record >&"$fd"; gone '"$PID"
	rm q
	echo nobody >&"$fd"
	echo precious > q
	echo record >&"$fd"
	ends_with 6 "$WRITER"
	[[ $(< err) == "ipctool fifo-write: q: not a FIFO"* ]]
	[[ $(< q) == precious ]]
	exec {fd}>&-
}

@test "--drop: a long record goes whole into an empty FIFO, or not at all" {
	hold r q
	record x 50000 > data
	run -0 ipctool fifo-write --drop q < data
	queued q > out
	same data out
	echo something > q
	run -0 ipctool fifo-write --drop q < data
	[[ $(queued q) == something ]]
	# Longer than the pipe, and longer than what is held of a record
	{
		record x 100000
		record y 3000000
		echo last
	} > data
	run -0 --separate-stderr ipctool fifo-write --drop --stats=json q < data
	[[ $(queued q) == last ]]
	stderr_matches '"records_dropped": 2,'
}

@test "--drop with several FIFOs: each has its own fate" {
	mkfifo a b c
	hold r a b
	printf 'x' > b
	run -0 --separate-stderr ipctool fifo-write --drop -m "$(record z 5000)" \
	    a b c
	stderr_is ""
	queued a > out
	size_is 5000 out
	[[ $(queued b) == x ]]
	seq 2000 > data
	run -0 ipctool fifo-write --drop a b c < data
	same data <(queued a)
	same data <(queued b)
}

@test "--drop is for FIFOs that are there, and excludes waiting" {
	echo precious > file
	run -6 ipctool fifo-write --drop -m x file
	[[ $(< file) == precious ]]
	run -1 ipctool fifo-write --drop -m x missing
	[[ ! -e missing ]]
	for option in -w1 -k -D; do
		run -2 --separate-stderr ipctool fifo-write --drop "$option" \
		    -m x q
		stderr_matches "^ipctool fifo-write: --drop does not wait: it excludes --"
	done
	run -0 ipctool fifo-write --drop -n -m x q
	run -1 --separate-stderr ipctool fifo-write --drop \
	    --require-owner=4242 -m x q
	stderr_is "ipctool fifo-write: q: does not belong to 4242"
}

# -- --no-delimiter, --require-owner

@test "--no-delimiter adds none to messages" {
	collect
	run -0 ipctool fifo-write --no-delimiter -m one -m two -m $'three\n' q
	ends_with 0 "$COLLECTOR"
	same out <(printf 'onetwothree\n')
	collect
	run -0 ipctool fifo-write -z --no-delimiter -m one q
	ends_with 0 "$COLLECTOR"
	same out <(printf 'one')
	collect
	run -0 ipctool fifo-write --no-delimiter -m "" q
	ends_with 0 "$COLLECTOR"
	size_is 0 out
	run -2 --separate-stderr ipctool fifo-write --no-delimiter q
	stderr_matches "^ipctool fifo-write: --no-delimiter needs --message"
}

@test "--require-owner says whose it must be, and lets no reader go" {
	collect
	wait_until opening "$COLLECTOR"
	run -1 --separate-stderr ipctool fifo-write --require-owner=4242 \
	    -m x q
	stderr_is "ipctool fifo-write: q: does not belong to 4242"
	opening "$COLLECTOR"
	run -0 ipctool fifo-write --require-owner="$(id -un)" -m x q
	ends_with 0 "$COLLECTOR"
	run -2 ipctool fifo-write --require-owner=no/body -m x q
}

# -- how much went

@test "whenever it was not all, it is said how much was accepted" {
	local fd option

	mkfifo input
	for option in "" -A --lock; do
		hold r q
		exec {fd}<> input
		echo hello >&"$fd"
		# shellcheck disable=SC2086
		IN=input writer $option -T 0.2 q
		ends_with 124 "$WRITER"
		err_is "ipctool fifo-write: nothing moved for 0.2s (--idle-timeout), after 6 bytes"
		echo hello >&"$fd"
		# shellcheck disable=SC2086
		IN=input writer $option -t 0.3 q
		ends_with 124 "$WRITER"
		err_is "ipctool fifo-write: not done within 0.3s (--timeout), after 6 bytes"
		queued q > /dev/null
		die_pid "$PID" "${pids[@]}"
		exec {fd}>&-

		collect
		# shellcheck disable=SC2086
		IN=input writer $option q
		exec {fd}<> input
		echo hello >&"$fd"
		wait_until size_is 6 out
		die_pid "$COLLECTOR"
		ends_with 4 "$WRITER"
		err_is "ipctool fifo-write: q: the reader left after 6 bytes"
		exec {fd}>&-
	done
}

@test "fs.protected_fifos does not keep us from another user's FIFO" {
	local setting=/proc/sys/fs/protected_fifos before

	need_root
	[[ -r $setting ]] || skip "the kernel has no fs.protected_fifos"
	before=$(< "$setting")
	if ((before == 0)); then
		{ echo 1 > "$setting"; } 2> /dev/null ||
		    skip "fs.protected_fifos may not be set here"
	fi
	mkdir -m 1777 sticky
	mkfifo -m 666 sticky/q
	chown 65534 sticky/q
	background cat sticky/q > out
	# The shell's > has O_CREAT, and is refused.
	run bash -c 'exec 2> /dev/null; echo x > sticky/q'
	local shell=$status
	run ipctool fifo-write -w 10 -m hello sticky/q
	((before != 0)) || echo "$before" > "$setting"
	((shell != 0 && status == 0))
	ends_with 0 "$PID"
	[[ $(< out) == hello ]]
}
