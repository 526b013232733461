#!/usr/bin/env bats

load lib/common
load lib/fifo-stat

# Who waits for whom: --why and --graph.

teardown() {
	common_teardown
	! mountpoint -q small || umount small
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

# What of its own may end a wait: no deadlock is told there.

# no_deadlock REGEX OPERAND: that cause, and status 0.
no_deadlock() {
	run -0 --separate-stderr ipctool fifo-stat --why "$2"
	matches "root cause: $1"
	lacks deadlock
}

@test "a time-out is a cause beside those in sight, and not for want of them" {
	local waiter mode

	need jq
	mkfifo q
	for mode in timed timed-poll timed-epoll; do
		# It has both ends: itself and the holder could end its wait.
		background "$TOOLS_DIR/waiter" "$mode" q
		waiter=$PID
		wait_until doing_is polling "$waiter"
		background sleep 1000 > q
		wait_until doing_is sleeping "$PID"
		no_deadlock "waiter \($waiter\) waits in .*, or until a time-out"$'(\n|$)' q
		matches "root cause: sleep "
		lacks "nobody in sight"
		why q
		compare_text chain \
		    $'waiter:polling:\n sleep:sleeping:sleeping\n waiter:polling:time-out' \
		    "$(chain)"
		die_pid "$PID" "$waiter"
	done
}

@test "a time-out is the cause where nobody in sight could end the wait" {
	mkfifo q
	background ipctool fifo-read -f -t 1000s q
	wait_until doing_is polling "$PID"
	no_deadlock "ipctool \($PID\) waits in .* for data in q.*, or until a time-out; nobody in sight can end that sooner" q
}

# self_pipe SIGNALS [CHILD]: perl(1) reads a pipe of its own, into which its
# handlers write; with a child that does that.
self_pipe() {
	need perl
	# shellcheck disable=SC2016
	background perl -e 'my ($signals, $child) = @ARGV;
	    pipe(my $r, my $w);
	    $SIG{$_} = sub { syswrite($w, "x") } for split(/,/, $signals);
	    if ($child && !fork) { close($r); close($w); exec($child) }
	    sysread($r, $_, 1) or sysread($r, $_, 1); print "woken\n"' "$@" \
	    > out
	perl=$PID
	wait_until doing_is reading "$perl"
}

@test "a program with a pipe of its own that SIGCHLD writes to waits for its child" {
	local perl child
	self_pipe CHLD "sleep 1000"
	no_deadlock "perl \($perl\) catches SIGCHLD, which comes when a child of it ends" "$perl"
	need jq
	why "$perl"
	compare_text chain $'perl:reading:\n perl:reading:signal' "$(chain)"
	# It is true: it goes on when the child does.
	child=$(pgrep -P "$perl")
	kill "$child"
	ends_with 0 "$perl"
	compare_text out woken "$(< out)"
}

@test "a program with a pipe of its own that a signal writes to waits for that" {
	local perl signal
	for signal in TERM USR1 ALRM; do
		self_pipe "$signal"
		no_deadlock "perl \($perl\) catches SIG$signal, which may end its wait" "$perl"
		kill -s "$signal" "$perl"
		ends_with 0 "$perl"
	done
}

@test "a signal that cannot come does not make a deadlock less of one" {
	need perl
	local perl
	# No child; and of a child that is in the circle itself.
	self_pipe CHLD
	run -9 --separate-stderr ipctool fifo-stat --why "$perl"
	die_pid "$perl"
	# shellcheck disable=SC2016
	background perl -e '$SIG{CHLD} = sub { };
	    pipe(my $r, my $w); pipe(my $s, my $v);
	    if (!fork) { close($w); close($s); sysread($r, $_, 1); exit }
	    close($r); close($v); sysread($s, $_, 1)'
	perl=$PID
	wait_until doing_is reading "$perl"
	wait_until doing_is reading "$(pgrep -P "$perl")"
	run -9 --separate-stderr ipctool fifo-stat --why "$perl"
	pkill -P "$perl"
}

@test "a handler ends no wait for room in a pipe of its own" {
	need perl
	# shellcheck disable=SC2016
	background perl -e '$SIG{INT} = sub { }; pipe(my $r, my $w);
	    syswrite($w, "x" x 1000000)'
	wait_until doing_is writing "$PID"
	run -9 --separate-stderr ipctool fifo-stat --why "$PID"
	matches "deadlock: perl \($PID\) waits for perl \($PID\)"
}

@test "a signal that is caught but blocked ends no wait" {
	need perl
	mkfifo q
	# shellcheck disable=SC2016
	background perl -MPOSIX -e '$SIG{TERM} = sub { };
	    sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM));
	    open(my $q, "+<", "q"); sysread($q, $_, 1)'
	wait_until doing_is reading "$PID"
	run -9 --separate-stderr ipctool fifo-stat --why "$PID"
}

@test "a command with a time-out of timeout(1) is not stuck" {
	mkfifo q
	# It has q open as well, and waits for its child.
	background timeout 1000 cat <> q
	local timeout=$PID
	wait_until state_is reading q
	no_deadlock "timeout \($timeout\) " q
	# Killed before it has passed that on, it would leave its child behind.
	kill "$timeout"
	ends_with 143 "$timeout"
}

@test "a program with a timer is not stuck" {
	mkfifo q
	background "$TOOLS_DIR/waiter" timer q
	wait_until doing_is reading "$PID"
	no_deadlock "waiter \($PID\) has a timer, which may end its wait" q
}

@test "a reader that waits for something else, or for a time, is not stuck" {
	local how
	for how in timed timed-poll timed-epoll event socket except; do
		mkfifo "$how"
		background "$TOOLS_DIR/waiter" "$how" "$how"
		wait_until doing_is polling "$PID"
		run -0 --separate-stderr ipctool fifo-stat --why "$how"
		matches "root cause: waiter \($PID\) waits in [a-z_0-9]+ for data in $how( and others|, or until a time-out)"
		lacks deadlock
	done
}

@test "who was stopped and goes on waits for the same as before" {
	local mode waiter
	for mode in poll timed-poll; do
		mkfifo "$mode"
		background "$TOOLS_DIR/waiter" "$mode" "$mode"
		waiter=$PID
		wait_until doing_is polling "$waiter"
		kill -STOP "$waiter"
		wait_until doing_is stopped "$waiter"
		kill -CONT "$waiter"
		wait_until doing_is polling "$waiter"
		state_is reading "$mode"
	done
	run -9 --separate-stderr ipctool fifo-stat --why poll
	no_deadlock "waiter \($waiter\) waits in .* for data in (.*/)?timed-poll, or until a time-out" timed-poll
	background sleep 1000
	local sleeper=$PID
	wait_until doing_is sleeping "$sleeper"
	kill -STOP "$sleeper"
	wait_until doing_is stopped "$sleeper"
	kill -CONT "$sleeper"
	wait_until doing_is sleeping "$sleeper"
	no_deadlock "sleep \($sleeper\) sleeps for a time, in restart_syscall" "$sleeper"
}

@test "epoll goes by files, not by the numbers that they have by now" {
	mkfifo q
	background "$TOOLS_DIR/waiter" reused q
	wait_until doing_is polling "$PID"
	no_deadlock "waiter \($PID\) waits in epoll_[a-z0-9]+ for events" "$PID"
	state_is held q
}

@test "who has an io_uring may get on by it" {
	mkfifo q
	local result=0
	background "$TOOLS_DIR/waiter" ring q 2> error
	gone_or_reading() {
		gone "$PID" || state_is reading q
	}
	wait_until gone_or_reading
	if gone "$PID"; then
		finish "$PID" || result=$?
		((result == 77))
		skip "there is no io_uring"
	fi
	no_deadlock "waiter \($PID\) has an io_uring, which may end its wait" q
}

@test "two that talk to each other are in no deadlock, though each is seen to wait" {
	need strace
	local low high middle
	mkfifo a b
	hold rw a b
	local holder=$PID
	background bash -c 'read -r; : > answered; exec sleep 1000' < a > b
	low=$PID
	# While this one is passed an answer comes.
	background sleep 1000
	middle=$PID
	background bash -c 'until [[ -e go ]]; do sleep 0.01; done
	    echo; exec cat' < b > a
	high=$PID
	((middle > low && high > middle)) || skip "numbers begin anew"
	wait_until holds "$high" a
	die_pid "$holder"
	wait_until doing_is reading "$low"
	look_up_to "$middle/fd" --why "$high"
	: > go
	wait_until test -e answered
	wait_until asleep "$high"
	look_on
	ends_with 0 "$LOOKER"
	run -0 cat out
	lacks deadlock
	matches "cat +$high reading"
}

@test "who traces others waits for them, too, and not for its children alone" {
	need strace
	local tracee tracer
	background sleep 1000
	tracee=$PID
	background strace -o '|cat > log' -p "$tracee" 2> error
	tracer=$PID
	attached_or_gone() {
		gone "$tracer" || grep -qs attached error
	}
	wait_until attached_or_gone
	! gone "$tracer" || skip "strace may not attach"
	wait_until doing_is child "$tracer"
	no_deadlock "sleep \($tracee\) " "$tracer"
	# Who traces what is stuck is so as well.
	die_pid "$tracer"
	mkfifo q
	background bash -c 'exec cat <> q'
	tracee=$PID
	wait_until doing_is reading "$tracee"
	background strace -o '|cat > log' -p "$tracee" 2> error
	tracer=$PID
	wait_until doing_is child "$tracer"
	run -9 --separate-stderr ipctool fifo-stat --why "$tracer"
	die_pid "$tracer"
}

@test "a script that looks is not stuck: it goes on when the look has ended" {
	# shellcheck disable=SC2016
	cat > script <<- 'EOF'
		mkfifo q
		exec 3<> q
		"$TOOLS_DIR/waiter" poll q &
		until [[ $("$IPCTOOL" fifo-stat -rno STATE q) == reading ]]; do
			:
		done
		"$IPCTOOL" fifo-stat --why q
		echo "status $?"
		kill %1
	EOF
	run -0 --separate-stderr limited bash script
	matches "status 0"
	matches "root cause: bash \([0-9]+\) waits for fifo-stat itself"
	lacks deadlock
}

@test "what writes to fifo-stat itself waits for that" {
	# shellcheck disable=SC2016
	run -0 --separate-stderr limited bash -c 'yes | {
		until [[ $("$IPCTOOL" fifo-stat -rno STATE /dev/stdin \
		    2> /dev/null) == writing ]]; do
			:
		done
		exec "$IPCTOOL" fifo-stat --why /dev/stdin
	    }'
	matches "root cause: yes \([0-9]+\) waits for fifo-stat itself"
}

@test "two that hold both FIFOs, and read one each, are both named" {
	need perl
	local i one other
	mkfifo a b
	for i in a b; do
		# shellcheck disable=SC2016
		background perl -e 'open(my $a, "+<", "a");
		    open(my $b, "+<", "b");
		    sysread($ARGV[0] eq "a" ? $a : $b, $_, 1)' "$i"
		one=${one:-$PID}
		other=$PID
		wait_until state_is reading "$i"
	done
	run -9 --separate-stderr ipctool fifo-stat --why a
	matches "deadlock: perl \(($one|$other)\) waits for perl \(($one|$other)\) waits for perl"
	matches "deadlock: .*\($one\)"
	matches "deadlock: .*\($other\)"
}

# Threads, and children that share memory.

fd_of() {
	ipctool fifo-stat -rno FD "$1" 2>/dev/null
}

@test "a process whose first thread has ended is seen, and what it holds" {
	mkfifo q
	background "$TOOLS_DIR/waiter" ended q
	wait_until state_is reading q
	run -0 --separate-stderr ipctool fifo-stat -rno PID,END,DOING,UNREAD q
	is "$PID both reading 0"
	run -9 --separate-stderr ipctool fifo-stat --why q
	matches "deadlock: waiter \($PID\) waits for waiter \($PID\)"
	run -9 --separate-stderr ipctool fifo-stat --why "$PID"
	lacks "has ended"
	run -0 --separate-stderr ipctool fifo-stat -rno NAME,STATE "$PID"
	matches "/q reading"
	run -0 --separate-stderr ipctool fifo-stat -rno STATE "$PID:$(fd_of q)"
	is reading
}

@test "of a process, the thread that waits at a pipe is followed" {
	need jq
	mkfifo q
	background "$TOOLS_DIR/waiter" threads q
	wait_until state_is reading q
	no_deadlock "waiter \($PID\) waits in pause" "$PID"
	matches "waiter +$PID reading +[^ ]+ .*waits for data in .*q"
	no_deadlock "waiter \($PID\) waits in pause" q
	why q
	compare_text chain $'waiter:reading:\n waiter:other:other' "$(chain)"
}

@test "--why takes the number of a thread, as the plain look does" {
	mkfifo q
	background "$TOOLS_DIR/waiter" read q
	wait_until state_is reading q
	local tid
	tid=$(ipctool fifo-stat -rno TID q 2>/dev/null)
	((tid != PID))
	run -9 --separate-stderr ipctool fifo-stat --why "$tid"
	matches "waiter +$PID reading"
	run -9 --separate-stderr ipctool fifo-stat --why "$tid:$(fd_of q)"
	matches "waiter +$PID reading"
	mkfifo p
	background "$TOOLS_DIR/waiter" open p
	wait_until state_is opening-read p
	tid=$(ipctool fifo-stat -rno TID p 2>/dev/null)
	no_deadlock "waiter \($PID\) waits in open of .*p for a writer" "$tid"
	run -0 --separate-stderr ipctool fifo-stat -rno NAME,STATE "$tid"
	matches "/p opening-read"
	run -1 --separate-stderr ipctool fifo-stat --why 999999999
	stderr_matches "^ipctool fifo-stat: 999999999: no such process"
}

@test "each operand of --why is answered, whatever was shown before" {
	local read open
	mkfifo q q.other
	background "$TOOLS_DIR/waiter" two q
	wait_until state_is reading q
	wait_until state_is opening-read q.other
	read=$(ipctool fifo-stat -rno TID q 2>/dev/null)
	open=$(ipctool fifo-stat -rno TID q.other 2>/dev/null)
	local operands
	for operands in "q q.other" "q.other q" "$read $open" "$open $read" \
	    "$PID"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool fifo-stat --why -n $operands
		matches "waits for data in (.*/)?q"
		matches "root cause: waiter \($PID\) waits in open of (.*/)?q.other for a writer"
		lacks "has gone"
	done
	run -0 --separate-stderr ipctool fifo-stat --why -n q q
	(($(grep -c "see above" <<< "$output") == 1))
	run -0 --separate-stderr ipctool fifo-stat --why -n q "$PID"
	matches "root cause: waiter \($PID\) waits in open of"
}

@test "a parent in vfork waits for its child" {
	mkfifo q
	background "$TOOLS_DIR/waiter" vfork q
	local parent=$PID child
	wait_until pgrep -P "$parent"
	child=$(pgrep -P "$parent")
	wait_until doing_is child "$parent"
	no_deadlock "waiter \($child\) waits in pause" "$parent"
	matches "waiter +$parent child .*waits for a child to run its program, or to end"
}

@test "a parent in posix_spawn waits for a child that opens a FIFO" {
	mkfifo q
	background "$TOOLS_DIR/waiter" spawn q
	local parent=$PID child
	wait_until state_is opening-read q
	child=$(pgrep -P "$parent")
	wait_until doing_is child "$parent"
	no_deadlock "waiter \($child\) waits in open of .*q for a writer" "$parent"
	: > q
}

@test "a process that its cgroup has frozen is in no deadlock" {
	need_root
	local group=/sys/fs/cgroup/unified/ipctool-$$
	[[ -d ${group%/*} ]] || group=/sys/fs/cgroup/ipctool-$$
	mkdir "$group" 2>/dev/null || skip "no cgroup can be made"
	if [[ ! -e $group/cgroup.freeze ]]; then
		rmdir "$group"
		skip "cgroup v2 is not mounted"
	fi
	local first second
	cycle
	echo "$first" > "$group/cgroup.procs"
	echo 1 > "$group/cgroup.freeze"
	local frozen=0
	wait_until doing_is frozen "$first" && frozen=1
	run --separate-stderr ipctool fifo-stat --why "$second"
	echo 0 > "$group/cgroup.freeze"
	die_pid "$first"
	wait_until rmdir "$group"
	((frozen == 1 && status == 0))
	matches "root cause: cat \($first\) is frozen by its cgroup"
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

@test "a hundred that poll what a hundred hold are told in a few lines each" {
	need perl
	local how perl
	# Alone, and with a pipe of its own.
	for how in shared own; do
		mkfifo $how
		# shellcheck disable=SC2016
		background perl -e 'my $how = $ARGV[0]; open(my $q, "+<", $how);
		    for (1 .. 100) { fork or do {
			pipe(my $r, my $w); my $set = "";
			vec($set, fileno($q), 1) = 1;
			vec($set, fileno($r), 1) = 1 if $how eq "own";
			select($set, undef, undef, undef); exit } }
		    sleep 1000' "$how"
		perl=$PID
		few_lines() {
			run --separate-stderr ipctool fifo-stat --why -rn \
			    "$how"
			(($(grep -c " polling " <<< "$output") >= 100)) &&
			    ((${#lines[@]} <= 510))
		}
		wait_until few_lines
		# shellcheck disable=SC2046
		kill $(pgrep -P "$perl")
		die_pid "$perl"
	done
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
