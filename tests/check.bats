#!/usr/bin/env bats

# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# What `make check` prints: tests/lib/driver and tests/lib/failures.

# drive NAME: as automake runs tests/NAME.bats, which prints the standard
# input.
drive() {
	local text

	text=$(cat)
	limited "$SRCDIR/tests/lib/driver" "$SRCDIR/build-aux/tap-driver.sh" \
	    --test-name "tests/$1.bats" --log-file "tests/$1.log" \
	    --trs-file "tests/$1.trs" --color-tests no --ignore-exit -- \
	    printf '%s\n' "$text"
}

setup() {
	common_setup
	mkdir tests
}

@test "a file of tests has one line, with what passed, failed and was skipped" {
	run -0 drive good <<- 'END'
		1..3
		ok 1 one
		ok 2 two # skip not here
		ok 3 three
	END
	matches '^ok +[0-9]+ s   2 passed, 1 skipped +tests/good.bats$'
	run drive bad <<- 'END'
		1..2
		ok 1 one
		not ok 2 two
	END
	matches '^FAILED +[0-9]+ s   1 passed, 1 failed +tests/bad.bats$'
}

@test "the user's shell may be one that runs nothing" {
	SHELL=/bin/false run -0 drive good <<< $'1..1\nok 1 one'
	matches '^ok .* 1 passed +tests/good.bats$'
}

@test "a file whose tests are all left out is no failure" {
	run -0 drive none <<< '1..0'
	matches '^ok .* 0 passed, 1 skipped +tests/none.bats$'
}

@test "a file that ends before its plan is fulfilled has failed" {
	run drive short <<- 'END'
		1..2
		ok 1 one
	END
	matches '^FAILED .* 1 passed, 1 failed +tests/short.bats$'
	run -0 "$SRCDIR/tests/lib/failures" <<< "$output"
	matches '^--- tests/short.bats'
	matches 'ERROR: tests/short.bats - too few tests run'
}

@test "a file that leaves a process with its output is said not to end" {
	export FILE_LIMIT=1
	mkfifo kept
	hold rw kept
	run limited "$SRCDIR/tests/lib/driver" \
	    "$SRCDIR/build-aux/tap-driver.sh" --test-name tests/left.bats \
	    --log-file tests/left.log --trs-file tests/left.trs \
	    --color-tests no --ignore-exit -- \
	    sh -c 'echo 1..1; echo ok 1 one; cat kept &'
	matches '^FAILED .* 0 passed, 1 failed +tests/left.bats$'
	run -0 "$SRCDIR/tests/lib/failures" <<< "$output"
	matches 'ERROR: tests/left.bats - does not end'
}

@test "each failed test is printed once, with its output and without the others'" {
	{
		drive first <<- 'END'
			1..3
			ok 1 good
			# of a good one
			not ok 2 bad
			# why it is bad
			ok 3 fine
			# of a fine one
		END
		drive second <<- 'END'
			1..2
			not ok 1 later # TODO
			not ok 2 worse
			# why it is worse
		END
		drive third <<- 'END'
			1..1
			ok 1 third
		END
	} > check.log
	run -0 "$SRCDIR/tests/lib/failures" < check.log
	is "--- tests/first.bats
not ok 2 bad
# why it is bad
--- tests/second.bats
not ok 2 worse
# why it is worse"
}
