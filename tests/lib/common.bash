# Helpers for every .bats file.  Use: `load lib/common` on the first line.
#
#   environment
#	IPCTOOL		the program under test (set by make check)
#	SRCDIR		the top of the source tree (set by make check)
#	BUILDDIR	the top of the build tree
#	TOOLS_DIR	where the test peers are (tests/tools)
#
#   running
#	ipctool ARG...		run the program, at most LIMIT seconds
#	limited COMMAND...	run any command, at most LIMIT seconds
#	background COMMAND...	start it; its process id is in $PID
#	background ipctool ...	the same, and $PID is ipctool's own
#	finish PID		wait for it with a limit; return its status
#	ends_with STATUS PID	the same, and the status must be this one
#				(neither of them under run: a subshell
#				cannot wait for its parent's children)
#	die_pid PID...		kill what this test started, and reap it
#
#   waiting (never with a bare sleep)
#	wait_until COMMAND...	poll each 10 ms, at most LIMIT seconds
#	gone PID		it has ended (perhaps it is not reaped yet)
#	asleep PID		it is waiting for something
#	opening PID		it is blocked inside open(2) of a FIFO
#	holds PID FILE		it has FILE open
#	size_is N FILE		FILE has N bytes
#
#   peers
#	hold r|w|rw FIFO...	another process has them open and does nothing;
#				it is $PID, until die_pid
#	put TEXT FIFO		TEXT and a newline, as `echo TEXT > FIFO` does
#	queued FIFO		take out what is queued in it, without waiting
#	make_dead		a write end without any reader: >&"$DEAD"
#	random_file N FILE	N bytes that are the same in each run
#	seed_random		RANDOM begins at $SEED, or at another one each
#				time; a test that fails shows which
#
#   looking
#	is TEXT, matches REGEX, lacks TEXT	about $output
#	stderr_is TEXT, stderr_matches REGEX	about $stderr
#	same FILE FILE				equal, byte by byte
#	between MIN MAX NUMBER	it is in this range; never for a time
#
#   time (what takes a millisecond takes seconds on a busy machine)
#	timed COMMAND...	run it; $elapsed is how long, in ms
#	at_least MS "$elapsed"	it did not end too early
#	beats SECONDS COMMAND...	in one of 20 rounds it ended before a
#				sleep that was started just before it; the
#				command must be safe to repeat
#	tries N COMMAND...	one of N runs succeeds: for what only a busy
#				machine spoils (errexit is off inside)
#	switches PID		how often its threads have gone to sleep
#	quiet PID		it is ipctool by now, and asleep
#	rests PID...		while they wait, ipctools cost next to nothing
#	burns_below N PID	it takes less than N % of a processor
#
#   needing
#	need COMMAND...		skip the test where one of them is missing
#	need_root		skip the test unless we are root, and other
#				users exist
#	is_root			whether that is so
#
# `run` is bats': `run -3 ipctool ...` wants status 3, `run
# --separate-stderr` fills $stderr.  It drops NUL bytes: compare files where
# data may hold them.  A status of 137 from ipctool or limited means that it
# did not end in time (124 is ipctool's own word).
#
# Every test starts in an empty directory of its own, with a plain locale and
# umask.  A file that defines its own setup or teardown calls common_setup or
# common_teardown in it.

# shellcheck shell=bash
bats_require_minimum_version 1.5.0

LIMIT=${LIMIT:-20}

if [[ -z ${SRCDIR-} ]]; then
	SRCDIR=$BATS_TEST_DIRNAME/..
fi
SRCDIR=$(cd "$SRCDIR" && pwd)
if [[ -z ${IPCTOOL-} ]]; then
	IPCTOOL=${BUILDDIR:-$SRCDIR/build}/ipctool
fi
# Tests change directory: a relative path would lose its meaning.
if [[ $IPCTOOL != /* ]]; then
	IPCTOOL=$PWD/$IPCTOOL
fi
if [[ -z ${BUILDDIR-} ]]; then
	BUILDDIR=${IPCTOOL%/*}
fi
if [[ $BUILDDIR != /* ]]; then
	BUILDDIR=$(cd "$BUILDDIR" && pwd)
fi
TOOLS_DIR=${TOOLS_DIR:-$BUILDDIR/tests/tools}
export IPCTOOL SRCDIR BUILDDIR TOOLS_DIR

# What this test started in the background, and $PID, the latest.
pids=()
PID=
DEAD=
elapsed=

common_setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	umask 022
	export LC_ALL=C
	# tmux(1) runs its commands with it, and without it with the user's own
	# shell, which of nobody is nologin(8).
	export SHELL=/bin/sh
	unset IPCTOOL_DEBUG POSIXLY_CORRECT TMUX TMUX_TMPDIR
}

# A tmux server that ends with the test, however that ends.
on_tmux() {
	limited tmux -S "$BATS_TEST_TMPDIR/tmux" "$@"
}

common_teardown() {
	if [[ -S $BATS_TEST_TMPDIR/tmux ]]; then
		on_tmux kill-server 2> /dev/null || :
	fi
	if ((${#pids[@]} > 0)); then
		die_pid "${pids[@]}"
	fi
	# bats removes the directory at the end, and fails if it cannot.
	((EUID == 0)) || find "$BATS_TEST_TMPDIR" -type d ! -perm -700 \
	    -exec chmod u+rwx '{}' ';'
}

setup() {
	common_setup
}

teardown() {
	common_teardown
}

# KILL, not TERM: what hangs may well ignore TERM, and 137 cannot be mistaken
# for a status of ipctool.  What it leaves behind must not hold up bats, which
# waits until its descriptor 3 is closed.
limited() {
	timeout --signal=KILL "$LIMIT" "$@" 3>&-
}

# The signals are reset because they may be ignored where the tests run (PIPE
# in a service, HUP under nohup(1), INT and QUIT in a background job).  Inside
# timeout(1), as that one installs handlers of its own.  A test of what is
# inherited says itself what it wants: limited env --ignore-signal=PIPE
# "$IPCTOOL" ...
ipctool() {
	limited env --default-signal=PIPE,HUP,INT,QUIT,TERM "$IPCTOOL" "$@"
}

# Without the 3>&- bats would wait for the job at the end of the file.  `<&0`
# keeps the standard input that the caller gave; bash would put /dev/null.
background() {
	if [[ $1 == ipctool ]]; then
		set -- "$IPCTOOL" "${@:2}"
	fi
	if [[ $(type -t -- "$1") == function ]]; then
		"$@" <&0 3>&- &
	else
		env --default-signal=PIPE,HUP,INT,QUIT,TERM "$@" <&0 3>&- &
	fi
	PID=$!
	pids+=("$PID")
}

# A process that has ended is gone from /proc or a zombie.
gone() {
	local stat

	{ read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	[[ ${stat%% *} == [ZX] ]]
}

asleep() {
	local stat

	{ read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
	stat=${stat##*) }
	[[ ${stat%% *} == S ]]
}

opening() {
	local wchan=

	{ read -r wchan < "/proc/$1/wchan"; } 2>/dev/null || [[ -n $wchan ]] ||
	    return 1
	[[ $wchan == wait_for_partner ]]
}

# is_end PID FD: what has O_PATH only is none.
is_end() {
	local flags

	{ read -r _ && read -r _ flags; } 2>/dev/null \
	    < "/proc/$1/fdinfo/$2" && ((!(8#$flags & 8#10000000)))
}

# -ef follows the link in /proc with stat(2): nothing is opened.
pins() {
	local fd

	for fd in "/proc/$1/fd"/*; do
		if [[ $fd -ef $2 ]] && ${3-true} "$1" "${fd##*/}"; then
			return 0
		fi
	done
	return 1
}

holds() {
	pins "$1" "$2" is_end
}

size_is() {
	[[ $(stat -c %s -- "$2") == "$1" ]]
}

# What it waits for never comes: the other end of .forever is its own.  A
# write end without a reader cannot be had without waiting.
hold() {
	local ready=.ready.${#pids[@]}

	if [[ $1 != w ]]; then
		set -- --nonblock "$@"
	fi
	[[ -p .forever ]] || mkfifo .forever
	background "$TOOLS_DIR/hold" "$@" <> .forever > "$ready"
	wait_until test -s "$ready"
}

put() {
	# shellcheck disable=SC2016
	limited bash -c 'printf "%s\n" "$1" > "$2"' put "$1" "$2"
}

# dd fails once nothing is left.
queued() {
	limited dd if="$1" bs=64K iflag=nonblock status=none 2>/dev/null || :
}

make_dead() {
	local both

	mkfifo .dead
	# shellcheck disable=SC2034,SC2094
	exec {both}<> .dead {DEAD}> .dead
	exec {both}>&-
}

random_file() {
	"$TOOLS_DIR/peer-write" --bytes="$1" > "$2"
}

# bash gives each subshell a seed of its own: no RANDOM in one of these.
seed_random() {
	SEED=${SEED:-$RANDOM}
	RANDOM=$SEED
	echo "SEED=$SEED repeats this"
}

# It keeps the command's status, and is transparent for `run`.
timed() {
	local begin=${EPOCHREALTIME/[.,]/} result=0

	"$@" || result=$?
	# shellcheck disable=SC2034
	elapsed=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
	return "$result"
}

# There are only lower bounds: a time-out that is early is wrong under any
# load, but one that is late may have had no processor.  That a run does not
# hang needs no bound: `ipctool` and `limited` kill it, which is status 137.
at_least() {
	if (($2 < $1)); then
		echo "$2 ms is too early: it should be at least $1" >&2
		return 1
	fi
}

# The sleep is the control: load delays both of them, and env(1) does what
# `ipctool` does first, start two other programs.  A command that takes longer
# by itself loses each round, and one round that is won is enough.
beats() {
	local seconds=$1 round control

	shift
	for ((round = 0; round < 20; round++)); do
		env env sleep "$seconds" 3>&- &
		control=$!
		if ! "$@"; then
			die_pid "$control"
			return 1
		fi
		if ! gone "$control"; then
			die_pid "$control"
			return 0
		fi
		wait "$control"
	done
	echo "slower than \`sleep $seconds\` in each of $round rounds: $*" >&2
	return 1
}

tries() {
	local left=$1

	shift
	until "$@"; do
		if ((--left == 0)); then
			echo "failed each time: $*" >&2
			return 1
		fi
	done
}

switches() {
	cat /proc/"$1"/task/*/status |
	    awk '/^voluntary/ { sum += $2 } END { print sum }'
}

# on_processor PID: for how long its threads have had one, in microseconds
on_processor() {
	cat /proc/"$1"/task/*/schedstat |
	    awk '{ ns += $1 } END { printf "%d\n", ns / 1000 }'
}

quiet() {
	asleep "$1" && [[ /proc/$1/exe -ef $IPCTOOL ]]
}

# Limits are for the span that passed, as a busy machine may make 3 s longer:
# two switches and one a second, or PER_SECOND of them, and 10 ms in 3 s.
rest_a_span() {
	local pid begin span woken burnt failed=0 rate=${PER_SECOND:-1}
	local -A woken_before=() burnt_before=()

	begin=${EPOCHREALTIME/[.,]/}
	for pid in "$@"; do
		woken_before[$pid]=$(switches "$pid")
		burnt_before[$pid]=$(on_processor "$pid")
	done
	sleep 3
	for pid in "$@"; do
		woken=$(($(switches "$pid") - woken_before[$pid]))
		burnt=$(($(on_processor "$pid") - burnt_before[$pid]))
		span=$((${EPOCHREALTIME/[.,]/} - begin))
		if ((woken > 2 + rate * span / 1000000)) ||
		    ((burnt > span / 300)) || gone "$pid"; then
			echo "$pid: $woken switches, $burnt us in $span us:" \
			    "$(tr '\0' ' ' < "/proc/$pid/cmdline")" >&2
			failed=1
		fi
	done
	((!failed))
}

# A second span, as the first may have the end of a start that took long.
rests() {
	local pid

	for pid in "$@"; do
		wait_until quiet "$pid" || return
	done
	rest_a_span "$@" || rest_a_span "$@"
}

burns_below() {
	local begin=${EPOCHREALTIME/[.,]/} burnt span

	burnt=$(on_processor "$2")
	sleep 1
	burnt=$(($(on_processor "$2") - burnt))
	span=$((${EPOCHREALTIME/[.,]/} - begin))
	if ((burnt * 100 >= span * $1)); then
		echo "process $2 had a processor for $burnt of $span us" >&2
		return 1
	fi
}

between() {
	if (($3 < $1 || $3 > $2)); then
		echo "$3 is not between $1 and $2" >&2
		return 1
	fi
}

# 10 ms, without a process: nothing ever comes out of this FIFO.
pause() {
	local never=${BATS_FILE_TMPDIR:-$BATS_TEST_TMPDIR}/never

	[[ -p $never ]] || mkfifo "$never"
	read -rt 0.01 <> "$never" || :
}

wait_until() {
	local deadline=$((SECONDS + LIMIT))

	until "$@"; do
		if ((SECONDS > deadline)); then
			echo "not within $LIMIT s: $*" >&2
			return 1
		fi
		pause
	done
}

finish() {
	if ! wait_until gone "$1"; then
		die_pid "$1"
		return 137
	fi
	wait "$1"
}

ends_with() {
	local status=0

	finish "$2" || status=$?
	if ((status != $1)); then
		echo "process $2 ended with $status instead of $1" >&2
		return 1
	fi
}

# Only children of this shell: a process id that was reused is not one, as
# bash knows its own and waits for nobody else's.
die_pid() {
	local pid

	for pid in "$@"; do
		if [[ " $(jobs -p | tr '\n' ' ') " == *" $pid "* ]]; then
			kill -CONT "$pid" 2>/dev/null || :
			kill -KILL "$pid" 2>/dev/null || :
			wait "$pid" 2>/dev/null || :
		fi
	done
	return 0
}

compare_text() {
	if [[ $2 != "$3" ]]; then
		printf '%s\n' "$1 differs (wanted -, got +):"
		diff -u <(printf '%s\n' "$2") <(printf '%s\n' "$3") |
		    tail -n +3
		return 1
	fi >&2
}

compare_regex() {
	if [[ ! $3 =~ $2 ]]; then
		printf '%s does not match %s:\n%s\n' "$1" "$2" "$3" >&2
		return 1
	fi
}

# bats' run sets output and stderr.
# shellcheck disable=SC2154
is() {
	compare_text output "$1" "$output"
}

# shellcheck disable=SC2154
stderr_is() {
	compare_text "standard error" "$1" "$stderr"
}

matches() {
	compare_regex output "$1" "$output"
}

lacks() {
	if [[ $output == *"$1"* ]]; then
		printf '%s is in the output:\n%s\n' "$1" "$output" >&2
		return 1
	fi
}

stderr_matches() {
	compare_regex "standard error" "$1" "$stderr"
}

same() {
	cmp -- "$1" "$2"
}

need() {
	local command

	for command in "$@"; do
		if ! type -P "$command" >/dev/null; then
			skip "$command is not installed"
		fi
		# LeakSanitizer does not work under strace.
		if [[ $command == strace ]]; then
			export ASAN_OPTIONS=detect_leaks=0
		fi
	done
}

# The root of `unshare -r` is the only user there: it can give nothing away.
is_root() {
	local first count _

	((EUID == 0)) || return 1
	while read -r first _ count; do
		if ((first <= 65534 && 65534 < first + count)); then
			return 0
		fi
	done < /proc/self/uid_map
	return 1
}

need_root() {
	if ! is_root; then
		skip "needs root, and other users"
	fi
}

# A directory with the program under its name, and under those of its
# commands, for tests of examples, links and completions.
make_links() {
	local name

	mkdir -p "$1"
	ln -s "$IPCTOOL" "$1/ipctool"
	for name in $("$IPCTOOL" --list); do
		ln -s ipctool "$1/$name"
	done
}
