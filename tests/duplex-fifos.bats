#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set
# shellcheck disable=SC2034 # pids is for lib/common

load lib/common

# duplex between us, or a command, and a pair of FIFOs: --from, --to.  In the
# tests `a` is what we read and `b` what we write.

pair() {
	rm -f a b
	mkfifo a b
}

# partner N: a partner of the Nth kind, as others use FIFOs; it sends back what
# it gets, or first says much and then listens.  Its process is $PID.
kinds=7
partner() {
	case $1 in
	0) background limited bash -c 'exec cat < b > a' ;;
	1) background limited bash -c 'exec cat > a < b' ;;
	2) background limited bash -c 'exec 3<> b 4<> a
		IFS= read -r line <&3; printf "%s\n" "$line" >&4' ;;
	3) background limited "$IPCTOOL" duplex --from=b --to=a cat ;;
	4) background limited "$IPCTOOL" duplex --from=b --to=a -- \
	       bash -c 'IFS= read -r line; echo "$line"' ;;
	5) background limited bash -c 'seq 30000 > a; cat < b > got' ;;
	6) background limited bash -c 'cat < b > got; seq 30000 > a' ;;
	esac
}

# us SECONDS TEXT: we come so much later and say TEXT; our process is $PID
us() {
	background bash -c 'sleep "$1"
		echo "$2" | timeout -s KILL 20 "$IPCTOOL" duplex \
		    --from=a --to=b > answer' bash "$1" "$2"
}

# meeting N ROUND: both come, one of them some milliseconds later, and what was
# said arrives
meeting() {
	local delay=0.0$((RANDOM % 30)) status=0 us they wanted="hello $2"

	pair
	if (($2 % 2)); then
		partner "$1" && they=$PID
		us "$delay" "$wanted" && us=$PID
	else
		us 0 "$wanted" && us=$PID
		sleep "$delay"
		partner "$1" && they=$PID
	fi
	ends_with 0 "$us" || return 1
	finish "$they" || status=$?
	# What sends back in two steps may find that we have left.
	((status == 0 || status == 141)) || return 1
	if (($1 < 5)); then
		compare_text answer "$wanted" "$(< answer)"
	else
		compare_text answer 30000 "$(tail -n 1 answer)" &&
		    compare_text got "$wanted" "$(< got)"
	fi
}

@test "every partner is met, whichever order it opens the FIFOs in" {
	local kind round

	seed_random
	# 1,001 with FULL=1
	for ((round = 0; round < (${FULL:-0} ? 143 : 5); round++)); do
		for ((kind = 0; kind < kinds; kind++)); do
			meeting "$kind" "$round" || {
				echo "kind $kind, round $round"
				return 1
			} >&2
		done
		pids=()
	done
}

@test "what the partner says arrives while it is not reading yet" {
	pair
	background limited bash -c 'seq 100000 > a; cat < b > got'
	run -0 --separate-stderr bash -c 'echo hi |
	    timeout -s KILL 20 "$IPCTOOL" duplex --from=a --to=b | tail -n 1'
	is 100000
	stderr_is ""
	ends_with 0 "$PID"
	[[ $(< got) == hi ]]
}

@test "a command may be at our side, and its status counts" {
	pair
	background limited bash -c 'exec cat < b > a'
	run -3 --separate-stderr ipctool duplex --from=a --to=b \
	    sh -c 'echo hi; read -r line; [ "$line" = hi ] && exit 3'
	is ""
	stderr_is ""
	ends_with 0 "$PID"
}

@test "--bytes ends the run once so much of an answer is there" {
	pair
	mkfifo forever
	exec {forever}<> forever
	background limited bash -c 'exec 3> a 4< b; echo abcdef >&3; cat <&4'
	run -0 --separate-stderr ipctool duplex --from=a --to=b -c 3 < forever
	exec {forever}>&-
	is abc
	stderr_is ""
	ends_with 0 "$PID"
}

@test "a partner that stops reading too early is 4, and said" {
	pair
	background limited bash -c 'exec 3> a 4< b; IFS= read -r line <&4'
	run -4 --separate-stderr ipctool duplex --from=a --to=b \
	    < <(seq 100000)
	stderr_matches '^ipctool duplex: b: the reader left after [0-9]+ bytes$'
	ends_with 0 "$PID"
}

@test "a partner that has read all that we said may leave" {
	pair
	mkfifo forever
	exec {forever}<> forever
	background limited bash -c 'exec 3> a 4< b; echo bye >&3'
	run -0 --separate-stderr ipctool duplex --from=a --to=b < forever
	exec {forever}>&-
	is bye
	stderr_is ""
	ends_with 0 "$PID"
}

@test "--nonblock: no reader is 3, and nothing is waited for" {
	pair
	run -3 --separate-stderr ipctool duplex -n --from=a --to=b
	stderr_is "ipctool duplex: b: no reader"
	run -3 --separate-stderr ipctool duplex -n --from=a --to=b true
}

@test "--open-timeout limits the wait for a reader and for a writer" {
	pair
	timed run -124 --separate-stderr ipctool duplex -w 0.2 --from=a \
	    --to=b < /dev/null
	stderr_matches '^ipctool duplex: [ab]: no (reader|writer) within 0.2s$'
	at_least 200 "$elapsed"
	hold r b
	timed run -124 --separate-stderr ipctool duplex -w 0.2 --from=a \
	    --to=b < /dev/null
	stderr_is "ipctool duplex: a: no writer within 0.2s"
	at_least 200 "$elapsed"
	die_pid "$PID"
	hold rw a
	timed run -124 --separate-stderr ipctool duplex -w 0.2 --from=a \
	    --to=b < /dev/null
	stderr_is "ipctool duplex: b: no reader within 0.2s"
	at_least 200 "$elapsed"
}

@test "--timeout and signals end the wait for a reader" {
	pair
	hold rw a
	timed run -124 --separate-stderr ipctool duplex -t 0.2 --from=a --to=b
	stderr_is "ipctool duplex: not done within 0.2s (--timeout)"
	at_least 200 "$elapsed"
	background ipctool duplex --from=a --to=b
	wait_until holds "$PID" a
	kill "$PID"
	ends_with 143 "$PID"
}

@test "a FIFO that is removed while we wait for its reader ends the wait" {
	pair
	hold rw a
	background ipctool duplex --from=a --to=b 2> err
	wait_until pins "$PID" b
	rm b
	ends_with 1 "$PID"
	compare_text err "ipctool duplex: b: removed while waiting for a reader" \
	    "$(< err)"
}

@test "what is no pair of FIFOs is refused before the command runs" {
	pair
	: > file
	ln a same
	run -6 --separate-stderr ipctool duplex --from=file --to=b \
	    sh -c ': > ran'
	stderr_is "ipctool duplex: file: not a FIFO"
	run -6 --separate-stderr ipctool duplex --from=a --to=file \
	    sh -c ': > ran'
	run -1 --separate-stderr ipctool duplex --from=a --to=missing
	stderr_is "ipctool duplex: missing: No such file or directory"
	run -125 --separate-stderr ipctool duplex --from=a --to=missing \
	    sh -c ': > ran'
	run -1 --separate-stderr ipctool duplex --from=a --to=same
	stderr_is "ipctool duplex: a: input file is output file"
	[[ ! -e ran ]]
}

@test "--from and --to are a pair, with one side at the most" {
	run -2 --separate-stderr ipctool duplex --from=a
	stderr_matches "^ipctool duplex: --from and --to belong together"
	run -2 --separate-stderr ipctool duplex --from=a --to=b cat :: cat
	stderr_matches "^ipctool duplex: more than one side"
	run -2 --separate-stderr ipctool duplex -c 3 cat
}

@test "waiting for a partner costs nothing" {
	pair
	background ipctool duplex --from=a --to=b < /dev/null
	wait_until pins "$PID" b
	# Once a second for a writer by tee(2), and once at the names.
	PER_SECOND=2 rests "$PID"
}
