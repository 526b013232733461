#!/usr/bin/env bats

# The table in ipctool-fifo(7): for each state of a FIFO what fifo-read and
# fifo-write do, and with which status they end.  `cell` names the line of
# the table; the last test sees that none is missing.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set

load lib/common

setup() {
	common_setup
	mkfifo q
}

# cell TAG: what follows is about this line of the table
cell() {
	CELL=$1
}

teardown() {
	[[ -n ${BATS_TEST_COMPLETED-} ]] || echo "in $CELL" >&2
	common_teardown
}

# ends STATUS SUBCOMMAND ARG...: it ends so, within a second or so where it
# must not wait; message: of the last one that ended, without its prefix
ends() {
	local wanted=$1

	shift
	run "-$wanted" --separate-stderr ipctool "$@" < /dev/null
	message=${stderr#ipctool "$1": }
}

# started SUBCOMMAND ARG...: in the background, output in out and err; $RUN
started() {
	background "$IPCTOOL" "$@" > out 2> err < "${IN:-/dev/null}"
	RUN=$PID
}

message_is() {
	compare_text message "$1" "$message"
}

# done_with STATUS [MESSAGE]: the one that was started has ended so
done_with() {
	ends_with "$1" "$RUN"
	if (($# > 1)); then
		compare_text "standard error" "$2" \
		    "$(sed 's/^ipctool [a-z-]*: //' err)"
	fi
}

@test "A: nothing has the name" {
	local option

	rm q
	for option in "" -n -f; do
		cell A1
		# shellcheck disable=SC2086
		ends 1 fifo-read $option q
		message_is "q: No such file or directory"
	done
	cell A2
	started fifo-read -F -l 1 q
	wait_until grep -qs -- 'q: does not exist yet' err
	mkfifo q
	put hello q
	done_with 0
	rm q
	cell A3
	ends 124 fifo-read -C -w 0.1 q
	message_is "q: no writer within 0.1s"
	[[ ! -e q ]]
	cell A4
	for option in "" -n -k -D --drop -A --lock; do
		# shellcheck disable=SC2086
		ends 1 fifo-write $option -m x q
		message_is "q: No such file or directory"
		[[ ! -e q ]]
	done
}

@test "B: it is a file, a directory, a device" {
	local name option

	echo precious > file
	mkdir dir
	for name in file dir /dev/null; do
		cell B1
		for option in "" -n -f -F -C -l1; do
			# shellcheck disable=SC2086
			ends 6 fifo-read $option "$name"
			message_is "$name: not a FIFO"
		done
		cell B2
		for option in "" -n -k -D --drop -A --lock; do
			# shellcheck disable=SC2086
			ends 6 fifo-write $option -m x "$name"
			message_is "$name: not a FIFO"
		done
	done
	[[ $(< file) == precious ]]
}

@test "C: nobody has it open" {
	local option

	for option in "" -f -F; do
		cell C1
		# shellcheck disable=SC2086
		ends 124 fifo-read $option -w 0.1 q
		message_is "q: no writer within 0.1s"
	done
	cell C2
	ends 3 fifo-read -n q
	message_is "q: no writer"
	for option in "" -k -D; do
		cell C3
		# shellcheck disable=SC2086
		ends 124 fifo-write $option -w 0.1 -m x q
		message_is "q: no reader within 0.1s"
	done
	cell C4
	ends 3 fifo-write -n -m x q
	message_is "q: no reader"
	cell C5
	ends 0 fifo-write --drop -m x q
}

# writer_opening: one that is blocked in open(2), and writes then
writer_opening() {
	background bash -c "echo hello > q"
	PEER=$PID
	wait_until opening "$PEER"
}

reader_opening() {
	background cat q > got
	PEER=$PID
	wait_until opening "$PEER"
}

@test "D: somebody waits inside open(2) to be its peer" {
	local option

	cell D1
	writer_opening
	ends 0 fifo-read q
	is hello
	ends_with 0 "$PEER"
	cell D2
	writer_opening
	ends 0 fifo-read -n q
	is hello
	ends_with 0 "$PEER"
	cell D3
	mkfifo silent
	background bash -c 'exec 4> q; read -r line < silent'
	wait_until opening "$PID"
	ends 5 fifo-read -n q
	die_pid "$PID"
	for option in -f -F; do
		cell D4
		writer_opening
		started fifo-read "$option" -w 0.2 q
		ends_with 0 "$PEER"
		done_with 124 "q: no writer within 0.2s"
		[[ $(< out) == hello ]]
	done
	for option in "" -n; do
		cell D5
		reader_opening
		# shellcheck disable=SC2086
		ends 0 fifo-write $option -m hello q
		ends_with 0 "$PEER"
		[[ $(< got) == hello ]]
	done
	cell D6
	reader_opening
	ends 0 fifo-write --drop -m hello q
	ends_with 0 "$PEER"
	[[ $(< got) == hello ]]
	for option in -k -D; do
		cell D7
		reader_opening
		ends 0 fifo-write "$option" -m hello q
		ends_with 0 "$PEER"
		[[ $(< got) == hello ]]
	done
}

@test "E: a peer has it open, and nothing is queued" {
	local option

	hold rw q
	for option in "" -f -F; do
		cell E1
		# shellcheck disable=SC2086
		ends 124 fifo-read $option -T 0.1 q
		message_is "nothing moved for 0.1s (--idle-timeout)"
		# shellcheck disable=SC2086
		ends 124 fifo-read $option -t 0.1 q
	done
	cell E2
	ends 5 fifo-read -n q
	message_is "q: a writer holds it, but nothing is queued"
	for option in "" -n; do
		cell E3
		# shellcheck disable=SC2086
		ends 0 fifo-write $option -m hello q
		[[ $(queued q) == hello ]]
	done
	cell E4
	ends 0 fifo-write --drop -m hello q
	[[ $(queued q) == hello ]]
	for option in -k -D; do
		cell E5
		ends 124 fifo-write "$option" -T 0.1 -m hello q
		message_is "nothing moved for 0.1s (--idle-timeout), after 6 bytes"
		ends 124 fifo-write "$option" -t 0.1 -m hello q
		queued q > /dev/null
		started fifo-write "$option" -m hello q
		need perl
		wait_until unread_is 6 q
		wait_until quiet "$RUN"
		run ! gone "$RUN"
		[[ $(queued q) == hello ]]
		done_with 0
	done
}

@test "F: data is queued, and a writer has it open" {
	local option

	hold rw q
	for option in "" -f -F; do
		cell F1
		echo hello > q
		# shellcheck disable=SC2086
		ends 124 fifo-read $option -T 0.1 q
		is hello
		message_is "nothing moved for 0.1s (--idle-timeout)"
	done
	cell F2
	echo hello > q
	ends 0 fifo-read -n q
	is hello
}

@test "G: data is queued, and no writer has it open, but a reader" {
	local option

	hold r q
	for option in "" -n; do
		cell G1
		[[ -z $option ]] || cell G2
		echo hello > q
		# shellcheck disable=SC2086
		ends 0 fifo-read $option q
		is hello
	done
	for option in -f -F; do
		cell G3
		echo hello > q
		ends 124 fifo-read "$option" -w 0.1 q
		is hello
		message_is "q: no writer within 0.1s"
	done
}

@test "H: it is full, and its reader does not read" {
	local option

	hold r q
	fill q
	for option in "" -k -D; do
		cell H1
		[[ -z $option ]] || cell H4
		# shellcheck disable=SC2086
		ends 124 fifo-write $option -T 0.1 -m x q
		message_is "nothing moved for 0.1s (--idle-timeout)"
		# shellcheck disable=SC2086
		ends 124 fifo-write $option -t 0.1 -m x q
		message_is "not done within 0.1s (--timeout)"
	done
	cell H2
	ends 5 fifo-write -n -m x q
	message_is "q: full after 0 bytes"
	cell H3
	ends 0 fifo-write --drop -m x q
	queued q > got
	size_is 65536 got
}

@test "I: the last reader leaves before all is written" {
	local option fd

	mkfifo input
	for option in "" -n -D; do
		cell I1
		hold r q
		background bash -c 'exec "$IPCTOOL" fifo-write $1 q < input' \
		    bash "$option" 2> err
		RUN=$PID
		exec {fd}<> input
		echo hello >&"$fd"
		need perl
		wait_until unread_is 6 q
		die_pid "${pids[-2]}"
		done_with 4 "q: the reader left after 6 bytes"
		exec {fd}>&-
	done
	cell I2
	hold r q
	background bash -c 'exec "$IPCTOOL" fifo-write --drop q < input' 2> err
	RUN=$PID
	exec {fd}<> input
	echo hello >&"$fd"
	wait_until unread_is 6 q
	die_pid "${pids[-2]}"
	# What comes while nobody reads is dropped; the next one gets the next.
	background bash -c 'read -r line < q && echo "$line"' > got
	wait_until eval 'echo again >&"$fd"; gone '"$PID"
	[[ $(< got) == again || $(< got) == hello ]]
	exec {fd}>&-
	done_with 0 ""
	cell I3
	hold r q
	local holder=$PID
	background bash -c 'exec "$IPCTOOL" fifo-write -k -w 0.3 q < input' \
	    2> err
	RUN=$PID
	exec {fd}<> input
	echo hello >&"$fd"
	wait_until unread_is 6 q
	die_pid "$holder"
	done_with 124 "q: no reader within 0.3s, after 6 bytes"
	exec {fd}>&-
}

@test "J: the last reader leaves when all is written but not read" {
	local option holder

	for option in "" -n --drop; do
		cell J1
		[[ $option != --drop ]] || cell J2
		hold r q
		# shellcheck disable=SC2086
		ends 0 fifo-write $option -m hello q
		die_pid "$PID"
	done
	need perl
	cell J3
	hold r q
	holder=$PID
	started fifo-write -k -m hello q
	wait_until unread_is 6 q
	die_pid "$holder"
	ends 0 fifo-read -c 2 q
	is he
	ends 0 fifo-read -n q
	is llo
	done_with 0 ""
	hold r q
	holder=$PID
	started fifo-write -k -w 0.2 -m hello q
	wait_until unread_is 6 q
	die_pid "$holder"
	done_with 124 "q: no reader within 0.2s, after 6 bytes"
	cell J4
	hold r q
	holder=$PID
	started fifo-write -D -m hello q
	wait_until unread_is 6 q
	die_pid "$holder"
	done_with 4 "q: the reader left with 6 bytes unread, after 6 bytes"
	cell J5
	hold r q
	holder=$PID
	started fifo-write -D -m hello q
	wait_until unread_is 6 q
	wait_until quiet "$RUN"
	echo other > q
	wait_until quiet "$RUN"
	die_pid "$holder"
	ends_with 1 "$RUN"
	grep -qs -- "cannot confirm that all was read" err
}

@test "K: the last writer leaves" {
	local option holder

	cell K1
	started fifo-read q
	put hello q
	done_with 0 ""
	[[ $(< out) == hello ]]
	cell K2
	hold r q
	echo hello > q
	ends 0 fifo-read -n q
	is hello
	ends 3 fifo-read -n q
	message_is "q: no writer"
	die_pid "$PID"
	for option in -f -F; do
		cell K3
		hold rw q
		holder=$PID
		started fifo-read "$option" -w 0.2 q
		put hello q
		wait_until size_is 6 out
		die_pid "$holder"
		done_with 124 "q: no writer within 0.2s"
		[[ $(< out) == hello ]]
	done
}

@test "L: the name is removed or replaced while there is no peer" {
	local option

	for option in "" -f; do
		cell L1
		# shellcheck disable=SC2086
		started fifo-read $option q
		wait_until holds "$RUN" q
		rm q
		done_with 1 "q: removed while waiting for a writer"
		mkfifo q
	done
	cell L2
	started fifo-read -F -l 1 q
	wait_until holds "$RUN" q
	mkfifo new
	mv new q
	put hello q
	done_with 0 ""
	cell L3
	started fifo-read -F q
	wait_until holds "$RUN" q
	echo precious > new
	mv new q
	done_with 6 "q: not a FIFO"
	rm q
	mkfifo q
	for option in "" -k -D; do
		cell L4
		# shellcheck disable=SC2086
		started fifo-write $option -m x q
		wait_until opening "$RUN"
		rm q
		done_with 1 "q: removed while waiting for a reader"
		mkfifo q
	done
	cell L5
	mkfifo input
	background bash -c 'exec "$IPCTOOL" fifo-write --drop q < input' 2> err
	RUN=$PID
	exec {fd}<> input
	echo one >&"$fd"
	need perl
	wait_until unread_is 0 input
	rm q
	echo two >&"$fd"
	exec {fd}>&-
	done_with 0 ""
	[[ ! -e q ]]
}

@test "M: the name is removed or replaced while there is a peer" {
	local option fd

	for option in "" -f -F; do
		case $option in
		"") cell M1 ;;
		-f) cell M2 ;;
		-F) cell M3 ;;
		esac
		# shellcheck disable=SC2086
		started fifo-read $option ${option:+-l 3} q
		exec {fd}<> q
		echo one >&"$fd"
		wait_until size_is 4 out
		rm q
		echo two >&"$fd"
		wait_until size_is 8 out
		exec {fd}>&-
		case $option in
		"") done_with 0 "" ;;
		-f) done_with 1 "q: removed while waiting for a writer" ;;
		esac
		mkfifo q
	done
	put three q
	done_with 0 ""
	same out <(printf 'one\ntwo\nthree\n')
	mkfifo input
	for option in "" -n -D -k --drop; do
		cell M4
		background cat q > got
		PEER=$PID
		background bash -c 'exec "$IPCTOOL" fifo-write $1 q < input' \
		    bash "$option" 2> err
		RUN=$PID
		if [[ $option == -n || $option == --drop ]]; then
			wait_until opening "$PEER"
		fi
		exec {fd}<> input
		echo one >&"$fd"
		wait_until size_is 4 got
		rm q
		echo two >&"$fd"
		wait_until size_is 8 got
		exec {fd}>&-
		done_with 0 ""
		ends_with 0 "$PEER"
		mkfifo q
	done
}

@test "N: another one has it locked" {
	local locker

	hold rw q
	started fifo-read --lock q
	locker=$RUN
	echo hello > q
	wait_until size_is 6 out
	cell N1
	ends 124 fifo-read --lock -t 0.1 q
	message_is "not done within 0.1s (--timeout)"
	cell N2
	ends 7 fifo-read --lock -n q
	message_is "q: locked by another process"
	cell N3
	ends 5 fifo-read -n q
	die_pid "$locker"
	# A writer in the midst of a record: the pipe is full.
	head -c 100000 /dev/zero > long
	background bash -c 'exec "$IPCTOOL" fifo-write --lock q < long'
	locker=$PID
	need perl
	wait_until unread_is 65536 q
	wait_until asleep "$locker"
	cell N4
	ends 124 fifo-write --lock -T 0.1 -m x q
	message_is "nothing moved for 0.1s (--idle-timeout)"
	ends 124 fifo-write --lock -t 0.1 -m x q
	message_is "not done within 0.1s (--timeout)"
	cell N5
	ends 7 fifo-write --lock -n -m x q
	message_is "q: locked by another process"
	cell N6
	ends 0 fifo-write --lock --drop -m x q
	cell N7
	ends 5 fifo-write -n -m x q
	message_is "q: full after 0 bytes"
}

@test "O: it does not belong to the user of --require-owner" {
	local option

	for option in "" -n -f -F -C --lock; do
		cell O1
		# shellcheck disable=SC2086
		ends 1 fifo-read $option --require-owner=4242 q
		message_is "q: does not belong to 4242"
	done
	hold rw q
	for option in "" -n -k -D --drop -A --lock; do
		cell O2
		# shellcheck disable=SC2086
		ends 1 fifo-write $option --require-owner=4242 -m x q
		message_is "q: does not belong to 4242"
	done
	[[ -z $(queued q) ]]
}

@test "P: a record is longer than 4096 bytes" {
	local option long

	long=$(head -c 9999 /dev/zero | tr '\0' x)
	for option in "" -k -D; do
		cell P1
		background cat q > got
		# shellcheck disable=SC2086
		ends 0 fifo-write $option -m "$long" q
		ends_with 0 "$PID"
		size_is 10000 got
	done
	cell P2
	hold r q
	head -c 61440 /dev/zero > q
	ends 5 fifo-write -n -m "$long" q
	message_is "q: full after 4096 bytes"
	queued q > /dev/null
	cell P3
	ends 0 fifo-write --drop -m "$long" q
	queued q > got
	size_is 10000 got
	echo x > q
	ends 0 fifo-write --drop -m "$long" q
	[[ $(queued q) == x ]]
	cell P4
	ends 8 fifo-write -A -m "$long" q
	message_is "q: a record longer than 4096 bytes cannot be atomic"
	[[ -z $(queued q) ]]
	cell P5
	ends 0 fifo-write -A --lock -m "$long" q
	queued q > got
	size_is 10000 got
}

@test "the table and these tests have the same lines" {
	sed -n 's/^\.It \\&\([A-Z][0-9]*\) Ta .*/\1/p' \
	    "$SRCDIR/man/ipctool-fifo.7" | sort > table
	(($(wc -l < table) > 50))
	# Where one loop is about two lines, the second is behind a condition.
	grep -oE '\bcell [A-Z][0-9]+' "$BATS_TEST_FILENAME" | cut -d' ' -f2 |
	    sort -u > cells
	same table cells
}
