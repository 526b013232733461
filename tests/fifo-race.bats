#!/usr/bin/env bats

# Names that are swapped under fifo-read and fifo-write: no regular file is
# opened, nothing of others is changed, made or removed.
#
# FULL=1 runs them 20,000 times each (some minutes).

# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set

load lib/common

setup() {
	common_setup
	ME=$(id -u)
}

@test "names swapped under fifo-read: no file is opened, nothing is made" {
	race "--fifos --makes-nothing" fifo-read -n q
	race "--fifos --makes-nothing" fifo-read -t 0.003 -f q
}

@test "names swapped under fifo-read -F: no file is opened, nothing is made" {
	race "--fifos --makes-nothing" fifo-read -F -q -t 0.001 q
}

@test "names swapped under fifo-read -C: only its own is removed" {
	race "--fifos --expendable" fifo-read -C -n q
	race "--fifos --expendable" fifo-read -C -F -q -t 0.001 q
	race "--fifos" fifo-read -C -n q
}

@test "names swapped under fifo-write: no file is opened, nothing is made" {
	race "--fifos --makes-nothing" fifo-write -n -m x q
	race "--fifos --makes-nothing" fifo-write -w 0.003 -m x q
	race "--fifos --makes-nothing" fifo-write --drop -m x q
}

@test "with --require-owner no FIFO of another user is opened, either" {
	race "--expendable --makes-nothing" fifo-read -n \
	    --require-owner="$ME" q
	race "--expendable --makes-nothing" fifo-read -F -q -t 0.001 \
	    --require-owner="$ME" q
	race "--expendable" fifo-read -C -n --require-owner="$ME" q
	race "--expendable --makes-nothing" fifo-write -n -m x \
	    --require-owner="$ME" q
	race "--expendable --makes-nothing" fifo-write --drop -m x \
	    --require-owner="$ME" q
}

@test "the racer notices a command that opens files, or makes some" {
	mkdir reads writes
	run -1 limited env -C reads "$TOOLS_DIR/racer" --runs=50 \
	    --fifos --makes-nothing q "$(type -P dd)" if=q iflag=nonblock \
	    of=/dev/null
	matches "inotify saw"
	run -1 limited env -C writes "$TOOLS_DIR/racer" --runs=50 \
	    --fifos --makes-nothing q "$BASH" -c 'exec <> q; echo >> q'
	matches "was (made|changed)|inotify saw"
}
