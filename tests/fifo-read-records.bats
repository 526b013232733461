#!/usr/bin/env bats

# What fifo-read does with records: --lines and --bytes that take exactly so
# much, delimiters, several FIFOs at once.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2153 # what lib/common and run set

load lib/common

setup() {
	common_setup
	mkfifo q a b
}

# held TEXT FIFO: queued in a FIFO that stays open; the holder is $PID
held() {
	hold rw "$2"
	printf '%b' "$1" > "$2"
}

# write_as TEXT FD
write_as() {
	printf '%b' "$1" >&"$2"
}

# with_socket TEXT COMMAND...: its standard input is a socket with this text
with_socket() {
	perl -MSocket -e 'socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0)
		or die;
		syswrite($b, shift);
		open(STDIN, "<&", $a) or die;
		exec @ARGV;' "$@"
}

# -- so much and no more

@test "--lines takes so many lines and leaves the rest for the next reader" {
	held 'one\ntwo\nthree\nfour\nfive\n' q
	run -0 --separate-stderr ipctool fifo-read -l 1 q
	is one
	stderr_is ""
	run -0 ipctool fifo-read --lines=2 q
	is $'two\nthree'
	run -0 ipctool fifo-read -l 1 q
	is four
	[[ $(queued q) == five ]]
}

@test "empty lines are lines, and a line may have any bytes" {
	held '\n\none\0two\n\x80\xff\n\n' q
	ipctool fifo-read -l 1 q > out
	same out <(printf '\n')
	ipctool fifo-read -l 3 q > out
	same out <(printf '\none\0two\n\x80\xff\n')
	same <(queued q) <(printf '\n')
}

@test "a line that comes in pieces is one line, and its pieces go on at once" {
	local fd

	reader -l 2 q
	exec {fd}<> q
	write_as 'o' "$fd"
	wait_until size_is 1 out
	write_as 'ne' "$fd"
	wait_until size_is 3 out
	write_as '\ntw' "$fd"
	wait_until size_is 6 out
	write_as 'o\nthree\n' "$fd"
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo\n')
	[[ $(queued q) == three ]]
	exec {fd}>&-
}

@test "--lines is exact when lines are longer than the pipe" {
	head -c 300000 /dev/zero | tr '\0' x > data
	printf '\nnext\nlast\n' >> data
	hold rw q
	background bash -c 'cat data > q'
	local writer=$PID
	ipctool fifo-read -l 1 q > out
	same out <(head -n 1 data)
	ends_with 0 "$writer"
	[[ $(queued q) == $'next\nlast' ]]
}

@test "--lines is exact in the midst of much data, time and again" {
	local n sum=0

	seq 200000 > data
	hold rw q
	background bash -c 'cat data > q'
	for n in 1 10 1000 100 7000 1 50000 3; do
		ipctool fifo-read -l "$n" q >> out
		sum=$((sum + n))
		same out <(head -n "$sum" data)
	done
}

@test "--lines and --bytes together: whichever comes first" {
	held 'one\ntwo\nthree\n' q
	run -0 ipctool fifo-read -l 2 -c 6 q
	is $'one\ntw'
	run -0 ipctool fifo-read -l 1 -c 100 q
	is o
	[[ $(queued q) == three ]]
}

@test "--lines=0 waits for nobody and takes nothing" {
	run -0 ipctool fifo-read -l 0 q
	held 'one\n' a
	run -0 ipctool fifo-read --lines=0 a
	is ""
	run -0 ipctool fifo-read --lines=0 a b
	is ""
	[[ $(queued a) == one ]]
}

@test "fewer lines than were asked for are no failure" {
	reader -l 5 q
	printf 'one\ntwo' > q
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo')
}

@test "--lines counts across writers under --follow" {
	local n

	reader -f -l 20 q
	for ((n = 1; n <= 20; n++)); do
		put "$n" q
	done
	ends_with 0 "$READER"
	same out <(seq 20)
}

@test "what is no number of lines or bytes is a usage error" {
	local number option

	for option in -l -c --lines= --bytes=; do
		for number in -1 1Kx 0x10 "" 1.5 99999999999999999999 " 1"; do
			if [[ $option == --* ]]; then
				run -2 --separate-stderr ipctool fifo-read \
				    "$option$number" q
			else
				run -2 --separate-stderr ipctool fifo-read \
				    "$option" "$number" q
			fi
			stderr_matches "^ipctool fifo-read: invalid number of"
		done
	done
}

@test "a number of lines may have a suffix" {
	seq 1500 > data
	held "" q
	cat data > q
	ipctool fifo-read -l 1k q > out
	same out <(head -n 1024 data)
	same <(queued q) <(tail -n +1025 data)
}

@test "--nonblock with --lines takes what is queued, at most so many" {
	held 'one\ntwo\nthree\n' q
	run -0 ipctool fifo-read -n -l 2 q
	is $'one\ntwo'
	run -0 ipctool fifo-read -n -l 2 q
	is three
	run -5 ipctool fifo-read -n -l 2 q
}

# -- delimiters

@test "--delimiter and --zero-terminated say where records end" {
	held 'one\ntwo,three,four' q
	run -0 ipctool fifo-read -d , -l 1 q
	is $'one\ntwo,'
	run -0 ipctool fifo-read --delimiter=, -l 1 q
	is 'three,'
	queued q > /dev/null
	printf 'one\ntwo\0three\0four\0' > q
	ipctool fifo-read -z -l 1 q > out
	same out <(printf 'one\ntwo\0')
	ipctool fifo-read --zero-terminated -l 1 q > out
	same out <(printf 'three\0')
	queued q > /dev/null
	printf 'one\ttwo\t' > q
	run -0 ipctool fifo-read -d '\t' -l 1 q
	is $'one\t'
}

@test "what is no delimiter is refused" {
	local delimiter

	for delimiter in "" ab '\n\n' '\q\q'; do
		run -2 --separate-stderr ipctool fifo-read -d "$delimiter" q
		stderr_matches "^ipctool fifo-read: invalid delimiter"
	done
}

@test "the delimiter changes nothing in a stream" {
	reader -d , q
	printf 'a,b' > q
	ends_with 0 "$READER"
	same out <(printf 'a,b')
}

# -- standard input

@test "- is exact with a file: whoever reads on finds the next line" {
	seq 30000 > data
	bash -c '"$IPCTOOL" fifo-read -l 2 - && head -n 1 &&
		cat > rest' < data > out
	same out <(seq 3)
	bash -c '"$IPCTOOL" fifo-read -l 12345 - > out && cat > rest' < data
	same out <(seq 12345)
	same rest <(seq 12346 30000)
}

@test "- is exact with a file in the midst of it, and at its end" {
	seq 10 > data
	bash -c 'read -r line; "$IPCTOOL" fifo-read -l 3 -; cat > rest' \
	    < data > out
	same out <(seq 2 4)
	same rest <(seq 5 10)
	bash -c '"$IPCTOOL" fifo-read -l 99 -' < data > out
	same out data
}

@test "- is exact with a pipe" {
	seq 30000 | bash -c '"$IPCTOOL" fifo-read -l 12345 - > out; cat > rest'
	same out <(seq 12345)
	same rest <(seq 12346 30000)
}

@test "- is exact with a socket" {
	need perl
	with_socket $'one\ntwo\nthree\nfour\n' bash -c \
	    '"$IPCTOOL" fifo-read -l 1 - > out &&
	    "$IPCTOOL" fifo-read -l 2 - >> out && cat > rest'
	same out <(printf 'one\ntwo\nthree\n')
	[[ $(< rest) == four ]]
	with_socket abcdef bash -c '"$IPCTOOL" fifo-read -c 4 -; cat > rest' \
	    > out
	[[ $(< out) == abcd && $(< rest) == ef ]]
}

@test "- is exact with a terminal" {
	local fd

	need script
	mkfifo keys
	background script -qec '"$IPCTOOL" fifo-read -l 2 - > out &&
	    head -n 1 > rest' /dev/null < <(exec cat keys) > /dev/null
	local script=$PID
	exec {fd}<> keys
	write_as 'one\ntwo\nthree\nfour\n' "$fd"
	ends_with 0 "$script"
	exec {fd}>&-
	same out <(printf 'one\ntwo\n')
	[[ $(< rest) == three ]]
}

@test "- and a FIFO together are read by whole records" {
	mkfifo input
	background bash -c 'exec "$IPCTOOL" fifo-read - a < input > out'
	local reader=$PID in fd
	exec {in}<> input {fd}<> a
	write_as 'on' "$in"
	write_as 'two\n' "$fd"
	wait_until size_is 4 out
	write_as 'e\n' "$in"
	wait_until size_is 8 out
	exec {in}>&- {fd}>&-
	ends_with 0 "$reader"
	same out <(printf 'two\none\n')
}

@test "- twice is a usage error" {
	run -2 --separate-stderr ipctool fifo-read - q -
	stderr_matches "^ipctool fifo-read: '-' was given more than once"
}

# -- several FIFOs

@test "several FIFOs are read at the same time, and records are not mixed" {
	local fa fb

	reader a b
	exec {fa}<> a {fb}<> b
	write_as 'aaa' "$fa"
	write_as 'bbb\nb' "$fb"
	wait_until size_is 4 out
	write_as 'AAA\naa' "$fa"
	wait_until size_is 11 out
	write_as 'B\n' "$fb"
	wait_until size_is 14 out
	write_as 'A\n' "$fa"
	exec {fa}>&- {fb}>&-
	ends_with 0 "$READER"
	same out <(printf 'bbb\naaaAAA\nbB\naaA\n')
	size_is 0 err
}

@test "several FIFOs end when the writers of each have left" {
	reader a b q
	put one a
	wait_until size_is 4 out
	put two q
	wait_until size_is 8 out
	run ! gone "$READER"
	put three b
	ends_with 0 "$READER"
	same out <(printf 'one\ntwo\nthree\n')
}

@test "records of busy FIFOs stay whole, also those over 1 MiB" {
	local name

	for name in a b q; do
		perl -e 'for my $n (1 .. 6) {
			print $ARGV[0] x (700_000 * $n % 1_700_001), "\n";
			print $ARGV[0] x ($n * 1000), "\n" for 1 .. 50;
		}' "$name" > "data.$name"
	done
	reader a b q
	for name in a b q; do
		background bash -c 'cat "data.$1" > "$1"' bash "$name"
	done
	ends_with 0 "$READER"
	for name in a b q; do
		# Any line that has a byte of another has not its length.
		grep "^$name" out | cmp - "data.$name"
	done
	[[ $(wc -l < out) == $((3 * 306)) ]]
}

@test "a record of up to 1 MiB does not hold up the others until it is whole" {
	local fa fb

	head -c 1000000 /dev/zero | tr '\0' x > long
	reader a b
	exec {fa}<> a {fb}<> b
	limited cat long >&"$fa"
	write_as 'short\n' "$fb"
	wait_until size_is 6 out
	write_as '\n' "$fa"
	wait_until size_is 1000007 out
	exec {fa}>&- {fb}>&-
	ends_with 0 "$READER"
	same out <(printf 'short\n'; cat long; echo)
}

@test "a record over 1 MiB holds up the others until it ends" {
	local fa fb

	head -c 1500000 /dev/zero | tr '\0' x > long
	reader a b
	exec {fa}<> a {fb}<> b
	limited cat long >&"$fa"
	wait_until size_is 1500000 out
	write_as 'short\n' "$fb"
	write_as 'x\n' "$fa"
	wait_until size_is 1500008 out
	exec {fa}>&- {fb}>&-
	ends_with 0 "$READER"
	same out <(cat long; printf 'x\nshort\n')
}

@test "a last record without its delimiter gets one among several FIFOs" {
	local fa fb

	reader a b
	exec {fa}<> a {fb}<> b
	write_as 'no end' "$fa"
	wait_until holds "$READER" a
	exec {fa}>&-
	wait_until size_is 7 out
	write_as 'other\n' "$fb"
	exec {fb}>&-
	ends_with 0 "$READER"
	same out <(printf 'no end\nother\n')
	reader -z a b
	printf 'x\0y' > a
	printf 'z\n' > b
	ends_with 0 "$READER"
	same <(sort -z out) <(printf 'x\0y\0z\n\0' | sort -z)
	# A single one is a stream, to which nothing is added.
	reader a
	printf 'no end' > a
	ends_with 0 "$READER"
	same out <(printf 'no end')
}

@test "an empty FIFO among several adds nothing" {
	reader a b
	: > a
	put one b
	ends_with 0 "$READER"
	same out <(echo one)
}

@test "--lines and --bytes are for all FIFOs together, and take whole lines" {
	held '1\n2\n3\n' a
	held '4\n5\n6\n' b
	ipctool fifo-read -l 4 a b > out
	[[ $(wc -l < out) == 4 ]]
	same <(cat out <(queued a) <(queued b) | sort) <(seq 6)
	held 'abc' a
	held 'defg' b
	ipctool fifo-read -c 5 a b > out
	queued a > rest
	queued b >> rest
	size_is 2 rest
	same <(cat out rest | grep -o . | sort) <(grep -o . <<< abcdefg)
}

@test "--lines of several FIFOs that are always full takes not one too many" {
	local n name

	for name in a b q; do
		hold rw "$name"
		background bash -c 'seq 1 3 100000 | sed "s/^/$1/" > "$1"' \
		    bash "$name"
	done
	for n in 1 10 1000 1 10000; do
		ipctool fifo-read -l "$n" a b q > out
		[[ $(wc -l < out) == "$n" ]]
		cat out >> all
	done
	# In each of them the next line is the one after those that we have.
	for name in a b q; do
		ipctool fifo-read -l 1 "$name" >> all
		n=$(grep -c "^$name" all)
		grep "^$name" all | cmp - \
		    <(seq 1 3 100000 | head -n "$n" | sed "s/^/$name/")
	done
}

@test "--follow goes on across the writers of several FIFOs" {
	local n

	reader -f -l 60 a b
	for ((n = 10; n < 40; n++)); do
		put "a$n" a
		put "b$n" b
	done
	ends_with 0 "$READER"
	same <(sort out) <(for n in a b; do seq -f "$n%g" 10 39; done)
}

@test "what cannot be read among several is said, and the others are read" {
	echo data > file
	reader a file b missing
	put one a
	put two b
	ends_with 1 "$READER"
	same <(sort out) <(printf 'one\ntwo\n')
	same err <(cat <<-'END'
		ipctool fifo-read: file: not a FIFO
		ipctool fifo-read: missing: No such file or directory
	END
	)
	reader a file
	put one a
	ends_with 6 "$READER"
	run -1 --separate-stderr ipctool fifo-read file missing
	stderr_is "ipctool fifo-read: file: not a FIFO
ipctool fifo-read: missing: No such file or directory"
}

@test "--nonblock with several: 0 if one had something, else why the first had not" {
	run -3 --separate-stderr ipctool fifo-read -n a b
	stderr_is "ipctool fifo-read: a: no writer"
	hold rw b
	local holder=$PID
	run -3 --separate-stderr ipctool fifo-read -n a b
	stderr_is "ipctool fifo-read: a: no writer"
	run -5 --separate-stderr ipctool fifo-read -n b a
	stderr_is "ipctool fifo-read: b: a writer holds it, but nothing is queued"
	echo data > b
	run -0 --separate-stderr ipctool fifo-read -n a b
	is data
	stderr_is ""
	die_pid "$holder"
}

@test "no writer within --open-timeout at one of several is said, status 124" {
	hold rw a
	local holder=$PID
	put one a
	reader -w 0.2 a b
	wait_until size_is 4 out
	die_pid "$holder"
	ends_with 124 "$READER"
	[[ $(< out) == one ]]
	[[ $(< err) == "ipctool fifo-read: b: no writer within 0.2s" ]]
}

# -- standard output that is gone

@test "when standard output is gone nothing is taken out of the FIFO" {
	held 'one\ntwo\n' q
	make_dead
	export DEAD
	for option in "" "-l1" "-c3" "-f" "-n"; do
		# shellcheck disable=SC2086
		run -141 --separate-stderr limited env --default-signal=PIPE \
		    bash -c 'exec "$IPCTOOL" fifo-read "$@" >&"$DEAD"' \
		    bash $option q
		stderr_is ""
	done
	[[ $(queued q) == $'one\ntwo' ]]
}

@test "when the reader of standard output leaves the rest stays in the FIFO" {
	local size writer holder

	seq 1000000 1999999 > data
	hold rw q
	holder=$PID
	background bash -c 'cat data > q'
	writer=$PID
	bash -c '"$IPCTOOL" fifo-read q; echo $? > status' |
	    head -c 50000 > out
	[[ $(< status) == 141 ]]
	# There is a reader at every moment.
	background cat q > rest
	wait_until holds "$PID" q
	die_pid "$holder"
	ends_with 0 "$writer"
	ends_with 0 "$PID"
	same out <(head -c 50000 data)
	# What the pipe to head had is lost, but no more.
	size=$(stat -c %s rest)
	between $((8000000 - 50000 - (1 << 20))) $((8000000 - 50000)) "$size"
	same rest <(tail -c "$size" data)
}
