#!/usr/bin/env bats

load lib/common

# Every example of every manual page, as it stands there.

# check_examples PAGE: run each example in an empty directory, with the
# program and its links on PATH, and compare what comes out.
check_examples() {
	local count i status=0

	make_links "$BATS_TEST_TMPDIR/bin"
	mkdir "$BATS_TEST_TMPDIR/examples"
	count=$(awk -v dir="$BATS_TEST_TMPDIR/examples" \
	    -f "$SRCDIR/tests/lib/examples.awk" "$1") || return 1
	for ((i = 1; i <= count; i++)); do
		run_example "$BATS_TEST_TMPDIR/examples/$i" || status=1
	done
	return "$status"
}

run_example() {
	mkdir "$1.dir"
	(
		cd "$1.dir" || exit
		PATH=$BATS_TEST_TMPDIR/bin:$PATH
		limited env --default-signal=PIPE,HUP,INT,QUIT,TERM \
		    bash "$1.sh" < /dev/null > "$1.got" 2>&1 3>&- ||
		    if (($? == 137)); then
			echo "did not end within $LIMIT s" >> "$1.got"
		fi
	)
	# What an ordinary user is told of the processes of others depends on
	# the machine.
	((EUID == 0)) ||
	    sed -i -e '/^ipctool fifo-stat: not visible: /d' \
	    -e 's/, as far as can be seen; not visible: [0-9]* process.*//' \
	    "$1.got"
	if ! cmp -s "$1.out" "$1.got"; then
		echo "this example:" >&2
		sed 's/^/    /' "$1.sh" >&2
		echo "prints (-: says the page, +: in truth):" >&2
		diff -u "$1.out" "$1.got" | tail -n +3 >&2
		return 1
	fi
}

# write_page TEXT: a page for the checks of the checker.
write_page() {
	printf '.Sh EXAMPLES\n%s\n.Sh SEE ALSO\n' "$1" > page.1
}

@test "the examples of ipctool(1) work" {
	check_examples "$SRCDIR/man/ipctool.1"
}

@test "the examples of pipe-relay(1) work" {
	check_examples "$SRCDIR/man/pipe-relay.1"
}

@test "the examples of fifo-create(1) work" {
	check_examples "$SRCDIR/man/fifo-create.1"
}

@test "the examples of fifo-read(1) work" {
	check_examples "$SRCDIR/man/fifo-read.1"
}

@test "the examples of fifo-write(1) work" {
	check_examples "$SRCDIR/man/fifo-write.1"
}

@test "the examples of duplex(1) work" {
	check_examples "$SRCDIR/man/duplex.1"
}

@test "the examples of fifo-stat(1) work" {
	check_examples "$SRCDIR/man/fifo-stat.1"
}

@test "the examples of ipctool-fifo(7) work" {
	check_examples "$SRCDIR/man/ipctool-fifo.7"
}

# The blocks of README that are marked as a session, as if they were a page.
@test "the examples of README work" {
	{
		echo ".Sh EXAMPLES"
		# shellcheck disable=SC2016
		sed -n '/^```console$/,/^```$/p' "$SRCDIR/README.md" |
		    sed -e 's/\\/\\e/g' -e 's/^```console$/.Bd -literal/' \
			-e 's/^```$/.Ed/'
	} > README.1
	check_examples README.1
}

@test "no manual page is left out of this file" {
	local page

	for page in "$SRCDIR"/man/*.[1-9]; do
		grep -qF "check_examples \"\$SRCDIR/man/${page##*/}\"" \
		    "$BATS_TEST_FILENAME" || {
			echo "no test for $page" >&2
			return 1
		}
	done
}

@test "an example with other output is noticed" {
	write_page $'.Bd -literal\n$ echo one\n$ echo two\none\n.Ed'
	run -1 check_examples page.1
	matches "\+two"
}

@test "an example that prints what the page says passes" {
	write_page $'.Bd -literal\n$ echo "a\\eb" &&\n>  echo c\na\\eb\nc\n.Ed'
	check_examples page.1
}

@test "a page without examples is noticed" {
	printf '.Sh NAME\n' > page.1
	run -1 check_examples page.1
	matches "no examples"
}

@test "an example that could not be tested is noticed" {
	write_page $'.Dl $ echo hello'
	run -1 check_examples page.1
	matches "would not be tested"
}
