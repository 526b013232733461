#!/usr/bin/env bats

# shellcheck disable=SC2154 # what lib/common sets

load lib/common
load lib/fifo-stat

# Looking disturbs nobody, is honest, and safe; and looks that repeat.
# FULL=1 makes the numbers those of the requirements.

# Every kind of look at a FIFO.
look_in_all_ways() {
	local options

	for options in "" --why --graph --graph=dot --peek -J \
	    "--wait-for=gone -w 0.001"; do
		# shellcheck disable=SC2086
		ipctool fifo-stat $options "$1" > /dev/null 2>&1 || :
	done
}

@test "whoever is blocked in open stays blocked, however we look" {
	local i n

	n=$(amount 29 3)		# of 7 looks each
	mkfifo r w
	background cat r
	local reader=$PID
	background bash -c 'exec 5> w; echo came'
	local writer=$PID
	wait_until opening "$reader"
	wait_until opening "$writer"
	for ((i = 0; i < n; i++)); do
		look_in_all_ways r
		look_in_all_ways w
		opening "$reader"
		opening "$writer"
	done
	put came r
	ends_with 0 "$reader"
}

@test "a pipeline that runs while we look loses no byte" {
	local i n wanted

	n=$(amount 29 2)
	mkfifo q
	random_file 1000003 chunk
	background bash -c 'until [[ -e enough ]]; do
		cat chunk
		echo >> chunks
	    done > q'
	local writer=$PID
	background bash -c 'sha256sum < q > got'
	local reader=$PID
	wait_until test -s chunks
	for ((i = 0; i < n; i++)); do
		look_in_all_ways q
	done
	# It has run until now.
	run -1 gone "$writer"
	: > enough
	ends_with 0 "$writer"
	ends_with 0 "$reader"
	wanted=$(while read -r _; do cat chunk; done < chunks | sha256sum)
	compare_text checksum "$wanted" "$(< got)"
}

@test "a FIFO is opened with O_PATH only, and nothing is read from it" {
	need strace
	mkfifo q
	hold rw q
	put hello q
	local options
	for options in "" --why --graph --peek "--wait-for=data"; do
		# shellcheck disable=SC2086
		limited strace -f -o trace -s 200 "$IPCTOOL" fifo-stat $options \
		    q > out 2>&1
		run -0 grep -E '^[0-9]+ +open(at|at2)?\(.*"q"' trace
		[[ $output == *O_PATH* && $output != *$'\n'* ]]
		# What came by pidfd_getfd is never read, but for our own copy.
		run -1 grep -E 'open.*/proc/[0-9]+/fd/[0-9]+"' trace
	done
	run -0 --separate-stderr ipctool fifo-stat -rno UNREAD q
	is 6
}

@test "--peek shows what waits, again and again" {
	mkfifo q
	hold rw q
	put hello q
	local i
	for i in 1 2; do
		run -0 --separate-stderr ipctool fifo-stat --peek q
		is "q: the first 6 of 6 bytes unread
< 00000000  68 65 6c 6c 6f 0a                                 |hello.|"
	done
	run -0 --separate-stderr ipctool fifo-stat --peek=4 q
	is "q: the first 4 of 6 bytes unread
< 00000000  68 65 6c 6c                                       |hell|"
	run -0 ipctool fifo-read -n q
	is hello
}

@test "--peek shows all of a pipe that is full of short records" {
	mkfifo q
	hold rw q
	local i
	for ((i = 0; i < 16; i++)); do
		limited dd if=/dev/zero of=q bs=4096 count=1 conv=notrunc \
		    status=none
	done
	run -0 --separate-stderr ipctool fifo-stat --peek=64k q
	matches "^q: the first 65536 of 65536 bytes unread"
}

@test "--peek needs a process that holds the read end" {
	mkfifo q
	run --separate-stderr ipctool fifo-stat --peek q
	is ""
	stderr_matches "^ipctool fifo-stat: q: "
	make_dead
	run -1 --separate-stderr ipctool fifo-stat --peek .dead
	stderr_matches "^ipctool fifo-stat: .dead: no process in sight holds its read end"
}

@test "names with all bytes are safe, and unvis gives them back" {
	need jq
	local name got
	name=$'a\tb\033[31m\nc\\d"e\001\177\377 f'
	mkfifo "$name"
	run -0 --separate-stderr ipctool fifo-stat -no NAME "$name"
	is 'a\tb\033[31m\nc\\d"e\001\177\377 f'
	got=$(ipctool fifo-stat -J -o NAME "$name" 2>/dev/null |
	    limited jq -r '.["fifo-stat"][0].name')
	compare_text name "$output" "$got"
	[[ $(printf '%b' "${got//\"/\\\"}" ) == "${name//\"/\\\"}" ]]
	run -0 --separate-stderr ipctool fifo-stat "$name"
	run -1 grep -q '[[:cntrl:]]' <<< "$output"
}

@test "a command's name with parentheses, newlines and escapes is safe" {
	mkfifo q
	need perl
	# shellcheck disable=SC2016
	background perl -e '$0 = ") S 1 (\n\033[2J"; open(my $q, "<", "q")'
	wait_until opening "$PID"
	run -0 --separate-stderr ipctool fifo-stat -no COMMAND,PID,DOING q
	matches "\) S 1 \(\\\\n\\\\033\[2J +$PID opening"
	run -0 --separate-stderr ipctool fifo-stat --why -n q
	matches "\\\\n\\\\033\[2J"
	run -0 --separate-stderr ipctool fifo-stat --graph=dot q
	matches "\\\\\\\\n\\\\\\\\033"
}

@test "processes that vanish in the course of a look do no harm" {
	mkfifo q
	hold rw q
	# shellcheck disable=SC2016
	background bash -c 'while :; do (:; :) & (exec 3<>q; :) & wait; done'
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		run -0 --separate-stderr ipctool fifo-stat -J q
		run -0 --separate-stderr ipctool fifo-stat --why -J q
		matches '"fifo-stat": \['
	done
}

# As another user, who shall be able to run the program and to be here.
other_user() {
	need_root
	need setpriv
	cp "$IPCTOOL" ipctool
	chmod 755 ipctool . ..
	setpriv --reuid=65534 --regid=65534 --clear-groups ./ipctool \
	    --version > /dev/null 2>&1 || skip "nobody cannot come here"
}

nobody() {
	limited setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

@test "an ordinary user is told that there are others, never that there are none" {
	other_user
	mkfifo -m 666 q
	hold rw q
	run -0 --separate-stderr nobody ./ipctool fifo-stat \
	    -rno STATE,READERS,UNREAD q
	is "not-visible  "
	stderr_matches "not visible: [0-9]+ process"
	run -0 --separate-stderr nobody ./ipctool fifo-stat q
	matches "q: no process in sight has it open; not visible: [0-9]+ process"
	run -0 --separate-stderr nobody ./ipctool fifo-stat -J q
	matches '"readers": null'
	matches '"hidden": [1-9]'
	run -1 --separate-stderr nobody ./ipctool fifo-stat "$PID"
	stderr_matches "$PID: Permission denied"
}

@test "processes that are listed, but of which nothing is shown, are others" {
	other_user
	need unshare
	mkfifo -m 666 q
	hold rw q
	# shellcheck disable=SC2016
	local shut='mount -t proc -o hidepid=1 none /proc || exit 77
	    exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
	local result=0
	limited unshare -m sh -c "$shut" - true 2> /dev/null || result=$?
	((result == 0)) || skip "/proc cannot be mounted"
	run -0 --separate-stderr limited unshare -m sh -c "$shut" - \
	    ./ipctool fifo-stat q
	matches "q: no process in sight has it open; not visible: other users' processes"
	run -0 --separate-stderr limited unshare -m sh -c "$shut" - \
	    ./ipctool fifo-stat -rno STATE,READERS,HIDDEN,UNREAD q
	is "not-visible   "
}

@test "an ordinary user learns what the kernel proves of others" {
	other_user
	mkfifo -m 666 q
	# Somebody else's reader, his own writer: it is seen to have one.
	hold r q
	background setpriv --reuid=65534 --regid=65534 --clear-groups \
	    bash -c 'exec sleep 1000 > q'
	local writer=$PID
	wait_until holds "$writer" q
	run -0 --separate-stderr nobody ./ipctool fifo-stat q
	matches "q: empty; both ends are open, and nobody in sight waits; not visible: [0-9]+ process"
	run -0 --separate-stderr nobody ./ipctool fifo-stat \
	    -rno READERS,WRITERS,PID q
	is " 1 $writer"
}

@test "an ordinary user sees all of his own" {
	other_user
	mkfifo -m 666 q
	background setpriv --reuid=65534 --regid=65534 --clear-groups cat q
	local cat=$PID
	wait_until opening "$cat"
	run -0 --separate-stderr nobody ./ipctool fifo-stat \
	    -rno STATE,PID,DOING q
	is "opening-read $cat opening"
	run -0 --separate-stderr nobody ./ipctool fifo-stat --why q
	matches "root cause: cat \($cat\) waits in open of q for a writer"
}

@test "--wait-for=reader ends when somebody opens it, or is blocked in open" {
	mkfifo q
	background ipctool fifo-stat --wait-for=reader -w 15 q
	local waiter=$PID
	wait_until quiet "$waiter"
	background cat q
	ends_with 0 "$waiter"
	mkfifo p
	hold w q
	background ipctool fifo-stat --wait-for=reader -w 15 p
	waiter=$PID
	wait_until quiet "$waiter"
	hold rw p
	ends_with 0 "$waiter"
}

@test "--wait-for=writer ends when somebody opens it, or is blocked in open" {
	mkfifo q
	background ipctool fifo-stat --wait-for=writer -w 15 q
	local waiter=$PID
	wait_until quiet "$waiter"
	background bash -c 'exec 5> q'
	ends_with 0 "$waiter"
}

@test "--wait-for=data and empty follow what is in it" {
	mkfifo q
	hold rw q
	run -0 ipctool fifo-stat --wait-for=empty -w 15 q
	background ipctool fifo-stat --wait-for=data -w 15 q
	local waiter=$PID
	wait_until quiet "$waiter"
	put hello q
	ends_with 0 "$waiter"
	background ipctool fifo-stat --wait-for=empty -w 15 q
	waiter=$PID
	wait_until quiet "$waiter"
	queued q > /dev/null
	ends_with 0 "$waiter"
}

@test "--wait-for=gone ends when the name is removed, held or not" {
	local waiter

	# It does not wait for the look that it takes once a second.
	beats 0.9 removal_is_seen
	mkfifo q
	background ipctool fifo-stat --wait-for=gone -w 15 q
	waiter=$PID
	wait_until quiet "$waiter"
	mv q other
	ends_with 0 "$waiter"
}

removal_is_seen() {
	local waiter

	mkfifo q
	hold rw q
	background ipctool fifo-stat --wait-for=gone -w 15 q
	waiter=$PID
	wait_until quiet "$waiter"
	rm q
	ends_with 0 "$waiter"
}

@test "--wait-for=gone does not take what it may not look at for gone" {
	local as=()
	if ((EUID == 0)); then
		other_user
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	else
		cp "$IPCTOOL" ipctool
	fi
	mkdir d
	mkfifo d/q
	background "${as[@]}" ./ipctool fifo-stat --wait-for=gone d/q
	local waiter=$PID
	wait_until pins "$waiter" d/q
	wait_until asleep "$waiter"
	chmod 0 d
	# It looks once a second.
	local before after
	before=$(switches "$waiter")
	looked() {
		gone "$waiter" || after=$(switches "$waiter") &&
		    ((after > before + 1))
	}
	wait_until looked
	chmod 755 d
	run -1 gone "$waiter"
	rm d/q
	ends_with 0 "$waiter"
}

@test "--wait-for=gone is content with what is gone already" {
	run -0 --separate-stderr ipctool fifo-stat --wait-for=gone -w 15 q
	is ""
	stderr_is ""
	mkfifo p
	run -124 --separate-stderr ipctool fifo-stat --wait-for=gone \
	    -w 1ms q p
	stderr_is "ipctool fifo-stat: p: not gone within 1ms"
	run -1 --separate-stderr ipctool fifo-stat --wait-for=reader q
	stderr_matches "^ipctool fifo-stat: q: No such file or directory"
}

@test "a process that ends between a look and the next one is said to have" {
	need strace
	local named middle opener
	mkfifo q
	background cat q
	wait_until opening "$PID"
	background sleep 1000
	named=$PID
	# While this one is passed another opens q: the look has to be taken
	# anew.
	background sleep 1000
	middle=$PID
	# shellcheck disable=SC2016
	background bash -c 'until [[ -e go ]]; do sleep 0.01; done
	    exec 5> q; : > came; exec sleep 1000'
	opener=$PID
	((middle > named && opener > middle)) || skip "numbers begin anew"
	look_up_to "$middle/fd" q "$named"
	: > go
	wait_until test -e came
	die_pid "$named"
	look_on
	ends_with 1 "$LOOKER"
	compare_text error "ipctool fifo-stat: $named: no such process" \
	    "$(grep -v "not visible\|cannot be told" error)"
}

@test "who opens a file, and goes on while we look, is blocked at no FIFO" {
	need strace perl
	local holder opener
	mkfifo q
	: > file
	# A lease keeps whoever opens the file waiting.
	# shellcheck disable=SC2016
	background perl -e 'use Fcntl; open(my $f, "+<", "file") or die;
	    $SIG{IO} = sub { };
	    fcntl($f, 1024, F_WRLCK) or exit(77);
	    open(my $r, ">", "leased");
	    select(undef, undef, undef, 0.01) until -e "go";
	    fcntl($f, 1024, F_UNLCK); open($r, ">", "given"); sleep 1000'
	holder=$PID
	leased_or_gone() {
		gone "$holder" || [[ -e leased ]]
	}
	wait_until leased_or_gone
	! gone "$holder" || skip "no leases here"
	# shellcheck disable=SC2016
	background perl -e 'open(my $f, "<", "file"); open($f, ">", "came");
	    1 while 1'
	opener=$PID
	wait_until grep -q lease "/proc/$opener/wchan"
	look_up_to "$opener/wchan" q
	: > go
	wait_until test -e came
	look_on
	ends_with 0 "$LOOKER"
	# Others on this machine may be blocked so, before and after.
	if grep -q "cannot be told" error; then
		run -0 --separate-stderr ipctool fifo-stat q
		stderr_matches "cannot be told"
	fi
}

# Nobody is seen to have q open, and it is said that somebody may have.
is_not_denied() {
	matches "q: nobody( in this PID name space)? is seen to have it open|q: no process in sight has it open"
	stderr_matches "[0-9]+ threads? blocked in open of a FIFO that cannot be told"
}

@test "who opens a FIFO by an io_uring is not denied" {
	local result=0
	mkfifo q
	background "$TOOLS_DIR/waiter" ring-open q 2> error
	any_opening() {
		cat "/proc/$PID/task/"*/wchan 2> /dev/null |
		    grep -q wait_for_partner
	}
	gone_or_opening() {
		gone "$PID" || any_opening
	}
	wait_until gone_or_opening
	if gone "$PID"; then
		finish "$PID" || result=$?
		((result == 77))
		skip "there is no io_uring"
	fi
	run -0 --separate-stderr ipctool fifo-stat q
	is_not_denied
}

@test "who opens a FIFO by a call that is not shown is not denied" {
	need strace
	mkfifo q
	background cat q
	wait_until opening "$PID"
	# As where a process may be traced by its parents only.
	run -0 --separate-stderr limited strace -o trace -P "$PID/syscall" \
	    -e inject=openat:error=EPERM "$IPCTOOL" fifo-stat q
	is_not_denied
	run -0 grep -c INJECTED trace
}

@test "--wait-for gives up after -w, and says what did not come" {
	mkfifo q
	timed run -124 --separate-stderr ipctool fifo-stat \
	    --wait-for=reader -w 0.2 q
	at_least 200 "$elapsed"
	stderr_matches "^ipctool fifo-stat: q: no reader within 0.2(; not visible: .*)?\$"
	run -124 --separate-stderr ipctool fifo-stat --wait-for=gone -w 1ms q
	stderr_matches "^ipctool fifo-stat: q: not gone within 1ms\$"
}

@test "--wait-for waits without work, and dies of a signal" {
	mkfifo q
	background ipctool fifo-stat --wait-for=gone q
	# A look a second, and the pause after it, which no event ends.
	PER_SECOND=2 rests "$PID"
	kill -TERM "$PID"
	ends_with 143 "$PID"
}

@test "a busy FIFO does not keep --wait-for busy" {
	mkfifo q
	background bash -c 'exec yes > q'
	background bash -c 'exec cat q > /dev/null'
	background ipctool fifo-stat --wait-for=gone q
	local waiter=$PID
	wait_until quiet "$waiter"
	burns_below 30 "$waiter"
	rm q
	ends_with 0 "$waiter"
}

@test "--watch looks again until it is ended" {
	mkfifo q
	background ipctool fifo-stat --watch=50ms -rno STATE q > out
	local watch=$PID
	wait_until grep -qE "unused|not-visible" out
	hold rw q
	wait_until grep -q held out
	kill -INT "$watch"
	ends_with 130 "$watch"
}

@test "--watch ends with the process that it watches" {
	background sleep 1000
	local sleep=$PID
	background ipctool fifo-stat --watch=50ms -rno STATE "$sleep" > out
	local watch=$PID
	wait_until quiet "$watch"
	die_pid "$sleep"
	ends_with 0 "$watch"
	run -1 --separate-stderr ipctool fifo-stat --watch=50ms "$sleep"
	stderr_matches "^ipctool fifo-stat: $sleep: no such process"
}

@test "--watch shows the rate of a pipeline that reads and writes" {
	mkfifo q
	background bash -c 'exec cat /dev/zero > q'
	background bash -c 'exec dd if=q of=/dev/null bs=64k status=none'
	background ipctool fifo-stat --watch=200ms -rno RATE q > out
	wait_until grep -qE '^[0-9]{6,}$' out
}

@test "--watch on a terminal redraws in place, and q ends it" {
	need tmux
	mkfifo q
	on_tmux -f /dev/null new-session -d -x 100 -y 20 \
	    "'$IPCTOOL' fifo-stat --watch=100ms '$PWD/q'; echo ended \$?; \
	    sleep 100"
	wait_until screen_has "^NAME"
	hold rw q
	wait_until screen_has "held"
	[[ $(on_tmux capture-pane -p | grep -c "^NAME") == 1 ]]
	on_tmux send-keys q
	wait_until screen_has "ended 0"
	end_tmux
}

typed() {
	on_tmux send-keys -l "$1"
	on_tmux send-keys Enter
}

# The shell on the terminal finds it as it was.
is_usual() {
	rm -f tty
	typed "stty -a > tty.new; mv tty.new tty"
	wait_until test -e tty
	run -0 cat tty
	matches "(^|[[:space:]])icanon"
	matches "(^|[[:space:]])echo[[:space:]]"
}

@test "--watch gives the terminal back to a shell without line editing" {
	need tmux dash clear
	mkfifo q
	# dash reads a line as cat(1) does: it takes 0 bytes for the end.
	on_tmux -f /dev/null new-session -d -x 100 -y 20 "dash; echo left; \
	    sleep 100"
	wait_until screen_has '[$#]'
	typed "ulimit -c 0"
	typed "'$IPCTOOL' fifo-stat --watch=100ms '$PWD/q'"
	wait_until screen_has "^NAME"
	on_tmux send-keys C-z
	wait_until screen_has Stopped
	is_usual
	# It goes on where it was, with its keys.
	typed "clear; fg"
	wait_until screen_has "^NAME"
	hold rw q
	wait_until screen_has "held"
	on_tmux send-keys q
	wait_until screen_has '^[$#]'
	is_usual
	typed "clear; : > clean; '$IPCTOOL' fifo-stat --watch=100ms '$PWD/q'"
	wait_until test -e clean
	wait_until screen_has "held"
	on_tmux send-keys "C-\\"
	wait_until screen_has Quit
	is_usual
	end_tmux
}

@test "--watch gives the terminal back also when a look fails" {
	local pid

	need tmux dash prlimit
	mkfifo q
	on_tmux -f /dev/null new-session -d -x 100 -y 20 "dash; sleep 100"
	wait_until screen_has '[$#]'
	typed "'$IPCTOOL' fifo-stat --watch=100ms '$PWD/q'"
	wait_until screen_has "^NAME"
	pid=$(pgrep -f "fifo-stat --watch=100ms $PWD/q")
	prlimit --pid "$pid" --nofile=3
	wait_until gone "$pid"
	is_usual
	end_tmux
}

@test "where memory is short once, all is shown, or status 1 says that it was" {
	local complete count n options step

	[[ ${SANITIZED-} != yes ]] || skip "not with sanitizers"
	mkfifo q
	# A text of more than a few kilobytes has to grow.
	# shellcheck disable=SC2016
	background bash -c 'exec 19<> q
	    for fd in {20..140}; do eval "exec $fd< q"; done; exec sleep 1000'
	background cat q
	wait_until state_is reading q
	wait_until grep -qx sleep "/proc/${pids[-2]}/comm"
	for options in "-rno NAME,PID,END,DOING,STATE,UNREAD,VERDICT" \
	    "--why -rn"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr without_memory 0 fifo-stat \
		    $options q
		complete=$(sed -E 's/ [0-9]+\.[0-9]+ / WAIT /' <<< "$output")
		count=${stderr##*nomem: }
		((count > 200))
		step=$((count / 70))
		[[ -z ${FULL-} ]] || step=1
		for n in $(seq 1 "$step" "$count") \
		    $(seq $((count - 20)) "$count"); do
			# shellcheck disable=SC2086
			run --separate-stderr without_memory "$n" fifo-stat \
			    $options q
			if ((status == 0)); then
				compare_text "with allocation $n failing" \
				    "$complete" "$(sed -E \
				    's/ [0-9]+\.[0-9]+ / WAIT /' <<< "$output")"
			else
				[[ $status == [12] && -n $stderr ]]
			fi
		done
	done
}

@test "a signal ends --watch where nobody reads what it prints" {
	mkfifo q full
	hold rw full
	fill full
	background ipctool fifo-stat --watch=100ms q > full 2> err
	wait_until blocked_in "*pipe_w*" "$PID"
	kill "$PID"
	ends_with 143 "$PID"
	size_is 0 err
}

# What it says of a pipe with a reader and a writer, without what may change
picture() {
	"$@" "$IPCTOOL" fifo-stat -rno NAME,PID,END,DOING,STATE,UNREAD q
}

# bats test_tags=faults
@test "a look that missed something because a call failed says so, status 1" {
	local call complete error first n total

	need strace
	mkfifo q
	hold rw q
	local holder=$PID
	background cat q
	wait_until holds "$PID" q
	background sleep 1000 > q
	die_pid "$holder"
	wait_until state_is reading q
	run -0 --separate-stderr picture
	complete=$output
	for call in openat read getdents64 statx newfstatat readlinkat \
	    pidfd_open pidfd_getfd ioctl fcntl; do
		picture limited strace -qq -o trace \
		    -e trace="$call,rt_sigaction" > /dev/null 2>&1
		# What the loader calls is not ours.
		first=$(sed '/SIGUSR1/q' trace | grep -c "^$call(" || :)
		total=$(grep -c "^$call(" trace || :)
		for n in $((first + 1)) $(((first + total) / 2)) $total; do
			((n > first)) || continue
			for error in EINTR EAGAIN EIO EMFILE; do
				run --separate-stderr picture limited \
				    strace -qq -o trace -e trace="$call" \
				    -e inject="$call:error=$error:when=$n"
				if [[ $status == 0 && $output != "$complete" ]]; then
					grep INJECTED trace >&2
					compare_text "$call $n $error" \
					    "$complete" "$output"
				fi
				((status == 0)) || [[ -n $stderr ]]
			done
		done
	done
}

@test "with too few descriptors it says that something was not seen" {
	local n

	mkfifo q
	background bash -c 'exec sleep 1000 < q'
	wait_until opening "$PID"
	for n in 4 5 6 7; do
		run -1 --separate-stderr limited prlimit --nofile="$n" \
		    "$IPCTOOL" fifo-stat q
		stderr_matches "Too many open files"
		lacks "q: nobody"
	done
}

@test "without /proc it says so" {
	mkfifo q
	can_unmount() {
		limited unshare -m umount -l /proc 2> /dev/null
	}
	can_unmount || skip "/proc cannot be unmounted here"
	# shellcheck disable=SC2016
	run -1 --separate-stderr limited unshare -m sh -c \
	    'umount -l /proc; exec "$IPCTOOL" fifo-stat q'
	is ""
	# A sanitizer misses it, too, and says so.
	stderr_matches $'(^|\n)ipctool fifo-stat: /proc: not mounted($|\n)'
}

@test "the reader of the output is gone: it ends as others do" {
	mkfifo q
	run bash -c '"$IPCTOOL" fifo-stat --watch=10ms q | head -n 1
	    echo "${PIPESTATUS[0]}"'
	matches "141$"
}
