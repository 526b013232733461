#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set

load lib/common

# Where something is scarce: for a moment, or as setrlimit(2) wants it.  More
# of it: `faults --limits`.

# with LIMIT COMMAND...: bash, with this argument of ulimit
with() {
	local resource=$1

	shift
	limited bash -c 'ulimit $1 || exit; shift; exec "$@"' with "$resource" \
	    "$@"
}

# failing CALL ERROR WHEN COMMAND...: the calls of that number fail
failing() {
	limited strace -f -qq -o trace -e trace="$1" \
	    -e inject="$1:error=$2:when=$3" "${@:4}"
}

@test "where no signal may be queued, waits still end" {
	mkfifo a b
	# /dev/zero is always ready, and its read is guarded by a timer.
	run -0 bash -c 'ulimit -i 0; "$IPCTOOL" pipe-relay -c 10 < /dev/zero |
	    wc -c'
	is 10
	for readers in a "a b"; do
		# shellcheck disable=SC2086
		run -124 --separate-stderr with "-i 0" \
		    "$IPCTOOL" fifo-write -w 0.2 -m x $readers
		stderr_is "ipctool fifo-write: a: no reader within 0.2s"
	done
	background bash -c 'ulimit -i 0; exec "$IPCTOOL" fifo-write -m x a'
	wait_until quiet "$PID"
	kill -TERM "$PID"
	ends_with 143 "$PID"
}

@test "an alarm that was inherited ends us, also where it is all there is" {
	need perl
	mkfifo q
	run -142 limited perl -e 'alarm 1; exec @ARGV' \
	    "$IPCTOOL" fifo-read q
	run -1 --separate-stderr with "-i 0" perl -e 'alarm 100; exec @ARGV' \
	    "$IPCTOOL" fifo-write -w 0.2 -m x q
	stderr_is "ipctool fifo-write: q: Cannot allocate memory"
}

@test "a want of memory in poll that passes is no error" {
	need strace
	random_file 200K data
	mkfifo a b
	hold rw b
	run -0 failing ppoll ENOMEM 1 bash -c '
	    (sleep 0.1; cat data) | "$IPCTOOL" pipe-relay | cmp - data'
	run -0 failing ppoll ENOMEM 1..3 "$IPCTOOL" duplex -T 60 cat :: \
	    sh -c 'echo hello; exec >&-; cat > out'
	[[ $(< out) == hello ]]
	background bash -c 'sleep 0.1; echo hello > a'
	run -0 failing ppoll ENOMEM 1 "$IPCTOOL" fifo-read a
	is hello
	run -1 --separate-stderr failing ppoll ENOMEM 1+ \
	    "$IPCTOOL" fifo-read -t 60 b
	stderr_is "ipctool fifo-read: Cannot allocate memory"
}

@test "a want of descriptors for a pipe that passes is no error" {
	local error

	need strace
	mkfifo a b
	for error in EMFILE ENFILE; do
		echo hello > data
		run -0 failing pipe2 $error 1..3 \
		    "$IPCTOOL" pipe-relay -i data -o one -o two
		same data one
		same data two
		run -0 failing pipe2 $error 1..3 "$IPCTOOL" duplex \
		    sh -c 'read -r line; echo "$line" > got' :: echo hello
		[[ $(< got) == hello ]]
		run -0 failing pipe2 $error 1..3 \
		    "$IPCTOOL" pipe-relay echo hello :: cat
		is hello
		run -0 failing pipe2 $error 1..3 \
		    "$IPCTOOL" fifo-create made :: echo hello
		is hello
		rm made
		background cat a > got.a
		background cat b > got.b
		run -0 failing pipe2 $error 1..3 \
		    "$IPCTOOL" fifo-write -m hello a b
		wait_until size_is 6 got.a
		wait_until size_is 6 got.b
	done
	run -125 --separate-stderr failing pipe2 EMFILE 1+ \
	    "$IPCTOOL" fifo-create made :: echo hello
	stderr_matches "^ipctool fifo-create: echo: Too many open files"
}

@test "a process that cannot be made for a moment is made" {
	need strace
	run -0 failing clone,clone3,fork EAGAIN 1..3 \
	    "$IPCTOOL" pipe-relay echo hello :: cat
	is hello
}

# bats test_tags=faults
@test "news of a command that do not come at once are waited for" {
	local reads

	need strace
	# The first read after the command was made
	limited strace -qq -o trace -e trace=read,clone,clone3,fork \
	    "$IPCTOOL" fifo-create made :: true
	reads=$(sed '/^[cf]/q' trace | grep -c ^read)
	rm made
	run -0 failing read EAGAIN $((reads + 1))..$((reads + 3)) \
	    "$IPCTOOL" fifo-create made :: echo hello
	is hello
	grep -q INJECTED trace
}

@test "waits for many readers take little memory" {
	local n names=()

	[[ $SANITIZED == no ]] || skip "a sanitizer takes much memory"
	for n in {1..60}; do
		mkfifo "q$n"
		names+=("q$n")
	done
	run -124 --separate-stderr with "-v 300000" \
	    "$IPCTOOL" fifo-write -w 0.5 -m x "${names[@]}"
	stderr_is "ipctool fifo-write: q1: no reader within 0.5s"
}

@test "a signal of ours that was ignored is so for commands" {
	local command

	for command in "pipe-relay true ::" "duplex -T 60" "fifo-create made ::"; do
		rm -f made
		# shellcheck disable=SC2086
		run -0 limited "$TOOLS_DIR/launch" --ignore=URG \
		    --ignore=ALRM "$IPCTOOL" $command "$TOOLS_DIR/fdlist" list \
		    < /dev/null
		# A sanitizer in fdlist adds its own.
		run -0 grep -E 'ignored (ALRM|URG)' list
		is $'ignored ALRM\nignored URG'
	done
}

@test "commands run where our parent is in another PID name space" {
	need unshare
	unshare -p true 2> /dev/null || skip "no PID name space may be made"
	# The search for leaks needs another process, which there cannot be.
	run -0 limited env ASAN_OPTIONS=detect_leaks=0 unshare -p \
	    "$IPCTOOL" duplex sh -c 'echo ok' < /dev/null
	is ok
}

# short_once REMOVED ARG...: each allocation of a run fails in turn; then it has
# done everything all the same, or it says so.
short_once() {
	local complete count n wanted

	rm -rf ${1:+"$1"}
	run --separate-stderr without_memory 0 "${@:2}"
	wanted=$status
	complete=$output
	count=${stderr##*nomem: }
	((count > 0))
	for ((n = 1; n <= count; n++)); do
		rm -rf ${1:+"$1"}
		run --separate-stderr without_memory "$n" "${@:2}"
		[[ " $* " != *" -u "* || ! -e $1 ]]
		if ((status == wanted)); then
			compare_text "$2, allocation $n of $count fails" \
			    "$complete" "$output"
		else
			((status != 0 && status < 128))
			[[ -n $stderr ]]
		fi
	done
}

@test "an allocation that fails once is survived, or said" {
	[[ $SANITIZED == no ]] || skip "a sanitizer has its own"
	seq 2000 > data
	mkfifo q
	short_once "" pipe-relay -i data
	short_once "" pipe-relay -m 64K -i data
	short_once "" pipe-relay -i data -o copy -o -
	short_once "" pipe-relay -i data --tap=copy
	short_once "" pipe-relay -d '\n' -l 100 -i data
	short_once "" pipe-relay --dump=copy -i data
	short_once "" pipe-relay cat data :: wc -l
	short_once made fifo-create -v -m 600 made
	short_once made fifo-create -p made/in/here
	short_once made fifo-create -v -u made :: echo hello
	short_once "" fifo-create --temp echo hello
	short_once made fifo-create -u -t 10ms --hold made
	short_once "" fifo-read -w 10ms q
	short_once made fifo-read -C -w 10ms made
	short_once "" fifo-write --drop -m message q
	short_once "" duplex echo hello :: sh -c 'cat >&2'
	short_once "" duplex --dump=copy echo hello :: sh -c 'cat >&2'
	short_once "" duplex --help
	short_once "" --list
}
