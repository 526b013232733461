#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell

load lib/common

# Every example of every manual page, with each of its commands failing in turn.
# Who copied it may have to wait then, for a partner that does not come; but
# nothing may go round and round, because some status is ignored.

# A stand-in for a command: notes the call, and fails if this is the one.
stand_in() {
	cat << 'END'
#!/bin/bash
name=${0##*/}
call="$name $*"
call=${call//$'\n'/;}
echo "$call" >> "$RECIPE/calls"
real=$(PATH=${PATH#*:} command -v "$name")
if [[ $call == "${FAILS-}" ]]; then
	echo "$name: made to fail" >&2
	exit 1
fi
# What the page limits to half a minute need not take that long here.
if [[ $name == timeout ]]; then
	shift
	set -- 2 "$@"
fi
exec "$real" "$@"
END
}

make_stand_ins() {
	local name

	mkdir "$RECIPE/stand-ins"
	stand_in > "$RECIPE/stand-in"
	chmod +x "$RECIPE/stand-in"
	for name in ipctool $("$IPCTOOL" --list) awk bc cat git grep head mkfifo \
	    sed seq sleep sort sqlite3 tail tar timeout tr wc; do
		ln -s ../stand-in "$RECIPE/stand-ins/$name"
	done
}

# start_recipe SCRIPT [CALL]: in a session of its own, whose ID is in $SESSION,
# with the call failing if there is one
start_recipe() {
	rm -rf "$RECIPE/dir" "$RECIPE/session"
	mkdir "$RECIPE/dir"
	: > "$RECIPE/calls"
	cd "$RECIPE/dir" || return
	background env --default-signal=PIPE,HUP,INT,QUIT,TERM \
	    PATH="$RECIPE/stand-ins:$RECIPE/bin:$PATH" FAILS="${2-}" \
	    setsid --fork --wait bash -c 'echo $$ > "$RECIPE/session.new"
		mv "$RECIPE/session.new" "$RECIPE/session"
		exec bash "$1"' bash "$1" < /dev/null > "$RECIPE/got" 2>&1
	wait_until test -e "$RECIPE/session"
	SESSION=$(< "$RECIPE/session")
}

# Kills what is left of the session: only zombies may be.
is_over() {
	pkill -KILL -s "$SESSION" || :
	ps -o stat= -s "$SESSION" | awk '/^[^ZX]/ { exit 1 }'
}

# Whatever is left of it ends.
end_recipe() {
	wait_until is_over
	finish "$PID" || :
}

# What has come of it: how many calls, and how much processor time
progress() {
	local pid

	wc -l < "$RECIPE/calls"
	for pid in $(pgrep -s "$SESSION"); do
		sed 's/.*) //' /proc/"$pid"/stat 2> /dev/null || :
	done | awk '{ ticks += $12 + $13 + $14 + $15 } END { print ticks + 0 }'
}

# rests PID: it has ended, or all of it waits
rests() {
	local before now

	before=$(progress)
	for _ in 1 2 3; do
		! gone "$1" || return 0
		sleep 0.3
		now=$(progress)
		[[ $now == "$before" ]] || return 1
	done
}

# try_recipe SCRIPT CALL
try_recipe() {
	local status=0

	start_recipe "$1" "$2"
	LIMIT=${AT_REST_IN-$LIMIT} wait_until rests "$PID" || {
		{
			echo "With \`$2' failing, this goes on for ever:"
			sed 's/^/    /' "$1"
			ps -o pid,stat,args -s "$SESSION"
		} >&2
		status=1
	}
	end_recipe
	return "$status"
}

# try_recipes PAGE: each of its examples, with each of its calls
try_recipes() {
	local RECIPE=$BATS_TEST_TMPDIR/recipe count i call status=0 calls
	export RECIPE

	mkdir -p "$RECIPE/examples"
	make_links "$RECIPE/bin"
	make_stand_ins
	count=$(awk -v dir="$RECIPE/examples" \
	    -f "$SRCDIR/tests/lib/examples.awk" "$1")
	((count > 0))
	for ((i = 1; i <= count; i++)); do
		start_recipe "$RECIPE/examples/$i.sh"
		wait_until gone "$PID"
		end_recipe
		mapfile -t calls < <(sort -u "$RECIPE/calls" |
		    grep -v "^sleep ")
		for call in "${calls[@]}"; do
			try_recipe "$RECIPE/examples/$i.sh" "$call" || status=1
		done
	done
	return "$status"
}

@test "no recipe of ipctool-fifo(7) goes round and round when a command fails" {
	try_recipes "$SRCDIR/man/ipctool-fifo.7"
}

# bats test_tags=slow
@test "nor does an example of ipctool(1) or pipe-relay(1)" {
	try_recipes "$SRCDIR/man/ipctool.1"
	rm -rf "$BATS_TEST_TMPDIR/recipe"
	try_recipes "$SRCDIR/man/pipe-relay.1"
}

# bats test_tags=slow
@test "nor does an example of fifo-create(1) or fifo-read(1)" {
	try_recipes "$SRCDIR/man/fifo-create.1"
	rm -rf "$BATS_TEST_TMPDIR/recipe"
	try_recipes "$SRCDIR/man/fifo-read.1"
}

# bats test_tags=slow
@test "nor does an example of fifo-write(1) or fifo-stat(1)" {
	try_recipes "$SRCDIR/man/fifo-write.1"
	rm -rf "$BATS_TEST_TMPDIR/recipe"
	try_recipes "$SRCDIR/man/fifo-stat.1"
}

# bats test_tags=slow
@test "nor does an example of duplex(1)" {
	try_recipes "$SRCDIR/man/duplex.1"
}

@test "a recipe that goes round and round is noticed" {
	local AT_REST_IN=3

	printf '.Sh EXAMPLES\n.Bd -literal\n%s\n.Ed\n' \
	    '$ until ipctool --version; do sleep 0.01; done' > page.1
	run -1 try_recipes "$PWD/page.1"
	matches "With .ipctool --version' failing, this goes on for ever"
}
