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

@test "nothing that waits wakes up more than 5 times or burns time in 3 s" {
	local pid before=() ticks_before=() n failed=0

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
	run ! gone "$follower"
	((!failed))
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
