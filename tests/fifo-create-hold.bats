#!/usr/bin/env bats

# What fifo-create does beyond mkfifo: owners, replacement, --temp, --hold,
# COMMAND, and that nothing is left of it.
#
# FULL=1 runs the tests of names that are swapped, and of signals at every
# system call, in full (some minutes) instead of a sample.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2034 # what lib/common and run set, and use

load lib/common

RACES=60

setup() {
	common_setup
	# LeakSanitizer does not work under strace.
	export ASAN_OPTIONS=detect_leaks=0
	unset XDG_RUNTIME_DIR FIFO
	mkdir tmp
	export TMPDIR=$PWD/tmp
}

is_empty() {
	[[ -z $(ls -A -- "$1") ]] || {
		ls -lA -- "$1" >&2
		return 1
	}
}

# matches_in FILE TEXT: what it says is this message.
matches_in() {
	compare_text "$1" "ipctool fifo-create: $2" "$(< "$1")"
}

# capacity PID FIFO: of the FIFO that this process holds
capacity() {
	local fd

	for fd in "/proc/$1/fd"/*; do
		if [[ $fd -ef $2 ]]; then
			perl -e 'open(my $f, "+<", $ARGV[0]) or die;
				print fcntl($f, 1032, 0), "\n"' "$fd"
			return
		fi
	done
	return 1
}

# The descriptor of that process is open in this way.
opened() {
	local fd flags

	for fd in "/proc/$1/fd"/*; do
		[[ $fd -ef $2 ]] || continue
		flags=$(sed -n 's/^flags:[[:space:]]*//p' \
		    "/proc/$1/fdinfo/${fd##*/}")
		# O_PATH: it is only pinned.
		if (((flags & 010000000) == 0 && (flags & 3) == $3)); then
			return 0
		fi
	done
	return 1
}

# as_user COMMAND...: without root's privileges
as_user() {
	if ((EUID == 0)); then
		limited setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		limited "$@"
	fi
}

# Root's part of an empty directory that the user above may write.
user_dir() {
	mkdir user
	chmod 777 user
	for dir in "$PWD" "${BATS_TEST_TMPDIR%/*}" "${BATS_RUN_TMPDIR-}"; do
		[[ -z $dir ]] || chmod go+x "$dir"
	done
	as_user test -x "$IPCTOOL" -a -w "$PWD/user" ||
	    skip "nobody cannot get at the program or the directory"
}

# -- COMMAND

@test "COMMAND gets the first NAME in FIFO and instead of each {}" {
	run -0 --separate-stderr ipctool fifo-create a b :: \
	    sh -c 'echo "$FIFO" "$@"' sh {} x{}y{}z '{' '}' {}
	is "a a xayaz { } a"
	stderr_is ""
	[[ -p a && -p b ]]
}

@test "{} itself can be COMMAND, and names with {} in them stay" {
	run -0 ipctool fifo-create 'n{}' :: printf '%s\n' {}
	is 'n{}'
	mkdir bin
	run -126 --separate-stderr ipctool fifo-create -u ./q :: {}
	stderr_is "ipctool fifo-create: ./q: Permission denied"
	[[ ! -e q ]]
}

@test "the status is that of COMMAND, or says why there was none" {
	run -0 ipctool fifo-create -u q :: true
	run -7 ipctool fifo-create -u q :: sh -c 'exit 7'
	run -143 ipctool fifo-create -u q :: sh -c 'kill -TERM $$'
	run -127 --separate-stderr ipctool fifo-create -u q :: ./missing
	stderr_is "ipctool fifo-create: ./missing: No such file or directory"
	run -126 --separate-stderr ipctool fifo-create -u q :: ./tmp
	stderr_is "ipctool fifo-create: ./tmp: Permission denied"
	run -125 --separate-stderr ipctool fifo-create -u none/q :: true
	stderr_is "ipctool fifo-create: none/q: No such file or directory"
	run -127 ipctool fifo-create --temp ./missing
	run -126 ipctool fifo-create --temp ./tmp
	TMPDIR=$PWD/none run -125 ipctool fifo-create --temp true
	[[ ! -e q ]]
	is_empty tmp
}

@test "when one NAME fails COMMAND does not run, and -u removes the rest" {
	mkfifo b
	run -125 --separate-stderr ipctool fifo-create -u a b c :: touch ran
	stderr_is "ipctool fifo-create: b: File exists"
	[[ ! -e ran && ! -e a && -p b && ! -e c ]]
	: > file
	run -6 ipctool fifo-create -u -e a file c :: touch ran
	[[ ! -e ran && ! -e a && -f file && ! -e c ]]
	run -125 ipctool fifo-create a b :: touch ran
	[[ ! -e ran && -p a ]]
}

@test "COMMAND inherits 0, 1 and 2 and no descriptor of ours" {
	echo in > in
	ipctool fifo-create -u q :: sh -c 'cat; ls -l /proc/self/fd >&2' \
	    < in > out 2> fds 3>&-
	[[ $(< out) == in ]]
	run ! grep -E -- '-> .*/(q|fifo)$' fds
	limited env --default-signal=PIPE,HUP,INT,QUIT,TERM \
	    "$TOOLS_DIR/fdlist" > plain 3>&-
	ipctool fifo-create --hold -u q :: "$TOOLS_DIR/fdlist" > held 3>&-
	sed -i '/^deathsig KILL$/d' held
	same plain held
}

@test "words after :: belong to COMMAND, also -u, --temp and a second ::" {
	run -0 --separate-stderr ipctool fifo-create q :: \
	    printf '[%s]' -u --temp :: -z
	is "[-u][--temp][::][-z]"
	run -0 --separate-stderr ipctool fifo-create --temp \
	    printf '[%s]' -u -- :: --help
	is "[-u][--][::][--help]"
	run -0 --separate-stderr ipctool fifo-create --temp -q :: echo x
	is "x"
	run -0 --separate-stderr ipctool fifo-create --temp -- echo -n
	is ""
	is_empty tmp
}

@test "what COMMAND does with the FIFO reaches others" {
	background env PATH="${IPCTOOL%/*}:$PATH" "$IPCTOOL" fifo-create -u q \
	    :: ipctool fifo-read {} > out
	wait_until test -p q
	ipctool fifo-write -m hello q
	ends_with 0 "$PID"
	[[ $(< out) == hello && ! -e q ]]
}

# -- options that do not go together

@test "options that make no sense are usage errors, and nothing is made" {
	local args

	while read -r args; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr ipctool fifo-create $args
		stderr_matches "^ipctool fifo-create: .*
Try 'ipctool fifo-create --help'"
	done <<- 'END'
		-u q
		--temp -u
		--pipe-size=64k q
		q ::
		:: true
		--temp ::
		--hold=x q
		--hold= q
		--hold --pipe-size=0 q
		--hold --pipe-size=keep q
		--hold --pipe-size=64x q
		--ready-fd=x q
		--ready-fd=-1 q
		--ready-fd=+1 q
		--ready-fd=99999999999 q
		-e -f q
		-o no-such-user q
		-o -1 q
		-o 4294967295 q
		-g no-such-group q
		-g 1x q
		q --temp
	END
	[[ ! -e q ]]
	is_empty tmp
}

# -- -u

@test "-u removes what was made, also several, also in other directories" {
	mkdir dir
	run -0 ipctool fifo-create -u -p a dir/b new/c :: \
	    sh -c 'test -p a -a -p dir/b -a -p new/c'
	[[ ! -e a && ! -e dir/b && ! -e new/c && -d new ]]
	is_empty dir
	is_empty new
}

@test "-u with -e leaves what existed before" {
	mkfifo -m 600 old
	run -0 ipctool fifo-create -u -e old new :: test -p new
	[[ -p old && ! -e new ]]
}

@test "-u leaves what somebody else has put under the name" {
	run -0 ipctool fifo-create -u q :: sh -c 'rm q; echo keep > q'
	[[ $(< q) == keep ]]
	rm q
	run -0 ipctool fifo-create -u q :: sh -c 'rm q; mkfifo q'
	[[ -p q ]]
	rm q
	run -0 ipctool fifo-create -u q :: sh -c 'mv q moved; ln -s moved q'
	[[ -p moved && -L q ]]
	rm q moved
	run -0 ipctool fifo-create -u q :: rm q
	run -0 ipctool fifo-create -u dir/q -p :: rm -r dir
	run -0 --separate-stderr ipctool fifo-create -u d/q -p :: mv d e
	stderr_is ""
	is_empty e
}

@test "-u finds its FIFO when we were started in another place" {
	mkdir a
	(cd a && ipctool fifo-create -u ../q :: sh -c 'test -p ../q')
	[[ ! -e q ]]
}

@test "-u says what it cannot remove" {
	need_root
	user_dir
	run -1 --separate-stderr as_user "$IPCTOOL" fifo-create -u user/d/q -p \
	    :: sh -c 'chmod 500 user/d'
	stderr_matches "user/d/q: not removed: Permission denied$"
	[[ -p user/d/q ]]
}

@test "a full file system keeps nothing from being removed" {
	need strace
	run -0 --separate-stderr limited strace -o /dev/null \
	    -e inject=mkdirat:error=ENOSPC:when=2+ \
	    "$IPCTOOL" fifo-create -u dir/q -p :: true
	stderr_is ""
	is_empty dir
}

@test "file systems without renameat2 will do, but for -f" {
	local error

	need strace
	for error in EINVAL ENOSYS; do
		run -0 --separate-stderr limited strace -o /dev/null \
		    -e inject=renameat2:error=$error \
		    "$IPCTOOL" fifo-create -u dir/q -p :: test -p dir/q
		stderr_is ""
		is_empty dir
		mkfifo -m 600 q
		run -1 --separate-stderr limited strace -o /dev/null \
		    -e inject=renameat2:error=$error \
		    "$IPCTOOL" fifo-create -f -m 640 q
		stderr_is "ipctool fifo-create: q: Operation not supported"
		[[ $(mode q) == 0600 ]]
		rm q
		run -125 --separate-stderr limited strace -o /dev/null \
		    -e inject=renameat2:error=$error \
		    "$IPCTOOL" fifo-create -u tmp :: true
		stderr_is "ipctool fifo-create: tmp: File exists"
	done
	run ! compgen -G '.ipctool.*'
}

# What a run that was killed leaves in the directory where it was busy.
remains() {
	mkdir -m 700 ".ipctool.$1"
	mkfifo ".ipctool.$1/fifo"
}

@test "what a killed run left beside NAME is removed by the next run" {
	local how

	for how in "fifo-create -u q :: true" "fifo-create -f -m 600 q" \
	    "fifo-read -C -w 10ms q"; do
		remains 0123456789abcdef
		mkdir -m 700 .ipctool.fedcba9876543210 \
		    .ipctool.00000000000000aa
		# To be removed: its name there says that it is the one.
		mkfifo .ipctool.00000000000000aa/fifo
		mv .ipctool.00000000000000aa/fifo \
		    ".ipctool.00000000000000aa/$(
			stat -c %i .ipctool.00000000000000aa/fifo)"
		# Its owner was to be another one.
		((EUID != 0)) || chown 1 .ipctool.0123456789abcdef/fifo
		# shellcheck disable=SC2086
		run --separate-stderr ipctool $how
		run ! compgen -G '.ipctool.*'
		rm -f q
	done
}

@test "what is not provably a dead run's stays" {
	local living

	remains 0000000000000001
	chmod g+x .ipctool.0000000000000001
	remains 0000000000000002
	touch .ipctool.0000000000000002/more
	mkdir -m 700 .ipctool.0000000000000003 .ipctool.0004 \
	    .ipctool.000000000000000x
	touch .ipctool.0000000000000003/fifo
	ln -s .ipctool.0000000000000003 .ipctool.0000000000000005
	touch .ipctool.0000000000000006
	mkfifo .ipctool.0000000000000007
	# Somebody else's, to be put back
	mkdir -m 700 .ipctool.0000000000000009
	mkfifo .ipctool.0000000000000009/1
	remains 0000000000000008
	background flock --no-fork .ipctool.0000000000000008 sleep 1000
	living=$PID
	wait_until eval '! flock -n .ipctool.0000000000000008 true'
	ls -lR --time-style=+ .ipctool.* > before
	run -0 ipctool fifo-create -u q :: true
	ls -lR --time-style=+ .ipctool.* > after
	# Of the second one, only what a run had made there is gone.
	sed -i '/^prw.* fifo$/d' before after
	[[ ! -e .ipctool.0000000000000002/fifo ]]
	[[ -p .ipctool.0000000000000008/fifo ]]
	[[ $(grep -v ^total before) == "$(grep -v ^total after)" ]]
	die_pid "$living"
	run -0 ipctool fifo-create -u q :: true
	[[ ! -e .ipctool.0000000000000008 ]]
}

@test "runs that clean up do not take those that live for dead" {
	local i round pids

	for ((round = 0; round < 20; round++)); do
		pids=()
		for i in 1 2 3 4 5 6 7 8; do
			background ipctool fifo-create -u "q$i" :: true \
			    2> "err$i"
			pids+=("$PID")
		done
		for i in "${pids[@]}"; do
			ends_with 0 "$i"
		done
	done
	size_is 0 err1
	run ! compgen -G '.ipctool.*'
}

@test "a directory that cannot be removed again is said, status 1" {
	need strace
	local how left

	for how in "fifo-create -f q" "fifo-read -C -w 10ms q"; do
		# shellcheck disable=SC2086
		run -1 --separate-stderr limited strace -o /dev/null \
		    -e inject=unlinkat:error=EACCES:when=1 \
		    "$IPCTOOL" $how
		left=$(compgen -G '.ipctool.*')
		stderr_matches "^ipctool ${how%% *}: q: the directory $left beside it was not removed: Permission denied"
		rm -rf q "$left"
	done
	# And when the FIFO goes
	run -1 --separate-stderr limited strace -o /dev/null \
	    -e inject=unlinkat:error=EACCES:when=3 \
	    "$IPCTOOL" fifo-create -u q :: true
	left=$(compgen -G '.ipctool.*')
	stderr_is "ipctool fifo-create: q: the directory $left beside it was not removed: Permission denied"
	[[ ! -e q ]]
}

@test "a FIFO that cannot be looked at a second time goes back, and is said" {
	need strace
	local look

	limited strace -o trace "$IPCTOOL" fifo-create -u q :: true
	# The look at what was moved aside: the first one after renameat.
	look=$(awk '/^newfstatat\(/ { n++ } /^renameat\(/ { print n + 1 }' trace)
	run -1 --separate-stderr limited strace -o /dev/null \
	    -e inject=newfstatat:error=EIO:when="$look" \
	    "$IPCTOOL" fifo-create -u q :: true
	stderr_is "ipctool fifo-create: q: not removed: Input/output error"
	[[ -p q ]]
	run ! compgen -G '.ipctool.*'
}

# -- --temp

@test "--temp prints the path of a FIFO in a private directory" {
	local dir path

	umask 0
	run -0 --separate-stderr ipctool fifo-create --temp
	stderr_is ""
	path=$output
	dir=${path%/*}
	[[ $path == "$TMPDIR"/ipctool.??????/fifo && -p $path ]]
	[[ $(mode "$dir") == 0700 && $(mode "$path") == 0666 ]]
	umask 0777
	run -0 ipctool fifo-create --temp -m 640
	[[ $(mode "${output%/*}") == 0700 && $(mode "$output") == 0640 ]]
	umask 022
}

@test "--temp prefers XDG_RUNTIME_DIR, then TMPDIR, then /tmp" {
	mkdir run
	XDG_RUNTIME_DIR=$PWD/run run -0 ipctool fifo-create --temp
	[[ $output == "$PWD"/run/ipctool.* ]]
	for dir in relative "" "$PWD/missing"; do
		XDG_RUNTIME_DIR=$dir run -0 ipctool fifo-create --temp
		[[ $output == "$TMPDIR"/ipctool.* ]]
	done
	TMPDIR="" run -0 ipctool fifo-create --temp
	[[ $output == /tmp/ipctool.* ]]
	rm "$output"
	rmdir "${output%/*}"
}

@test "--temp with COMMAND leaves nothing and prints nothing" {
	run -3 --separate-stderr ipctool fifo-create --temp -m 600 \
	    sh -c 'test -p {} && ls -l {} | cut -c 1-10; exit 3'
	is "prw-------"
	stderr_is ""
	is_empty tmp
	run -0 ipctool fifo-create --temp rm {}
	is_empty tmp
	run -0 ipctool fifo-create --temp sh -c 'rm -r "${FIFO%/*}"'
	is_empty tmp
}

@test "--temp says which directory it had to leave" {
	run -1 --separate-stderr ipctool fifo-create --temp \
	    sh -c 'echo x > {}2'
	stderr_matches "^ipctool fifo-create: $TMPDIR/ipctool.{7}: not remov"
	run -0 ls -A tmp/*
	is "fifo2"
}

@test "--temp leaves nothing when its path could not be told" {
	local status=0

	ipctool fifo-create --temp > /dev/full 2> err || status=$?
	((status == 1))
	matches_in err "standard output: No space left on device"
	is_empty tmp
	make_dead
	status=0
	ipctool fifo-create --temp 2> err 1>&"$DEAD" || status=$?
	((status == 141))
	size_is 0 err
	is_empty tmp
	status=0
	ipctool fifo-create --temp >&- 2> err || status=$?
	((status == 1))
	is_empty tmp
}

@test "--temp --hold is gone when the holder is" {
	background ipctool fifo-create --temp --hold > path
	wait_until test -s path
	[[ -p $(< path) ]]
	kill -TERM "$PID"
	ends_with 143 "$PID"
	is_empty tmp
}

@test "the path of --temp --hold can be had by command substitution" {
	local path

	path=$("$IPCTOOL" fifo-create -t 10 --temp --hold 3>&- &)
	[[ -p $path ]]
	ipctool fifo-write -m kept "$path"
	run -0 ipctool fifo-read -n "$path"
	is kept
	# Whoever holds it is not our child.
	local fd
	for fd in /proc/[0-9]*/fd/*; do
		if [[ $fd -ef $path ]]; then
			fd=${fd#/proc/}
			kill -TERM "${fd%%/*}"
			break
		fi
	done
	wait_until is_empty tmp 2> wait.log
}

@test "-v shows each path once, with --temp too" {
	run -0 --separate-stderr ipctool fifo-create -q -v -u a b :: echo run
	is "a
b
run"
	run -0 --separate-stderr ipctool fifo-create --temp -v
	((${#lines[@]} == 1))
	[[ -p $output ]]
	run -0 --separate-stderr ipctool fifo-create --temp -v echo {}
	((${#lines[@]} == 2))
	[[ ${lines[0]} == "${lines[1]}" ]]
}

# -- --hold

@test "--hold keeps what was written while nobody reads" {
	background ipctool fifo-create --hold q
	wait_until opened "$PID" q 2
	put one q
	put two q
	[[ $(queued q) == $'one\ntwo' ]]
	kill -TERM "$PID"
	ends_with 143 "$PID"
	[[ -p q ]]
}

@test "--hold=r lets writers open, and gives no reader an end" {
	background ipctool fifo-create --hold=r q
	wait_until opened "$PID" q 0
	put one q
	run -0 ipctool fifo-read -n q
	is one
	# It is empty, and no writer is there.
	run -3 ipctool fifo-read -n q
	run -5 ipctool fifo-write -n q < /dev/zero
}

@test "--hold=w waits for a reader, who then sees no end of file" {
	background ipctool fifo-create --hold=w --ready-fd=1 q > ready
	local holder=$PID
	wait_until opening "$holder"
	size_is 0 ready
	background ipctool fifo-read q > out
	wait_until test -s ready
	put one q
	put two q
	wait_until size_is 8 out
	run ! gone "$PID"
	kill -TERM "$holder"
	ends_with 143 "$holder"
	ends_with 0 "$PID"
	[[ $(< out) == $'one\ntwo' ]]
}

@test "--hold=w with -n, -w or -t says that there was no reader" {
	run -3 --separate-stderr ipctool fifo-create -u --hold=w -n q
	stderr_is "ipctool fifo-create: q: no reader"
	run -3 ipctool fifo-create -u --hold=w -n q :: touch ran
	run -124 --separate-stderr ipctool fifo-create -u --hold=w -w 50ms q
	stderr_is "ipctool fifo-create: q: no reader within 50ms"
	run -124 --separate-stderr ipctool fifo-create -u --hold=w -t .05 q
	stderr_is "ipctool fifo-create: not done within .05s (--timeout)"
	[[ ! -e q && ! -e ran ]]
}

@test "--hold=w: COMMAND runs at once, and may be the reader" {
	run -0 limited "$IPCTOOL" fifo-create -u --hold=w q :: sh -c \
	    'exec 3< "$FIFO"; echo one > "$FIFO"; read -r line <&3
	    echo "$line"; echo two > "$FIFO"; read -r line <&3; echo "$line"'
	is $'one\ntwo'
	# It need not open it at all.
	run -3 limited "$IPCTOOL" fifo-create -u --hold=w q :: \
	    sh -c 'exit 3'
	run -124 --separate-stderr limited "$IPCTOOL" fifo-create -u \
	    --hold=w -w 50ms q :: sleep 1000
	stderr_is "ipctool fifo-create: q: no reader within 50ms"
	run -124 --separate-stderr limited "$IPCTOOL" fifo-create -u \
	    --hold=w -t 50ms q r :: sleep 1000
	stderr_is "ipctool fifo-create: not done within 50ms (--timeout)"
	[[ ! -e q && ! -e r ]]
	# It is held: what is queued stays, and there is no end of file.
	background ipctool fifo-create -u --hold=w q r :: \
	    sh -c 'cat r > got & exec sleep 1000'
	wait_until test -p r
	background cat q
	local reader=$PID
	wait_until holds "$reader" q
	put hello q
	put hello r
	wait_until size_is 6 got
	run ! gone "$reader"
}

@test "--hold=w ends when its FIFO is removed meanwhile" {
	background ipctool fifo-create --hold=w q 2> err
	wait_until opening "$PID"
	rm q
	ends_with 1 "$PID"
	matches_in err "q: removed while waiting for a reader"
}

@test "--hold ends with COMMAND" {
	run -0 ipctool fifo-create --hold -u a b :: \
	    sh -c 'echo x > a; echo y > b; cat a & read -r line < b
		echo "$line"; sleep 0; kill $!'
	matches "y"
	[[ ! -e a && ! -e b ]]
}

@test "--hold with -e holds an existing FIFO, and -u leaves it" {
	mkfifo q
	background ipctool fifo-create -e -u --hold q
	wait_until opened "$PID" q 2
	kill -INT "$PID"
	ends_with 130 "$PID"
	[[ -p q ]]
}

@test "--pipe-size gives held FIFOs that capacity" {
	need perl
	background ipctool fifo-create --hold --pipe-size=256k q
	wait_until opened "$PID" q 2
	wait_until quiet "$PID"
	[[ $(capacity "$PID" q) == 262144 ]]
	background ipctool fifo-create --hold=r --pipe-size=4k r
	wait_until opened "$PID" r 0
	wait_until quiet "$PID"
	[[ $(capacity "$PID" r) == 4096 ]]
	background ipctool fifo-create --hold --pipe-size=max s
	wait_until opened "$PID" s 2
	wait_until quiet "$PID"
	(($(capacity "$PID" s) >= 65536))
}

@test "a capacity that is refused is said, but the FIFO is held" {
	need strace
	run -0 --separate-stderr limited strace -o /dev/null \
	    -e inject=fcntl:error=EPERM:when=3 \
	    "$IPCTOOL" fifo-create -u --hold --pipe-size=1G q :: test -p q
	stderr_matches "^$|: q: capacity not changed: Operation not permitted$"
}

@test "holding costs nothing" {
	local before

	background ipctool fifo-create --hold q
	wait_until opened "$PID" q 2
	rests "$PID"
	before=$(switches "$PID")
	sleep 1
	[[ $(switches "$PID") == "$before" ]]
}

# -- --ready-fd

@test "--ready-fd tells when everything stands" {
	background ipctool fifo-create --hold -u --ready-fd=4 a b 4> ready
	wait_until test -s ready
	[[ -p a && -p b ]]
	opened "$PID" a 2
	opened "$PID" b 2
	size_is 1 ready
	run ! holds "$PID" ready
	rm -f ready
	ipctool fifo-create --ready-fd=4 c 4> ready
	size_is 1 ready
	[[ $(od -An -c ready) == *'\n' ]]
}

@test "COMMAND does not inherit the descriptor of --ready-fd" {
	ipctool fifo-create -u --ready-fd=4 q :: \
	    sh -c 'test -e /proc/self/fd/4 && echo bad; cat ready > seen' \
	    4> ready > out
	size_is 0 out
	size_is 1 seen
}

@test "--ready-fd that is not open for writing is an error at once" {
	run -1 --separate-stderr ipctool fifo-create --ready-fd=77 q
	stderr_is "ipctool fifo-create: descriptor 77: Bad file descriptor"
	run -125 ipctool fifo-create --ready-fd=77 --hold q :: true
	run -1 ipctool fifo-create --ready-fd=4 q 4< /dev/null
	status=0
	ipctool fifo-create --ready-fd=1 q >&- 2> err || status=$?
	((status == 1))
	[[ ! -e q ]]
}

@test "nothing is told and all is removed when the telling fails" {
	run -125 --separate-stderr ipctool fifo-create -u --hold --ready-fd=4 \
	    q :: touch ran 4> /dev/full
	stderr_is "ipctool fifo-create: descriptor 4: No space left on device"
	[[ ! -e q && ! -e ran ]]
	make_dead
	run -1 --separate-stderr ipctool fifo-create -u --hold --ready-fd=4 q \
	    4>&"$DEAD"
	stderr_is "ipctool fifo-create: descriptor 4: Broken pipe"
	[[ ! -e q ]]
}

# -- -o, -g

@test "-o and -g give a FIFO away, by name or number, with exact modes" {
	need_root
	umask 077
	ipctool fifo-create -o nobody -m 622 a
	[[ $(stat -c '%U %a' a) == "nobody 622" ]]
	ipctool fifo-create -o 4242 -g 4343 b
	[[ $(stat -c '%u %g %a' b) == "4242 4343 600" ]]
	ipctool fifo-create -g 4343 -m 060 c
	[[ $(stat -c '%u %g %a' c) == "0 4343 60" ]]
	run -0 ipctool fifo-create -u -o 4242 -m 600 d :: stat -c '%u %a' d
	is "4242 600"
	[[ ! -e d ]]
	run -0 ipctool fifo-create --temp -o 4242 stat -c %u {}
	is "4242"
	is_empty tmp
}

@test "-o is never seen under NAME with another owner" {
	need_root
	need strace
	run -0 limited strace -o trace -e trace=%file,fchownat,fchown \
	    "$IPCTOOL" fifo-create -o 4242 -m 644 q
	# The name comes up when all is done (and as an argument of execve).
	grep -n -E '"q"' trace | grep -v ':execve(' > uses
	(($(wc -l < uses) == 1))
	grep -q 'renameat2(.*, "fifo", .*, "q", RENAME_NOREPLACE) *= 0' uses
	local chown
	chown=$(grep -n 'chown.*4242' trace)
	((${chown%%:*} < $(cut -d: -f1 uses)))
}

@test "who may not give away leaves nothing" {
	user_dir
	run -1 --separate-stderr as_user "$IPCTOOL" fifo-create -o 0 user/q
	((EUID == 0)) || return 0
	stderr_is "ipctool fifo-create: user/q: Operation not permitted"
	is_empty user
	run -1 as_user "$IPCTOOL" fifo-create -g 0 user/q
	is_empty user
	run -0 as_user "$IPCTOOL" fifo-create -o 65534 -g 65534 -m 604 user/q
	[[ $(stat -c '%u %a' user/q) == "65534 604" ]]
}

@test "-e with -o and -g wants that owner and group" {
	need_root
	mkfifo q
	chown 4242:4343 q
	run -1 --separate-stderr ipctool fifo-create -e q
	stderr_is "ipctool fifo-create: q: exists, but belongs to 4242"
	run -0 ipctool fifo-create -e -o 4242 q
	run -0 ipctool fifo-create -e -o 4242 -g 4343 q
	run -1 --separate-stderr ipctool fifo-create -e -o 4242 -g 4344 q
	stderr_is "ipctool fifo-create: q: exists, but belongs to group 4343"
	run -1 --separate-stderr ipctool fifo-create -e -o 0 q
	[[ $(stat -c '%u %g' q) == "4242 4343" ]]
}

# -- -f

@test "-f replaces a FIFO in one step, and makes one where there is none" {
	local inode

	ipctool fifo-create -f -m 600 q
	[[ $(mode q) == 0600 ]]
	inode=$(stat -c %i q)
	# An inode number that is in use is not given to the next one.
	hold rw q
	ipctool fifo-create -f -m 640 q
	[[ $(mode q) == 0640 && $(stat -c %i q) != "$inode" ]]
	run ! compgen -G '.ipctool.*'
}

@test "-f never replaces anything but a FIFO" {
	local name

	: > file
	mkdir dir
	ln -s file link
	mkfifo fifo
	ln -s fifo chain
	stat -c '%n %i %z' chain dir fifo file link > before
	for name in file dir link chain; do
		run -6 --separate-stderr ipctool fifo-create -f "$name"
		stderr_matches ": $name: exists, but is not a FIFO$"
	done
	stat -c '%n %i %z' chain dir fifo file link > after
	same before after
}

@test "-f does not replace somebody else's FIFO" {
	need_root
	mkfifo q
	chown 4242 q
	run -1 --separate-stderr ipctool fifo-create -f q
	stderr_is "ipctool fifo-create: q: exists, but belongs to 4242"
	[[ $(stat -c %u q) == 4242 ]]
	run -0 ipctool fifo-create -f -o 4242 -m 600 q
	[[ $(stat -c '%u %a' q) == "4242 600" ]]
}

@test "-f -u removes the new one, and the old one is gone" {
	mkfifo q
	run -0 ipctool fifo-create -f -u q :: test -p q
	[[ ! -e q ]]
	mkfifo q
	run -1 ipctool fifo-create -f q none/q
	[[ -p q ]]
}

# -- modes

@test "modes are exact under umask, default ACL and setgid directory" {
	local acl mask mode kind options

	need setfacl
	mkdir acl
	setfacl -d -m u::rwx,g::r,o::- acl 2>/dev/null ||
	    skip "no ACLs on this file system"
	for mask in 000 022 077 0777; do
		umask "$mask"
		for mode in 000 600 622 640 666 777; do
			for options in "" -f "-u --hold"; do
				for kind in acl sgid; do
					umask 022
					mkdir -p "$kind"
					[[ $kind == acl ]] || chmod 2775 sgid
					umask "$mask"
					rm -f "$kind/q"
					# Who may not open it cannot hold it.
					[[ $options != *hold || $mode != 000 ||
					    $EUID == 0 ]] || continue
					# shellcheck disable=SC2086
					run -0 ipctool fifo-create $options \
					    -m "$mode" "$kind/q" :: \
					    stat -c %a "$kind/q"
					is "$((10#$mode))"
				done
			done
		done
	done
	umask 022
}

@test "a mode under a default ACL is never wrong under NAME" {
	need setfacl strace
	mkdir acl
	setfacl -d -m u::rwx,g::r,o::- acl 2>/dev/null ||
	    skip "no ACLs on this file system"
	run -0 limited strace -o trace -e trace=%file,fchmodat \
	    "$IPCTOOL" fifo-create -m 622 acl/q
	[[ $(mode acl/q) == 0622 ]]
	run -1 grep -E '(mknod|chmod).*"(acl/)?q"' trace
}

@test "in a setgid directory a FIFO gets the directory's group" {
	need_root
	mkdir dir
	chgrp 4343 dir
	chmod 2777 dir
	ipctool fifo-create dir/a
	ipctool fifo-create -f dir/b
	run -0 ipctool fifo-create -u dir/c :: stat -c %g dir/a dir/b dir/c
	is "4343
4343
4343"
}

@test "--exist-ok needs nothing made, in a directory that may not be written" {
	local option

	((EUID != 0)) || skip "root may write everywhere"
	mkdir d
	mkfifo -m 600 d/q
	chmod 500 d
	for option in -u --hold "-o $(id -un)" "-g $(id -gn)" "-m 600"; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr limited "$IPCTOOL" fifo-create -e \
		    $option d/q :: echo ran
		is ran
		stderr_is ""
	done
	[[ -p d/q ]]
	run -125 --separate-stderr limited "$IPCTOOL" fifo-create -u d/q :: true
	stderr_is "ipctool fifo-create: d/q: File exists"
	run -125 --separate-stderr limited "$IPCTOOL" fifo-create -u d/r :: true
	stderr_is "ipctool fifo-create: d/r: Permission denied"
	chmod 700 d
}

@test "a FIFO that cannot be looked at any more is said to be left" {
	((EUID != 0)) || skip "root may look everywhere"
	mkdir d
	run -1 --separate-stderr ipctool fifo-create -u d/q :: chmod 000 d
	stderr_is "ipctool fifo-create: d/q: not removed: Permission denied"
	chmod 700 d
	rm d/q
	background ipctool fifo-read -C d/q 2> err
	wait_until test -p d/q
	exec {q}<> d/q
	wait_until holds "$PID" d/q
	chmod 000 d
	exec {q}>&-
	ends_with 1 "$PID"
	chmod 700 d
	[[ -p d/q ]]
	[[ $(< err) == "ipctool fifo-read: d/q: not removed: Permission denied" ]]
}

# -- time-outs and signals

@test "-t ends COMMAND by TERM, and KILL 2 s later, and removes the FIFO" {
	mkfifo never
	tries 8 ends_by_term
	stderr_is "ipctool fifo-create: not done within $(longer 100) (--timeout)"
	tries 8 ends_by_kill
}

# One try of each: COMMAND may not have set its trap yet.
ends_by_term() {
	run -124 --separate-stderr ipctool fifo-create \
	    -t "$(longer 100)" -u q :: \
	    sh -c 'trap "echo term; exit" TERM; read -r line <> never' &&
	    [[ ! -e q ]] && is term
}

ends_by_kill() {
	local most=$((2800 + (100 << TRY)))

	beats "$(printf '%d.%03d' $((most / 1000)) $((most % 1000)))" \
	    kills_in_time
}

kills_in_time() {
	timed run -124 ipctool fifo-create -t "$(longer 100)" --temp \
	    sh -c 'trap "" TERM; read -r line <> never' &&
	    is_empty tmp && at_least 2100 "$elapsed"
}

@test "-t ends a hold" {
	run -124 --separate-stderr ipctool fifo-create -t 50ms -u --hold q
	stderr_is "ipctool fifo-create: not done within 50ms (--timeout)"
	[[ ! -e q ]]
}

@test "INT, TERM and HUP end COMMAND and a hold, and nothing is left" {
	local signal number

	for signal in INT TERM HUP; do
		number=$(kill -l "$signal")
		background ipctool fifo-create -u q :: \
		    sh -c 'echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 100'
		wait_until test -s pid
		kill -"$signal" "$PID"
		ends_with $((128 + number)) "$PID"
		gone "$(< pid)"
		rm pid
		[[ ! -e q ]]
		background ipctool fifo-create -u --hold a b
		wait_until opened "$PID" b 2
		wait_until quiet "$PID"
		kill -"$signal" "$PID"
		ends_with $((128 + number)) "$PID"
		[[ ! -e a && ! -e b ]]
		background ipctool fifo-create -u --hold=w q
		wait_until opening "$PID"
		kill -"$signal" "$PID"
		ends_with $((128 + number)) "$PID"
		[[ ! -e q ]]
	done
}

@test "a signal that was inherited as ignored ends nothing" {
	background env --ignore-signal=HUP "$IPCTOOL" fifo-create -u --hold q
	wait_until opened "$PID" q 2
	kill -HUP "$PID"
	kill -USR1 "$PID"
	run ! gone "$PID"
	kill -TERM "$PID"
	ends_with 143 "$PID"
	[[ ! -e q ]]
}

@test "SIGUSR1 counts while it holds" {
	background ipctool fifo-create --hold a b 2> err
	wait_until opened "$PID" b 2
	kill -USR1 "$PID"
	wait_until test -s err
	[[ $(< err) == "ipctool fifo-create: 2 created, 0 existed, "* ]]
}

@test "a killed COMMAND leaves nothing of ours either" {
	run -137 ipctool fifo-create -u q :: sh -c 'kill -KILL $$'
	[[ ! -e q ]]
	run -137 ipctool fifo-create --temp sh -c 'kill -KILL $$'
	is_empty tmp
}

# Each call of ours after the first one in main, as "NAME K": the K-th of
# this name.  Those before belong to the dynamic loader, and are the same in
# each run.
calls() {
	PATH=/usr/bin:/bin limited strace -o calls.trace \
	    "$IPCTOOL" "$@" > calls.out || return
	sed -n 's/^\([a-z0-9_]*\)(\(.*\)/\1 \2/p' calls.trace | awk '
		{ n[$1]++ }
		/^rt_sigaction \{?SIGUSR1/ { main = 1 }
		main && $1 != "exit_group" { print $1, n[$1] }'
}

# kill_at SIGNAL EVERY ARG...: send it at every EVERYth call.
kill_at() {
	local signal=$1 every=$2 call number n=0 status

	shift 2
	while read -r call number; do
		if ((n++ % every != 0)); then
			continue
		fi
		status=0
		PATH=/usr/bin:/bin limited strace -o /dev/null \
		    -e "inject=$call:signal=$signal:when=$number" \
		    "$IPCTOOL" "$@" > out 2> err < /dev/null || status=$?
		killed=$((killed + 1))
		if ((status == 0)) && [[ -s out ]]; then
			# It was done, and has said where it is.
			[[ -p $(< out) ]] || return 1
			rm "$(< out)"
			rmdir tmp/*
		fi
		if [[ -n $(find tmp dir -mindepth 1) ]] || ((status != 0 &&
		    status != 128 + $(kill -l "$signal"))); then
			echo "$signal at $call $number: status $status" >&2
			ls -lAR tmp dir >&2
			cat err >&2
			return 1
		fi
	done < points
}

# bats test_tags=faults
@test "killed at every system call, fifo-create leaves nothing" {
	local signal every=9 killed=0

	need strace
	[[ -z ${FULL-} ]] || every=1
	mkdir dir
	for signal in TERM INT HUP PIPE; do
		for args in "-u dir/q :: true" "--temp" "--temp true" \
		    "-u --hold dir/a dir/b :: true"; do
			# shellcheck disable=SC2086
			calls fifo-create $args > points
			(($(wc -l < points) > 30))
			find tmp -mindepth 1 -delete
			# shellcheck disable=SC2086
			kill_at "$signal" "$every" fifo-create $args
		done
	done
	echo "# killed $killed times" >&3
}

# -- names that are swapped

@test "names swapped under -u: nothing of others is touched" {
	race "" fifo-create -u q :: /bin/true
	race --private fifo-create -u q :: /bin/true
}

@test "names swapped under -f: nothing of others is touched" {
	race --expendable fifo-create -f q
	race "--expendable --private" fifo-create -f -m 622 q
	! is_root || race "--expendable --private" fifo-create -f -o 4242 -g 4242 q
}

@test "names swapped under -e: nothing of others is touched" {
	race --expendable fifo-create -e -m 606 q
	race --expendable fifo-create -e -u --hold q :: /bin/true
	! is_root || race "--expendable --private" fifo-create -o 4242 -e q
}

@test "the racer notices a command that touches what is not its own" {
	mkdir removes changes
	run -1 limited env -C removes "$TOOLS_DIR/racer" --runs=50 q \
	    "$BASH" -c 'exec rm -f q'
	matches "was removed"
	run -1 limited env -C changes "$TOOLS_DIR/racer" --runs=50 q \
	    "$BASH" -c 'exec chmod 600 q'
	matches "inotify saw"
}

# -- without privileges

@test "an ordinary user has all of it, too" {
	user_dir
	cd user
	export XDG_RUNTIME_DIR=$PWD
	as_user "$IPCTOOL" fifo-create -m 604 plain
	as_user "$IPCTOOL" fifo-create -f -m 640 plain
	[[ $(mode plain) == 0640 ]]
	run -0 as_user "$IPCTOOL" fifo-create -e -m 640 plain
	run -0 as_user "$IPCTOOL" fifo-create -u --hold --pipe-size=128k q :: \
	    sh -c 'echo data > q && head -n 1 q'
	is data
	run -4 as_user "$IPCTOOL" fifo-create --temp --hold=r \
	    sh -c 'test -p "$FIFO"; exit 4'
	run -0 ls -A
	is plain
	((EUID == 0)) || return 0
	chown 0 plain
	run -1 --separate-stderr as_user "$IPCTOOL" fifo-create -e plain
	stderr_is "ipctool fifo-create: plain: exists, but belongs to root"
	run -1 --separate-stderr as_user "$IPCTOOL" fifo-create -f plain
	stderr_is "ipctool fifo-create: plain: exists, but belongs to root"
}
