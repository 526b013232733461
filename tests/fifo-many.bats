#!/usr/bin/env bats

# FIFOs under load: many records, many readers, many writers, and nothing
# torn, lost, doubled or killed.
#
# FULL=1 runs all of them in full (some minutes) instead of a sample.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set

load lib/common

setup() {
	common_setup
	mkfifo q
	LIMIT=${FULL:+600}
	LIMIT=${LIMIT:-30}
}

# figure TEXT: what the full run has shown
figure() {
	[[ -z ${FULL-} ]] || echo "# $*" >&3
}

# lines_of C N LENGTH: N lines of that length, out of this character
lines_of() {
	perl -e 'print $ARGV[0] x ($ARGV[2] - 1), "\n" for 1 .. $ARGV[1]' "$@"
}

# torn FILE LENGTH: how many lines are not LENGTH bytes of a single character
torn() {
	perl -ne 'BEGIN { $length = pop @ARGV }
		$torn++ if $_ ne substr($_, 0, 1) x ($length - 1) . "\n";
		END { print $torn + 0, "\n" }' "$1" "$2"
}

# write_all COMMAND N LENGTH C...: a writer for each character, all at the
# same time; what came out is in the file out.
write_all() {
	local command=$1 n=$2 length=$3 c writers=()

	shift 3
	background cat q > out
	local reader=$PID
	hold w q
	local holder=$PID
	for c in "$@"; do
		lines_of "$c" "$n" "$length" > "data.$c"
	done
	rm -f go
	for c in "$@"; do
		background bash -c 'until [[ -e go ]]; do sleep 0.01; done
		    '"$command"' < "data.$1"' bash "$c"
		writers+=("$PID")
	done
	: > go
	for c in "${writers[@]}"; do
		ends_with 0 "$c"
	done
	die_pid "$holder"
	ends_with 0 "$reader"
	size_is $(($# * n * length)) out
}

@test "4 writers with --atomic: no record of 4,000 bytes is torn" {
	local n
	n=$(amount 5000 500)

	write_all 'exec "$IPCTOOL" fifo-write -A q' "$n" 4000 a b c d
	[[ $(torn out 4000) == 0 ]]
	for c in a b c d; do
		[[ $(grep -c "^$c" out) == "$n" ]]
	done
	figure "4 writers x $n records of 4000 bytes with -A: $(torn out 4000) torn"
}

@test "3 writers with --lock: no record of 100,000 bytes is torn" {
	local n
	n=$(amount 200 40)

	write_all 'exec "$IPCTOOL" fifo-write --lock q' "$n" 100000 a b c
	[[ $(torn out 100000) == 0 ]]
	for c in a b c; do
		[[ $(grep -c "^$c" out) == "$n" ]]
	done
	figure "3 writers x $n records of 100000 bytes with --lock: $(torn out 100000) torn"
}

@test "the same writers with cat tear records: these tests can fail" {
	local n tries=0 torn=0
	n=$(amount 5000 500)

	until ((torn > 0 || tries++ == 10)); do
		write_all 'exec cat > q' "$n" 4000 a b c d
		torn=$(torn out 4000)
	done
	((torn > 0))
	figure "4 x $n records of 4000 bytes with cat: $torn torn"
	torn=0 tries=0
	until ((torn > 0 || tries++ == 10)); do
		write_all 'exec cat > q' "$(amount 200 40)" 100000 a b c
		torn=$(torn out 100000)
	done
	((torn > 0))
	figure "3 x $(amount 200 40) records of 100000 bytes with cat: $torn torn"
}

@test "50 readers, one after the other, under fifo-write --keep" {
	local lines each n writer
	lines=$(amount 1000000 100000)
	each=$((lines / 50))

	seq "$lines" > data
	background bash -c 'exec "$IPCTOOL" fifo-write -k q < data'
	writer=$PID
	for ((n = 1; n <= 50; n++)); do
		ipctool fifo-read -l "$each" q > part
		[[ $(wc -l < part) == "$each" ]]
		cat part >> out
	done
	ends_with 0 "$writer"
	same data out
	figure "50 readers of $each lines each under --keep: identical"
}

@test "fifo-read --lines=1 again and again on a held FIFO: every line once" {
	local lines
	lines=$(amount 1000 200)

	hold rw q
	background bash -c 'seq "$1" > q' bash "$lines"
	limited bash -c 'for ((n = 0; n < $1; n++)); do
		"$IPCTOOL" fifo-read -l 1 q || exit
	done' bash "$lines" > out
	same out <(seq "$lines")
	[[ -z $(queued q) ]]
	figure "$lines runs of fifo-read -l 1: every line once, in order"
}

@test "fifo-read --nonblock kills no writer that is blocked in open" {
	local times
	times=$(amount 200 60)

	# One that finds it in open(2) each time, and is not killed by SIGPIPE.
	limited bash -c 'for ((n = 1; n <= $1; n++)); do
		bash -c "echo $n > q" &
		until grep -qs wait_for_partner "/proc/$!/wchan"; do
			kill -0 "$!" || break
		done
		"$IPCTOOL" fifo-read -n q || echo "status $?"
		wait "$!" || echo "writer $n: $?"
	done' bash "$times" > out
	same out <(seq "$times")
	figure "$times of $times messages arrived, no writer died"
}

@test "short writers under --follow: nothing lost, no EPIPE" {
	local each reader n writers=()
	each=$(amount 5000 250)

	background ipctool fifo-read -f -l $((4 * each)) q > out
	reader=$PID
	wait_until holds "$reader" q
	# Four at a time, each write a FIFO opened and closed for it.
	for n in 1 2 3 4; do
		background bash -c 'trap "" PIPE
			for ((n = 0; n < $2; n++)); do
				echo "$1 $n" > q || exit
			done' bash "$n" "$each" 2> "err.$n"
		writers+=("$PID")
	done
	for n in "${writers[@]}"; do
		ends_with 0 "$n"
	done
	ends_with 0 "$reader"
	for n in 1 2 3 4; do
		size_is 0 "err.$n"
		grep "^$n " out | cmp - <(seq -f "$n %g" 0 $((each - 1)))
	done
	figure "$((4 * each)) short writers: all messages, no EPIPE"
}

@test "short writers under --follow, one at a time, with nobody in between" {
	local n
	n=$(amount 20000 1000)

	background ipctool fifo-read -f -l "$n" q > out
	local reader=$PID
	wait_until holds "$reader" q
	limited bash -c 'trap "" PIPE
		for ((n = 1; n <= $1; n++)); do
			echo "$n" > q || exit
		done' bash "$n" 2> err
	ends_with 0 "$reader"
	size_is 0 err
	same out <(seq "$n")
	figure "$n short writers in turn: all messages, no EPIPE"
}

@test "--lock at both ends at once: writers and readers each take turns" {
	local c n each=40 readers=() writers=()
	[[ -z ${FULL-} ]] || each=400

	hold rw q
	for c in a b c; do
		lines_of "$c" "$each" 9000 > "data.$c"
		background bash -c 'exec "$IPCTOOL" fifo-write --lock q \
		    < "data.$1"' bash "$c"
		writers+=("$PID")
	done
	for n in 1 2 3; do
		background bash -c 'for ((i = 0; i < $2 / 5; i++)); do
			"$IPCTOOL" fifo-read --lock -l 5 q >> "part.$1" ||
			    exit
		done' bash "$n" "$each"
		readers+=("$PID")
	done
	for n in "${writers[@]}" "${readers[@]}"; do
		ends_with 0 "$n"
	done
	cat part.* > out
	[[ $(torn out 9000) == 0 ]]
	for c in a b c; do
		[[ $(grep -c "^$c" out) == "$each" ]]
	done
	figure "--lock at both ends, 3 writers, 3 readers, $((3 * each)) records: 0 torn"
}
