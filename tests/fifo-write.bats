#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

setup() {
	common_setup
	mkfifo q
}

@test "standard input goes to the reader, and its end is ours" {
	random_file 1M data
	collect
	run -0 --separate-stderr ipctool fifo-write q < data
	is ""
	stderr_is ""
	ends_with 0 "$COLLECTOR"
	same data out
}

@test "what comes down a pipe goes on at once, not when it is full" {
	mkfifo input
	collect
	IN=input writer q
	exec {input}<> input
	echo one >&"$input"
	wait_until size_is 4 out
	echo two >&"$input"
	wait_until size_is 8 out
	exec {input}>&-
	ends_with 0 "$WRITER"
	ends_with 0 "$COLLECTOR"
}

@test "nothing at all is something that can be written" {
	collect
	run -0 ipctool fifo-write q < /dev/null
	ends_with 0 "$COLLECTOR"
	size_is 0 out
}

@test "it waits for a cat that is blocked in open, and one that comes later" {
	echo hello > data
	collect
	wait_until opening "$COLLECTOR"
	run -0 ipctool fifo-write q < data
	ends_with 0 "$COLLECTOR"
	same data out

	IN=data writer q
	wait_until opening "$WRITER"
	collect
	ends_with 0 "$WRITER"
	ends_with 0 "$COLLECTOR"
	same data out
}

@test "a waiting writer and a fifo-read find each other, whoever comes first" {
	echo hello > data
	IN=data writer q
	wait_until opening "$WRITER"
	run -0 ipctool fifo-read q
	is hello
	ends_with 0 "$WRITER"

	background ipctool fifo-read q > out
	local reader=$PID
	wait_until quiet "$reader"
	run -0 ipctool fifo-write q < data
	ends_with 0 "$reader"
	same data out
}

@test "--message writes texts, each with its newline, and reads no input" {
	collect
	run -0 --separate-stderr bash -c \
	    '"$IPCTOOL" fifo-write -m one --message="two words" -m "" q; cat' \
	    <<< "not read"
	is "not read"
	ends_with 0 "$COLLECTOR"
	same out <(printf 'one\ntwo words\n\n')
}

@test "a delimiter that is there already is not doubled" {
	collect
	ipctool fifo-write -m $'one\n' -m $'two\n\n' -m three q
	ends_with 0 "$COLLECTOR"
	same out <(printf 'one\ntwo\n\nthree\n')
}

@test "--delimiter and --zero-terminated end the messages" {
	collect
	ipctool fifo-write -d , -m one -m two, -m $'three\n' q
	ends_with 0 "$COLLECTOR"
	same out <(printf 'one,two,three\n,')
	collect
	ipctool fifo-write -z -m one -m two q
	ends_with 0 "$COLLECTOR"
	same out <(printf 'one\0two\0')
	collect
	ipctool fifo-write --delimiter='\t' -m one q
	ends_with 0 "$COLLECTOR"
	same out <(printf 'one\t')
	collect
	ipctool fifo-write --zero-terminated -d x -m one q
	ends_with 0 "$COLLECTOR"
	same out <(printf 'onex')
}

@test "what is no delimiter is refused" {
	local delimiter

	for delimiter in "" ab '\n\n' '\q\q'; do
		run -2 --separate-stderr ipctool fifo-write -d "$delimiter" \
		    -m x q
		stderr_matches "^ipctool fifo-write: invalid delimiter"
	done
}

@test "the delimiter changes nothing in a stream" {
	printf 'a,b' > data
	collect
	ipctool fifo-write -d , q < data
	ends_with 0 "$COLLECTOR"
	same data out
}

@test "each message is one write: nothing comes in between" {
	local i writers=() text

	collect
	hold w q
	local holder=$PID
	for i in 1 2 3; do
		text=$(printf "%02000d" "$i")
		background bash -c 'for ((i = 0; i < 60; i++)); do
			"$IPCTOOL" fifo-write -m "$1" q || exit
		done' bash "$text"
		writers+=("$PID")
	done
	for i in "${writers[@]}"; do
		ends_with 0 "$i"
	done
	die_pid "$holder"
	ends_with 0 "$COLLECTOR"
	[[ $(sort out | uniq -c | awk '{ print $1, length($2), $2 + 0 }') == \
	    $'60 2000 1\n60 2000 2\n60 2000 3' ]]
}

@test "--nonblock without a reader is status 3, in less than 50 ms" {
	beats 0.05 run -3 --separate-stderr ipctool fifo-write -n -m x q
	stderr_is "ipctool fifo-write: q: no reader"
	run -3 ipctool fifo-write -n q < /dev/zero
}

@test "--nonblock with a reader that is blocked in open succeeds" {
	collect
	wait_until opening "$COLLECTOR"
	run -0 --separate-stderr ipctool fifo-write -n -m hello q
	ends_with 0 "$COLLECTOR"
	[[ $(< out) == hello ]]
}

@test "--nonblock may wait for standard input" {
	hold r q
	mkfifo input
	IN=input writer -n q
	exec {input}<> input
	wait_until holds "$WRITER" q
	echo hello >&"$input"
	exec {input}>&-
	ends_with 0 "$WRITER"
	[[ $(queued q) == hello ]]
}

@test "--nonblock into a full FIFO is status 5, says how much, and tears no record" {
	local count length

	for length in 36 100 1000 4095; do
		hold r q
		yes "$(printf "%0${length}d" 7)" | head -n 4000 > data
		run -5 --separate-stderr ipctool fifo-write -n q < data
		stderr_matches '^ipctool fifo-write: q: full after ([0-9]+) bytes$'
		count=${BASH_REMATCH[1]}
		queued q > out
		size_is "$count" out
		((count > 32768 && count % (length + 1) == 0))
		same out <(head -c "$count" data)
		die_pid "$PID"
	done
}

@test "--nonblock writes what is free once something was taken out" {
	hold r q
	yes 0123456789 | head -n 100000 > data
	run -5 ipctool fifo-write -n q < data
	queued q > /dev/null
	run -0 --separate-stderr ipctool fifo-write -n -m hello q
	[[ $(queued q) == hello ]]
}

@test "--nonblock with a message of at most PIPE_BUF: all of it or nothing" {
	local text count=0 n

	hold r q
	text=$(printf '%04094d' 1)
	for ((n = 0; n < 100; n++)); do
		if ! ipctool fifo-write -n -m "$text" q 2> err; then
			break
		fi
		count=$((count + 1))
	done
	((count >= 8 && count < 100))
	[[ $(< err) == "ipctool fifo-write: q: full after 0 bytes" ]]
	queued q > out
	size_is $((count * 4095)) out
	[[ $(sort -u out) == "$text" ]]
}

@test "--nonblock with a longer record may cut it, and says where" {
	local count

	hold r q
	head -c 300000 /dev/zero | tr '\0' x > data
	echo >> data
	run -5 --separate-stderr ipctool fifo-write -n q < data
	stderr_matches '^ipctool fifo-write: q: full after ([0-9]+) bytes$'
	count=${BASH_REMATCH[1]}
	((count >= 65536))
	queued q > out
	same out <(head -c "$count" data)
}

@test "--nonblock leaves the capacity of the FIFO alone" {
	hold r q
	yes | head -c 10M > data
	run -5 --separate-stderr ipctool fifo-write -n q < data
	stderr_is "ipctool fifo-write: q: full after 65536 bytes"
}

@test "no reader within --open-timeout is 124, in time, and names the path" {
	beats 0.6 timed run -124 --separate-stderr ipctool fifo-write \
	    -w 500ms -m x q
	stderr_is "ipctool fifo-write: q: no reader within 500ms"
	at_least 500 "$elapsed"
	timed run -124 --separate-stderr ipctool fifo-write -w 0.1 q \
	    < /dev/zero
	stderr_is "ipctool fifo-write: q: no reader within 0.1s"
	at_least 100 "$elapsed"
}

@test "nothing moved for --idle-timeout is 124: silent input" {
	hold r q
	mkfifo input
	hold rw input
	timed run -124 --separate-stderr ipctool fifo-write -T 0.2 q < input
	stderr_matches "^ipctool fifo-write: .*nothing moved for 0.2s \(--idle-timeout\)$"
	at_least 200 "$elapsed"
}

@test "nothing moved for --idle-timeout is 124: a reader that does not read" {
	hold r q
	timed run -124 --separate-stderr ipctool fifo-write -T 0.2 q < /dev/zero
	stderr_matches "nothing moved for 0.2s \(--idle-timeout\), after [0-9]+ bytes$"
	at_least 200 "$elapsed"
}

@test "--idle-timeout does not count while there is no reader" {
	timed run -124 --separate-stderr ipctool fifo-write -T 0.1 -w 0.4 -m x q
	stderr_is "ipctool fifo-write: q: no reader within 0.4s"
	at_least 400 "$elapsed"
}

@test "not done within --timeout is 124, waiting for a reader or writing" {
	timed run -124 --separate-stderr ipctool fifo-write -t 0.2 -m x q
	stderr_is "ipctool fifo-write: not done within 0.2s (--timeout)"
	at_least 200 "$elapsed"
	hold r q
	timed run -124 --separate-stderr ipctool fifo-write -t 0.2 q < /dev/zero
	stderr_matches "not done within 0.2s \(--timeout\), after [0-9]+ bytes$"
	at_least 200 "$elapsed"
	collect
	timed run -124 --separate-stderr ipctool fifo-write -t 0.2 q < /dev/zero
	stderr_matches "not done within 0.2s \(--timeout\), after [0-9]+ bytes$"
	at_least 200 "$elapsed"
}

@test "a regular file is not touched, nor any other thing that is no FIFO" {
	local name

	echo precious > file
	mkdir dir
	ln -s file link
	for name in file dir link /dev/null /dev/full; do
		run -6 --separate-stderr ipctool fifo-write -m x "$name"
		stderr_is "ipctool fifo-write: $name: not a FIFO"
		run -6 ipctool fifo-write -n -m x "$name"
	done
	[[ $(< file) == precious ]]
	need socat
	background socat UNIX-LISTEN:sock -
	wait_until test -S sock
	run -6 ipctool fifo-write -m x sock
}

@test "a missing name is an error and is never created" {
	run -1 --separate-stderr ipctool fifo-write -m x missing
	stderr_is "ipctool fifo-write: missing: No such file or directory"
	ln -s missing dangling
	run -1 --separate-stderr ipctool fifo-write -m x dangling
	stderr_is "ipctool fifo-write: dangling: No such file or directory"
	run -1 ipctool fifo-write -n -m x missing
	[[ ! -e missing ]]
}

@test "a FIFO of another user in a sticky directory works" {
	need_root
	mkdir -m 1777 sticky
	mkfifo -m 666 sticky/q
	chown 65534 sticky/q
	background cat sticky/q > out
	local reader=$PID
	run -0 ipctool fifo-write -m hello sticky/q
	ends_with 0 "$reader"
	[[ $(< out) == hello ]]
}

@test "a reader that leaves half-way is status 4, and the count is true" {
	local accepted taken rest

	random_file 2M data
	hold r q
	local holder=$PID
	IN=data writer q
	mkfifo control
	background "$TOOLS_DIR/peer-check" --stop=100000 --linger q \
	    <> control > taken
	local reader=$PID
	wait_until grep -q . taken
	wait_until quiet "$WRITER"
	# While it is stopped, see what the reader has left.
	kill -STOP "$WRITER"
	wait_until stopped "$WRITER"
	die_pid "$reader" "$holder"
	queued q > rest
	kill -CONT "$WRITER"
	ends_with 4 "$WRITER"
	taken=$(< taken)
	rest=$(stat -c %s rest)
	[[ $(< err) =~ ^"ipctool fifo-write: q: the reader left after "([0-9]+)" bytes"$ ]]
	accepted=${BASH_REMATCH[1]}
	((accepted == taken + rest && rest > 0))
	same rest <(tail -c +$((taken + 1)) data | head -c "$rest")
}

@test "a reader that leaves is noticed while the input is silent" {
	mkfifo input
	hold rw input
	background head -n 1 q
	local reader=$PID
	IN=input writer q
	echo hello > input
	ends_with 0 "$reader"
	ends_with 4 "$WRITER"
	[[ $(< err) == "ipctool fifo-write: q: the reader left after 6 bytes" ]]
}

@test "a reader that comes and goes without reading is status 4" {
	random_file 1M data
	IN=data writer q
	wait_until opening "$WRITER"
	limited bash -c ': < q'
	ends_with 4 "$WRITER"
	[[ $(< err) == "ipctool fifo-write: q: the reader left after "*" bytes" ]]
}

@test "a FIFO removed while we wait for a reader is said, within 2 s" {
	beats 2 writer_is_told
}

writer_is_told() {
	[[ -p q ]] || mkfifo q
	writer -m x q
	wait_until opening "$WRITER"
	rm q
	ends_with 1 "$WRITER" &&
	    compare_text err "ipctool fifo-write: q: removed while waiting for a reader" \
	    "$(< err)"
}

@test "a FIFO replaced while we wait for a reader is said, not written to" {
	writer -m x q
	wait_until opening "$WRITER"
	mkfifo new
	mv new q
	background cat q > out
	ends_with 1 "$WRITER"
	size_is 0 out
}

@test "standard input that cannot be read is an error, said once" {
	collect
	run -1 --separate-stderr bash -c '"$IPCTOOL" fifo-write q < .'
	stderr_is "ipctool fifo-write: standard input: Is a directory"
	ends_with 0 "$COLLECTOR"
	size_is 0 out
	run -1 --separate-stderr bash -c '"$IPCTOOL" fifo-write q <&-'
	stderr_is "ipctool fifo-write: standard input: Bad file descriptor"
}

@test "a reader comes back: messages of several runs arrive in order" {
	background ipctool fifo-read -f -c 4000 q > out
	local reader=$PID
	wait_until quiet "$reader"
	limited bash -c 'for ((i = 1000; i < 1800; i++)); do
		"$IPCTOOL" fifo-write -m "$i" q || exit
	done'
	ends_with 0 "$reader"
	same out <(seq 1000 1799)
}

@test "--stats says how much was written" {
	collect
	run -0 --separate-stderr ipctool fifo-write --stats -m hello q
	stderr_matches '^ipctool fifo-write: 6 bytes \(6 B\) in [0-9.]+ s, .*/s, copy'
	stderr_matches $'\n''ipctool fifo-write: .* -> q: 6 in, 6 out, waited '
}
