#!/usr/bin/env bats

load lib/common

# Who waits for whom: --why and --graph.

teardown() {
	common_teardown
	! mountpoint -q small || umount small
}

# The state of a FIFO, for wait_until.
state_is() {
	[[ $(ipctool fifo-stat -rno STATE "$2" 2>/dev/null) == "$1" ]]
}

# doing_is WHAT PID: the process does that, as its first line says.
doing_is() {
	[[ $(ipctool fifo-stat --why -rn "$2" 2>/dev/null |
	    sed -n '1s/^[^ ]* [^ ]* \([^ ]*\) .*/\1/p') == "$1" ]]
}

# why OPERAND...: status in $status, JSON in the file json.
why() {
	status=0
	ipctool fifo-stat --why -J "$@" > json 2> stderr || status=$?
}

# chain: command:doing:cause of each line, in its depth.
chain() {
	limited jq -r 'def show(depth): (" " * depth) + .command + ":" +
	    .doing + ":" + (.cause // ""), (.children[]? | show(depth + 1));
	    .["fifo-stat"][] | show(0)' json
}

# pipeline STUCK: five stages over q1 ... q4; that stage reads nothing.
# Each is a cat but the stuck one, which is a sleep.
pipeline() {
	local i in out

	mkfifo q1 q2 q3 q4
	# Whoever holds all of them until everybody has opened.
	hold rw q1 q2 q3 q4
	local holder=$PID
	stages=()
	for i in 1 2 3 4 5; do
		in=q$((i - 1)) out=q$i
		((i > 1)) || in=/dev/zero
		((i < 5)) || out=/dev/null
		if ((i == $1)); then
			background sleep 1000 < "$in" > "$out"
		else
			background cat < "$in" > "$out"
		fi
		stages+=("$PID")
	done
	die_pid "$holder"
}

check_pipeline() {
	local stuck=$1 i wanted=

	need jq
	pipeline "$stuck"
	# Stages before the stuck one wait for room, those behind for data.
	if ((stuck > 1)); then
		wait_until state_is writing q1
		wait_until state_is writing "q$((stuck - 1))"
		why "${stages[0]}"
		for ((i = 1; i < stuck; i++)); do
			wanted+="$(printf '%*s' $((i - 1)) "")cat:writing:"$'\n'
		done
		wanted+=$(printf '%*s' $((stuck - 1)) "")sleep:sleeping:sleeping
		compare_text chain "$wanted" "$(chain)"
		((status == 0))
	fi
	if ((stuck < 5)); then
		wait_until state_is reading q4
		wait_until state_is reading "q$stuck"
		why "${stages[4]}"
		wanted=
		for ((i = 5; i > stuck; i--)); do
			wanted+="$(printf '%*s' $((5 - i)) "")cat:reading:"$'\n'
		done
		wanted+=$(printf '%*s' $((5 - stuck)) "")sleep:sleeping:sleeping
		compare_text chain "$wanted" "$(chain)"
		((status == 0))
	fi
	run -0 --separate-stderr ipctool fifo-stat --why "${stages[0]}" \
	    "${stages[4]}"
	matches "root cause: sleep \(${stages[stuck - 1]}\) sleeps"
}

@test "a pipeline that is stuck at its first stage" {
	check_pipeline 1
}

@test "a pipeline that is stuck at its second stage" {
	check_pipeline 2
}

@test "a pipeline that is stuck at its third stage" {
	check_pipeline 3
}

@test "a pipeline that is stuck at its fourth stage" {
	check_pipeline 4
}

@test "a pipeline that is stuck at its fifth stage" {
	check_pipeline 5
}

# cycle: two cats, each of which reads what the other one writes.
cycle() {
	mkfifo a b
	hold rw a b
	local holder=$PID
	background cat < a > b
	first=$PID
	background cat < b > a
	second=$PID
	wait_until holds "$first" b
	wait_until holds "$second" a
	die_pid "$holder"
	wait_until state_is reading a
	wait_until state_is reading b
}

@test "a cycle of two FIFOs is a deadlock, status 9" {
	need jq
	local first second
	cycle
	why a
	((status == 9))
	compare_text chain $'cat:reading:\n cat:reading:\n  cat:reading:deadlock' \
	    "$(chain)"
	run -9 --separate-stderr ipctool fifo-stat --why a b
	matches "deadlock: cat \(($first|$second)\) waits for cat \(($first|$second)\) waits for cat"
	[[ $output != *"root cause"* ]]
	run -9 --separate-stderr ipctool fifo-stat --why "$first"
	run -0 --separate-stderr ipctool fifo-stat a b
}

@test "a cycle with somebody else who can write is none" {
	local first second
	cycle
	background sleep 1000 > a
	run -0 --separate-stderr ipctool fifo-stat --why "$first"
	matches "root cause: sleep \($PID\) "
	[[ $output != *deadlock* ]]
}

@test "who waits for a cycle without being in it is stuck, too" {
	local first second
	cycle
	mkfifo c
	hold rw c
	local holder=$PID
	background bash -c 'exec cat b > c 3< a' < b
	background cat c
	local reader=$PID
	wait_until holds "$reader" c
	die_pid "$holder"
	wait_until state_is reading c
	run -9 --separate-stderr ipctool fifo-stat --why "$reader"
}

@test "a process that waits for its own writing" {
	mkfifo q
	background bash -c 'exec cat <> q'
	wait_until state_is reading q
	run -9 --separate-stderr ipctool fifo-stat --why q
	matches "deadlock: cat \($PID\) waits for cat \($PID\)"
}

@test "a parent that waits for a child that waits for it" {
	need perl jq
	# shellcheck disable=SC2016
	background perl -e 'waitpid(open(my $pipe, "-|", "yes"), 0)'
	wait_until doing_is child "$PID"
	local yes
	wait_until pgrep -P "$PID" -x yes
	yes=$(pgrep -P "$PID" -x yes)
	wait_until doing_is writing "$yes"
	why "$yes"
	((status == 9))
	compare_text chain $'yes:writing:\n perl:child:\n  yes:writing:deadlock' \
	    "$(chain)"
	kill "$yes"
}

@test "threads that wait for one another are stuck together" {
	mkfifo q
	background "$TOOLS_DIR/waiter" read q
	wait_until state_is reading q
	wait_until doing_is reading "$PID"
	run -9 --separate-stderr ipctool fifo-stat --why q
}

@test "the root is a process that computes" {
	mkfifo q
	background bash -c 'while :; do :; done' <> q
	local busy=$PID
	background cat q
	wait_until state_is reading q
	run -0 --separate-stderr ipctool fifo-stat --why q
	matches "root cause: bash \($busy\) computes"
}

@test "the root is a process that is stopped" {
	mkfifo q
	hold rw q
	local holder=$PID
	background cat q
	wait_until state_is reading q
	kill -STOP "$holder"
	wait_until doing_is stopped "$holder"
	run -0 --separate-stderr ipctool fifo-stat --why q
	matches "root cause: hold \($holder\) is stopped; kill -CONT $holder lets it go on"
}

@test "the root is a process that waits in open of another FIFO" {
	mkfifo q other
	background bash -c 'exec 3<> q; exec cat other'
	local opener=$PID
	wait_until state_is opening-read other
	background cat q
	wait_until state_is reading q
	run -0 --separate-stderr ipctool fifo-stat --why q
	matches "root cause: cat \($opener\) waits in open of (.*/)?other for a writer"
}

@test "the root is a process that waits on a socket" {
	need perl
	mkfifo q
	# shellcheck disable=SC2016
	background perl -MSocket -e '
		open(my $q, "+<", "q"); socketpair(my $a, my $b, AF_UNIX,
		    SOCK_STREAM, 0); sysread($a, $_, 1)'
	local perl=$PID
	background cat q
	wait_until state_is reading q
	wait_until doing_is other "$perl"
	run -0 --separate-stderr ipctool fifo-stat --why q
	matches "root cause: perl \($perl\) waits in (read|recvfrom) of a socket"
}

@test "the root has a file open on a full disk" {
	need_root
	mkdir small
	mount -t tmpfs -o size=16k none small 2>/dev/null || skip "cannot mount"
	mkfifo q
	# shellcheck disable=SC2016
	background bash -c 'cat /dev/zero >&4 2> error; exec sleep 1000' \
	    5<> q 4> small/file
	local writer=$PID
	background cat q
	wait_until state_is reading q
	wait_until size_is 16384 small/file
	run -0 --separate-stderr ipctool fifo-stat --why q
	matches "root cause: sleep \($writer\) .*; its file .*/small/file is on a full disk"
}

@test "a FIFO at which nobody waits has no chain" {
	mkfifo q
	hold rw q
	run -0 --separate-stderr ipctool fifo-stat --why -n q
	is "q: empty; hold ($PID) holds it open for reading and writing, so that nobody waits in open"
	run -0 --separate-stderr ipctool fifo-stat --why -J q
	matches '"fifo-stat": \['
}

@test "a hundred that wait for a hundred are told in a few lines each" {
	need perl
	mkfifo q
	# shellcheck disable=SC2016
	background perl -e 'open(my $q, "+<", "q"); for (1 .. 100) {
	    fork or do { sysread($q, $_, 1); exit } } sleep 1000'
	local perl=$PID
	few_lines() {
		run -0 --separate-stderr ipctool fifo-stat --why -rn q
		(($(grep -c " reading " <<< "$output") >= 100)) &&
		    ((${#lines[@]} <= 310))
	}
	wait_until few_lines
	# shellcheck disable=SC2046
	kill $(pgrep -P "$perl")
}

@test "--graph draws a pipeline in the direction of the data" {
	pipeline 3
	wait_until state_is writing q1
	wait_until state_is writing q2
	wait_until state_is reading q4
	run -0 --separate-stderr ipctool fifo-stat --graph -n q2
	local drawn
	# Whoever runs the tests may have given them pipes that are drawn, too.
	drawn=$(sed -nE 's,^(.*[-/])?(q[1-4]|cat|sleep) .*,\2,p' <<< "$output")
	compare_text graph "$(printf '%s\n' cat q1 cat q2 sleep q3 cat q4 cat)" \
	    "$drawn"
}

@test "--graph=dot is what graphviz takes" {
	local first second
	cycle
	run -0 --separate-stderr ipctool fifo-stat --graph=dot a
	matches "^digraph pipes \{"
	matches "process$first \[shape=box, label=\"cat \($first\)\\\\nreading\"\];"
	matches "-> process$first \[label=\"0\", color=red\];"
	matches "\}$"
	if command -v dot > /dev/null; then
		limited dot -Tsvg <<< "$output" > /dev/null
	fi
}
