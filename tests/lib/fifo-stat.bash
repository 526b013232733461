# shellcheck shell=bash
#
# fifo-stat - what only the tests of fifo-stat share; load it after common.
#
#	state_is STATE FIFO	in a word, for wait_until
#	look_up_to PATH ARG...	run fifo-stat, and stop it when it has opened
#				PATH; it is the child of $LOOKER, strace(1)
#	look_on			let it go on

state_is() {
	[[ $(ipctool fifo-stat -rno STATE "$2" 2>/dev/null) == "$1" ]]
}

look_up_to() {
	local path=$1

	shift
	background strace -o trace -P "$path" \
	    -e inject=openat:signal=STOP:when=1 \
	    "$IPCTOOL" fifo-stat "$@" > out 2> error
	LOOKER=$PID
	wait_until grep -qs "stopped by SIGSTOP" trace
}

look_on() {
	kill -CONT "$(pgrep -P "$LOOKER")"
}
