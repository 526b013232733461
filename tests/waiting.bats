#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# What waits costs nothing: context switches and processor time over 3 s in
# every waiting state, all at the same time.

declare -A states

# waiter TITLE COMMAND...: one that waits, with its own FIFOs
waiter() {
	background "${@:2}" 2> /dev/null
	states[$PID]=$1
}

switches() {
	sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$1/status"
}

# In clock ticks, which are 10 ms, like the limit
ticks() {
	local stat

	read -r stat < "/proc/$1/stat"
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	echo $((${12} + ${13}))
}

quiet() {
	asleep "$1" && [[ /proc/$1/exe -ef $IPCTOOL ]]
}

# measure: what all of them cost, at the same time; it says which are dear
measure() {
	local pid before=() ticks_before=() n failed=0

	# Let them settle, then look twice: this is the span to be measured.
	for n in before after; do
		sleep "$([[ $n == before ]] && echo 0.5 || echo 3)"
		for pid in "${!states[@]}"; do
			if [[ $n == before ]]; then
				before[pid]=$(switches "$pid")
				ticks_before[pid]=$(ticks "$pid")
				continue
			fi
			local woken=$(($(switches "$pid") - before[pid]))
			local burnt=$(($(ticks "$pid") - ticks_before[pid]))
			if ((woken > 5 || burnt > 1)); then
				echo "${states[$pid]}: $woken switches," \
				    "$burnt ticks" >&2
				failed=1
			fi
		done
	done
	((!failed))
}

@test "nothing that waits wakes up more than 5 times or burns time in 3 s" {
	local pid

	mkfifo r1 r2 r3 r4 w1 w2 w3 s1 s2 s3 s4 s5 s6 d1 d2 o1 o2
	hold rw r3 r4 s1 s2 s3 s4 s5 s6 d1 d2 o1 o2
	hold r w2 w3
	waiter "fifo-read without a writer" ipctool fifo-read r1
	waiter "fifo-read -w" ipctool fifo-read -w 1h -t 1h r2
	waiter "fifo-read with a silent writer" ipctool fifo-read -T 1h r3
	waiter "fifo-read - of a silent pipe" ipctool fifo-read - < s1
	waiter "fifo-write without a reader" ipctool fifo-write -w 1h w1
	waiter "fifo-write with silent input" bash -c \
	    'exec "$IPCTOOL" fifo-write w2 < s2'
	waiter "fifo-write into a full FIFO" bash -c \
	    'exec "$IPCTOOL" fifo-write w3 < /dev/zero'
	waiter "fifo-read -f between writers" ipctool fifo-read -f r4 \
	    > follow
	local follower=$PID
	waiter "pipe-relay of a silent pipe" ipctool pipe-relay < s3
	waiter "pipe-relay --no-splice of a silent pipe" \
	    ipctool pipe-relay --no-splice < s4
	waiter "pipe-relay into a full pipe" bash -c \
	    'exec "$IPCTOOL" pipe-relay < /dev/zero > o1'
	waiter "pipe-relay --no-splice into a full pipe" bash -c \
	    'exec "$IPCTOOL" pipe-relay --no-splice < /dev/zero > o2'
	waiter "pipe-relay -i of a FIFO" ipctool pipe-relay -i r1
	waiter "duplex, joined directly" ipctool duplex cat d1 :: cat
	waiter "duplex, relayed" ipctool duplex -T 1h cat d2 :: cat
	waiter "duplex, relayed, with us" bash -c \
	    'exec "$IPCTOOL" duplex -T 1h cat < s5'
	for pid in "${!states[@]}"; do
		wait_until quiet "$pid"
	done
	# A follower that has had a writer, and has none any more.
	put hello r4
	wait_until size_is 6 follow

	measure
	run ! gone "$follower"
}

@test "after a long wait the data comes at once" {
	mkfifo q
	background ipctool fifo-read q > out
	wait_until holds "$PID" q
	wait_until asleep "$PID"
	local begin reader=$PID
	begin=$(now_ms)
	put hello q
	ends_with 0 "$reader"
	between 0 3000 $(($(now_ms) - begin))
	background ipctool fifo-write -m hello q
	local writer=$PID
	wait_until opening "$writer"
	begin=$(now_ms)
	run -0 limited cat q
	is hello
	ends_with 0 "$writer"
	between 0 3000 $(($(now_ms) - begin))
}

# -- FIFOs and their options

# full FIFO: fill it to the brim; somebody has to hold it
full() {
	limited dd if=/dev/zero of="$1" bs=4096 count=16 oflag=nonblock \
	    status=none
}

# ended_reader N FIFO: one that reads N lines of it, and leaves
ended_reader() {
	limited "$IPCTOOL" fifo-read -l "$1" "$2" > /dev/null
}

@test "nothing that waits for FIFOs by options wakes up more than 5 times" {
	local pid

	mkfifo l1 l2 k1 k2 d1 d2 r1 r2 r3 r4 w1 w2 n1 i1 i2
	hold rw l1 l2 r3 r4 i1 i2
	hold r d1 d2
	background ipctool fifo-read -f --lock l1
	wait_until holds "$PID" l1
	wait_until asleep "$PID"
	head -c 300000 /dev/zero > long
	background bash -c 'exec "$IPCTOOL" fifo-write --lock l2 < long'
	waiter "fifo-read --lock, which another one has" \
	    ipctool fifo-read --lock l1
	waiter "fifo-read -F without the file" ipctool fifo-read -F missing
	waiter "fifo-read -F in a directory that is missing" \
	    ipctool fifo-read -F none/missing
	waiter "fifo-read -F without a writer" ipctool fifo-read -F n1
	waiter "fifo-read -C" ipctool fifo-read -C made
	waiter "fifo-read of two without writers" ipctool fifo-read r1 r2
	waiter "fifo-read of two with silent writers" ipctool fifo-read r3 r4
	waiter "fifo-read -l with a silent writer" ipctool fifo-read -l 1 r3
	waiter "fifo-write to two without readers" \
	    ipctool fifo-write -m x w1 w2
	waiter "fifo-write -D, unread" ipctool fifo-write -D -m x d1
	waiter "fifo-write -D, unread, after some was read" \
	    ipctool fifo-write -D -m one -m two d2
	waiter "fifo-write -k before the first reader" \
	    ipctool fifo-write -k -m x k2
	waiter "fifo-write -A with silent input" bash -c \
	    'exec "$IPCTOOL" fifo-write -A i1 < i2'
	waiter "fifo-write --drop with silent input" bash -c \
	    'exec "$IPCTOOL" fifo-write --drop i1 < i2'
	waiter "fifo-write to two with silent input" bash -c \
	    'exec "$IPCTOOL" fifo-write i1 l1 < i2'
	seq 10 > data
	waiter "fifo-write -k between readers" bash -c \
	    'exec "$IPCTOOL" fifo-write -k k1 < data'
	ended_reader 2 k1
	limited head -c 3 d2 > out
	waiter "fifo-write --lock, which another one has" \
	    ipctool fifo-write --lock -m x l2
	for pid in "${!states[@]}"; do
		wait_until quiet "$pid"
	done
	measure
	for pid in "${!states[@]}"; do
		if gone "$pid"; then
			echo "${states[$pid]}: it has ended" >&2
			return 1
		fi
	done
}

# ends_in_time COMMAND: with -t 0.3 it is 124 and takes no second more, at
# least in one of five runs on a busy machine
ends_in_time() {
	local n best=100000

	for ((n = 0; n < 5 && best > 400; n++)); do
		timed run -124 --separate-stderr "$@"
		if ((elapsed < best)); then
			best=$elapsed
		fi
	done
	if ! between 300 400 "$best"; then
		echo "$*" >&2
		return 1
	fi
}

@test "each of these waits ends when its time is up" {
	mkfifo l q a b
	hold rw l
	background ipctool fifo-read -f --lock l
	wait_until holds "$PID" l
	wait_until asleep "$PID"
	ends_in_time ipctool fifo-read -t 0.3 --lock l
	ends_in_time ipctool fifo-read -t 0.3 -F missing
	ends_in_time ipctool fifo-read -w 0.3 -F missing
	ends_in_time ipctool fifo-read -t 0.3 a b
	ends_in_time ipctool fifo-read -w 0.3 -C made
	ends_in_time ipctool fifo-write -t 0.3 -m x a b
	ends_in_time ipctool fifo-write -w 0.3 -m x a b
	ends_in_time ipctool fifo-write -w 0.3 -k -m x q
	hold r a b
	ends_in_time ipctool fifo-write -t 0.3 -D -m x a
	ends_in_time ipctool fifo-write -T 0.3 -D -m x a b
}

@test "a path that is removed is noticed, whatever is waited for" {
	local pid begin

	mkfifo a b c d e
	background ipctool fifo-read a b 2> err.read
	local reader=$PID
	background ipctool fifo-write -m x c e 2> err.write
	local writer=$PID
	seq 10 > data
	background bash -c 'exec "$IPCTOOL" fifo-write -k d < data' 2> err.keep
	local keeper=$PID
	ended_reader 2 d
	wait_until quiet "$keeper"
	wait_until holds "$reader" b
	begin=$(now_ms)
	rm b c d
	ends_with 1 "$writer"
	ends_with 1 "$keeper"
	wait_until test -s err.read
	between 0 3000 $(($(now_ms) - begin))
	[[ $(< err.read) == *" b: removed while waiting for a writer" ]]
	[[ $(< err.write) == *" c: removed while waiting for a reader" ]]
	[[ $(< err.keep) == *" d: removed while waiting for a reader, after 21 bytes" ]]
	# The other one is read nevertheless.
	run ! gone "$reader"
	put hello a
	ends_with 1 "$reader"
}
