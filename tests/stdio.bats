#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# Closed 0, 1 and 2 in all combinations, and what else was inherited.

setup() {
	common_setup
	mkfifo q
}

# with_closed SET COMMAND...: run it with the descriptors in SET closed and
# the others at in, out and err.  Its status is in $got.
with_closed() {
	local fd options=()

	for fd in 0 1 2; do
		if [[ $1 == *$fd* ]]; then
			options+=("--close=$fd")
		fi
	done
	got=0
	: > out
	: > err
	limited env --default-signal=PIPE "$TOOLS_DIR/launch" \
	    ${options[@]+"${options[@]}"} "${@:2}" < in > out 2> err || got=$?
	closed=$1
}

# expect STATUS OUT [MESSAGE]: what the run has to have done; nothing may be
# in out but OUT, nothing in err but one line with MESSAGE if 2 was open.
expect() {
	local wanted=

	if [[ -n ${3-} && $closed != *2* ]]; then
		wanted=$3
	fi
	compare_text "status, $closed closed" "$1" "$got"
	compare_text "out, $closed closed" "$2" "$(< out)"
	compare_text "err, $closed closed" "$wanted" "$(< err)"
}

SETS=("" 0 1 2 01 02 12 012)

@test "fifo-create needs none of its standard descriptors" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		with_closed "$set" "$IPCTOOL" fifo-create "f$set"
		expect 0 ""
		[[ -p f$set ]]
		with_closed "$set" "$IPCTOOL" fifo-create "f$set"
		expect 1 "" "ipctool fifo-create: f$set: File exists"
	done
}

@test "fifo-create -v fails where it cannot print" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		with_closed "$set" "$IPCTOOL" fifo-create -v "f$set"
		if [[ $set == *1* ]]; then
			expect 1 "" "ipctool fifo-create: standard output: Bad file descriptor"
		else
			expect 0 "f$set"
		fi
		[[ -p f$set ]]
	done
}

@test "fifo-read needs only standard output" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		hold rw q
		put hello q
		with_closed "$set" "$IPCTOOL" fifo-read -c 6 q
		if [[ $set == *1* ]]; then
			expect 1 "" "ipctool fifo-read: standard output: Bad file descriptor"
			[[ $(queued q) == hello ]]
		else
			expect 0 hello
			[[ -z $(queued q) ]]
		fi
		die_pid "$PID"
	done
}

@test "fifo-write needs only standard input, and no message ends up in the FIFO" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		hold rw q
		with_closed "$set" "$IPCTOOL" fifo-write q
		if [[ $set == *0* ]]; then
			expect 1 "" "ipctool fifo-write: standard input: Bad file descriptor"
			[[ -z $(queued q) ]]
		else
			expect 0 ""
			[[ $(queued q) == input ]]
		fi
		with_closed "$set" "$IPCTOOL" fifo-write -m hello q
		expect 0 ""
		[[ $(queued q) == hello ]]
		die_pid "$PID"
	done
}

@test "pipe-relay needs standard input and standard output, or -i and -o" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		with_closed "$set" "$IPCTOOL" pipe-relay
		case $set in
		*0*)
			expect 1 "" "ipctool pipe-relay: standard input: Bad file descriptor" ;;
		*1*)
			expect 1 "" "ipctool pipe-relay: standard output: Bad file descriptor" ;;
		*)
			expect 0 input ;;
		esac
		with_closed "$set" "$IPCTOOL" pipe-relay -i in -o copy
		expect 0 ""
		[[ $(< copy) == input ]]
		rm copy
	done
}

@test "pipe-relay keeps its messages and counters out of its files" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		with_closed "$set" "$IPCTOOL" pipe-relay -v --stats -i missing \
		    -i in -o copy
		[[ $got == 1 && $(< copy) == input ]]
		size_is 0 out
		rm copy
	done
}

@test "duplex gives its commands what it was given, closed ones too" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		with_closed "$set" "$TOOLS_DIR/fdlist" wanted
		expect 0 ""
		with_closed "$set" "$IPCTOOL" duplex "$TOOLS_DIR/fdlist" list
		expect 0 ""
		same <(grep ^fd wanted) <(grep ^fd list)
		with_closed "$set" "$IPCTOOL" duplex true :: sh -c 'exit 3'
		expect 3 ""
		with_closed "$set" "$IPCTOOL" duplex \
		    sh -c 'echo hello; exec >&-; cat > left' :: \
		    sh -c 'cat > right; echo bye'
		expect 0 ""
		[[ $(< left) == bye && $(< right) == hello ]]
		with_closed "$set" "$IPCTOOL" duplex -T 60 true :: sh -c 'exit 3'
		expect 3 ""
		with_closed "$set" "$IPCTOOL" duplex no-such-command :: true
		expect 127 "" "ipctool duplex: no-such-command: No such file or directory"
	done
}

@test "a relayed duplex with us needs both of ours" {
	local set

	echo input > in
	for set in "${SETS[@]}"; do
		with_closed "$set" "$IPCTOOL" duplex -T 60 tr a-z A-Z
		case $set in
		*1*)
			expect 1 "" "ipctool duplex: standard output: Bad file descriptor" ;;
		*0*)
			expect 1 "" "ipctool duplex: standard input: Bad file descriptor" ;;
		*)
			expect 0 INPUT ;;
		esac
	done
}

@test "--help and --version fail where standard output is closed" {
	local set option

	echo input > in
	for set in "${SETS[@]}"; do
		for option in --help --version; do
			with_closed "$set" "$IPCTOOL" fifo-read "$option"
			if [[ $set == *1* ]]; then
				expect 1 "" "ipctool fifo-read: standard output: Bad file descriptor"
			else
				[[ $got == 0 && -s out && ! -s err ]]
			fi
		done
	done
}

@test "descriptors that are open the wrong way round are said" {
	run -1 --separate-stderr bash -c '"$IPCTOOL" pipe-relay 0> x'
	stderr_is "ipctool pipe-relay: standard input: Bad file descriptor"
	run -1 --separate-stderr bash -c \
	    '"$IPCTOOL" pipe-relay < /dev/null 1< /dev/null'
	stderr_is "ipctool pipe-relay: standard output: Bad file descriptor"
}

# The runs below share the descriptions of their standard descriptors with
# this script, which looks at them before and after.
inherit() {
	printf '%s\n' '#!/bin/bash' '"$TOOLS_DIR/flags" before' "$1" \
	    'status=$?' '"$TOOLS_DIR/flags" after' 'exit $status' > script
	limited env --default-signal=PIPE "$TOOLS_DIR/launch" "${@:2}" \
	    bash script
}

@test "flags that are shared with others stay as they are" {
	local option command

	mkfifo in.fifo out.fifo
	for option in --nonblock=0 --nonblock=1 --append=2; do
		for command in 'pipe-relay' 'pipe-relay --no-splice' \
		    'fifo-read -' 'duplex cat' 'duplex -T 9 cat'; do
			background bash -c 'seq 20000 > in.fifo'
			background bash -c 'cat out.fifo > out'
			local reader=$PID
			# A cat fails where it is not made to wait.
			if [[ $command == "duplex cat" ]]; then
				command='duplex "$IPCTOOL" pipe-relay'
			fi
			inherit "\"\$IPCTOOL\" $command" "$option" \
			    < in.fifo > out.fifo 2> err || {
				echo "$option $command: $(< err)" >&2
				return 1
			}
			ends_with 0 "$reader"
			same before after
		done
	done
}

@test "O_NONBLOCK that was inherited is lived with" {
	local option

	random_file 2M data
	mkfifo in.fifo out.fifo
	for option in -q --no-splice; do
		background bash -c 'exec "$TOOLS_DIR/peer-write" --bytes=2M \
		    --chunks=1-20000 in.fifo'
		background bash -c 'exec "$TOOLS_DIR/peer-check" --bytes=2M \
		    out.fifo > /dev/null'
		local reader=$PID
		limited bash -c '"$TOOLS_DIR/launch" --nonblock=0 \
		    --nonblock=1 --nonblock=2 "$IPCTOOL" pipe-relay "$1" \
		    < in.fifo > out.fifo' bash "$option"
		ends_with 0 "$reader"
	done
	background bash -c 'exec "$TOOLS_DIR/peer-write" --bytes=2M \
	    --chunks=1-20000 in.fifo'
	background ipctool fifo-read q
	background bash -c 'exec "$TOOLS_DIR/peer-check" --bytes=2M q >sum'
	die_pid "${pids[-2]}"
	limited bash -c '"$TOOLS_DIR/launch" --nonblock=0 "$IPCTOOL" \
	    fifo-write q < in.fifo'
	ends_with 0 "$PID"
}

# text_waits ARG...: where standard output is non-blocking and full, what
# ipctool prints comes when there is room again; it goes to out.
text_waits() {
	local holder printer

	rm -f full
	mkfifo full
	hold rw full
	holder=$PID
	background "$TOOLS_DIR/launch" --nonblock=1 bash -c '
		head -c 65536 /dev/zero && echo filled >&2 &&
		exec "$IPCTOOL" "$@"' bash "$@" > full 2> err
	printer=$PID
	wait_until grep -q filled err
	wait_until blocked_in "*poll*" "$printer"
	background cat full > all
	wait_until holds "$PID" full
	die_pid "$holder"
	ends_with 0 "$printer"
	ends_with 0 "$PID"
	tail -c +65537 all > out
	# Of others, an ordinary user is told how many he does not see.
	compare_text err filled "$(grep -v ': not visible: ' err)"
}

@test "text waits for room where O_NONBLOCK was inherited" {
	text_waits fifo-create -v made
	compare_text out made "$(< out)"
	text_waits fifo-stat -rno NAME q
	compare_text out q "$(< out)"
	text_waits duplex --help
	grep -q "^Usage: ipctool duplex" out
	grep -q "man duplex$" out
}

@test "a FIFO that is standard output keeps its flags after a KILL, too" {
	mkfifo in.fifo
	hold rw q
	exec {in}<> in.fifo {out}> q
	local before after
	before=$(grep flags /proc/self/fdinfo/"$out" /proc/self/fdinfo/"$in")
	background ipctool pipe-relay <&"$in" 1>&"$out"
	wait_until quiet "$PID"
	echo hello >&"$in"
	wait_until quiet "$PID"
	kill -KILL "$PID"
	ends_with 137 "$PID"
	after=$(grep flags /proc/self/fdinfo/"$out" /proc/self/fdinfo/"$in")
	exec {in}>&- {out}>&-
	[[ $before == "$after" && -n $before ]]
}

@test "no run leaves a descriptor that another one finds" {
	local command

	echo input > in
	for command in "fifo-create x" "fifo-read -n q" "fifo-write -n -m x q"; do
		# shellcheck disable=SC2086
		run ipctool $command < /dev/null
	done
	run -0 ipctool duplex "$TOOLS_DIR/fdlist" < in
	run -0 grep -c '^fd [012] ' <<< "$output"
	is 3
}
