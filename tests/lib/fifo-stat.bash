# shellcheck shell=bash
#
# fifo-stat - what only the tests of fifo-stat share; load it after common.
#
#	state_is STATE FIFO	in a word, for wait_until
#	stands_still PARENT	the child that strace(1) runs is held in a call

state_is() {
	[[ $(ipctool fifo-stat -rno STATE "$2" 2>/dev/null) == "$1" ]]
}

stands_still() {
	local before after pid

	pid=$(pgrep -P "$1") && [[ /proc/$pid/exe -ef $IPCTOOL ]] || return 1
	{ read -r before < "/proc/$pid/syscall"; } 2>/dev/null
	sleep 0.5
	{ read -r after < "/proc/$pid/syscall"; } 2>/dev/null
	[[ -n $before && $before == "$after" ]]
}
