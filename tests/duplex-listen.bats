#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set
# shellcheck disable=SC2030,SC2031,SC2034 # each test is a shell of its own

load lib/common

# duplex as a server behind two FIFOs and as a client of it: --listen,
# --connect, -k, --persist.

SERVER=

# serve ARG...: a server named s, once it stands; its process is $SERVER
serve() {
	local ready

	rm -f ready
	mkfifo ready
	exec {ready}<> ready
	background "$IPCTOOL" duplex --listen=s --ready-fd="$ready" "$@" \
	    2>> err
	SERVER=$PID
	IFS= read -r -t "$LIMIT" <&"$ready"
	exec {ready}>&-
}

# ask TEXT [OPTION]...: one client
ask() {
	printf '%s\n' "$1" | limited "$IPCTOOL" duplex --connect=s "${@:2}"
}

# nothing_left: neither FIFOs nor the lock, nor anything else that was made
nothing_left() {
	local names

	names=$(compgen -G 's.*' || :)$(compgen -G '.ipctool*' || :)
	compare_text "what is left" "" "$names"
}

# stop [SIGNAL]: end the server, which cleans up
stop() {
	kill "-${1:-TERM}" "$SERVER"
	ends_with $((128 + $(kill -l "${1:-TERM}"))) "$SERVER"
	nothing_left
}

# answers what it is asked, line by line
cat_lines='while IFS= read -r line; do echo "<$line>"; done'

@test "one client is served, then the server ends with the status of COMMAND" {
	serve -- sh -c 'cat; echo bye; exit 3'
	[[ -p s.in && -p s.out && -f s.lock ]]
	[[ $(stat -c %a s.in s.out s.lock | sort -u) == 600 ]]
	run -0 --separate-stderr ask hello
	is $'hello\nbye'
	stderr_is ""
	ends_with 3 "$SERVER"
	nothing_left
	size_is 0 err
}

@test "--mode is that of all three files, exactly" {
	umask 077
	serve --mode=g+rw,o= -- cat
	[[ $(stat -c %a s.in s.out s.lock | sort -u) == 660 ]]
	stop
	run -2 --separate-stderr ipctool duplex --listen=s --mode=u+s cat
	stderr_matches "^ipctool duplex: invalid mode 'u\+s'"
}

@test "-k starts COMMAND for each client, which gets the whole answer to EOF" {
	local n

	serve -k -- sh -c 'cat; echo "$$" >> pids'
	for n in 1 2 3; do
		run -0 --separate-stderr ask "request $n"
		is "request $n"
		stderr_is ""
	done
	[[ $(sort -u pids | wc -l) == 3 ]]
	stop
	size_is 0 err
}

@test "--persist has one COMMAND, which sees no EOF between clients" {
	local n

	serve --persist -- sh -c "$cat_lines; echo end > end"
	for n in 1 2 3; do
		run -0 --separate-stderr ask "request $n" --lines=1
		is "<request $n>"
		stderr_is ""
	done
	run -0 ask abc --bytes=3
	is "<ab"
	run -0 ask silence --half-close=100ms
	is "<silence>"
	run -0 bash -c 'printf "a;b;c;\n" |
	    timeout 20 "$IPCTOOL" duplex --connect=s -l 2 -d ";"'
	is "<a;b;"
	[[ ! -e end ]]
	stop
	size_is 0 err
}

@test "a client whose input goes on ends when the answer does" {
	local fd

	mkfifo silent
	exec {fd}<> silent
	serve -k -- sh -c 'echo hello'
	run -0 --separate-stderr ipctool duplex --connect=s < silent
	is hello
	stderr_is ""
	stop
	serve --persist -- sh -c "echo hello; $cat_lines"
	run -0 ipctool duplex --connect=s --lines=1 < silent
	is hello
	exec {fd}>&-
	stop
}

@test "100 requests of 8 clients at once get their own answers" {
	local i mode

	need bc
	for mode in -k --persist; do
		serve "$mode" -- bc -lq
		for ((i = 0; i < 8; i++)); do
			background some_requests "$i" "$mode"
		done
		for ((i = 0; i < 8; i++)); do
			ends_with 0 "${pids[-8 + i]}"
		done
		stop
		pids=()
	done
	size_is 0 err
}

# some_requests CLIENT MODE: 13 of them, one after the other
some_requests() {
	local i answer

	for ((i = 1; i <= 13; i++)); do
		if [[ $2 == -k ]]; then
			answer=$(ask "$1 * 1000 + $i")
		else
			answer=$(ask "$1 * 1000 + $i" -l 1)
		fi
		[[ $answer == $(($1 * 1000 + i)) ]] || exit 1
	done
}

@test "plain cat and > are clients, too, in whatever order they open the FIFOs" {
	local n

	serve -k -- tr a-z A-Z
	for ((n = 0; n < 10; n++)); do
		put "one $n" s.in
		run -0 limited cat s.out
		is "ONE $n"
		background limited cat s.out > answer
		put "two $n" s.in
		ends_with 0 "$PID"
		[[ $(< answer) == "TWO $n" ]]
		run -0 limited bash -c 'exec 3<> s.in; echo three >&3
			exec 3>&-; exec cat s.out'
		is THREE
		run -0 ask four
		is FOUR
		pids=("$SERVER")
	done
	stop
	serve --persist -- sh -c "$cat_lines"
	for ((n = 0; n < 10; n++)); do
		put "one $n" s.in
		put "two $n" s.in
		run -0 limited head -n 2 s.out
		is "<one $n>"$'\n'"<two $n>"
		run -0 ask "three $n" -l 1
		is "<three $n>"
	done
	stop
	size_is 0 err
}

@test "a client that opens and says nothing is served as well" {
	serve -k -- sh -c 'cat; echo nothing'
	run -0 ask_nothing
	is nothing
	: > s.in
	run -0 limited cat s.out
	is nothing
	stop
	serve -k -- date +hello
	run -0 limited cat s.out
	is hello
	run -0 limited cat s.out
	is hello
	stop
}

ask_nothing() {
	ipctool duplex --connect=s < /dev/null
}

@test "a reader that leaves without having said anything takes no answer away" {
	serve -k -- tr a-z A-Z
	background cat s.out
	wait_until holds "$PID" s.out
	die_pid "$PID"
	wait_until holds "$SERVER" s.in
	put one s.in
	run -0 limited cat s.out
	is ONE
	stop
}

@test "a client that is killed half-way does not harm the next" {
	local fd mode n

	seed_random
	mkfifo silent
	exec {fd}<> silent
	for mode in -k --persist; do
		serve "$mode" -- sh -c "$cat_lines"
		# 200 with FULL=1
		for ((n = 0; n < ${FULL:-0} * 90 + 10; n++)); do
			echo old >&"$fd"
			if ((n % 2)); then
				background ipctool duplex --connect=s < silent
			else
				background ipctool duplex --connect=s <<< old
			fi
			# At any moment of its life.
			sleep 0.00$((RANDOM % 10))
			die_pid "$PID"
			run -0 ask "new $n" --lines=1
			is "<new $n>"
			pids=("$SERVER")
		done
		stop
	done
	exec {fd}>&-
}

@test "--persist: what a client did not read is not shown to the next" {
	serve --persist -- sh -c "$cat_lines"
	run -0 bash -c 'seq 1000 |
	    timeout 20 "$IPCTOOL" duplex --connect=s --lines=1'
	is "<1>"
	run -0 ask next --lines=1
	is "<next>"
	# Also what the command says only later.
	put "late" s.in
	run -0 limited head -c 1 s.out
	run -0 ask next --lines=1
	is "<next>"
	stop
}

# leave HOW OLD: a client that says OLD again and again, more than the pipes
# hold, and goes while that is on its way
ways_to_leave=(KILL TERM -l1 -c5 --half-close=1ms -T5ms -t10ms)
leave() {
	local options=()

	[[ $1 != -* ]] || options=("$1")
	background bash -c '{ yes "$1" | head -n 9000; } 2> /dev/null |
	    exec "$IPCTOOL" duplex --connect=s "${@:2}" > /dev/null 2>&1' \
	    leave "$2" "${options[@]}"
	if [[ $1 != -* ]]; then
		wait_until holds_below "$PID" s.in
		sleep 0.0$((RANDOM % 4))
		pkill "-$1" -P "$PID" ipctool || :
	fi
	finish "$PID" || :
}

# holds_below PID FILE: a child of the process has it open, or had
holds_below() {
	local child

	for child in $(pgrep -P "$1"); do
		if pins "$child" "$2" || holds_below "$child" "$2"; then
			return 0
		fi
	done
	gone "$1"
}

@test "--persist: who goes before it is heard to the end harms nobody" {
	local how n

	seed_random
	need bc yes pkill pgrep
	# 100 of each with FULL=1
	for ((n = 0; n < ${FULL:-0} * 98 + 2; n++)); do
		serve --persist -- bc -lq
		for how in "${ways_to_leave[@]}"; do
			leave "$how" 1234567
			run -0 ask "6 * 7 + $n" -l 1
			is $((42 + n))
		done
		stop
		# It does not read for a while, or hands on what it has read.
		serve --persist -- bash -c 'sleep 0.2
		    grep --line-buffered . | grep --line-buffered . | cat'
		for how in "${ways_to_leave[@]}"; do
			leave "$how" 1234567
			run -0 ask "new $n" -l 1
			is "new $n"
		done
		stop
		pids=()
	done
	size_is 0 err
}

@test "--persist: an answer that comes late is not the next client's" {
	serve --persist -- sh -c 'while IFS= read -r line; do sleep 0.2
		echo "<$line>"; done'
	for n in 1 2 3; do
		background bash -c 'echo old |
		    "$IPCTOOL" duplex --connect=s -T 0.05 2> /dev/null'
		finish "$PID" || :
		run -0 --separate-stderr ask "new $n" -l 1
		is "<new $n>"
	done
	stop
}

# words_are_lost COUNT: of a client that goes before they are read; if it did
# not come to say anything, again
words_are_lost() {
	background bash -c 'seq "$1" | timeout -s KILL 0.1 \
	    "$IPCTOOL" duplex --connect=s' bash "$1"
	finish "$PID" || :
	wait_until offers
	grep -q 'nothing moved for 1s' err
}

# offers: the server waits for the next client
offers() {
	[[ $(tail -n 1 err) == *"waiting for a client" ]]
}

@test "--persist: nor is one that comes later than --idle-timeout" {
	local n

	# A second, as it must be enough for the quick one on a busy machine.
	serve --persist -T 1 -- sh -c 'while IFS= read -r line; do
		[ "$line" = quick ] || sleep 1.5
		echo "<$line>"; done'
	for n in 1 2; do
		run -124 ask slow -T 0.05
		run -0 ask quick -l 1
		is "<quick>"
	done
	stop
}

# The first of a pipeline waits for more while its answers are on their way.
@test "--persist: a long answer that nobody reads is not the next client's" {
	local n

	need seq
	serve --persist -- sh -c 'cat | cat | cat'
	# 1000 of them with FULL=1
	for ((n = 0; n < ${FULL:-0} * 990 + 10; n++)); do
		seq 100000 | limited "$IPCTOOL" duplex --connect=s -l 1 \
		    > first || :
		run -0 ask "new $n" -l 1
		is "new $n"
	done
	stop
}

@test "--persist: COMMAND may look for more as often as it likes" {
	local n

	need perl
	serve --persist -- perl -e 'for (;;) {
		my $in = "\1";
		next if select($in, undef, undef, 0.001) < 1;
		sysread(STDIN, my $text, 4096) or exit 0;
		syswrite(STDOUT, $text); }'
	for n in 1 2 3; do
		run -0 ask "$n" -l 1
		is "$n"
	done
	stop
	# Or something that it has started.
	serve --persist -- sh -c 'perl -e "select(undef, undef, undef, 0.001)
		while getppid() != 1" > /dev/null < /dev/null & cat'
	pids=("$SERVER")
	for n in 1 2 3; do
		run -0 ask "$n" -l 1
		is "$n"
	done
	stop
}

@test "--persist: who goes while COMMAND's input is full holds nobody up" {
	local n

	for n in 1 2 3; do
		rm -f go
		serve --persist -- sh -c \
		    'until [ -e go ]; do sleep 0.02; done; exec cat'
		random_file 262144 said
		run -124 limited "$IPCTOOL" duplex --connect=s -t 0.3 < said
		: > go
		run -0 ask new -l 1
		is new
		stop
		pids=()
	done
}

@test "--persist: the next client comes though somebody has NAME.in open" {
	local fd

	serve --persist -- sh -c "$cat_lines"
	background bash -c 'sleep 100 | "$IPCTOOL" duplex --connect=s'
	wait_until holds_below "$PID" s.out
	exec {fd}<> s.in
	pkill -KILL -P "$PID" ipctool
	run -0 ask new -l 1
	is "<new>"
	exec {fd}>&-
	stop
}

@test "a server that waits until a client has left costs nothing" {
	serve -k -- sh -c 'sleep 0.3 > /dev/null < /dev/null 2>&1 & echo hello'
	# By <>, as the command reads nothing: > could find no reader any more.
	background bash -c 'exec 3<> s.in < s.out 3>&-; read -r line
	    echo "$line"; sleep 100' > got
	wait_until grep -q hello got
	wait_until eval '! pgrep -P "$SERVER" > /dev/null'
	burns_below 10 "$SERVER"
	die_pid "$PID"
	stop
}

@test "--persist: --idle-timeout takes away what COMMAND does not read" {
	local words

	for words in 10 100000; do
		rm -f go err
		serve --persist -v -T 1 -- sh -c \
		    "until [ -e go ]; do sleep 0.02; done; $cat_lines"
		wait_until words_are_lost "$words"
		wait_until offers
		: > go
		run -0 ask new -l 1
		is "<new>"
		stop
	done
}

# lets_go PID FILE: it has closed what it has read to its end
lets_go() {
	! holds "$1" "$2"
}

@test "what a client has said is heard to its end, also when it is killed" {
	local mode

	random_file 100000 said
	for mode in -k --persist; do
		rm -f go got
		serve "$mode" -- sh -c 'until [ -e go ]; do sleep 0.02; done
		    exec cat > got'
		background ipctool duplex --connect=s < said
		wait_until pins "$PID" s.in
		wait_until lets_go "$PID" said
		die_pid "$PID"
		: > go
		wait_until test -e got
		wait_until size_is 100000 got
		same said got
		pids=("$SERVER")
		stop
	done
}

@test "--persist: an answer may be any bytes, without a newline at its end" {
	local option

	serve --persist -- sh -c 'while read -r n; do
		printf "\\000\\377\\nab\\000"; done'
	printf '\000\377\nab\000' > wanted
	for option in --bytes=6 --half-close=0.2 "--lines=2 --half-close=0.2"; do
		# shellcheck disable=SC2086
		ask it $option > got
		same wanted got
	done
	ask it --lines=1 > got
	same <(head -n 1 wanted) got
	ask it --bytes=6 > got
	same wanted got
	stop
	size_is 0 err
}

@test "--persist ends with its COMMAND, and its status" {
	serve --persist -- sh -c 'read -r line; echo "$line"; exit 3'
	run -0 ask hello
	is hello
	ends_with 3 "$SERVER"
	nothing_left
	serve --persist -- sh -c 'exit 4'
	ends_with 4 "$SERVER"
	nothing_left
}

@test "us behind the FIFOs: standard input and output are the other side" {
	rm -f out
	serve > out <<< question
	run -0 ask answer
	is question
	ends_with 0 "$SERVER"
	[[ $(< out) == answer ]]
}

@test "a second server is 7, and so is --nonblock while another client is there" {
	local fd

	mkfifo silent
	exec {fd}<> silent
	serve -k -- cat
	run -7 --separate-stderr ipctool duplex --listen=s cat
	stderr_is "ipctool duplex: s.lock: locked by another process"
	[[ -p s.in && -p s.out ]]
	run -0 ask hello -n
	is hello
	background ipctool duplex --connect=s < silent
	wait_until holds "$PID" s.in
	run -7 --separate-stderr ask hello --nonblock
	stderr_is "ipctool duplex: s.lock: locked by another process"
	run -124 --separate-stderr ask hello --open-timeout=0.1
	stderr_is "ipctool duplex: s.lock: no turn within 0.1s"
	run -124 ask hello --timeout=0.1
	die_pid "$PID"
	run -0 ask hello
	is hello
	exec {fd}>&-
	stop
}

@test "without a server a client says so" {
	run -1 --separate-stderr ipctool duplex --connect=s < /dev/null
	stderr_is "ipctool duplex: s.lock: No such file or directory"
	serve -k -- cat
	kill -KILL "$SERVER"
	ends_with 137 "$SERVER"
	[[ -p s.in && -p s.out && -f s.lock ]]
	run -1 --separate-stderr ipctool duplex --connect=s < /dev/null
	stderr_is "ipctool duplex: s.lock: Connection refused"
}

@test "after a KILL of the server the next one takes over what it has left" {
	local mode n

	for mode in -k --persist; do
		for n in 1 2 3; do
			serve "$mode" -- sh -c "$cat_lines"
			run -0 ask "$n" -l 1
			kill -KILL "$SERVER"
			ends_with 137 "$SERVER"
		done
		serve "$mode" -- sh -c "$cat_lines"
		run -0 ask hello -l 1
		is "<hello>"
		stop
	done
}

@test "clients that waited when the server was killed end, or get the next one" {
	local fd i status

	mkfifo silent
	exec {fd}<> silent
	serve -k -- cat
	background ipctool duplex --connect=s < silent
	wait_until holds "$PID" s.in
	for i in 1 2 3; do
		background bash -c 'echo hello | "$IPCTOOL" duplex \
		    --connect=s > /dev/null 2>&1'
	done
	kill -KILL "$SERVER"
	ends_with 137 "$SERVER"
	serve -k -- cat
	for i in 1 2 3 4; do
		status=0
		finish "${pids[i]}" || status=$?
		((status == 0 || status == 1 || status == 4))
	done
	run -0 ask hello
	is hello
	exec {fd}>&-
	stop
}

@test "every ending of the server removes the FIFOs, and ends COMMAND" {
	local mode signal

	for mode in -q -k --persist; do
		for signal in TERM INT HUP; do
			serve "$mode" -- sh -c 'echo $$ > its_pid; cat'
			exec {in}> s.in
			echo hello >&"$in"
			wait_until test -s its_pid
			stop "$signal"
			exec {in}>&-
			wait_until gone "$(< its_pid)"
			rm its_pid
		done
		run -124 --separate-stderr ipctool duplex --listen=s "$mode" \
		    -t 0.1 -- cat
		stderr_is "ipctool duplex: not done within 0.1s (--timeout)"
		nothing_left
	done
}

@test "COMMAND that is not there is 127, at the first client or at once" {
	run -127 --separate-stderr ipctool duplex --listen=s --persist ./missing
	stderr_is "ipctool duplex: ./missing: No such file or directory"
	nothing_left
	serve -k -- ./missing
	run ask hello
	ends_with 127 "$SERVER"
	nothing_left
}

@test "COMMAND that fails does not end a server with -k" {
	serve -k -- sh -c 'read -r n; exit "$n"'
	for n in 0 1 3 125 127 0; do
		run -0 ask "$n"
		is ""
	done
	stop
}

@test "--idle-timeout ends a session, not the server" {
	local fd

	mkfifo silent
	exec {fd}<> silent
	serve -k -T 1 -- cat
	run ipctool duplex --connect=s < silent
	exec {fd}>&-
	run -0 ask hello
	is hello
	stop
	compare_text err "ipctool duplex: nothing moved for 1s (--idle-timeout)" \
	    "$(< err)"
}

@test "a client that does not let go of the FIFOs may keep them" {
	local mode

	for mode in -k --persist; do
		serve "$mode" -T 1 -v -- sh -c "$cat_lines"
		# Stopped, it sees nothing of the end of its session.
		background ipctool duplex --connect=s < <(echo hello; sleep 20)
		local client=$PID
		wait_until holds "$client" s.in
		kill -STOP "$client"
		wait_until grep -q "new FIFOs" err
		run -0 ask next -l 1
		is "<next>"
		kill -CONT "$client"
		finish "$client" || :
		stop
		rm err
	done
}

@test "--open-timeout ends a session of which the reader does not come" {
	serve -k -w 1 -- cat
	put lost s.in
	wait_until grep -qx 'ipctool duplex: s.out: no reader within 1s' err
	run -0 ask hello
	is hello
	stop
	# Without -k it limits the wait for the client.
	timed run -124 --separate-stderr ipctool duplex --listen=s -w 0.2 cat
	stderr_is "ipctool duplex: s.in: no writer within 0.2s"
	at_least 200 "$elapsed"
	nothing_left
}

@test "what is there and no FIFO of a server is not touched" {
	: > s.in
	run -6 --separate-stderr ipctool duplex --listen=s cat
	stderr_is "ipctool duplex: s.in: exists, but is not a FIFO"
	[[ -f s.in && ! -e s.lock && ! -e s.out ]]
	rm s.in
	mkdir s.lock
	run -1 ipctool duplex --listen=s cat
	rmdir s.lock
	mkfifo s.lock
	run -1 --separate-stderr ipctool duplex --listen=s cat
	stderr_is "ipctool duplex: s.lock: File exists"
	run -1 ipctool duplex --connect=s
	rm s.lock
	: > target
	ln -s target s.lock
	run -1 ipctool duplex --listen=s cat
	size_is 0 target
	rm s.lock
	nothing_left
	run -1 --separate-stderr ipctool duplex --listen=missing/s cat
	stderr_is "ipctool duplex: missing/s.lock: No such file or directory"
}

@test "a server whose FIFO is removed ends" {
	serve -k -- cat
	rm s.in
	ends_with 1 "$SERVER"
	compare_text err "ipctool duplex: s.in: removed while waiting for a writer" \
	    "$(< err)"
	nothing_left
}

@test "--ready-fd is told when everything stands, and COMMAND does not get it" {
	serve -k -- sh -c 'cat; ls -l /proc/self/fd'
	[[ -p s.in && -p s.out ]]
	run -0 ask hello
	matches ^hello
	[[ $output != *"$PWD/ready"* ]]
	stop
	run -1 --separate-stderr ipctool duplex --listen=s --ready-fd=77 cat
	stderr_is "ipctool duplex: descriptor 77: Bad file descriptor"
	nothing_left
}

@test "what goes with --listen, and what does not" {
	run -2 --separate-stderr ipctool duplex -k cat
	stderr_matches "^ipctool duplex: --keep, --persist, --mode and --ready-fd need --listen"
	run -2 ipctool duplex --listen=s -k --persist cat
	run -2 ipctool duplex --listen=s --connect=s cat
	run -2 ipctool duplex --listen=s -n cat
	run -2 ipctool duplex --listen=s -k
	run -2 ipctool duplex --listen=s cat :: cat
	run -2 ipctool duplex --listen=s -l 1 cat
	nothing_left
}

@test "--stats counts all sessions of a server" {
	serve -k --stats -- cat
	run -0 ask hello
	run -0 ask "and again"
	stop
	run -0 grep -c '^ipctool duplex: cat -> s.out: 16 in, 16 out' err
	is 1
}

@test "a waiting server costs nothing" {
	serve -k -- cat
	rests "$SERVER"
	stop
}
