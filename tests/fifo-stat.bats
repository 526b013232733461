#!/usr/bin/env bats

load lib/common
load lib/fifo-stat

# Every state that a pipe can be in: its word, its sentence, its JSON.

teardown() {
	local dir

	common_teardown
	for dir in one two; do
		! mountpoint -q "$dir" || umount "$dir"
	done
}

# shows_state STATE FIFO: in a word, as text and as JSON.
shows_state() {
	local word

	word=$(ipctool fifo-stat -rno STATE "$2" 2> stderr)
	if [[ $word != "$1" ]]; then
		echo "$2 is $word, not $1" >&2
		return 1
	fi
	ipctool fifo-stat -J "$2" 2> stderr | grep -q "\"state\": \"$1\""
}

# What json printed, to be asked by jq: ask FILTER VALUE
json() {
	ipctool fifo-stat -J "$@" > json 2> stderr
}

json_has() {
	local answer

	answer=$(limited jq -r ".[\"fifo-stat\"][0] | $1" json)
	compare_text "$1" "$2" "$answer"
}

# says REGEX FIFO: the sentence below the table.
says() {
	run -0 --separate-stderr ipctool fifo-stat "$2"
	matches "$2: $1\$"
	# The same in JSON, where no byte of a sentence needs an escape.
	run -0 --separate-stderr ipctool fifo-stat -J "$2"
	matches "\"verdict\": \"$1\""
}

# The processes that we may not look into change what can be said.
all_visible() {
	local hidden

	hidden=$(ipctool fifo-stat -rno HIDDEN "$1" 2> stderr)
	[[ $hidden == 0 ]]
}

@test "nobody has it open" {
	mkfifo q
	if all_visible q; then
		shows_state unused q
		says "nobody (in this PID name space )?(has|is seen to have) it open; .*" q
		need jq
		json q
		json_has .unread 0
		json_has .readers 0
		json_has .children null
	else
		shows_state not-visible q
		says "no process in sight has it open; not visible: .*" q
	fi
}

@test "a reader that is blocked in open, and who could end that" {
	need jq
	mkfifo q
	background cat q
	wait_until opening "$PID"
	shows_state opening-read q
	says "cat \($PID\) waits in open for a writer; a process that opens it for writing ends that" q
	json q
	json_has .state opening-read
	json_has .readers 0
	json_has .writers 0
	json_has .opening 1
	json_has '.children[0].pid' "$PID"
	json_has '.children[0].fd' null
	json_has '.children[0].end' read
	json_has '.children[0].doing' opening
	json_has '.children[0].wait | type' number
}

@test "a writer that opens what it has pinned is no opener of anything of ours" {
	mkfifo q other
	background ipctool fifo-write -m hello other
	wait_until opening "$PID"
	run -0 --separate-stderr ipctool fifo-stat -rno PID q
	is ""
	run -0 --separate-stderr ipctool fifo-stat -rno PID,DOING,END other
	is "$PID opening write"
	run -0 --separate-stderr ipctool fifo-stat -rno NAME "$PID"
	matches "/other(\$|[[:space:]])"
}

@test "a writer that is blocked in open" {
	need jq
	mkfifo q
	background bash -c 'exec 5> q'
	wait_until opening "$PID"
	shows_state opening-write q
	says "bash \($PID\) waits in open for a reader; a process that opens it for reading ends that" q
	json q
	json_has '.children[0].end' write
	json_has '.children[0].doing' opening
}

@test "a reader and no writer" {
	mkfifo q
	hold r q
	shows_state no-writer q
	says "no writer; a read gets end of file, until a process opens it for writing" q
}

@test "a writer and no reader" {
	make_dead
	shows_state no-reader .dead
	says "no reader; a write fails with EPIPE, until a process opens it for reading" .dead
}

@test "data that its writer left, and no writer any more" {
	mkfifo q
	hold r q
	put hello q
	shows_state left-over q
	says "6 bytes unread, and no writer any more; a read gets them, and then end of file, until .*" q
}

@test "data and no reader" {
	need jq
	mkfifo q
	local both dead
	# shellcheck disable=SC2034,SC2094
	exec {both}<> q {dead}> q
	echo hello >&"$both"
	exec {both}>&-
	shows_state unreached q
	says "6 bytes unread, and no reader; a write fails .*" q
	json q
	json_has .unread 6
	json_has .readers 0
	json_has '.writers > 0' true
}

@test "both ends are open, and nobody waits" {
	mkfifo q
	hold rw q
	local both=$PID
	hold r q
	hold w q
	die_pid "$both"
	shows_state idle q
	says "empty; both ends are open, and nobody waits" q
}

@test "a process that holds it for reading and writing" {
	need jq
	mkfifo q
	hold rw q
	shows_state held q
	says "empty; hold \($PID\) holds it open for reading and writing, so that nobody waits in open" q
	json q
	json_has .readers 1
	json_has .writers 1
	json_has '.children[0].end' both
}

@test "data, and nobody waits" {
	mkfifo q
	hold rw q
	put hello q
	shows_state data q
	says "6 bytes unread; hold \($PID\) can read, and nobody waits" q
}

@test "a reader that waits for data, and who could write" {
	need jq
	mkfifo q
	background cat q
	local cat=$PID
	hold w q
	wait_until shows_state reading q
	says "empty; cat \($cat\) waits for data; hold \($PID\) can write, or close it" q
	json q
	json_has ".children[] | select(.pid == $cat).doing" reading
	json_has ".children[] | select(.pid == $cat).fd" 3
	json_has ".children[] | select(.pid == $cat).call" read
}

@test "a writer that waits for room, and who could read" {
	need jq
	mkfifo q
	hold r q
	local reader=$PID
	background bash -c 'exec yes > q'
	wait_until shows_state writing q
	says "full; yes \($PID\) waits for room; hold \($reader\) can read" q
	json q
	json_has '.unread == .capacity' true
	json_has ".children[] | select(.pid == $PID).doing" writing
}

@test "a writer that waits for room though bytes would fit: a pipe holds pages" {
	mkfifo q
	hold r q
	background "$TOOLS_DIR/peer-write" --bytes=100000 --chunk=3000 q
	wait_until shows_state writing q
	says "no room for more than the [0-9]+ of [0-9]+ bytes in it; peer-write \($PID\) waits for room; .* can read" q
}

@test "full, and nobody waits" {
	mkfifo q
	hold rw q
	fill q
	shows_state full q
	says "full; the next write waits until it is read by hold \($PID\)" q
}

@test "a FIFO whose name is gone keeps its state" {
	mkfifo q
	hold rw q
	rm q
	run -0 --separate-stderr ipctool fifo-stat -rno UNLINKED,STATE "$PID"
	[[ $'\n'$output$'\n' == *$'\n1 held\n'* ]]
	run -0 --separate-stderr ipctool fifo-stat "$PID"
	matches "/q: empty; hold .*; its name is gone"
}

@test "a reader that waits in open of a FIFO whose name is gone waits for ever" {
	mkfifo q
	background cat q
	wait_until opening "$PID"
	rm q
	run -0 --separate-stderr ipctool fifo-stat "$PID"
	matches "/q: cat \($PID\) waits in open for a writer; its name is gone, so that no writer can come"
}

@test "a reader that polls waits, too" {
	mkfifo q
	background ipctool fifo-read q
	local reader=$PID
	wait_until holds "$reader" q
	hold w q
	wait_until shows_state reading q
	says "empty; ipctool \($reader\) waits for data; .*" q
	run -0 --separate-stderr ipctool fifo-stat -rno PID,DOING q
	matches "$reader polling"
}

@test "a reader in poll, select or epoll is stuck where only itself could write" {
	local how
	for how in poll select epoll; do
		mkfifo "$how"
		background "$TOOLS_DIR/waiter" "$how" "$how"
		wait_until shows_state reading "$how"
		run -9 --separate-stderr ipctool fifo-stat --why "$how"
		matches "waits in p?e?$how(6|_wait|_pwait)? for data in $how"
	done
}

@test "who polls for room where there is some does not lack it" {
	mkfifo q
	background "$TOOLS_DIR/waiter" edge q
	local waiter=$PID
	polls() {
		[[ $(ipctool fifo-stat -rno DOING q 2>/dev/null) == polling ]]
	}
	wait_until polls
	shows_state held q
	hold r q
	says "empty; both ends are open, and waiter \($waiter\) polls, though there is room" q
	shows_state idle q
	put hello q
	says "6 bytes unread; waiter \($waiter\), hold \($PID\) can read, and waiter \($waiter\) polls, though there is room" q
	shows_state data q
	fill q
	wait_until shows_state writing q
}

@test "a reader that waits with a time-out is not stuck" {
	mkfifo q
	background "$TOOLS_DIR/waiter" timed q
	wait_until shows_state reading q
	run -0 --separate-stderr ipctool fifo-stat --why q
	matches "for data in q, or until a time-out"
}

@test "only itself: both ends are in one process" {
	mkfifo q
	background bash -c 'exec cat <> q'
	wait_until shows_state reading q
	says "empty; cat \($PID\) waits for data; the only writer is the same process" q
}

@test "a thread that is not the first one is found" {
	mkfifo q
	background "$TOOLS_DIR/waiter" open q
	wait_until shows_state opening-read q
	run -0 --separate-stderr ipctool fifo-stat -rno PID,TID,DOING q
	matches "^$PID [0-9]+ opening\$"
	[[ $output != "$PID $PID"* ]]
}

# in_root DIRECTORY PATH: cat(1) would need libraries there.
in_root() {
	need_root
	need perl
	# shellcheck disable=SC2016
	background perl -e 'chroot($ARGV[0]) && chdir("/") && chdir($ARGV[1])
	    or die; open(my $f, "<", $ARGV[2])' "$@"
	wait_until opening "$PID"
}

@test "a process in another root goes through links as its root has them" {
	local path
	# What the link says is there, in our root too: another FIFO.
	mkdir -p run "cr$PWD/run" cr/var cr/deep/er
	ln -s "$PWD/run" cr/var/run
	mkfifo run/q "cr$PWD/run/q"
	for path in "/ /var/run/q" "/deep/er ../../../../var/run/q"; do
		# shellcheck disable=SC2086
		in_root cr $path
		shows_state opening-read "cr$PWD/run/q"
		run -0 --separate-stderr ipctool fifo-stat run/q
		lacks perl
		run -0 --separate-stderr ipctool fifo-stat -rno NAME,STATE \
		    "$PID"
		matches "/cr$PWD/run/q opening-read"
		die_pid "$PID"
	done
}

@test "who was blocked under an old name is not passed over in silence" {
	mkfifo q
	background cat q
	wait_until opening "$PID"
	mv q other
	run -0 --separate-stderr ipctool fifo-stat other
	lacks "nobody has it open"
	stderr_matches "[0-9]+ threads? blocked in open of a FIFO that cannot be told"
}

@test "in another PID name space it is said that there are others outside" {
	need_root
	need unshare
	mkfifo q
	unshare -pf --mount-proc true 2>/dev/null || skip "no name spaces"
	run -0 --separate-stderr limited unshare -pf --mount-proc "$IPCTOOL" \
	    fifo-stat q
	matches "q: nobody in this PID name space has it open; "
	# shellcheck disable=SC2016
	run -9 --separate-stderr limited unshare -pf --kill-child \
	    --mount-proc bash -c '"$TOOLS_DIR/waiter" poll q &
		until [[ $("$IPCTOOL" fifo-stat -rno STATE q) == reading ]]; do
			:
		done
		"$IPCTOOL" fifo-stat --why q'
	matches "deadlock: .*, as far as can be seen from this PID name space"
}

@test "an anonymous pipe is named by PID and PID:FD" {
	need jq
	background bash -c 'sleep 100 | cat'
	local cat
	wait_until pgrep -P "$PID" -x cat
	cat=$(pgrep -P "$PID" -x cat)
	wait_until asleep "$cat"
	run -0 --separate-stderr ipctool fifo-stat -rno NAME,STATE "$cat:0"
	matches "^pipe:\[[0-9]+\] reading\$"
	json "$cat:0"
	json_has .type pipe
	json_has '[.children[] | .command] | sort | join(" ")' "cat sleep"
	run -0 --separate-stderr ipctool fifo-stat -rno NAME,STATE "$cat"
	matches "pipe:\[[0-9]+\] reading"
	pkill -P "$PID"
}

@test "a pipe of standard input is named by /dev/stdin" {
	# shellcheck disable=SC2016
	run -0 --separate-stderr bash -c \
	    'sleep 0.5 | "$IPCTOOL" fifo-stat -rno TYPE,READERS,WRITERS /dev/stdin'
	matches "^pipe "
}

@test "the same inode number on another device is another FIFO" {
	need_root
	mkdir one two
	mount -t tmpfs none one 2>/dev/null || skip "cannot mount"
	mount -t tmpfs none two
	mkfifo one/q two/q
	local same
	same=$(stat -c %i one/q two/q | uniq | wc -l)
	((same == 1)) || skip "the numbers differ"
	hold rw one/q
	run -0 --separate-stderr ipctool fifo-stat -rno STATE two/q
	is unused
}

@test "several FIFOs, of which one is missing and one is none" {
	mkfifo a b
	: > file
	run -1 --separate-stderr ipctool fifo-stat -rno NAME a missing b
	is $'a\nb'
	stderr_matches "^ipctool fifo-stat: missing: No such file or directory"
	run -6 --separate-stderr ipctool fifo-stat -rno NAME a file
	is a
	stderr_matches "^ipctool fifo-stat: file: not a FIFO"
	run -6 --separate-stderr ipctool fifo-stat file
	is ""
}

@test "a process that is not there, and a descriptor that is none" {
	run -1 --separate-stderr ipctool fifo-stat 999999999
	stderr_matches "^ipctool fifo-stat: 999999999: no such process"
	run -1 --separate-stderr ipctool fifo-stat "$$:999"
	stderr_matches "^ipctool fifo-stat: $$:999: Bad file descriptor"
	: > file
	exec {fd}< file
	run -6 --separate-stderr ipctool fifo-stat "$BASHPID:$fd"
	stderr_matches ":$fd: not a FIFO"
}

@test "a FIFO whose name is a number is written ./1" {
	mkfifo 1
	run -0 --separate-stderr ipctool fifo-stat -rno NAME ./1
	is ./1
}

@test "O_PATH is no end" {
	mkfifo q
	background "$TOOLS_DIR/waiter" path q
	wait_until pins "$PID" q
	run -0 --separate-stderr ipctool fifo-stat -rno READERS,WRITERS,PID q
	[[ $output != *$PID* ]]
}

@test "columns are those that were asked for, in that order" {
	mkfifo q
	hold rw q
	run -0 --separate-stderr ipctool fifo-stat -o state,name q
	is $'STATE NAME\nheld  q'
	run -0 --separate-stderr ipctool fifo-stat -rno NAME,PID,FD,END q
	is "q $PID 3 both"
	run -0 --separate-stderr ipctool fifo-stat -n -o +TYPE q
	matches " fifo($|[[:space:]])"
	run -2 --separate-stderr ipctool fifo-stat -o STAT q
	stderr_matches "^ipctool fifo-stat: unknown column 'STAT'; did you mean 'STATE'"
}

@test "options that make no sense together are refused" {
	local options

	mkfifo q
	for options in "" "-a q" "--why --graph q" "--why -o NAME q" "-J -r q" \
	    "--graph -J q" "-w 1 q" "--wait-for=data -a" "--wait-for=data 1" \
	    "--watch --peek q" "--wait-for=nothing q" "--graph=png q" \
	    "--peek=0 q" "--peek=1Kx q" "--watch=x q" "-w x --wait-for=data q"
	do
		# shellcheck disable=SC2086
		run -2 --separate-stderr ipctool fifo-stat $options
		is ""
		stderr_matches "Try 'ipctool fifo-stat --help'"
	done
}

@test "--all shows what is open somewhere" {
	mkfifo q
	hold rw q
	run -0 --separate-stderr ipctool fifo-stat -arno NAME,STATE
	matches "/q held"
}

@test "a FIFO in the place of another one: who has the older one is said" {
	mkfifo q
	hold rw q
	rm q
	mkfifo q
	run -0 --separate-stderr ipctool fifo-stat q
	matches "hold \($PID\) has a FIFO open that had this name before"
	run -0 ipctool fifo-stat "$PID"
	matches "q: .*; its name stands for another FIFO by now"
	rm q
	run -0 ipctool fifo-stat "$PID"
	matches "q: .*; its name is gone"
}

@test "who could end a wait, but is stopped, is said to be that" {
	local reader writer

	mkfifo q
	hold rw q
	local holder=$PID
	background cat q
	reader=$PID
	wait_until holds "$reader" q
	background cat /dev/zero > q
	writer=$PID
	wait_until holds "$writer" q
	die_pid "$holder"
	kill -STOP "$reader"
	wait_until stopped "$reader"
	wait_until state_is writing q
	run -0 ipctool fifo-stat q
	matches "cat \($writer\) waits for room; cat \($reader\) can read, but is stopped$"
	kill -STOP "$writer"
	kill -CONT "$reader"
	wait_until state_is reading q
	run -0 ipctool fifo-stat q
	matches "cat \($reader\) waits for data; cat \($writer\) can write, or close it, but is stopped$"
}
