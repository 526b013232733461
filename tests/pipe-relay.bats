#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# Every kind of source to every kind of sink.  A source runs the relay with
# its standard input from that, a sink with its standard output to that.

SOURCES=(pipe fifo file socket)
SINKS=(pipe fifo file append socket null)

source_pipe() {
	dd if=data bs=5000 status=none | "$@"
}

source_fifo() {
	rm -f in.fifo
	mkfifo in.fifo
	dd if=data bs=4097 status=none > in.fifo &
	"$@" < in.fifo
}

source_file() {
	"$@" < data
}

# A socket as standard input of the command, and the data into it
source_socket() {
	perl -MSocket -e '
		socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die;
		my $pid = fork;
		if ($pid == 0) {
			open(STDIN, "<&", $b) or die;
			close($a); close($b);
			exec @ARGV;
		}
		close($b);
		local $/; open(my $data, "<", "data") or die;
		print {$a} readline($data); close($a) or die;
		waitpid($pid, 0); exit($? != 0);
	' "$@"
}

sink_pipe() {
	"$@" | dd of=out bs=3000 status=none
}

sink_fifo() {
	rm -f out.fifo
	mkfifo out.fifo
	dd if=out.fifo of=out bs=5000 status=none &
	"$@" > out.fifo
	wait $!
}

sink_file() {
	"$@" > out
}

sink_append() {
	"$@" >> out
}

sink_socket() {
	perl -MSocket -e '
		socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die;
		my $pid = fork;
		if ($pid == 0) {
			open(STDOUT, ">&", $b) or die;
			close($a); close($b);
			exec @ARGV;
		}
		close($b);
		local $/; open(my $out, ">", "out") or die;
		print {$out} readline($a); close($out) or die;
		waitpid($pid, 0); exit($? != 0);
	' "$@"
}

sink_null() {
	"$@" > /dev/null
}

export -f sink_pipe sink_fifo sink_file sink_append sink_socket sink_null
export -f source_pipe source_fifo source_file source_socket

# relay_all OPTION...: the data through all combinations
relay_all() {
	local source sink

	need perl
	random_file 300000 data
	for source in "${SOURCES[@]}"; do
		for sink in "${SINKS[@]}"; do
			rm -f out
			limited bash -o pipefail -c \
			    '"source_$1" bash -c "sink_$2 \"\$@\"" bash \
			    "${@:3}"' bash "$source" "$sink" \
			    "$IPCTOOL" pipe-relay "$@" || {
				echo "$source to $sink: status $?" >&2
				return 1
			}
			if [[ $sink != null ]] && ! cmp data out; then
				echo "$source to $sink: differs" >&2
				return 1
			fi
		done
	done
}

# transport SOURCE SINK: what --stats names
transport_is() {
	compare_text transport "$1" \
	    "$(sed -n '1s/.*, //p' <<< "$stderr")"
}

@test "data is the same from every kind of source to every kind of sink" {
	relay_all
}

@test "data is the same with --no-splice" {
	relay_all --no-splice
}

@test "data is the same with -i and -o, for files and FIFOs" {
	local option from to

	random_file 300000 data
	mkfifo in.fifo out.fifo
	for option in --stats --no-splice; do
		for from in data in.fifo; do
			for to in out out.fifo; do
				rm -f out
				if [[ $from == in.fifo ]]; then
					background cp data in.fifo
				fi
				if [[ $to == out.fifo ]]; then
					background bash -c 'cat out.fifo > out'
				fi
				run -0 ipctool pipe-relay "$option" \
				    -i "$from" -o "$to"
				if [[ $to == out.fifo ]]; then
					ends_with 0 "$PID"
				fi
				same data out
			done
		done
	done
}

@test "a terminal is a source and a sink" {
	need script
	seq 300 > data
	limited script -qec '"$IPCTOOL" pipe-relay -i data' /dev/null \
	    < /dev/null > out
	same data <(tr -d '\r' < out)
	limited script -qec '"$IPCTOOL" pipe-relay -o out' /dev/null \
	    < data > /dev/null
	same data out
}

@test "no input is no output" {
	run -0 --separate-stderr ipctool pipe-relay < /dev/null
	is ""
	stderr_is ""
	run -0 bash -c ': | "$IPCTOOL" pipe-relay | wc -c'
	is 0
}

@test "a sink that is full for good is an error, said once" {
	local option

	for option in --stats --no-splice; do
		run -1 --separate-stderr bash -c 'echo hello |
		    "$IPCTOOL" pipe-relay -q --no-splice > /dev/full'
		stderr_is "ipctool pipe-relay: standard output: No space left on device"
	done
	run -1 --separate-stderr bash -c 'echo hello |
	    "$IPCTOOL" pipe-relay > /dev/full'
	stderr_is "ipctool pipe-relay: standard output: No space left on device"
	echo hello > data
	run -1 --separate-stderr ipctool pipe-relay -i data -o /dev/full
	stderr_is "ipctool pipe-relay: /dev/full: No space left on device"
}

@test "a file system that fills up is an error, and what fit is there" {
	random_file 300000 data
	run -1 --separate-stderr bash -c 'ulimit -f 100
	    cat data | "$IPCTOOL" pipe-relay > out'
	stderr_is "ipctool pipe-relay: standard output: File too large"
	same out <(head -c "$(stat -c %s out)" data)
	[[ -s out ]]
}

@test "-i reads several inputs, one after the other, and - among them" {
	echo one > one
	echo two > two
	mkfifo three
	background bash -c 'echo three > three'
	run -0 --separate-stderr ipctool pipe-relay -i one --input=- -i three \
	    -i two -i one <<< "standard input"
	is $'one\nstandard input\nthree\ntwo\none'
	stderr_is ""
}

@test "an input that is missing is said, the rest is read, and the run fails" {
	echo one > one
	mkdir dir
	run -1 --separate-stderr ipctool pipe-relay -i missing -i one \
	    -i missing2 -i one
	is $'one\none'
	stderr_is "ipctool pipe-relay: missing: No such file or directory
ipctool pipe-relay: missing2: No such file or directory"
	run -1 --separate-stderr ipctool pipe-relay -i one -i missing
	is one
}

@test "an input that cannot be read is said, the rest is read, as by cat" {
	echo one > one
	mkdir dir
	run -1 --separate-stderr ipctool pipe-relay -i one -i dir -i one
	is $'one\none'
	stderr_is "ipctool pipe-relay: dir: Is a directory"
}

@test "-o makes a file with the umask's mode, and truncates one that is there" {
	umask 027
	run -0 ipctool pipe-relay -o out <<< "something longer"
	[[ $(stat -c %a out) == 640 ]]
	run -0 ipctool pipe-relay --output=out <<< short
	[[ $(< out) == short ]]
	run -0 ipctool pipe-relay -o - <<< short
	is short
}

@test "-a appends to OUTPUT" {
	echo one > out
	ipctool pipe-relay -a -o out <<< two
	ipctool pipe-relay --append -o out <<< three
	ipctool pipe-relay -a -o new <<< four
	[[ $(< out) == $'one\ntwo\nthree' && $(< new) == four ]]
}

@test "an OUTPUT in a missing directory is an error, and no input is taken" {
	run -1 --separate-stderr bash -c 'echo hello |
	    { "$IPCTOOL" pipe-relay -o missing/out; cat; exit 1; }'
	is hello
	stderr_is "ipctool pipe-relay: missing/out: No such file or directory"
}

@test "input that is the output is refused, and the file is untouched" {
	echo precious > file
	ln file other
	ln -s file link
	local name
	for name in file other link; do
		run -1 --separate-stderr ipctool pipe-relay -i "$name" -o file
		stderr_is "ipctool pipe-relay: $name: input file is output file"
		run -1 ipctool pipe-relay -a -i "$name" -o file
		run -1 ipctool pipe-relay -o file < "$name"
		run -1 ipctool pipe-relay -a -o file < "$name"
		run -1 ipctool pipe-relay -i - -o "$name" < file
		run -1 ipctool pipe-relay -i /dev/null -i file -o "$name"
		run -1 ipctool pipe-relay -i /dev/stdin -o "$name" < file
	done
	[[ $(< file) == precious ]]
}

# What goes to an endless file is stopped by the limit on its size.
@test "an input that is also the output is passed over, and the others copied" {
	local options word

	mkfifo q
	for options in '-i file -i rest >> file' '-i rest -i file >> file' \
	    '-i - -i rest < file >> file' '-i file -i rest 1<> file' \
	    '-i file -i rest -a -o file' '-i rest -i file -a -o file' \
	    '-i rest -i file -a -o file -o one' \
	    '-i file -i rest -a -o file -o one' \
	    '-m 1M -i rest -i file -a -o file -o one' \
	    '-i file -i rest -o one -a --tap=file'; do
		echo precious > file
		echo rest > rest
		run -1 --separate-stderr limited bash -c "ulimit -f 1000
		    \"\$IPCTOOL\" pipe-relay $options"
		stderr_matches \
		    "^ipctool pipe-relay: (file|standard input): input file is output file$"
		if [[ $options == *'<> file' ]]; then
			[[ $(< file) == $'rest\nous' ]]
		else
			[[ $(< file) == $'precious\nrest' ]]
		fi
	done
	# One that had nothing in it when the run began.
	for word in -o --dump; do
		rm -f file
		run -1 --separate-stderr limited bash -c 'ulimit -f 1000
		    "$IPCTOOL" pipe-relay -i rest -i file "$1=file" | cat
		    exit "${PIPESTATUS[0]}"' bash "${word/#-o/--output}"
		stderr_is \
		    "ipctool pipe-relay: file: input file is output file"
	done
	# A FIFO, too.
	run -1 --separate-stderr ipctool pipe-relay -w 5 -i q -i rest -o q \
	    --tap=tap -p
	stderr_matches "^ipctool pipe-relay: q: input file is output file"
	[[ $(< tap) == rest ]]
}

@test "a dump into the input is refused, and the input is untouched" {
	local command

	echo precious > file
	for command in "pipe-relay -i file --dump=file" \
	    "pipe-relay --dump=file" "pipe-relay -x 2>> file" \
	    "duplex --dump=file - :: cat"; do
		run limited bash -c "ulimit -f 1000
		    \"\$IPCTOOL\" $command < file"
		[[ $status == 1 || $status == 125 ]]
		[[ $(head -n 1 file) == precious ]]
		[[ $(cat file - <<< "$output") == *"input file is output file"* ]]
	done
}

@test "standard output that is an input is refused, too, as by cat" {
	local command

	echo precious > file
	for command in '-i file >> file' '< file >> file' \
	    '-i - < file >> file' '-i file 1<> file' '-i /dev/fd/0 <file >>file'
	do
		run -1 --separate-stderr bash -c "ulimit -f 1000
		    \"\$IPCTOOL\" pipe-relay $command"
		stderr_matches "^ipctool pipe-relay: .*: input file is output file$"
		[[ $(< file) == precious ]]
	done
}

@test "-o of a FIFO waits for its reader, and -i for its writer" {
	mkfifo q
	background ipctool pipe-relay -o q <<< hello
	local relay=$PID
	wait_until opening "$relay"
	run -0 cat q
	is hello
	ends_with 0 "$relay"
	background ipctool pipe-relay -i q > out
	relay=$PID
	wait_until quiet "$relay"
	put hello q
	ends_with 0 "$relay"
	[[ $(< out) == hello ]]
}

@test "time-outs of the waits for FIFOs are as everywhere" {
	mkfifo q
	timed run -124 --separate-stderr ipctool pipe-relay -w 0.2 -o q <<< x
	stderr_is "ipctool pipe-relay: q: no reader within 0.2s"
	at_least 200 "$elapsed"
	timed run -124 --separate-stderr ipctool pipe-relay -w 0.2 -i q
	stderr_is "ipctool pipe-relay: q: no writer within 0.2s"
	at_least 200 "$elapsed"
	hold rw q
	timed run -124 --separate-stderr ipctool pipe-relay -T 0.2 < q
	stderr_matches "nothing moved for 0.2s \(--idle-timeout\)$"
	at_least 200 "$elapsed"
	timed run -124 --separate-stderr ipctool pipe-relay -t 0.2 < q
	stderr_is "ipctool pipe-relay: not done within 0.2s (--timeout)"
	at_least 200 "$elapsed"
	timed run -124 --separate-stderr ipctool pipe-relay -T 0.2 -o q \
	    < /dev/zero
	stderr_matches "nothing moved for 0.2s \(--idle-timeout\)$"
}

@test "--nonblock does not wait for FIFOs" {
	mkfifo q
	run -3 --separate-stderr ipctool pipe-relay -n -o q <<< x
	stderr_is "ipctool pipe-relay: q: no reader"
	run -3 --separate-stderr ipctool pipe-relay -n -i q
	stderr_is "ipctool pipe-relay: q: no writer"
	hold rw q
	run -5 --separate-stderr ipctool pipe-relay -n -i q
	run -5 --separate-stderr ipctool pipe-relay -n -o q < /dev/zero
	stderr_matches "^ipctool pipe-relay: q: full after [0-9]+ bytes$"
}

@test "--nonblock into a FIFO that is filled to the brim is no failure" {
	local option

	need perl
	mkfifo q control
	for option in -q --no-splice; do
		hold r q
		local holder=$PID
		background "$TOOLS_DIR/launch" --default=PIPE bash -o pipefail \
		    -c '{ head -c 65536 /dev/zero; read -r line < control; } |
		    "$IPCTOOL" pipe-relay -n "$1" -o q 2> err' bash "$option"
		local run=$PID
		# Its last byte is in, and the relay waits for more, in vain.
		wait_until unread_is 65536 q
		wait_until relay_rests "$run"
		put go control
		ends_with 0 "$run"
		size_is 0 err
		die_pid "$holder"
	done
}

@test "a source that ends while the sink is full ends the run: all is delivered" {
	local option

	need perl
	mkfifo q control
	for option in -q --no-splice; do
		hold r q
		local holder=$PID
		background bash -o pipefail -c '{ head -c 65536 /dev/zero
		    read -r line < control; } | "$IPCTOOL" pipe-relay "$1" \
		    --pipe-size=keep -T 2 -o q' bash "$option"
		local run=$PID
		wait_until unread_is 65536 q
		wait_until relay_rests "$run"
		put go control
		ends_with 0 "$run"
		die_pid "$holder"
	done
}

# relay_rests PID: the relay that it started is waiting, or has ended
relay_rests() {
	local child children

	read -r -a children < "/proc/$1/task/$1/children"
	for child in ${children[@]+"${children[@]}"}; do
		if [[ /proc/$child/exe -ef $IPCTOOL ]]; then
			asleep "$child"
			return
		fi
	done
	return 0
}

@test "a reader of OUTPUT that leaves is status 4" {
	mkfifo q
	background head -c 10 q
	run -4 --separate-stderr ipctool pipe-relay -o q < /dev/zero
	stderr_matches "^ipctool pipe-relay: q: the reader left after [0-9]+ bytes$"
}

@test "process substitutions and /dev/fd are inputs and outputs" {
	run -0 --separate-stderr limited bash -c '"$IPCTOOL" pipe-relay \
	    -i <(echo one) -i /dev/fd/5 -i /dev/stdin 5< <(echo five) <<< in'
	is $'one\nfive\nin'
	run -0 --separate-stderr limited bash -c '"$IPCTOOL" pipe-relay \
	    -o >(cat > out) <<< hello; wait'
	wait_until size_is 6 out
	run -0 --separate-stderr limited bash -c \
	    '"$IPCTOOL" pipe-relay -o /dev/fd/5 5> out <<< five'
	[[ $(< out) == five ]]
	run -1 --separate-stderr ipctool pipe-relay -i /dev/fd/99
	stderr_is "ipctool pipe-relay: /dev/fd/99: Bad file descriptor"
	run -0 --separate-stderr bash -c \
	    '"$IPCTOOL" pipe-relay -o /dev/stdout <<< out'
	is out
}

@test "/dev/fd of a file goes on where it stands, and appends are kept" {
	printf '0123456789' > data
	run -0 bash -c '{ head -c 4; "$IPCTOOL" pipe-relay -i /dev/fd/0; } \
	    < <(printf 0123456789; sleep 0)'
	printf 'abc' > out
	run -0 bash -c '"$IPCTOOL" pipe-relay -o /dev/fd/5 5>> out < data'
	[[ $(< out) == abc0123456789 ]]
}

@test "an operand is a usage error that points to -i" {
	run -2 --separate-stderr ipctool pipe-relay file
	stderr_matches "^ipctool pipe-relay: .*'file'.* -i"
	run -2 --separate-stderr ipctool pipe-relay file -i other
	stderr_matches "^ipctool pipe-relay: .*'file'.* -i"
	run -2 --separate-stderr ipctool pipe-relay -
	stderr_matches " -i"
}

# capacities N COMMAND...: of the pipes at both ends of a relay, after N bytes
# have passed, as its two peers see them
capacities() {
	limited perl -e '
		my ($bytes, @command) = @ARGV;
		pipe(my $ir, my $iw); pipe(my $or, my $ow);
		my $relay = fork;
		if ($relay == 0) {
			open(STDIN, "<&", $ir); open(STDOUT, ">&", $ow);
			close($_) for $ir, $iw, $or, $ow;
			exec @command;
		}
		close($ir); close($ow);
		my $writer = fork;
		if ($writer == 0) {
			close($or);
			syswrite($iw, "x" x 4096) for 1 .. $bytes / 4096;
			sleep(100);
		}
		for (my $n = 0; $n < $bytes; ) {
			$n += sysread($or, my $piece, 65536);
		}
		print fcntl($iw, 1032, 0), " ", fcntl($or, 1032, 0), "\n";
		kill "KILL", $relay, $writer;
	' "$@"
}

@test "--pipe-size sets the capacity of the pipes at both ends" {
	need perl
	run -0 capacities 4096 "$IPCTOOL" pipe-relay --pipe-size=128K
	is "131072 131072"
	run -0 capacities 4096 "$IPCTOOL" pipe-relay --pipe-size=4096
	is "4096 4096"
	run -0 capacities 4096 "$IPCTOOL" pipe-relay --pipe-size=5000
	is "8192 8192"
	run -0 capacities 4194304 "$IPCTOOL" pipe-relay --pipe-size=64K
	is "65536 65536"
}

@test "--pipe-size=keep leaves them alone, a long flow gets more by default" {
	need perl
	run -0 capacities 4194304 "$IPCTOOL" pipe-relay --pipe-size=keep
	is "65536 65536"
	run -0 capacities 4096 "$IPCTOOL" pipe-relay
	is "65536 65536"
	run -0 capacities 4194304 "$IPCTOOL" pipe-relay
	[[ $output =~ ^([0-9]+)\ ([0-9]+)$ ]]
	((BASH_REMATCH[1] > 65536 && BASH_REMATCH[2] > 65536))
}

@test "--pipe-size also keeps the input of a fan-out and of a tap with -m" {
	local option outlet

	need perl
	mkfifo tap
	for outlet in "-m 1M --tap=tap" "-m 1M -o - -o file" \
	    "-i - -i /dev/null -o - -o file"; do
		for option in --pipe-size=keep --pipe-size=64k -n; do
			# shellcheck disable=SC2086 # several options
			run -0 capacities 4194304 "$IPCTOOL" pipe-relay \
			    "$option" $outlet
			[[ $output == "65536 "* ]]
		done
		# shellcheck disable=SC2086
		run -0 capacities 4194304 "$IPCTOOL" pipe-relay $outlet
		[[ ${output% *} -gt 65536 ]]
	done
}

@test "--pipe-size=max takes as much as the system grants" {
	local most

	need perl
	most=$(< /proc/sys/fs/pipe-max-size)
	run -0 capacities 4096 "$IPCTOOL" pipe-relay --pipe-size=max
	[[ $output =~ ^([0-9]+)\ ([0-9]+)$ ]]
	((BASH_REMATCH[1] >= most && BASH_REMATCH[2] >= most))
}

@test "SIGUSR1 prints the counters, with and without --stats" {
	local option

	mkfifo q
	for option in -q --stats; do
		background bash -c \
		    'exec "$IPCTOOL" pipe-relay $1 < q > out 2> err' \
		    bash "$option"
		local relay=$PID
		exec {input}<> q
		echo hello >&"$input"
		wait_until size_is 6 out
		kill -USR1 "$relay"
		wait_until grep -q "standard input -> standard output: 6 in, 6 out" err
		grep -q '^ipctool pipe-relay: 6 bytes (6 B) in ' err
		run ! gone "$relay"
		kill -USR1 "$relay"
		wait_until eval '(($(grep -c " -> " err) == 2))'
		exec {input}>&-
		ends_with 0 "$relay"
		rm out err
	done
}

@test "SIGUSR1 prints the counters also where it was ignored or blocked" {
	local option

	mkfifo q
	for option in --ignore --block; do
		background "$TOOLS_DIR/launch" "$option=USR1" bash -c \
		    'exec "$IPCTOOL" pipe-relay < q > out 2> err'
		local relay=$PID
		exec {input}<> q
		echo hello >&"$input"
		wait_until size_is 6 out
		kill -USR1 "$relay"
		wait_until grep -q " -> standard output: 6 in, 6 out" err
		exec {input}>&-
		ends_with 0 "$relay"
		rm out err
	done
}

@test "--stats names the transport truthfully" {
	random_file 100K data
	run -0 --separate-stderr bash -c \
	    'cat data | "$IPCTOOL" pipe-relay --stats | cat > /dev/null'
	transport_is splice
	run -0 --separate-stderr bash -c \
	    'cat data | "$IPCTOOL" pipe-relay --stats > out'
	transport_is splice
	run -0 --separate-stderr bash -c \
	    '"$IPCTOOL" pipe-relay --stats < data | cat > /dev/null'
	transport_is splice
	run -0 --separate-stderr bash -c \
	    'cat data | "$IPCTOOL" pipe-relay --stats --no-splice | cat > /dev/null'
	transport_is copy
	run -0 --separate-stderr bash -c \
	    'cat data | "$IPCTOOL" pipe-relay --stats >> out'
	transport_is copy
	run -0 --separate-stderr bash -c \
	    '"$IPCTOOL" pipe-relay --stats < data > out'
	transport_is copy
}

@test "--stats names copy when only one of several inputs was copied" {
	random_file 100K data
	cat data data > both
	run -0 --separate-stderr bash -c '"$IPCTOOL" pipe-relay --stats \
	    -i data -i <(cat data) > out'
	same both out
	transport_is copy
}

@test "--stats=json is valid and its numbers are right" {
	need jq
	random_file 100K data
	run -0 --separate-stderr bash -c \
	    'cat data | "$IPCTOOL" pipe-relay --stats=json | cat > out'
	echo "$stderr" > json
	run -0 jq -r '.stats | length' json
	is 1
	run -0 jq -r '.stats[0] | [.command, .source, .sink, .transport,
	    .bytes_in, .bytes_out, .status] | map(tostring) | join(",")' json
	is "pipe-relay,standard input,standard output,splice,102400,102400,0"
	run -0 jq -r '.stats[0] | [.seconds, .wait_source_seconds,
	    .wait_sink_seconds] | map(type) | unique | join(",")' json
	is number
	run -0 jq '.stats[0] | .seconds >= .wait_source_seconds and
	    .wait_sink_seconds >= 0' json
	is true
}

@test "--stats=json says the status of a run that failed" {
	need jq
	mkfifo q
	run -124 --separate-stderr ipctool pipe-relay --stats=json -q \
	    -w 10ms -o q
	sed 1d <<< "$stderr" > json
	run -0 jq -r '.stats[0] | "\(.status) \(.bytes_in)"' json
	is "124 0"
}

@test "--stats=json stays valid with any name" {
	local name=$'a"b\\c\e[31m\n\xff\xc3\xa4d'

	need jq
	echo hello > "$name"
	run -0 --separate-stderr ipctool pipe-relay --stats=json -o "$name" \
	    <<< hello
	echo "$stderr" > json
	run -0 jq -r '.stats[0].sink' json
	[[ $output != *[!\ -~]* ]]
	run -0 jq -r '.stats[0].bytes_out' json
	is 6
}

@test "a reader that has enough: we die of SIGPIPE, silently" {
	run -0 --separate-stderr limited bash -c 'seq 10000000 |
	    env --default-signal=PIPE "$IPCTOOL" pipe-relay | head -n 1
	    echo "${PIPESTATUS[*]}"'
	is $'1\n141 141 0'
	stderr_is ""
	run -0 --separate-stderr limited bash -c 'seq 10000000 |
	    env --default-signal=PIPE "$IPCTOOL" pipe-relay --no-splice |
	    head -n 1; echo "${PIPESTATUS[*]}"'
	is $'1\n141 141 0'
	stderr_is ""
}

@test "a reader that takes all there is and leaves is no failure" {
	local n option

	for option in -q --no-splice; do
		for ((n = 0; n < 25; n++)); do
			# A pipe with data in it, and no writer any more.
			rm -f q
			run -0 limited bash -c 'mkfifo q
			    exec 5<> q; printf abc >&5; exec 6< q 5>&-
			    env --default-signal=PIPE "$IPCTOOL" pipe-relay \
				"$1" <&6 6<&- | head -c 3
			    echo " ${PIPESTATUS[*]}"' bash "$option"
			is "abc 0 0"
		done
	done
}

@test "where SIGPIPE is ignored the broken pipe is said, status 1" {
	local status=0

	make_dead
	limited env --ignore-signal=PIPE "$IPCTOOL" pipe-relay 1>&"$DEAD" \
	    2> err < /dev/zero || status=$?
	((status == 1))
	[[ $(< err) == "ipctool pipe-relay: standard output: Broken pipe" ]]
}

@test "it forwards at once: each byte before the next one comes" {
	local option byte

	mkfifo q
	for option in -q --no-splice; do
		rm -f out
		background bash -c \
		    'exec "$IPCTOOL" pipe-relay "$1" < q > out' bash "$option"
		local relay=$PID
		exec {input}<> q
		for byte in 1 2 3 4 5 6 7 8; do
			printf x >&"$input"
			wait_until size_is "$byte" out
		done
		exec {input}>&-
		ends_with 0 "$relay"
	done
}

@test "what flows back is not held up by what flows on: ping-pong of 300 bytes" {
	local option

	need perl
	for option in -q --no-splice; do
		run -0 limited perl -e '
			pipe(my $ir, my $iw); pipe(my $or, my $ow);
			if (!fork) {
				open(STDIN, "<&", $ir); open(STDOUT, ">&", $ow);
				exec @ARGV;
			}
			for my $i (1 .. 300) {
				syswrite($iw, chr($i & 255)) == 1 or die;
				sysread($or, my $c, 1) == 1 or die;
				ord($c) == ($i & 255) or die;
			}
			close($iw); close($ir); close($ow);
			sysread($or, my $c, 1) == 0 or die;
			wait; print $?;
		' "$IPCTOOL" pipe-relay "$option"
		is 0
	done
}

@test "many tiny pieces arrive in order" {
	run -0 limited bash -c '"$TOOLS_DIR/peer-write" --bytes=2M \
	    --chunks=1-9000 --seed=3 | "$IPCTOOL" pipe-relay |
	    "$TOOLS_DIR/peer-check" --bytes=2M --seed=3 --chunk=777'
	run -0 limited bash -c '"$TOOLS_DIR/peer-write" --bytes=2M \
	    --chunks=1-9000 --seed=4 | "$IPCTOOL" pipe-relay --no-splice |
	    "$TOOLS_DIR/peer-check" --bytes=2M --seed=4 --chunk=7777'
}

@test "pipes of one page are enough" {
	need perl
	run -0 limited bash -c '"$TOOLS_DIR/peer-write" --bytes=1M |
	    "$IPCTOOL" pipe-relay --pipe-size=4096 |
	    "$TOOLS_DIR/peer-check" --bytes=1M'
}

@test "the sums of a big and a small flow are right in --stats" {
	run -0 --separate-stderr limited bash -c \
	    'head -c 1M /dev/zero | "$IPCTOOL" pipe-relay --stats | wc -c'
	is 1048576
	stderr_matches '^ipctool pipe-relay: 1048576 bytes \(1\.0 MiB\) in [0-9.]+ s, [0-9.]+ [KMG]?i?B/s, splice'
	stderr_matches $'\n''ipctool pipe-relay: standard input -> standard output: 1048576 in, 1048576 out, waited [0-9.]+ s for input, [0-9.]+ s for output$'
}

@test "one FIFO at both ends is refused: it would be its own peer" {
	mkfifo q
	run -1 --separate-stderr ipctool pipe-relay -i q -o q -w 5
	stderr_is "ipctool pipe-relay: q: input file is output file"
	run -1 --separate-stderr ipctool pipe-relay -n -i q -o q
	stderr_is "ipctool pipe-relay: q: input file is output file"
	exec {loop}<> q
	echo round >&"$loop"
	# shellcheck disable=SC2094 # that is the point
	run -1 --separate-stderr ipctool fifo-write q < q
	stderr_is "ipctool fifo-write: standard input: input file is output file"
	exec {loop}>&-
}

@test "the counters name no transport where nothing was moved" {
	run -0 --separate-stderr ipctool pipe-relay --stats < /dev/null
	stderr_matches "^ipctool pipe-relay: 0 bytes .*, none"
}
