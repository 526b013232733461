# shellcheck shell=bash
#
# tap - results of scripts that are not bats: one TAP line for each check, and
# a last line `N passed, N failed` that other scripts add up.

tap_number=0
tap_passed=0
tap_failed=0
tap_skipped=0
tap_log=$(mktemp "${TMPDIR:-/tmp}/tap.XXXXXX") || exit 1

# tap_run TITLE COMMAND [ARG]...
# Run the command; what it says is shown as comments if it fails.
tap_run()
{
	local title=$1 begin=$SECONDS

	shift
	tap_number=$((tap_number + 1))
	if ("$@") > "$tap_log" 2>&1 < /dev/null; then
		tap_passed=$((tap_passed + 1))
		echo "ok $tap_number - $title ($((SECONDS - begin)) s)"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_number - $title ($((SECONDS - begin)) s)"
		tail -n 100 "$tap_log" | sed 's/^/# /'
		return 1
	fi
}

# tap_skip TITLE REASON
tap_skip()
{
	tap_number=$((tap_number + 1))
	tap_skipped=$((tap_skipped + 1))
	echo "ok $tap_number - $1 # SKIP $2"
}

# tap_need TITLE PROGRAM COMMAND [ARG]...
# tap_run, if there is such a program.
tap_need()
{
	local title=$1 program=$2

	shift 2
	if command -v "$program" > /dev/null; then
		tap_run "$title" "$@"
	else
		tap_skip "$title" "$program is missing"
	fi
}

# The plan and the last line.  Fails if anything failed, or nothing was done.
tap_end()
{
	echo "1..$tap_number"
	rm -f "$tap_log"
	printf '%d passed, %d failed' "$tap_passed" "$tap_failed"
	[ "$tap_skipped" -eq 0 ] || printf ', %d skipped' "$tap_skipped"
	echo
	[ "$tap_failed" -eq 0 ] && [ "$tap_passed" -ne 0 ]
}
