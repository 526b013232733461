#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2034 # what lib/common and run set, and use

load lib/common

setup() {
	common_setup
	mkfifo q silent
}

# Every state in which a command waits for something.  start STATE: begin it
# in the background, as what LAUNCH (launch's options) says, and wait until it
# is there.  What its parent saw of its end is in how.end, its process id is
# $RUN.
STATES=(read-writer read-silent follow write-reader write-silent write-full
    relay-silent relay-full relay-fifo)

start() {
	local command redirect="<> silent > out"

	case $1 in
	read-writer)
		command="fifo-read q" ;;
	read-silent)
		hold rw q
		command="fifo-read q" ;;
	follow)
		command="fifo-read -f q" ;;
	write-reader)
		command="fifo-write q" ;;
	write-silent)
		hold r q
		command="fifo-write q" ;;
	write-full)
		hold r q
		command="fifo-write q" redirect="< /dev/zero > out" ;;
	relay-silent)
		command="pipe-relay" ;;
	relay-full)
		hold r q
		command="pipe-relay" redirect="< /dev/zero 1<> q" ;;
	relay-fifo)
		command="pipe-relay -i q -o out" ;;
	esac
	rm -f how.pid how.end
	# shellcheck disable=SC2086
	background perl -e '
		my $pid = fork;
		exec(@ARGV) if $pid == 0;
		open(my $f, ">", "how.tmp"); print $f "$pid\n"; close($f);
		rename("how.tmp", "how.pid");
		waitpid($pid, 0);
		open($f, ">", "how.end");
		print $f ($? & 127) ? "signal " . ($? & 127) :
		    "exit " . ($? >> 8);
	' "$TOOLS_DIR/launch" ${LAUNCH-} bash -c \
	    "exec \"\$IPCTOOL\" $command $redirect 2> err"
	PARENT=$PID
	wait_until test -e how.pid
	RUN=$(< how.pid)
	wait_until waits "$1"
}

# It is the program, and it has come to rest in that state.
waits() {
	[[ /proc/$RUN/exe -ef $IPCTOOL ]] || return 1
	case $1 in
	write-reader)
		opening "$RUN" ;;
	relay-silent)
		asleep "$RUN" ;;
	*)
		asleep "$RUN" && holds "$RUN" q ;;
	esac
}

ended() {
	ends_with 0 "$PARENT"
	compare_text "$STATE" "$1" "$(< how.end)"
}

forget() {
	common_teardown
	pids=()
	rm -f q err out
	mkfifo q
}

@test "INT, TERM and HUP end every wait, silently, and we die of the same" {
	local signal

	need perl
	for STATE in "${STATES[@]}"; do
		for signal in 2 15 1; do
			start "$STATE"
			kill -"$signal" "$RUN"
			ended "signal $signal"
			size_is 0 err
			forget
		done
	done
}

@test "a signal that was inherited as ignored ends no wait" {
	local signal LAUNCH="--ignore=INT --ignore=HUP"

	need perl
	for STATE in "${STATES[@]}"; do
		start "$STATE"
		kill -HUP "$RUN"
		kill -INT "$RUN"
		# It is let in before the next one.
		kill -USR1 "$RUN"
		wait_until test -s err
		run ! gone "$RUN"
		kill -TERM "$RUN"
		ended "signal 15"
		forget
	done
}

@test "a signal that was inherited as blocked stays so" {
	local LAUNCH="--block=TERM"

	need perl
	for STATE in read-writer write-reader relay-silent; do
		start "$STATE"
		kill -TERM "$RUN"
		kill -USR1 "$RUN"
		wait_until test -s err
		run ! gone "$RUN"
		kill -INT "$RUN"
		ended "signal 2"
		forget
	done
}

@test "SIGUSR1 prints the counters in every wait and ends none" {
	local LAUNCH n

	need perl
	for LAUNCH in --unblock=USR1 --ignore=USR1 --block=USR1; do
		for STATE in "${STATES[@]}"; do
			start "$STATE"
			for n in 1 2; do
				kill -USR1 "$RUN"
				wait_until lines "$n"
			done
			run ! gone "$RUN"
			kill -KILL "$RUN"
			ended "signal 9"
			forget
		done
	done
}

# lines N: so many runs were reported
lines() {
	[[ $(grep -cE '^ipctool [a-z-]+: [0-9]+ bytes? \(' err) == "$1" ]]
}

@test "a stop and a continue change nothing in any wait" {
	need perl
	for STATE in "${STATES[@]}"; do
		start "$STATE"
		kill -STOP "$RUN"
		wait_until stopped "$RUN"
		kill -CONT "$RUN"
		wait_until waits "$STATE"
		kill -TERM "$RUN"
		ended "signal 15"
		size_is 0 err
		forget
	done
}

@test "after a stop the data goes on as if nothing had been" {
	need perl
	STATE="read-writer"
	start read-writer
	kill -STOP "$RUN"
	wait_until stopped "$RUN"
	put hello q
	kill -CONT "$RUN"
	ended "exit 0"
	[[ $(< out) == hello ]]
}

@test "other signals do what they always do" {
	need perl
	for STATE in read-writer write-reader relay-silent; do
		start "$STATE"
		kill -USR2 "$RUN"
		ended "signal 12"
		forget
	done
}

@test "a limit on the size of files is an error like any other, of any command" {
	local command end

	mkdir d
	random_file 300000 data
	# What is appended to this one is too much.
	head -c 100k data > full
	for command in 'pipe-relay < data > out' 'pipe-relay < data >> full' \
	    'pipe-relay -o out -o two < data' 'pipe-relay --tap=out < data' \
	    'pipe-relay --no-splice -d x --tap=out < data' \
	    'pipe-relay --dump=out < data' 'fifo-read q >> full' \
	    'fifo-create -v d/q >> full' 'fifo-stat q >> full' \
	    'duplex --dump=out - :: cat < data' 'fifo-stat --help >> full' \
	    '--list >> full'; do
		end=full
		if [[ $command != *full ]]; then
			end=out
		fi
		if [[ $command == fifo-read* ]]; then
			background put hello q
		fi
		run -1 --separate-stderr limited bash -c "ulimit -f 100
		    \"\$IPCTOOL\" $command"
		stderr_matches "^ipctool.*: (standard output|$end): File too large"
		[[ $(stat -c %s "$end") == 102400 ]]
	done
}

@test "a storm of SIGUSR1, stops and SIGCHLD loses no byte" {
	local option relay

	for option in -q --no-splice; do
		background bash -o pipefail -c '"$TOOLS_DIR/peer-write" \
		    --bytes=4M --chunks=1-20000 --delay=200 | {
			# From exec to main only what is ignored does not kill.
			trap "" USR1
			echo $BASHPID > relay.pid
			exec "$IPCTOOL" pipe-relay "$1" 2> err
		} | "$TOOLS_DIR/peer-check" --bytes=4M > sum' bash "$option"
		wait_until test -s relay.pid
		relay=$(< relay.pid)
		wait_until test /proc/"$relay"/exe -ef "$IPCTOOL"
		while kill -USR1 "$relay" 2> /dev/null; do
			kill -CHLD "$relay" 2> /dev/null || :
			kill -STOP "$relay" 2> /dev/null || :
			kill -CONT "$relay" 2> /dev/null || :
		done
		ends_with 0 "$PID"
		grep -q 'standard input -> standard output: ' err
		rm relay.pid
	done
}

@test "SIGUSR1 at any moment after the start kills nobody" {
	local n

	# Ignored at first, as the shell that starts it is hit, too.
	trap '' USR1
	for ((n = 0; n < 50; n++)); do
		background ipctool fifo-create "f$n"
		# It may be over by now; it is often enough not.
		kill -USR1 "$PID" 2> /dev/null || :
		kill -USR1 "$PID" 2> /dev/null || :
		ends_with 0 "$PID"
		[[ -p f$n ]]
	done
	trap - USR1
}

@test "a signal that comes before the wait is not lost: 200 of 200" {
	local n

	for ((n = 0; n < 100; n++)); do
		background ipctool fifo-write -m x q
		until_program
		kill -TERM "$PID"
		ends_with 143 "$PID"
		background ipctool fifo-read q
		until_program
		kill -TERM "$PID"
		ends_with 143 "$PID"
	done
}

# $PID is the program from now on, and has hardly begun.
until_program() {
	local tries

	for ((tries = 0; tries < 100000; tries++)); do
		if [[ /proc/$PID/exe -ef $IPCTOOL ]]; then
			return
		fi
	done
	return 1
}

@test "a signal goes before what failed later" {
	need perl
	STATE="relay-fifo"
	start relay-fifo
	kill -STOP "$RUN"
	wait_until stopped "$RUN"
	kill -TERM "$RUN"
	rm q
	kill -CONT "$RUN"
	ended "signal 15"
	mkfifo q
}

@test "--stats is printed also when a signal ends the run" {
	background bash -c 'exec "$IPCTOOL" fifo-read --stats q 2> err'
	wait_until holds "$PID" q
	wait_until quiet "$PID"
	kill -TERM "$PID"
	ends_with 143 "$PID"
	grep -q '^ipctool fifo-read: 0 bytes ' err
}

@test "SIGPIPE at standard output is the only thing that says so" {
	local command status

	make_dead
	echo hello > data
	hold rw q
	put hello q
	for command in "pipe-relay -i data" "pipe-relay --no-splice -i data" \
	    "fifo-read q" "duplex cat data"; do
		status=0
		# shellcheck disable=SC2086
		ipctool $command 1>&"$DEAD" 2> err < /dev/null || status=$?
		if ((status != 141)) || [[ -s err ]]; then
			echo "$command: $status, $(< err)" >&2
			return 1
		fi
	done
}

# The last command of two, as a script that has started another one
last_runs() {
	[[ -s last ]] && ! gone "$(< last)"
}

@test "no signal and no time-out leaves anything that commands have started" {
	local command last signal

	last='sleep 1000 & echo $! > last.new; mv last.new last; wait; true'
	for command in "pipe-relay true ::" "pipe-relay --stats true ::" \
	    "duplex true ::" "duplex -T 1h true ::" "fifo-create -u new ::"; do
		for signal in INT TERM HUP; do
			rm -f last
			# shellcheck disable=SC2086
			background ipctool $command sh -c "$last" 2> /dev/null
			wait_until last_runs
			kill -"$signal" "$PID"
			ends_with $((128 + $(kill -l "$signal"))) "$PID"
			gone "$(< last)"
		done
	done
	for command in "pipe-relay -t 1 true ::" "duplex -t 1 true ::" \
	    "fifo-create -t 1 -u new ::"; do
		rm -f last
		# shellcheck disable=SC2086
		run -124 ipctool $command sh -c "$last"
		[[ ! -s last ]] || gone "$(< last)"
	done
}

@test "SIGKILL leaves of the commands what these have started, as is written" {
	local command

	for command in "pipe-relay true ::" "duplex true ::" \
	    "fifo-create -u new ::"; do
		rm -f last
		# shellcheck disable=SC2086
		background ipctool $command sh -c 'sleep 1000 & echo $! $$ \
		    > last.new; mv last.new last; wait; true'
		wait_until test -s last
		read -r grandchild child < last
		pids+=("$grandchild")
		die_pid "$PID"
		wait_until gone "$child"
		run ! gone "$grandchild"
		kill -KILL "$grandchild"
	done
}
