#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2034 # what lib/common and run set, and use

load lib/common

@test "a tap on a FIFO without a reader holds nobody up, and is counted" {
	need jq
	mkfifo tap
	random_file 3M data
	run -0 --separate-stderr bash -c 'cat data |
	    "$IPCTOOL" pipe-relay --stats=json --tap=tap > out'
	same data out
	[[ $(counter bytes_out tap) == 0 ]]
	[[ $(counter bytes_skipped tap) == 3145728 ]]
	(($(counter chunks_skipped tap) > 0))
	run -0 --separate-stderr bash -c 'cat data |
	    "$IPCTOOL" pipe-relay --stats --tap=tap > out'
	stderr_matches "standard input -> tap: 0 in, 0 out, skipped 3145728 bytes in [0-9]+ chunks,"
}

@test "a tap whose reader is stuck holds nobody up, and is counted" {
	need jq
	local option

	mkfifo tap
	hold r tap
	random_file 3M data
	for option in -q --no-splice --memory=1M; do
		run -0 --separate-stderr bash -c 'cat data |
		    "$IPCTOOL" pipe-relay "$1" --stats=json --tap=tap > out' \
		    bash "$option"
		same data out
		(($(counter bytes_skipped tap) > 1000000))
		# What is neither skipped nor in the FIFO was given up.
		(($(counter bytes_skipped tap) + $(counter bytes_out tap) == \
		    3145728))
	done
}

@test "with -n a tap that is full keeps its reader, too" {
	local option feed

	mkfifo in tap
	seq 60000 > data
	for option in -q --no-splice --delimiter='\n'; do
		hold r tap
		background bash -c 'exec "$IPCTOOL" pipe-relay -n -v "$1" \
		    --tap=tap < in > out 2> log' bash "$option"
		local relay=$PID
		exec {feed}> in
		cat data >&"$feed"
		wait_until size_is 348894 out
		wait_until quiet "$relay"
		holds "$relay" tap
		exec {feed}>&-
		ends_with 0 "$relay"
		run -1 grep "a reader came" log
		same data out
	done
}

@test "a tap with a reader gets everything if it is quick enough" {
	mkfifo tap
	random_file 50000 data
	background cat tap > got
	local reader=$PID
	wait_until opening "$reader"
	run -0 bash -c 'cat data | "$IPCTOOL" pipe-relay --tap=tap > out'
	ends_with 0 "$reader"
	same data out
	same data got
}

@test "a reader of a tap may come later, leave, and another one come" {
	mkfifo in tap
	background bash -c 'exec "$IPCTOOL" pipe-relay --tap=tap < in > out'
	local relay=$PID feed
	exec {feed}> in
	echo one >&"$feed"
	wait_until size_is 4 out
	background head -n 1 tap > got
	local reader=$PID
	# It is looked for once a second.
	while ! gone "$reader"; do
		echo two >&"$feed"
		sleep 0.05
	done
	ends_with 0 "$reader"
	[[ $(< got) == two ]]
	echo three >&"$feed"
	background head -n 1 tap > got2
	reader=$PID
	while ! gone "$reader"; do
		echo four >&"$feed"
		sleep 0.05
	done
	ends_with 0 "$reader"
	[[ $(< got2) == four ]]
	exec {feed}>&-
	ends_with 0 "$relay"
	[[ $(sort -u out) == $'four\none\nthree\ntwo' ]]
}

@test "--pipe-size is also for a tap whose reader comes later" {
	need perl
	local relay feed

	mkfifo in tap
	background bash -c 'exec "$IPCTOOL" pipe-relay -v --pipe-size=128k \
	    --tap=tap < in > out 2> log'
	relay=$PID
	exec {feed}> in
	wait_until holds "$relay" out
	echo one >&"$feed"
	wait_until size_is 4 out
	exec {tapped}<> tap
	wait_until grep -q "tap: a reader came" log
	run -0 perl -e 'print fcntl(STDIN, 1032, 0)' <&"$tapped"
	is 131072
	exec {tapped}>&- {feed}>&-
	ends_with 0 "$relay"
}

@test "what a tap gets are whole chunks as they came by" {
	mkfifo tap
	exec {tapped}<> tap
	run -0 limited bash -c '"$TOOLS_DIR/peer-write" --bytes=2M \
	    --chunk=4096 | "$IPCTOOL" pipe-relay --tap=tap |
	    "$TOOLS_DIR/peer-check" --bytes=2M'
	queued tap > got
	(($(stat -c %s got) > 0 && $(stat -c %s got) % 4096 == 0))
	exec {tapped}>&-
}

@test "a regular file as a tap gets everything, and is truncated first" {
	random_file 300000 data
	echo "something longer" > tap
	run -0 bash -c 'cat data | "$IPCTOOL" pipe-relay --tap=tap > out'
	same data out
	same data tap
	run -0 ipctool pipe-relay -i data --tap=tap --tap=tap2 -o out
	same data tap
	same data tap2
	run -0 ipctool pipe-relay -a -o out --tap=tap <<< more
	same tap <(cat data; echo more)
}

@test "an error of a tap does not end the run, but is not forgotten" {
	local option

	random_file 300000 data
	for option in -q --no-splice; do
		run -1 --separate-stderr ipctool pipe-relay "$option" -i data \
		    --tap=/dev/full -o out
		same data out
		stderr_is "ipctool pipe-relay: /dev/full: No space left on device"
	done
	run -1 --separate-stderr bash -c 'ulimit -f 100
	    cat data | "$IPCTOOL" pipe-relay --tap=tap | cat > /dev/null
	    exit "${PIPESTATUS[1]}"'
	stderr_is "ipctool pipe-relay: tap: File too large"
}

@test "a tap that cannot be opened ends the run before any input is taken" {
	run -1 --separate-stderr bash -c 'echo hello |
	    { "$IPCTOOL" pipe-relay --tap=missing/tap; cat; exit 1; }'
	is hello
	stderr_is "ipctool pipe-relay: missing/tap: No such file or directory"
}

@test "taps and several outputs go together" {
	mkfifo tap
	random_file 300000 data
	run -0 bash -c 'cat data | "$IPCTOOL" pipe-relay --tap=tap -o one \
	    -o - -o two --tap=file > out'
	same data one
	same data two
	same data out
	same data file
}

@test "a run with a tap ends with its last output: -p, a reader that left" {
	mkfifo tap
	make_dead
	hold r tap
	run -0 limited bash -c 'yes | "$IPCTOOL" pipe-relay -p --tap=tap \
	    1>&"$1"' bash "$DEAD"
}

@test "a tap that waits for its reader costs nothing" {
	mkfifo in tap
	background bash -c 'exec "$IPCTOOL" pipe-relay --tap=tap < in'
	local feed
	exec {feed}> in
	rests "$PID"
	exec {feed}>&-
}

# For perl, with a tap and a FIFO before the relay, whose output is the file
# out: bursts that are as large as the room in the tap, or smaller, in writes
# of any size.  What the tap does not get at once is a difference.
BURSTS='use strict;
	my ($bursts, $limit, $seed) = @ARGV;
	my ($all, $wait) = (0, sub { select(undef, undef, undef, 0.0005) });
	sub unread {
		my $n = pack("i", 0);
		ioctl(TAP, 0x541b, $n) or die "FIONREAD: $!";
		return unpack("i", $n);
	}
	srand($seed);
	sysopen(TAP, "tap", 04002) or die "tap: $!";
	open(IN, ">&=", $ENV{feed}) or die "in: $!";
	for my $burst (1 .. $bursts) {
		my $room = fcntl(TAP, 1032, 0);
		my $piece = (1, 10, 65, 999, 3000, 4096, 5000, 40001, 65536)
		    [int rand 9];
		my $size = int(rand(1.3) * $room);
		$size = $room if $size > $room;
		$size = 2000 * $piece if $size > 2000 * $piece;
		for (my $left = $size; $left > 0; $left -= $piece) {
			$piece = $left if $piece > $left;
			syswrite(IN, ("x" x ($piece - 1)) . "\n") == $piece
			    or die "in: $!";
			$wait->() if rand() < 0.01;
		}
		$all += $size;
		my $end = time + $limit;
		while (-s "out" < $all || unread() < $size) {
			$wait->();
			die "seed $seed, burst $burst: " . unread() .
			    " of $size bytes in writes of $piece\n"
			    if time > $end;
		}
		while ($size > 0) {
			$size -= sysread(TAP, my $data, $size);
		}
	}'

@test "bursts that fit into a tap get there, in writes of any size" {
	need perl jq
	local option feed

	mkfifo in tap
	for option in --pipe-size=64k --no-splice --memory=1M --delimiter='\n' \
	    --pipe-size=1M; do
		hold r tap
		background bash -c 'exec "$IPCTOOL" pipe-relay --stats=json \
		    "$1" --tap=tap < in > out 2> err' bash "$option"
		local relay=$PID
		exec {feed}> in
		feed=$feed run -0 --separate-stderr limited perl -e "$BURSTS" \
		    "$(amount 1000 40)" 10 "${SEED:-$RANDOM}"
		exec {feed}>&-
		ends_with 0 "$relay"
		stderr=$(< err)
		[[ $(counter bytes_skipped tap) == 0 ]]
		die_pid "${pids[@]}"
		pids=()
	done
}

@test "a tap gets what its FIFO has room for, and --pipe-size gives it room" {
	need jq
	local reader

	mkfifo tap
	hold r tap
	run -0 --separate-stderr bash -c '{ for ((i = 0; i < 400; i++)); do
		    echo "line $i of a burst that is smaller than a FIFO"
		done; } | "$IPCTOOL" pipe-relay --stats=json --tap=tap > out'
	[[ $(counter bytes_skipped tap) == 0 ]]
	queued tap > got
	same out got
	random_file 300000 data
	run -0 --separate-stderr bash -c 'cat data | "$IPCTOOL" pipe-relay \
	    --stats=json --pipe-size=1M --tap=tap > out'
	[[ $(counter bytes_skipped tap) == 0 ]]
	queued tap > got
	same data got
}

@test "--tap-memory holds what the reader of a tap has not taken yet" {
	need jq
	local option feed relay holder

	mkfifo in tap
	seq 400000 > data
	for option in -q --no-splice --delimiter='\n'; do
		hold r tap
		holder=$PID
		background bash -c 'exec "$IPCTOOL" pipe-relay --stats=json \
		    "$1" --tap-memory=4M --tap=tap < in > out 2> err' \
		    bash "$option"
		relay=$PID
		exec {feed}> in
		cat data >&"$feed"
		wait_until same data out
		eval "background cat tap > got $feed>&-"
		die_pid "$holder"
		wait_until same data got
		exec {feed}>&-
		ends_with 0 "$relay"
		stderr=$(< err)
		[[ $(counter bytes_skipped tap) == 0 ]]
	done
}

@test "what --tap-memory has no room for is skipped, and counted" {
	need jq
	local option

	mkfifo tap
	hold r tap
	seq 400000 > data
	for option in -q --delimiter='\n'; do
		run -0 --separate-stderr bash -c 'cat data | "$IPCTOOL" \
		    pipe-relay --stats=json --pipe-size=keep "$1" \
		    --tap-memory=500k --tap=tap > out' bash "$option"
		same data out
		queued tap > got
		(($(counter bytes_skipped tap) + $(stat -c %s got) == 2688895))
		same got <(head -c "$(stat -c %s got)" data)
	done
	run -2 --separate-stderr ipctool pipe-relay --tap-memory=0 --tap=tap
	stderr_matches "invalid size of memory '0'"
}

# More than a grace of 100 ms lies between the end and the last read.
slow_to_the_end() {
	background perl -e 'open(my $f, "<", "tap") or die;
	    while (sysread($f, my $data, 65536)) {
		syswrite(STDOUT, $data);
		select(undef, undef, undef, 0.01);
	    }' > got
	local reader=$PID
	wait_until opening "$reader"
	run -0 ipctool pipe-relay --tap-memory=4M --tap=tap -i data -o out
	ends_with 0 "$reader"
	cmp data got
}

@test "what a tap has in memory at the end goes on to a reader that reads" {
	need perl
	mkfifo tap
	random_file 3M data
	# A reader that stands still for a tenth of a second is left.
	tries 10 slow_to_the_end
}

@test "a tap with a fast reader gets most of a fast flow, and all is counted" {
	need jq
	local reader

	mkfifo tap
	background bash -c 'exec wc -c < tap > got'
	reader=$PID
	wait_until opening "$reader"
	run -0 --separate-stderr bash -c 'head -c 100M /dev/zero | "$IPCTOOL" \
	    pipe-relay --stats=json --tap=tap | wc -c'
	is 104857600
	ends_with 0 "$reader"
	(($(counter bytes_out tap) == $(< got)))
	(($(counter bytes_skipped tap) + $(< got) == 104857600))
}

# It waits in open(2), or the relay has just found it there.
came() {
	opening "$1" || holds "$1" tap
}

@test "a reader that opens a tap at the last moment is let go" {
	local feed relay reader status

	mkfifo in tap
	for status in 0 143; do
		background bash -c 'exec "$IPCTOOL" pipe-relay --tap=tap \
		    < in > out'
		relay=$PID
		exec {feed}> in
		echo hello >&"$feed"
		wait_until size_is 6 out
		eval "background cat tap > got $feed>&-"
		reader=$PID
		wait_until came "$reader"
		((status == 0)) || kill -TERM "$relay"
		exec {feed}>&-
		ends_with "$status" "$relay"
		ends_with 0 "$reader"
	done
}
