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

all_rest() {
	local pid

	if ! rests "${!states[@]}"; then
		for pid in "${!states[@]}"; do
			echo "$pid is ${states[$pid]}" >&2
		done
		return 1
	fi
}

@test "nothing that waits wakes up more than 5 times or burns time in 3 s" {
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
	# A follower that has had a writer, and has none any more.
	put hello r4
	wait_until size_is 6 follow
	all_rest
}

# Not at the next look, which is taken once a second
@test "data, or a reader that comes, ends a wait at once" {
	mkfifo q
	beats 0.8 data_comes
	beats 0.8 reader_comes
}

data_comes() {
	local reader

	background ipctool fifo-read q > out
	reader=$PID
	wait_until holds "$reader" q
	wait_until quiet "$reader"
	put hello q
	ends_with 0 "$reader"
}

reader_comes() {
	local writer

	background ipctool fifo-write -m hello q
	writer=$PID
	wait_until opening "$writer"
	run -0 limited cat q
	is hello && ends_with 0 "$writer"
}

# -- FIFOs and their options

# ended_reader N FIFO: one that reads N lines of it, and leaves
ended_reader() {
	limited "$IPCTOOL" fifo-read -l "$1" "$2" > /dev/null
}

@test "nothing that waits for FIFOs by options wakes up more than 5 times" {
	mkfifo l1 l2 k1 k2 d1 d2 r1 r2 r3 r4 w1 w2 n1 i1 i2
	hold rw l1 l2 r3 r4 i1 i2
	hold r d1 d2
	background ipctool fifo-read -f --lock l1
	wait_until holds "$PID" l1
	wait_until quiet "$PID"
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
	all_rest
}

# ends_in_time COMMAND: its time-out of 0.3 s is neither early nor 0.1 s late
ends_in_time() {
	beats 0.4 timed run -124 --separate-stderr "$@"
	at_least 300 "$elapsed"
}

@test "each of these waits ends when its time is up" {
	mkfifo l q a b
	hold rw l
	background ipctool fifo-read -f --lock l
	wait_until holds "$PID" l
	wait_until quiet "$PID"
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
	seq 10 > data
	beats 3 removal_is_noticed
}

removal_is_noticed() {
	local reader writer keeper

	rm -f a b c d e
	mkfifo a b c d e
	background ipctool fifo-read a b 2> err.read
	reader=$PID
	background ipctool fifo-write -m x c e 2> err.write
	writer=$PID
	background bash -c 'exec "$IPCTOOL" fifo-write -k d < data' 2> err.keep
	keeper=$PID
	ended_reader 2 d
	wait_until quiet "$keeper"
	wait_until holds "$reader" b
	rm b c d
	ends_with 1 "$writer" && ends_with 1 "$keeper" &&
	    wait_until test -s err.read &&
	    [[ $(< err.read) == *" b: removed while waiting for a writer" &&
	    $(< err.write) == *" c: removed while waiting for a reader" &&
	    $(< err.keep) == *" d: removed while waiting for a reader, after 21 bytes" ]] &&
	    ! gone "$reader" || return
	# The other one is read nevertheless.
	put hello a
	ends_with 1 "$reader"
}
