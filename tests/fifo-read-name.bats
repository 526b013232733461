#!/usr/bin/env bats

# What fifo-read does with the name of a FIFO: -F across its renewal,
# --create, --require-owner; and who else reads it: --lock.
#
# FULL=1 kills --create at every system call instead of at a sample.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set

load lib/common

setup() {
	common_setup
	# LeakSanitizer does not work under strace.
	export ASAN_OPTIONS=detect_leaks=0
}

# Its last line, so far.
has_line() {
	[[ $(tail -n 1 out) == "$1" ]]
}

# -- -F

@test "-F reads the old FIFO to its end, and then the one that has its name" {
	local fd

	mkfifo q
	reader -F -l 3 q
	exec {fd}<> q
	echo one >&"$fd"
	wait_until has_line one
	rm q
	mkfifo q
	# It shall not have that end, too.
	background bash -c "exec $fd>&-; echo new > q"
	local writer=$PID
	echo two >&"$fd"
	wait_until has_line two
	run ! gone "$READER"
	exec {fd}>&-
	ends_with 0 "$READER"
	ends_with 0 "$writer"
	same out <(printf 'one\ntwo\nnew\n')
	size_is 0 err
}

@test "-F goes on when another FIFO is moved over the name, 60 times" {
	local n

	mkfifo q
	reader -F -l 60 q
	for ((n = 1; n <= 60; n++)); do
		put "$n" q
		mkfifo new
		mv new q
	done
	ends_with 0 "$READER"
	same out <(seq 60)
}

@test "-F goes on when the FIFO is removed and made anew, 60 times" {
	local n

	mkfifo q
	reader -F -l 60 q
	for ((n = 1; n <= 60; n++)); do
		put "$n" q
		rm q
		mkfifo q
	done
	ends_with 0 "$READER"
	same out <(seq 60)
}

@test "-F waits for a name that is not there yet, and says so" {
	reader -F -l 1 q
	wait_until test -s err
	mkfifo q
	put hello q
	ends_with 0 "$READER"
	has_line hello
	[[ $(< err) == "ipctool fifo-read: q: does not exist yet" ]]
	rm q
	reader -F -q -l 1 q
	wait_until quiet "$READER"
	mkfifo q
	put hello q
	ends_with 0 "$READER"
	size_is 0 err
}

@test "-F finds the name in another directory, also one that is made later" {
	mkdir dir
	reader -F -l 1 dir/q
	wait_until test -s err
	mkfifo dir/q
	put one dir/q
	ends_with 0 "$READER"
	reader -F -l 1 "$PWD/later/q"
	wait_until test -s err
	mkdir later
	mkfifo later/q
	put two later/q
	ends_with 0 "$READER"
	has_line two
}

@test "-F goes on when a symbolic link leads to another FIFO" {
	mkfifo a b
	ln -s a q
	reader -F -l 3 q
	put one a
	wait_until has_line one
	ln -s b new
	mv new q
	put two b
	wait_until has_line two
	rm q
	mkdir dir
	mkfifo dir/c
	ln -s dir/c q
	put three dir/c
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo\nthree\n')
}

@test "-F goes on when what a symbolic link leads to is made anew" {
	mkdir dir
	mkfifo dir/a
	ln -s dir/a q
	reader -F -l 2 q
	put one q
	wait_until has_line one
	rm dir/a
	mkfifo dir/a
	put two q
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo\n')
}

@test "-F: a regular file that gets the name is status 6, and is not touched" {
	mkfifo q
	reader -F q
	put one q
	wait_until has_line one
	echo precious > file
	mv file q
	ends_with 6 "$READER"
	[[ $(< err) == "ipctool fifo-read: q: not a FIFO" ]]
	has_line one
	[[ $(< q) == precious ]]
	rm q
	reader -F q
	wait_until test -s err
	mkdir q
	ends_with 6 "$READER"
}

@test "-F: a FIFO of the wrong owner that gets the name is status 1" {
	need_root
	mkfifo q
	reader -F --require-owner=0 q
	put one q
	wait_until has_line one
	mkfifo new
	chown 65534 new
	mv new q
	ends_with 1 "$READER"
	err_is "ipctool fifo-read: q: does not belong to 0"
	has_line one
	reader -F --require-owner=65534 -l 1 q
	put two q
	ends_with 0 "$READER"
	has_line two
}

@test "-F ends by -w while there is no name, and while there is no writer" {
	run -124 --separate-stderr ipctool fifo-read -F -w 0.2 q
	stderr_is "ipctool fifo-read: q: does not exist yet
ipctool fifo-read: q: no writer within 0.2s"
	mkfifo q
	hold rw q
	local holder=$PID
	reader -F -w 0.3 q
	put one q
	wait_until has_line one
	die_pid "$holder"
	ends_with 124 "$READER"
	has_line one
	err_is "ipctool fifo-read: q: no writer within 0.3s"
	run -124 --separate-stderr ipctool fifo-read -F -q -t 0.2 none
	stderr_is "ipctool fifo-read: not done within 0.2s (--timeout)"
}

@test "-F reads on where the name comes back to the same FIFO" {
	mkfifo q
	reader -F -l 2 q
	put one q
	mv q away
	wait_until has_line one
	mv away q
	put two q
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo\n')
}

@test "-F follows several names at the same time" {
	mkfifo a b
	reader -F -l 6 a b c
	put a1 a
	rm b
	mkfifo b c
	put b1 b
	put c1 c
	rm a
	mkfifo new
	mv new c
	mkfifo a
	put c2 c
	put a2 a
	put b2 b
	ends_with 0 "$READER"
	same <(sort out) <(printf '%s\n' a1 a2 b1 b2 c1 c2)
}

@test "-F without a writer is status 2 with --nonblock" {
	run -2 --separate-stderr ipctool fifo-read -n -F q
	stderr_matches "--nonblock does not wait: it excludes --follow"
}

# -- --create

@test "--create makes the FIFO, with 0666 less the umask, and removes it" {
	umask 027
	reader -C q
	wait_until test -p q
	[[ $(stat -c %a q) == 640 ]]
	put hello q
	ends_with 0 "$READER"
	has_line hello
	[[ ! -e q ]]
	size_is 0 err
}

@test "--create leaves what was there before as it was" {
	mkfifo -m 604 q
	local before
	before=$(stat -c '%i %a' q)
	reader --create q
	put hello q
	ends_with 0 "$READER"
	[[ $(stat -c '%i %a' q) == "$before" ]]
	echo precious > file
	run -6 --separate-stderr ipctool fifo-read -C file
	stderr_is "ipctool fifo-read: file: not a FIFO"
	[[ $(< file) == precious ]]
	ln -s missing dangling
	run -1 ipctool fifo-read -C dangling
	[[ ! -e missing && -L dangling ]]
	ln -s q link
	reader -C link
	put again q
	ends_with 0 "$READER"
	[[ -L link && -p q ]]
}

@test "--create removes only its own: what has the name by now stays" {
	reader -C -l 1 q
	wait_until holds "$READER" q
	mv q away
	echo precious > q
	put hello away
	ends_with 0 "$READER"
	[[ $(< q) == precious && -p away ]]
	rm q away
	reader -C -F -l 1 q
	wait_until holds "$READER" q
	rm q
	mkfifo q
	put hello q
	ends_with 0 "$READER"
	has_line hello
	[[ -p q ]]
}

@test "--create: what is there is read, also where nothing may be made" {
	((EUID != 0)) || skip "root may write everywhere"
	mkdir dir
	mkfifo dir/q
	echo x > dir/file
	chmod 555 dir
	run -3 ipctool fifo-read -C -n dir/q
	run -6 ipctool fifo-read -C -n dir/file
	run -1 ipctool fifo-read -C -n dir/missing
	chmod 755 dir
}

@test "--create says what it cannot make" {
	run -1 --separate-stderr ipctool fifo-read -C none/q
	stderr_is "ipctool fifo-read: none/q: No such file or directory"
	[[ ! -e none ]]
	run -2 ipctool fifo-read -C -c x q
	[[ ! -e q ]]
}

@test "--create leaves nothing, however it ends" {
	local signal

	for signal in TERM INT HUP; do
		reader -C q
		wait_until holds "$READER" q
		kill -s "$signal" "$READER"
		ends_with $((128 + $(kill -l "$signal"))) "$READER"
		[[ ! -e q ]]
	done
	run -124 ipctool fifo-read -C -w 0.1 q
	[[ ! -e q ]]
	run -124 ipctool fifo-read -C -t 0.1 q
	[[ ! -e q ]]
	run -124 ipctool fifo-read -C -f -t 0.1 q
	[[ ! -e q ]]
	run -3 ipctool fifo-read -C -n q
	[[ ! -e q ]]
	run -0 ipctool fifo-read -C -c 0 q
	[[ ! -e q ]]
	# shellcheck disable=SC2094
	run -1 limited bash -c '"$IPCTOOL" fifo-read -C q >&-'
	[[ ! -e q ]]
	if [[ -w /dev/full ]]; then
		background ipctool fifo-read -C q > /dev/full 2> err
		READER=$PID
		wait_until holds "$READER" q
		put hello q
		ends_with 1 "$READER"
		[[ ! -e q ]]
	fi
	make_dead
	export DEAD
	run -141 limited env --default-signal=PIPE bash -c \
	    'exec "$IPCTOOL" fifo-read -C q >&"$DEAD"'
	[[ ! -e q ]]
	is_empty_but .dead
}

is_empty_but() {
	local left
	left=$(find . -mindepth 1 ! -name "$1" ! -name err ! -name out)
	[[ -z $left ]] || {
		echo "left: $left" >&2
		return 1
	}
}

@test "--create with several makes and removes each, also when one fails" {
	mkfifo b
	reader -C a b c
	wait_until holds "$READER" c
	put one a
	put two b
	put three c
	ends_with 0 "$READER"
	same <(sort out) <(printf '%s\n' one three two)
	[[ ! -e a && -p b && ! -e c ]]
	reader -C a none/q c
	wait_until holds "$READER" c
	put one a
	put three c
	ends_with 1 "$READER"
	[[ ! -e a && ! -e c ]]
}

# bats test_tags=faults
@test "killed at every system call, --create leaves nothing" {
	local signal every=7 call number n=0

	need strace
	[[ -z ${FULL-} ]] || every=1
	mkdir dir
	run -124 limited strace -o calls -s 0 "$IPCTOOL" fifo-read -C -w 0.01 \
	    dir/q
	[[ ! -e dir/q ]]
	# From the first call that makes something; before it is nothing yet.
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' calls |
	    awk '{ print $1, ++n[$1] }' | sed '/^exit/d; /^execve/d' > points
	(($(wc -l < points) > 30))
	while read -r call number; do
		n=$((n + 1))
		if ((n % every != 0)); then
			continue
		fi
		for signal in TERM INT HUP; do
			limited strace -o /dev/null -e trace="$call" -e \
			    inject="$call:signal=$signal:when=$number" \
			    env --default-signal=INT \
			    "$IPCTOOL" fifo-read -C -w 0.01 dir/q \
			    2> err || :
			if [[ -n $(find dir -mindepth 1) ]]; then
				echo "$signal at $call $number" >&2
				ls -lAR dir >&2
				return 1
			fi
		done
	done < points
}

# -- --require-owner

@test "--require-owner takes a name or a number, and says whose it must be" {
	mkfifo q
	reader --require-owner="$(id -un)" q
	put one q
	ends_with 0 "$READER"
	reader --require-owner="$(id -u)" q
	put one q
	ends_with 0 "$READER"
	run -1 --separate-stderr ipctool fifo-read --require-owner=4242 q
	stderr_is "ipctool fifo-read: q: does not belong to 4242"
	run -1 ipctool fifo-read -n --require-owner=4242 q
	run -2 --separate-stderr ipctool fifo-read --require-owner=no/body q
	stderr_matches "^ipctool fifo-read: invalid user 'no/body'"
}

@test "--require-owner does not let a writer of somebody else's FIFO go" {
	mkfifo q
	background bash -c 'echo hello > q'
	local writer=$PID
	wait_until opening "$writer"
	run -1 ipctool fifo-read --require-owner=4242 q
	opening "$writer"
	run -0 ipctool fifo-read q
	is hello
	ends_with 0 "$writer"
}

# -- --lock

@test "--lock: a second one with --nonblock is status 7 and takes nothing" {
	mkfifo q
	reader -f --lock q
	put one q
	wait_until has_line one
	run -7 --separate-stderr ipctool fifo-read -n --lock q
	stderr_is "ipctool fifo-read: q: locked by another process"
	# Those who do not lock are not kept out.
	run -3 ipctool fifo-read -n q
	kill -KILL "$READER"
	finish "$READER" || :
	run -3 ipctool fifo-read -n --lock q
}

@test "--lock is kept from one writer to the next" {
	local n

	mkfifo q
	reader -f --lock q
	for ((n = 0; n < 10; n++)); do
		put "$n" q
		wait_until has_line "$n"
		run -7 ipctool fifo-read -n --lock q
	done
}

@test "--lock waits for the one who has it, and then reads the rest" {
	mkfifo q
	hold rw q
	local holder=$PID
	reader --lock -l 2 q
	wait_until holds "$READER" q
	echo one > q
	wait_until has_line one
	background ipctool fifo-read --lock q > out2
	local second=$PID
	wait_until holds "$second" q
	wait_until blocked_in '*lock*' "$second"
	printf 'two\nthree\n' > q
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo\n')
	wait_until size_is 6 out2
	die_pid "$holder"
	ends_with 0 "$second"
	[[ $(< out2) == three ]]
}

@test "--lock: --timeout counts while we wait for the lock, signals work" {
	mkfifo q
	reader -f --lock q
	put one q
	wait_until has_line one
	timed run -124 --separate-stderr ipctool fifo-read -t 0.2 --lock q
	stderr_is "ipctool fifo-read: not done within 0.2s (--timeout)"
	at_least 200 "$elapsed"
	local signal
	for signal in TERM INT HUP; do
		background ipctool fifo-read --lock q
		wait_until blocked_in '*lock*' "$PID"
		kill -s "$signal" "$PID"
		ends_with $((128 + $(kill -l "$signal"))) "$PID"
	done
	background ipctool fifo-read --lock q 2> stats
	wait_until blocked_in '*lock*' "$PID"
	kill -USR1 "$PID"
	wait_until grep -q bytes stats
	run ! gone "$PID"
}

@test "--lock while we wait for the lock nothing is taken" {
	mkfifo q
	hold rw q
	reader --lock -l 1 q
	wait_until holds "$READER" q
	background ipctool fifo-read --lock -l 1 q > out2
	local second=$PID
	wait_until blocked_in '*lock*' "$second"
	# The first one is not quick, the second may not overtake it.
	kill -STOP "$READER"
	printf 'one\ntwo\n' > q
	run ! gone "$second"
	blocked_in '*lock*' "$second"
	kill -CONT "$READER"
	ends_with 0 "$READER"
	ends_with 0 "$second"
	has_line one
	[[ $(< out2) == two ]]
}

@test "--lock: of many readers each gets its lines without a gap" {
	local n pids_=()

	mkfifo q
	seq 100001 102400 > data
	hold rw q
	background bash -c 'cat data > q'
	for n in 1 2 3; do
		background bash -c 'for ((i = 0; i < 40; i++)); do
			"$IPCTOOL" fifo-read --lock -l 20 q > "part.$1.$i" ||
			    exit
		done' bash "$n"
		pids_+=("$PID")
	done
	for n in "${pids_[@]}"; do
		ends_with 0 "$n"
	done
	for n in part.*; do
		same "$n" <(seq "$(head -n 1 "$n")" \
		    $(($(head -n 1 "$n") + 19)))
	done
	same data <(sort part.*)
}

@test "--lock: readers of (a b) and of (b a) do not lock each other out" {
	local n pids_=()

	mkfifo a b
	hold rw a b
	seq 1 2 800 > data.a
	seq 2 2 800 > data.b
	background bash -c 'cat data.a > a'
	background bash -c 'cat data.b > b'
	for n in "a b" "b a" "a b"; do
		background bash -c 'for ((i = 0; i < 40; i++)); do
			"$IPCTOOL" fifo-read --lock -l 5 $1 >> "part.$2" ||
			    exit
		done' bash "$n" "${#pids_[@]}"
		pids_+=("$PID")
	done
	for n in "${pids_[@]}"; do
		ends_with 0 "$n"
	done
	cat part.* > out
	queued a >> out
	queued b >> out
	same <(sort -n out) <(seq 800)
}

@test "--lock with the same FIFO twice, or under two names, is one lock" {
	mkfifo q
	ln -s q link
	ln q hard
	hold rw q
	printf '1\n2\n3\n' > q
	run -0 ipctool fifo-read --lock -l 1 q q
	run -0 ipctool fifo-read --lock -l 1 q link
	run -0 ipctool fifo-read --lock -l 1 hard q
	[[ -z $(queued q) ]]
}

@test "--lock under -F is taken for the new FIFO, too" {
	mkfifo q
	reader -F --lock q
	put one q
	wait_until has_line one
	rm q
	mkfifo q
	put two q
	wait_until has_line two
	run -7 ipctool fifo-read -n --lock q
}

@test "--lock of a reader does not keep writers out, nor do theirs readers" {
	mkfifo q
	reader -f --lock -l 2 q
	wait_until holds "$READER" q
	run -0 ipctool fifo-write --lock -m one q
	run -0 ipctool fifo-write --lock -n -m two q
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo\n')
}

@test "--create with -F: a FIFO that was removed is made anew" {
	background ipctool fifo-read -C -F ctl > out 2> err
	local reader=$PID n
	wait_until holds "$reader" ctl
	for n in 1 2 3; do
		rm ctl
		wait_until test -p ctl
		put "$n" ctl
		wait_until size_is $((2 * n)) out
	done
	[[ $(sort -u err) == "ipctool fifo-read: ctl: was removed; made anew" ]]
	kill -TERM "$reader"
	ends_with 143 "$reader"
	[[ ! -e ctl ]]
}

@test "--create with -F and --lock: who stands by makes the FIFO of the first" {
	background ipctool fifo-read -C -F --lock ctl > first
	local first=$PID second
	wait_until holds "$first" ctl
	put one ctl
	wait_until size_is 4 first
	background ipctool fifo-read -C -F --lock -q ctl > second
	second=$PID
	wait_until quiet "$second"
	kill -TERM "$first"
	ends_with 143 "$first"
	wait_until holds_new "$second"
	put two ctl
	wait_until size_is 4 second
	kill -TERM "$second"
	ends_with 143 "$second"
	[[ ! -e ctl ]]
}

holds_new() {
	[[ -p ctl ]] && holds "$1" ctl
}
