# What ipctool does when system calls fail, when transfers are short,
# interrupted or slow, and when it is killed: a few of each.  `make
# check-faults` does all of them.

# bats file_tags=faults

load lib/common

# few COMMAND...: it says what went wrong, with the command that shows it.
few() {
	export TMPDIR=$BATS_TEST_TMPDIR
	run timeout --signal=KILL 120 "$@" 3>&-
	if ((status != 0)); then
		echo "$output"
		return 1
	fi
}

# bats test_tags=slow
@test "no byte is lost when a system call fails, and it is said" {
	need strace
	few "$TOOLS_DIR/faults" --stride=101 "$IPCTOOL"
}

# bats test_tags=slow
@test "transfers that are short or interrupted are made good" {
	if [[ ${SANITIZED-} == yes ]]; then
		skip "the shim does not go with sanitizers"
	fi
	few "$TOOLS_DIR/faults" --shim="$TOOLS_DIR/shim.so" --seeds=1 \
	    "$IPCTOOL"
}

@test "kill -9 loses nothing where --stats says splice" {
	few "$TOOLS_DIR/kills" --kills=20 "$IPCTOOL"
}
