#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2034 # what lib/common and run set, and use

load lib/common

# The main job on real input: whole trees, and much data.  64 MiB, or 1 GiB
# with IPCTOOL_TEST_BIG=1.

if [[ ${IPCTOOL_TEST_BIG-0} == 1 ]]; then
	SIZE=1G
	LIMIT=300
else
	SIZE=64M
fi

BYTES=$(numfmt --from=iec "$SIZE")
export SIZE BYTES

# The most memory that a process has had so far, in KiB
peak() {
	sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# through REDIRECT...: the data through a chain of runs, each of which is
# given as "ARGUMENTS < FROM > TO" with the FIFOs in, q and out.  The writer
# begins when all of them are waiting, and it and the reader stay until their
# memory has been looked at.
through() {
	local run runs=() before=() writer reader

	mkfifo in q out control forever
	background bash -c 'exec "$TOOLS_DIR/peer-write" --bytes="$BYTES" \
	    --control=5 --hold 5<> control <> forever > in'
	writer=$PID
	background bash -c 'exec "$TOOLS_DIR/peer-check" --stop="$BYTES" \
	    --linger out > taken <> forever'
	reader=$PID
	for run in "$@"; do
		background bash -c "exec \"\$IPCTOOL\" $run"
		runs+=("$PID")
	done
	for run in "${runs[@]}"; do
		wait_until quiet "$run"
		before[run]=$(peak "$run")
	done
	# A byte for each chunk of 64 KiB
	head -c $((BYTES / 65536)) /dev/zero 1<> control
	wait_until test -s taken
	[[ $(< taken) == "$BYTES" ]]
	for run in "${runs[@]}"; do
		between 0 4096 $(($(peak "$run") - before[run]))
	done
	die_pid "$writer"
	for run in "${runs[@]}"; do
		ends_with 0 "$run"
	done
	die_pid "$reader"
	rm in q out control forever taken
}

@test "a tree of files goes through tar, a FIFO and a compressor and back" {
	local packer="gzip"

	need tar
	if type -P zstd > /dev/null; then
		packer="zstd -q"
	fi
	mkdir tree back
	cp -R "$SRCDIR/src" "$SRCDIR/man" tree/
	random_file 3000000 tree/data
	mkdir tree/empty
	printf x > $'tree/a name with\nnewline'
	mkfifo down up
	background bash -c \
	    '"$IPCTOOL" fifo-read down | $1 | "$IPCTOOL" pipe-relay -o packed' \
	    bash "$packer"
	local reader=$PID
	limited bash -o pipefail -c 'tar -C tree -cf - . |
	    "$IPCTOOL" fifo-write down'
	ends_with 0 "$reader"
	background bash -c '$1 -d < packed | "$IPCTOOL" fifo-write up' \
	    bash "$packer"
	local writer=$PID
	limited bash -o pipefail -c '"$IPCTOOL" fifo-read up |
	    tar -C back -xf -'
	ends_with 0 "$writer"
	diff -r tree back
}

@test "much random data through fifo-write, a FIFO and fifo-read is identical" {
	through "fifo-read q > out" "fifo-write q < in"
}

@test "much random data through pipe-relay is identical, and takes no memory" {
	through "pipe-relay < in > out"
	through "pipe-relay --no-splice < in > out"
}

@test "much random data through duplex is identical, directly and relayed" {
	local option

	for option in -q -T60; do
		through "duplex $option cat < in > out"
		run -0 --separate-stderr ipctool duplex "$option" \
		    sh -c 'exec "$TOOLS_DIR/peer-write" --bytes="$BYTES"' :: \
		    sh -c 'exec "$TOOLS_DIR/peer-check" --bytes="$BYTES" >sum'
	done
}

@test "files of many sizes are the same after each way" {
	local size

	for size in 0 1 4095 4096 4097 65535 65536 65537 262144 1048577; do
		random_file "$size" data
		limited bash -o pipefail -c '"$IPCTOOL" pipe-relay < data |
		    "$IPCTOOL" pipe-relay --no-splice > out'
		same data out
	done
}

@test "a pipeline of many relays hands everything on" {
	run -0 limited bash -o pipefail -c '
		r() { "$IPCTOOL" pipe-relay "$@"; }
		"$TOOLS_DIR/peer-write" --bytes=16M |
		    r | r --no-splice | r -q --pipe-size=4096 | r | r -T 9 |
		    "$TOOLS_DIR/peer-check" --bytes=16M'
	is 16777216
}
