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
#	stopped PID		by a signal
#	blocked_in PATTERN PID	in a function of the kernel of such a name:
#				*lock* is flock(2), *setlk* fcntl(2)
#	opening PID		it is blocked inside open(2) of a FIFO
#	holds PID FILE		it has FILE open
#	size_is N FILE		FILE has N bytes
#	unread_is N FIFO	N bytes are in it (needs perl)
#	unheld FIFO		no process has it open
#	screen_has REGEX	on the terminal of on_tmux
#
#   peers
#	hold r|w|rw FIFO...	another process has them open and does nothing;
#				it is $PID, until die_pid
#	put TEXT FIFO		TEXT and a newline, as `echo TEXT > FIFO` does
#	queued FIFO		take out what is queued in it, without waiting
#	fill FIFO		until it has no room for another page
#	reader ARG...		fifo-read in the background, into the files
#				out and err; it is $READER
#	writer ARG...		fifo-write in the background, from the file
#				$IN, which it opens itself, as that may
#				block; it is $WRITER, and complains into err
#	collect [FIFO]		all that comes out of it, or q, into the file
#				out; it is $COLLECTOR
#	race OPTIONS ARG...	ipctool under the racer (tests/tools), RACES
#				times; FULL=1 makes them 20,000
#	make_dead		a write end without any reader: >&"$DEAD"
#	random_file N FILE	N bytes that are the same in each run
#	seed_random		RANDOM begins at $SEED, or at another one each
#				time; a test that fails shows which
#
#   looking
#	is TEXT, matches REGEX, lacks TEXT	about $output
#	stderr_is TEXT, stderr_matches REGEX	about $stderr
#	err_is TEXT				about the file err
#	unread FIFO				how many bytes are in it
#	mode FILE				all 12 bits of its permissions
#	counter NAME SINK			out of --stats=json in $stderr
#	amount FULL USUAL			the one for FULL=1, or the other
#	same FILE FILE				equal, byte by byte
#	between MIN MAX NUMBER	it is in this range; never for a time
#
#   time (what takes a millisecond takes seconds on a busy machine)
#	timed COMMAND...	run it; $elapsed is how long, in ms
#	at_least MS "$elapsed"	it did not end too early
#	beats SECONDS COMMAND...	in one of 50 rounds it ended before a
#				sleep that was started just before it; the
#				command must be safe to repeat
#	tries N COMMAND...	one of N runs succeeds: for what only a busy
#				machine spoils (errexit is off inside)
#	longer MS		a limit for such a run: at first so long, and
#				twice as long in each one that follows
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

# Far beyond what anything takes, also with sanitizers on a busy machine.
LIMIT=${LIMIT:-60}

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
debug_trap=

common_setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	umask 022
	export LC_ALL=C
	# tmux(1) runs its commands with it, and without it with the user's own
	# shell, which of nobody is nologin(8).
	export SHELL=/bin/sh
	unset IPCTOOL_DEBUG POSIXLY_CORRECT TMUX TMUX_TMPDIR
	TMUX_NAME=tmux
	debug_trap=$(trap -p DEBUG)
}

# A tmux server that ends with the test, however that ends.  Its socket is in
# the test's directory: the usual one, named by the user, may be of another
# user with the same number (unshare -r).
on_tmux() {
	limited tmux -S "$BATS_TEST_TMPDIR/$TMUX_NAME" "$@"
}

# Who comes while it ends is told that it "exited unexpectedly".
end_tmux() {
	local server

	server=$(on_tmux display-message -p '#{pid}')
	on_tmux kill-server
	wait_until gone "$server"
}

common_teardown() {
	if [[ -S $BATS_TEST_TMPDIR/$TMUX_NAME ]]; then
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

# without_memory N ARG...: ipctool whose N-th allocation fails, see nomem.c
without_memory() {
	limited env --default-signal=PIPE NOMEM="$1" \
	    LD_PRELOAD="$TOOLS_DIR/nomem.so" "$IPCTOOL" "${@:2}" < /dev/null
}

# Without the 3>&- bats would wait for the job at the end of the file.  `<&0`
# keeps the standard input that the caller gave; bash would put /dev/null.  A
# program runs when this returns, and is seen under its own name.
background() {
	local reset=--default-signal=PIPE,HUP,INT,QUIT,TERM kind

	if [[ $1 == ipctool ]]; then
		set -- "$IPCTOOL" "${@:2}"
	fi
	kind=$(type -t -- "$1")
	if [[ $kind == function ]]; then
		"$@" <&0 3>&- &
	else
		env "$reset" "$@" <&0 3>&- &
	fi
	PID=$!
	pids+=("$PID")
	[[ $kind == function ]] || wait_until begun "$PID" "$reset"
}

# begun PID RESET: neither this shell's copy nor env(1) any more
begun() {
	local -a ours words=()

	mapfile -d '' -t ours < /proc/self/cmdline
	{ mapfile -d '' -t words < "/proc/$1/cmdline"; } 2> /dev/null
	[[ ${words[*]} != "${ours[*]}" && ${words[1]-} != "$2" ]]
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

stopped() {
	local stat

	{ read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
	stat=${stat##*) }
	[[ ${stat%% *} == T ]]
}

blocked_in() {
	local wchan=

	{ read -r wchan < "/proc/$2/wchan"; } 2>/dev/null || [[ -n $wchan ]] ||
	    return 1
	# shellcheck disable=SC2053 # a pattern
	[[ $wchan == $1 ]]
}

opening() {
	blocked_in wait_for_partner "$1"
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

# Read-only and without waiting, so that the open disturbs no peer
unread() {
	# shellcheck disable=SC2016
	perl -MFcntl -e 'sysopen(my $f, $ARGV[0], O_RDONLY | O_NONBLOCK) or die;
		my $n = pack("i", 0); ioctl($f, 0x541b, $n) or die;
		print unpack("i", $n), "\n"' "$1"
}

unread_is() {
	(($(unread "$2") == $1))
}

# Each end is tried, as either may be the one that is held.
unheld() {
	local command status

	for command in "fifo-write -m x" fifo-read; do
		status=0
		# shellcheck disable=SC2086
		ipctool $command -n "$1" > /dev/null 2>&1 || status=$?
		((status == 3)) || return 1
	done
}

screen_has() {
	on_tmux capture-pane -p | grep -qE "$1"
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

# Open for both, as without a reader the open would fail.  dd fails when
# there is no more room.
fill() {
	! limited dd if=/dev/zero bs=4096 oflag=nonblock status=none \
	    1<> "$1" 2> /dev/null
}

reader() {
	background ipctool fifo-read "$@" > out 2> err
	# shellcheck disable=SC2034
	READER=$PID
}

writer() {
	# shellcheck disable=SC2016
	background bash -c 'exec "$IPCTOOL" fifo-write "${@:2}" < "$1"' \
	    bash "${IN:-/dev/null}" "$@" 2> err
	# shellcheck disable=SC2034
	WRITER=$PID
}

collect() {
	background cat "${1:-q}" > out
	# shellcheck disable=SC2034
	COLLECTOR=$PID
}

# In a directory of its own, which the racer wants to be empty
race() {
	local options=$1 line LIMIT=$LIMIT

	shift
	[[ -z ${FULL-} ]] || LIMIT=1000
	seed_random
	rm -rf race
	mkdir race
	chmod 755 race
	# shellcheck disable=SC2086
	(cd race && limited "$TOOLS_DIR/racer" --seed="$SEED" \
	    --runs="$(amount 20000 "${RACES:-120}")" $options q \
	    "$IPCTOOL" "$@") > race.log 2>&1 || {
		cat race.log >&2
		return 1
	}
	[[ -z ${FULL-} ]] || while read -r line; do
		echo "# $options $*: $line" >&3
	done < race.log
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

# The sleep is the control: load delays both of them, and another ipctool is
# started and ends before it, which may take long by itself (sanitizers, gcov).
# A command that takes longer than that loses each round, and one round that is
# won is enough.
beats() {
	local seconds=$1 round control

	shift
	for ((round = 0; round < 50; round++)); do
		# shellcheck disable=SC2016
		env bash -c '"$IPCTOOL" --version > /dev/null
		    exec sleep "$1"' beats "$seconds" 3>&- &
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
	local n=$1

	shift
	for ((TRY = 0; TRY < n; TRY++)); do
		if "$@"; then
			return 0
		fi
	done
	echo "failed each time: $*" >&2
	return 1
}

longer() {
	echo "$(($1 << TRY))ms"
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

# untraced COMMAND...: without bats' DEBUG trap, which makes a simple command
# take 0.4 ms (bats 1.8, 20,000 of them in 7.1 s; 0.05 s without).  What fails
# inside is not shown by bats, so the COMMAND says it itself.
untraced() {
	local result=0

	trap - DEBUG
	"$@" || result=$?
	eval "$debug_trap"
	return "$result"
}

poll_until() {
	local deadline=$((SECONDS + LIMIT))

	until "$@"; do
		if ((SECONDS > deadline)); then
			echo "not within $LIMIT s: $*" >&2
			return 1
		fi
		pause
	done
}

wait_until() {
	untraced poll_until "$@"
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

err_is() {
	compare_text err "$1" "$(< err)"
}

mode() {
	stat -c %04a "$1"
}

counter() {
	jq -r --arg sink "$2" ".stats[] | select(.sink == \$sink) | .$1" \
	    <<< "$stderr"
}

amount() {
	if [[ -n ${FULL-} ]]; then
		echo "$1"
	else
		echo "$2"
	fi
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
