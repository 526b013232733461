#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common
load lib/fifo-stat

# Each test that should hold however the commands are joined runs in both
# ways: directly, and relayed (-T has to see the bytes).
ways=("-q" "-T 60")

@test "two commands talk to each other" {
	local way

	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool duplex $way sh -c \
		    'echo question; read -r answer; echo "$answer" > left' \
		    :: sh -c 'read -r q; echo "$q?"; echo "$q" > right'
		is ""
		stderr_is ""
		[[ $(< left) == "question?" && $(< right) == question ]]
	done
}

@test "one command talks to us, and - is us on either side" {
	local way

	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		{
		run -0 --separate-stderr ipctool duplex $way tr a-z A-Z <<< abc
		is ABC
		run -0 --separate-stderr ipctool duplex $way - :: tr a-z A-Z \
		    <<< abc
		is ABC
		run -0 --separate-stderr ipctool duplex $way tr a-z A-Z :: - \
		    <<< abc
		is ABC
		stderr_is ""
		}
	done
}

@test "the options of a command are its own" {
	run -0 --separate-stderr ipctool duplex -- echo -n --help -T
	is "--help -T"
	run -0 --separate-stderr ipctool duplex echo -q --version
	is "-q --version"
	run -0 ipctool duplex -q -- cat :: sh -c 'exit 0'
}

@test "the end of our input ends a cat in the middle" {
	local way

	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool duplex $way cat < /dev/null
		is ""
		# shellcheck disable=SC2086
		run -0 --separate-stderr bash -c \
		    'printf abc | "$IPCTOOL" duplex "$@" cat' bash $way
		is abc
	done
}

@test "the end of one command's output is passed on at once, the other way goes on" {
	local way

	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		run -0 ipctool duplex $way \
		    sh -c 'echo one; exec >&-; cat > left' :: \
		    sh -c 'cat > right; echo two'
		[[ $(< left) == two && $(< right) == one ]]
	done
}

@test "a command that closes its output ends what reads ours, at once" {
	local way n

	mkfifo control
	for way in "${ways[@]}"; do
		# The command goes on until the reader has seen the end.
		# shellcheck disable=SC2086
		run -0 --separate-stderr limited bash -o pipefail -c \
		    '"$IPCTOOL" duplex "$@" sh -c \
			"echo hello; exec >&-; read -r line < control" |
		    { cat; echo line > control; }' bash $way
		is hello
	done
}

@test "a command that closes its input is seen by what writes to us, at once" {
	local way

	for way in "${ways[@]}"; do
		rm -f control
		mkfifo control
		# shellcheck disable=SC2086
		run -0 --separate-stderr limited bash -c \
		    '{ env --default-signal=PIPE yes 2>/dev/null
		       echo line > control; } |
		    "$IPCTOOL" duplex "$@" \
			sh -c "exec <&-; read -r line < control"' bash $way
	done
}

@test "the status is that of the command that failed" {
	local way left right wanted

	for way in "${ways[@]}"; do
		while read -r left right wanted; do
			# shellcheck disable=SC2086
			run "-$wanted" --separate-stderr ipctool duplex $way \
			    sh -c "$(tr _ ' ' <<< "$left")" :: \
			    sh -c "$(tr _ ' ' <<< "$right")"
			stderr_is ""
		done <<- END
			exit_0 exit_0 0
			exit_3 exit_0 3
			exit_0 exit_3 3
			exit_255 exit_0 255
			kill_-9_\$\$ exit_0 137
			exit_0 kill_-9_\$\$ 137
			exit_0 kill_-TERM_\$\$ 143
			kill_-PIPE_\$\$ exit_0 141
		END
		# shellcheck disable=SC2086
		run -3 ipctool duplex $way sh -c 'exit 3' < /dev/null
		# shellcheck disable=SC2086
		run -3 ipctool duplex $way - :: sh -c 'exit 3' < /dev/null
	done
}

# The second waits until the first is no zombie any more either.
first_is_reaped='while kill -0 "$(cat pid)"; do sleep 0.01; done 2> /dev/null'

@test "of two commands that failed, the status is that of the first in time" {
	local way

	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		{
		run -3 ipctool duplex $way sh -c 'echo $$ > pid; exit 3' :: \
		    sh -c "cat; $first_is_reaped; exit 4"
		run -4 ipctool duplex $way \
		    sh -c "cat; $first_is_reaped; exit 3" :: \
		    sh -c 'echo $$ > pid; exit 4'
		}
	done
}

@test "a command that is not there is 127, one that cannot be run 126" {
	local way

	: > plain
	chmod 644 plain
	mkdir dir
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		{
		run -127 --separate-stderr ipctool duplex $way ./missing :: true
		stderr_is "ipctool duplex: ./missing: No such file or directory"
		run -127 --separate-stderr ipctool duplex $way true :: \
		    no-such-command
		stderr_is "ipctool duplex: no-such-command: No such file or directory"
		run -127 ipctool duplex $way no-such-command < /dev/null
		run -126 --separate-stderr ipctool duplex $way ./plain :: true
		stderr_is "ipctool duplex: ./plain: Permission denied"
		run -126 --separate-stderr ipctool duplex $way true :: ./dir
		stderr_is "ipctool duplex: ./dir: Permission denied"
		}
	done
}

@test "a command that is nowhere is 127 also if PATH may not be searched" {
	need_root
	need setpriv
	mkdir -m 700 closed
	chmod 755 . "$BATS_TEST_TMPDIR"
	setpriv --reuid=65534 --clear-groups test -x "$IPCTOOL" ||
	    skip "nobody else may run the program here"
	PATH=$PWD/closed:$PATH run -127 --separate-stderr \
	    setpriv --reuid=65534 --clear-groups timeout 20 "$IPCTOOL" \
	    duplex no-such-command
	stderr_is "ipctool duplex: no-such-command: No such file or directory"
}

@test "when the second command cannot be run the first is ended" {
	mkfifo alive
	exec {alive}<> alive
	# By TERM, not by the KILL that follows 2 s later
	beats 1.9 run -127 ipctool duplex \
	    sh -c 'echo up > alive; exec sleep 1000' :: no-such-command
	exec {alive}>&-
	unheld alive
}

@test "what is no command line is a usage error" {
	run -2 --separate-stderr ipctool duplex -
	stderr_matches "^ipctool duplex: at least one side must be a command"
	run -2 --separate-stderr ipctool duplex - :: -
	run -2 --separate-stderr ipctool duplex :: cat
	stderr_matches "^ipctool duplex: a side without a command"
	run -2 --separate-stderr ipctool duplex cat ::
	run -2 --separate-stderr ipctool duplex ::
	run -2 --separate-stderr ipctool duplex cat :: cat :: cat
	stderr_matches "^ipctool duplex: more than two sides"
	run -2 --separate-stderr ipctool duplex - x :: cat
	stderr_matches "^ipctool duplex: '-' takes no argument"
	run -2 --separate-stderr ipctool duplex --
}

@test "--separator is what stands between the sides instead of two colons" {
	run -0 --separate-stderr ipctool duplex --separator=++ \
	    sh -c 'echo "$1" > left' sh :: ++ cat
	stderr_is ""
	[[ $(< left) == :: ]]
	run -2 --separate-stderr ipctool duplex --separator= cat
	stderr_matches "^ipctool duplex: the separator is empty"
	run -2 --separate-stderr ipctool duplex --separator=++ cat ++
	stderr_matches "^ipctool duplex: a side without a command"
}

@test "--fds are the numbers under which the sides have their ends" {
	local way

	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		{
		run -0 --separate-stderr ipctool duplex $way --fds=0,1:5,3 \
		    sh -c 'echo question; read -r a; echo "$a" > left' :: \
		    sh -c 'read -r q <&5; echo "$q?" >&3; cat > right' <<< ours
		stderr_is ""
		[[ $(< left) == "question?" && $(< right) == ours ]]
		# One pair is for both.  Crossed, one has to get out of the way.
		run -0 --separate-stderr ipctool duplex $way --fds=4,3 \
		    sh -c 'echo one >&3; read -r a <&4; echo "$a" > left' :: \
		    sh -c 'read -r q <&4; echo "$q two" >&3; echo over'
		is over
		[[ $(< left) == "one two" ]]
		run -0 --separate-stderr ipctool duplex $way --fds=1,0 \
		    sh -c 'read -r l <&1; echo "$l, $l" >&0' <<< hello
		is "hello, hello"
		run -0 --separate-stderr ipctool duplex $way --fds=7,8 \
		    sh -c 'read -r l <&7; echo "$l" >&8' <<< hello
		is hello
		run -127 --separate-stderr ipctool duplex $way --fds=3,4 \
		    true :: ./missing
		stderr_is "ipctool duplex: ./missing: No such file or directory"
		}
	done
}

@test "--fds: a command has these two more, and nothing else of ours" {
	local way name

	limited "$TOOLS_DIR/fdlist" none < /dev/null
	{ numbers none; printf '%s\n' 7 9; } | sort -n > wanted
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		limited "$IPCTOOL" duplex $way --fds=9,7 \
		    "$TOOLS_DIR/fdlist" left :: "$TOOLS_DIR/fdlist" right \
		    < /dev/null
		for name in left right; do
			same wanted <(numbers "$name" | sort -n)
		done
	done
}

@test "--fds that are none are a usage error" {
	local fds

	for fds in "" 1 1,2,3 1,2: :1,2 1,2:3 1,2:3,4:5,6 a,b -1,2 1K,2 3,3 \
	    1,2:4,4 1,99999999; do
		run -2 --separate-stderr ipctool duplex "--fds=$fds" true
		stderr_matches "^ipctool duplex: "
	done
}

@test "--status takes the status of the first or of the last side" {
	local way left right first last

	for way in "${ways[@]}"; do
		while read -r left right first last; do
			# shellcheck disable=SC2086
			{
			run "-$first" ipctool duplex $way --status=first \
			    sh -c "exit $left" :: sh -c "exit $right"
			run "-$last" ipctool duplex $way --status=last \
			    sh -c "exit $left" :: sh -c "exit $right"
			}
		done <<- END
			0 0 0 0
			3 0 3 0
			0 4 0 4
			3 4 3 4
		END
		# shellcheck disable=SC2086
		run -124 ipctool duplex $way --status=last -t 0.1 true :: \
		    sleep 1000
	done
	run -2 ipctool duplex --status=both true :: true
	run -2 --separate-stderr ipctool duplex --status=last true
	stderr_matches "^ipctool duplex: --status: that side is no command"
}

@test "--half-close limits the silence after one direction has ended" {
	# The one that sleeps has said that it reads no more.
	timed run -124 --separate-stderr ipctool duplex --half-close=0.3 \
	    sh -c 'echo hello; exec >&-; exec sleep 1000' :: \
	    sh -c 'cat; exec sleep 1000'
	stderr_is "ipctool duplex: sh: cut off after a silence (--half-close)
ipctool duplex: sh: cut off after a silence (--half-close)"
	at_least 300 "$elapsed"
	# Its last words are lost, and that is said.
	run -124 --separate-stderr limited "$IPCTOOL" duplex \
	    --half-close=300ms - :: sh -c 'sleep 1000; echo late' < /dev/null
	stderr_is "ipctool duplex: sh: cut off after a silence (--half-close)"
	# Only the side that counts decides.
	run -0 --separate-stderr limited "$IPCTOOL" duplex --status=first \
	    --half-close=300ms true :: sleep 1000
	stderr_is "ipctool duplex: sleep: cut off after a silence (--half-close)"
	# Not while something is said.
	tries 8 talks_on
	[[ $(< got) == 20 ]]
	# Not before one has ended.
	timed run -0 ipctool duplex --half-close=0.1 sleep 0.5 :: cat
	at_least 500 "$elapsed"
	# What failed before counts.
	run -3 ipctool duplex --half-close=0.3 sh -c 'exit 3' :: sleep 1000
}

# One try: the machine may be slower than the limit.
talks_on() {
	run -0 --separate-stderr ipctool duplex \
	    --half-close="$(longer 1000)" \
	    "$TOOLS_DIR/peer-write" --bytes=20 --chunk=1 --delay=100000 :: \
	    sh -c 'exec >&-; exec "$TOOLS_DIR/peer-check" --bytes=20 > got'
}

@test "a time-out ends what the commands have started, too" {
	local way

	for way in "${ways[@]}"; do
		rm -f alive
		mkfifo alive
		exec {alive}<> alive
		# shellcheck disable=SC2086
		timed run -124 --separate-stderr ipctool duplex $way -t 0.3 \
		    sh -c 'sleep 1000 < alive; echo' :: \
		    sh -c '(sleep 1000 < alive; :) & sleep 1000; :'
		exec {alive}>&-
		at_least 300 "$elapsed"
		unheld alive
	done
}

@test "a signal ends what the commands have started, also if they ignore TERM" {
	mkfifo alive
	exec {alive}<> alive
	background ipctool duplex \
	    sh -c '(trap "" TERM; : > one; sleep 1000 < alive; :) & wait' :: \
	    sh -c ': > two; sleep 1000 < alive; :'
	wait_until test -e one
	wait_until test -e two
	kill "$PID"
	ends_with 143 "$PID"
	exec {alive}>&-
	unheld alive
}

@test "a time-out leaves alone what has left the session, and what is not ours" {
	need setsid
	mkfifo alive
	exec {alive}<> alive
	cat > away.sh <<- 'END'
		echo $$ > away
		exec sleep 1000
	END
	cat > all.sh <<- 'END'
		# Whoever goes on must not hold up the test.
		exec > /dev/null 2>&1
		sleep 1000 < alive &
		echo $! > born
		exec "$IPCTOOL" duplex -t "$1" \
		    sh -c "setsid sh away.sh & sleep 1000"
	END
	tries 8 leaves_alone
	exec {alive}>&-
}

# One try: setsid(1) may come too late.
leaves_alone() {
	local result=0

	: > away
	run -124 limited bash all.sh "$(longer 300)" 3>&- || result=1
	gone "$(< born)" && result=1
	[[ -s away ]] && ! gone "$(< away)" || result=1
	kill "$(< born)" "$(< away)" || :
	return "$result"
}

@test "what a command leaves in the background at its end goes on" {
	local way

	for way in "${ways[@]}"; do
		rm -f left
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool duplex $way sh -c \
		    'sleep 1000 <&- >&- 2>&- 3>&- & echo $! > left' :: cat 3>&-
		stderr_is ""
		run ! gone "$(< left)"
		kill "$(< left)"
	done
}

@test "who keeps the pipe of a command that has ended is named" {
	local way

	for way in "-t 60" "-T 60"; do
		rm -f left
		# shellcheck disable=SC2086
		background ipctool duplex $way sh -c \
		    'sleep 1000 & echo $! > left' :: cat 2> err
		local duplex=$PID
		wait_until test -s err
		compare_text err "ipctool duplex: sh has ended, but process $(< left) (sleep) keeps its output open" \
		    "$(< err)"
		kill "$(< left)"
		ends_with 0 "$duplex"
	done
}

@test "the end of an answer is passed on where 0 and 1 are one socket" {
	need socat
	cat > answerer <<- 'END'
		#!/bin/sh
		# socat ends what it has started before that has ended.
		trap "" TERM
		exec "$IPCTOOL" duplex -T 20 sh -c \
		    "echo hello; exec >&-; cat > heard"
	END
	chmod +x answerer
	background limited socat -t 20 UNIX-LISTEN:socket EXEC:./answerer
	wait_until test -S socket
	# It says something only after the end of what it hears.
	run -0 limited socat -t 20 UNIX-CONNECT:socket \
	    SYSTEM:'cat > said; echo thanks'
	ends_with 0 "$PID"
	[[ $(< said) == hello ]]
	wait_until grep -qx thanks heard
}

@test "--timeout ends the commands and is 124" {
	local way

	for way in "${ways[@]}"; do
		mkfifo alive
		exec {alive}<> alive
		# shellcheck disable=SC2086
		timed run -124 --separate-stderr ipctool duplex $way -t 0.2 \
		    sh -c 'exec sleep 1000 < alive' :: \
		    sh -c 'exec sleep 1000 < alive'
		exec {alive}>&-
		stderr_is "ipctool duplex: not done within 0.2s (--timeout)"
		at_least 200 "$elapsed"
		unheld alive
		rm alive
	done
}

@test "a time-out ends a command that ignores TERM by KILL after 2 s" {
	tries 8 takes_two_seconds
	stderr_is "ipctool duplex: not done within $(longer 100) (--timeout)"
}

# One try: the command may not have come to ignore it yet.
takes_two_seconds() {
	timed run -124 --separate-stderr ipctool duplex -t "$(longer 100)" \
	    sh -c 'trap "" TERM; exec sleep 1000' < /dev/null &&
	    at_least 2100 "$elapsed"
}

@test "a time-out sends TERM first, which a command may use to clean up" {
	tries 8 cleans_up
}

# One try: the traps may not be set yet.
cleans_up() {
	run -124 --separate-stderr ipctool duplex -t "$(longer 200)" \
	    bash -c 'trap "echo cleaned; exit 0" TERM
		while :; do read -r -t 1 <> <(:) || :; done' :: \
	    bash -c 'trap "" TERM; cat > out' &&
	    [[ $(< out) == cleaned ]]
}

@test "--idle-timeout: nothing moves between the commands" {
	timed run -124 --separate-stderr ipctool duplex -T 0.3 \
	    sh -c 'echo hello; exec sleep 1000' :: \
	    sh -c 'read -r line; exec sleep 1000'
	stderr_matches "^ipctool duplex: .*nothing moved for 0.3s \(--idle-timeout\)$"
	at_least 300 "$elapsed"
}

@test "--idle-timeout does not disturb commands that talk" {
	tries 8 is_not_disturbed
	stderr_is ""
	[[ $(< got) == 10 ]]
}

# One try, as above
is_not_disturbed() {
	run -0 --separate-stderr ipctool duplex -T "$(longer 500)" \
	    "$TOOLS_DIR/peer-write" --bytes=10 --chunk=1 --delay=100000 :: \
	    sh -c 'exec "$TOOLS_DIR/peer-check" --bytes=10 > got'
}

@test "--idle-timeout counts while a command lives that has closed its ends" {
	timed run -124 --separate-stderr limited "$IPCTOOL" duplex -T 0.3 \
	    sh -c 'exec sleep 1000 <&- >&-' :: true
	at_least 300 "$elapsed"
}

@test "a command that failed before the time-out decides the status" {
	local option

	for option in -t -T; do
		tries 8 fails_first "$option"
		stderr_matches "^ipctool duplex: "
	done
}

# One try: the command may end too late.
fails_first() {
	run -3 --separate-stderr limited "$IPCTOOL" duplex \
	    "$1" "$(longer 300)" sh -c 'exit 3' :: sleep 1000
}

# how COMMAND...: run it; its process id into how.pid, and how it ended, as
# its parent sees it, into how.end
how() {
	perl -e '
		my $pid = fork;
		exec(@ARGV) if $pid == 0;
		open(my $f, ">", "how.pid"); print $f "$pid\n"; close($f);
		waitpid($pid, 0);
		open($f, ">", "how.end");
		print $f ($? & 127) ? "signal " . ($? & 127) :
		    "exit " . ($? >> 8);
		close($f);
	' "$@"
}

# The shell has the terminal again: what is typed earlier may get lost.
at_prompt() {
	[[ $(on_tmux capture-pane -p -t it | grep .) =~ (^|$'\n')'ready>'\ *$ ]]
}

@test "in a terminal Ctrl-Z stops all, fg goes on, and Ctrl-C ends all" {
	local keys n way

	need tmux
	keys="on_tmux send-keys -t it"
	cat > talker <<- 'END'
		while IFS= read -r line; do
			echo "<$line>"
			sleep 0.01
		done
	END
	# What is typed while the shell has the terminal may get lost: again.
	type_until_seen() {
		$keys "$1" Enter
		for ((n = 0; n < 100; n++)); do
			! screen_has "^<$1>$" || return 0
			sleep 0.01
		done
		return 1
	}
	for way in -q "-T 60"; do
		on_tmux -f /dev/null new-session -d -s it \
		    env PS1='ready> ' bash --norc --noprofile 3>&-
		wait_until at_prompt
		$keys "'$IPCTOOL' duplex $way sh talker" Enter
		wait_until type_until_seen hello
		$keys C-z
		wait_until screen_has 'Stopped'
		wait_until at_prompt
		$keys 'clear; fg' Enter
		wait_until type_until_seen again
		$keys C-c
		wait_until at_prompt
		$keys 'echo "ended $?"' Enter
		wait_until screen_has '^ended 130$'
		end_tmux
	done
}

@test "TERM, INT and HUP end the commands, and duplex dies of the same" {
	local way signal

	need perl
	export -f how
	for way in "${ways[@]}"; do
		for signal in 15 2 1; do
			rm -f how.pid alive started
			mkfifo alive
			exec {alive}<> alive
			# shellcheck disable=SC2086
			background bash -c 'how "$@"' bash "$IPCTOOL" duplex \
			    $way sh -c 'exec sleep 1000 < alive' :: \
			    sh -c ': > started; exec sleep 1000 < alive'
			wait_until test -e started
			wait_until test -s how.pid
			kill -"$signal" "$(< how.pid)"
			ends_with 0 "$PID"
			exec {alive}>&-
			compare_text end "signal $signal" "$(< how.end)"
			unheld alive
		done
	done
}

@test "a signal that was inherited as ignored ends nothing" {
	mkfifo q
	background "$TOOLS_DIR/launch" --ignore=HUP --ignore=INT \
	    --ignore=TERM "$IPCTOOL" duplex sh -c 'cat < q' :: cat
	local duplex=$PID
	exec {q}<> q
	wait_until state_is reading q
	wait_until quiet "$duplex"
	kill -HUP "$duplex"
	kill -INT "$duplex"
	kill -TERM "$duplex"
	kill -USR1 "$duplex"
	run ! gone "$duplex"
	exec {q}>&-
	ends_with 0 "$duplex"
}

@test "commands get 0, 1 and 2, what else was inherited, and nothing of ours" {
	local way

	limited "$TOOLS_DIR/fdlist" none < /dev/null
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		limited "$IPCTOOL" duplex $way "$TOOLS_DIR/fdlist" left :: \
		    "$TOOLS_DIR/fdlist" right < /dev/null
		# shellcheck disable=SC2086
		limited "$IPCTOOL" duplex $way "$TOOLS_DIR/fdlist" one \
		    < /dev/null
		local name
		for name in left right one; do
			same <(numbers none) <(numbers "$name")
		done
	done
}

numbers() {
	sed -n 's/^fd \([0-9]*\) .*/\1/p' "$1"
}

@test "commands get the mask and the dispositions that we inherited" {
	local way

	# A sanitizer in fdlist would add dispositions of its own.
	export ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:handle_sigfpe=0
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		limited env --default-signal "$TOOLS_DIR/launch" --ignore=PIPE \
		    --ignore=USR1 --ignore=CHLD --ignore=HUP --ignore=XFSZ \
		    --block=USR2 --block=INT "$IPCTOOL" duplex $way \
		    "$TOOLS_DIR/fdlist" left :: "$TOOLS_DIR/fdlist" right \
		    < /dev/null
		same left right
		same <(grep -E '^(blocked|ignored)' left) <(printf '%s\n' \
		    'blocked INT' 'blocked USR2' 'ignored HUP' \
		    'ignored USR1' 'ignored PIPE' 'ignored CHLD' \
		    'ignored XFSZ')
		# shellcheck disable=SC2086
		limited env --default-signal "$IPCTOOL" duplex $way \
		    "$TOOLS_DIR/fdlist" left :: "$TOOLS_DIR/fdlist" right
		run -1 grep -E '^(blocked|ignored)' left right
	done
}

@test "statuses are right where SIGCHLD was inherited as ignored or blocked" {
	local way option

	for way in "${ways[@]}"; do
		for option in --ignore=CHLD --block=CHLD --child; do
			# shellcheck disable=SC2086
			{
			run -3 limited "$TOOLS_DIR/launch" "$option" \
			    "$IPCTOOL" duplex $way sh -c 'exit 3' :: true
			run -0 limited "$TOOLS_DIR/launch" "$option" \
			    "$IPCTOOL" duplex $way true :: true
			}
		done
	done
}

@test "after a KILL of duplex its commands are gone" {
	local way

	for way in "${ways[@]}"; do
		rm -f alive one two
		mkfifo alive
		exec {alive}<> alive
		# shellcheck disable=SC2086
		background ipctool duplex $way \
		    sh -c 'trap "" TERM HUP; : > one; exec sleep 1000 < alive' :: \
		    sh -c ': > two; exec sleep 1000 < alive'
		wait_until test -e one
		wait_until test -e two
		local children
		children=$(cat "/proc/$PID/task/$PID/children")
		kill -KILL "$PID"
		ends_with 137 "$PID"
		exec {alive}>&-
		local child
		for child in $children; do
			wait_until gone "$child"
		done
	done
}

@test "no command is left as a zombie while the other one goes on" {
	local way

	for way in "${ways[@]}"; do
		rm -f one
		# shellcheck disable=SC2086
		background ipctool duplex $way sh -c 'echo $$ > one' :: \
		    sleep 1000
		wait_until test -s one
		wait_until test ! -e "/proc/$(< one)"
		kill "$PID"
		ends_with 143 "$PID"
	done
}

@test "each other's end of input comes through, however often" {
	local n way

	for way in "${ways[@]}"; do
		for ((n = 0; n < 20; n++)); do
			# shellcheck disable=SC2086
			run -0 ipctool duplex $way sh -c \
			    'echo "$1"; exec >&-; cat > left' sh "$n" :: \
			    sh -c 'cat > right; cat right'
			[[ $(< left) == "$n" && $(< right) == "$n" ]]
		done
	done
}

@test "1 MiB goes both ways at the same time, unchanged" {
	local way

	cat > both <<- 'END'
		#!/bin/bash
		# both SEED-OUT SEED-IN: write and check at the same time
		"$TOOLS_DIR/peer-write" --bytes=1M --seed="$1" &
		"$TOOLS_DIR/peer-check" --bytes=1M --seed="$2" > /dev/null ||
		    exit
		wait $!
	END
	sed -i 's/^ *wait/exec >\&-; wait/; s/&$/\& exec >\&-/' both
	chmod +x both
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool duplex $way \
		    ./both 1 2 :: ./both 2 1
		stderr_is ""
	done
}

@test "a command that stops reading is no failure, its status counts" {
	local way

	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool duplex $way \
		    sh -c 'seq 100000 2>/dev/null; exit 0' :: \
		    sh -c 'read -r line'
		stderr_is ""
		# shellcheck disable=SC2086
		run -141 --separate-stderr ipctool duplex $way \
		    seq 1000000 :: sh -c 'read -r line'
		stderr_is ""
	done
}

@test "a command that ends is noticed while our input is silent" {
	local way

	mkfifo q
	exec {q}<> q
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		run -3 ipctool duplex $way sh -c 'exit 3' < q
	done
	exec {q}>&-
}

@test "when the reader of our output has gone we die of SIGPIPE, silently" {
	local status way

	make_dead
	for way in "${ways[@]}"; do
		status=0
		# shellcheck disable=SC2086
		ipctool duplex $way yes 1>&"$DEAD" 2> err < /dev/null ||
		    status=$?
		((status == 141))
		size_is 0 err
	done
}

@test "a git clone goes through two pipes, and its status is kept" {
	local way

	need git
	export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
	git init -q -b main origin
	random_file 300000 origin/data
	git -C origin add data
	git -C origin -c user.name=n -c user.email=e@example.org \
	    commit -q -m first
	# git wants its two descriptors by number; its own 0 and 1 are free.
	cat > client <<- 'END'
		#!/bin/sh
		exec git clone -q fd::3,4 "$1" 3<&0 4>&1 < /dev/null \
		    > clone.log 2>&1
	END
	chmod +x client
	for way in "${ways[@]}"; do
		rm -rf copy none
		# shellcheck disable=SC2086
		run -0 --separate-stderr ipctool duplex $way \
		    git upload-pack origin :: ./client copy
		stderr_is ""
		same origin/data copy/data
		git -C copy fsck --strict 2> /dev/null
		# shellcheck disable=SC2086
		run -128 --separate-stderr ipctool duplex $way \
		    git upload-pack missing :: ./client none
		stderr_matches "missing"
		[[ ! -e none ]]
	done
}

@test "--stats says that directly joined commands pass no counters" {
	run -0 --separate-stderr ipctool duplex --stats true :: true
	stderr_matches "^ipctool duplex: commands are joined directly: no bytes were counted"
	need jq
	run -3 --separate-stderr ipctool duplex --stats=json sh -c 'exit 3' :: true
	echo "$stderr" > json
	run -0 jq -r '.stats[0] | "\(.command) \(.transport) \(.bytes_in) \(.bytes_out) \(.status)"' json
	is "duplex direct null null 3"
}

@test "--stats counts both directions of a relay" {
	run -0 --separate-stderr ipctool duplex -T 60 --stats \
	    sh -c 'echo hello; cat > left' :: sh -c 'read -r l; echo "$l, $l"'
	stderr_matches '^ipctool duplex: 19 bytes \(19 B\) in '
	stderr_matches $'\n''ipctool duplex: sh -> sh: 6 in, 6 out, waited '
	stderr_matches $'\n''ipctool duplex: sh -> sh: 13 in, 13 out, waited '
	need jq
	run -0 --separate-stderr ipctool duplex -T 60 --stats=json cat :: \
	    sh -c 'echo hello; exec >&-; cat > right'
	echo "$stderr" > json
	run -0 jq -c '[.stats[] | [.bytes_in, .bytes_out, .transport]]' json
	is '[[6,6,"splice"],[6,6,"splice"]]'
}

@test "SIGUSR1 is answered while commands run" {
	local way

	mkfifo q
	for way in "${ways[@]}"; do
		# shellcheck disable=SC2086
		background ipctool duplex $way cat q :: cat 2> err
		local duplex=$PID
		exec {q}<> q
		wait_until state_is reading q
		wait_until quiet "$duplex"
		kill -USR1 "$duplex"
		wait_until grep -q '^ipctool duplex: ' err
		run ! gone "$duplex"
		exec {q}>&-
		ends_with 0 "$duplex"
	done
}

@test "relayed data is the same as that of the pipe" {
	random_file 3M data
	run -0 bash -c '"$IPCTOOL" duplex -T 60 cat < data | cmp - data'
	run -0 bash -c '"$IPCTOOL" duplex cat < data | cmp - data'
	limited "$IPCTOOL" duplex -T 60 cat < data > out
	same data out
}
