#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# duplex where two sides wait for each other, and what they say: --memory,
# --deadlock, --dump.

# Writes 500,000 bytes before it reads as many.
writes_first='head -c 500000 /dev/zero && [ "$(head -c 500000 | wc -c)" = 500000 ]'

@test "--memory: both sides may write more than a pipe holds before they read" {
	run -0 --separate-stderr ipctool duplex -m 500K \
	    sh -c "$writes_first" :: sh -c "$writes_first"
	stderr_is ""
	run -0 --separate-stderr ipctool duplex --memory=1M --deadlock=0.2 \
	    sh -c "$writes_first" :: sh -c "$writes_first"
	stderr_is ""
	random_file 2M data
	run -0 bash -c '"$IPCTOOL" duplex -m 100K cat < data | cmp - data'
	run -2 ipctool duplex --memory=0 cat
	run -2 ipctool duplex --memory=1Kx cat
}

@test "--deadlock: two that only write are told, with what is in their pipes" {
	beats 1.5 timed run -9 --separate-stderr ipctool duplex --deadlock=1 \
	    sh -c "$writes_first" :: sh -c "$writes_first"
	at_least 1000 "$elapsed"
	stderr_matches '^ipctool duplex: deadlock: both directions have been stuck for 1s'
	run -0 grep -cE '^ipctool duplex: process [0-9]+ \(head\) is blocked in writing: its output has ([1-9][0-9]*) of \1 bytes, its input ([1-9][0-9]*) of \2$' <<< "$stderr"
	is 2
}

@test "--deadlock: two that only read are told, and their ends removed" {
	beats 0.7 timed run -9 --separate-stderr \
	    ipctool duplex --deadlock=200ms \
	    cat :: sh -c 'cat; :'
	at_least 200 "$elapsed"
	stderr_matches '^ipctool duplex: deadlock: both directions have been stuck for 200ms'
	run -0 grep -cE '\(cat\) is blocked in reading: its output has 0 of [0-9]+ bytes, its input 0 of [0-9]+$' <<< "$stderr"
	is 2
}

@test "--deadlock: a side that acts, sleeps or hears somebody else is none" {
	mkfifo q
	exec {q}<> q
	# Nothing moves for three times as long.
	run -0 --separate-stderr ipctool duplex --deadlock=0.2 \
	    sh -c 'head -c 300000 /dev/zero' :: \
	    sh -c 'sleep 0.7; cat > /dev/null'
	stderr_is ""
	run -0 --separate-stderr ipctool duplex --deadlock=0.2 cat :: \
	    bash -c 'end=$((SECONDS + 2)); while ((SECONDS < end)); do :; done'
	stderr_is ""
	background ipctool duplex --deadlock=0.2 cat :: \
	    sh -c 'read -r line < q; exec cat' 2> err
	local duplex=$PID
	sleep 0.7
	run ! gone "$duplex"
	echo go >&"$q"
	exec {q}>&-
	# Now they wait for each other.
	ends_with 9 "$duplex"
	# Half of it: one direction has ended, the other one may yet be used.
	run -124 ipctool duplex --deadlock=0.1 -t 0.5 sleep 1000 :: true
}

# bats test_tags=slow
@test "--deadlock: a pair that is slow is none, however long nothing moves" {
	# 5 minutes with FULL=1
	cat > slow <<- 'END'
		for ((i = 0; i < $1; i++)); do
			head -c 131072 /dev/zero & sleep 1
			head -c 65536 > /dev/null
			for ((k = 0; k < 300000; k++)); do :; done
			head -c 65536 > /dev/null
			wait
		done
	END
	LIMIT=600 run -0 --separate-stderr ipctool duplex --deadlock=0.4 \
	    bash slow $((${FULL:-0} * 140 + 3)) :: \
	    bash slow $((${FULL:-0} * 140 + 3))
	stderr_is ""
}

@test "--deadlock: who reads our output slowly is none, who never will is one" {
	run -0 --separate-stderr bash -o pipefail -c 'head -c 500000 /dev/zero |
	    timeout -s KILL 20 "$IPCTOOL" duplex --deadlock=0.2 \
		sh -c "head -c 500000 /dev/zero; cat > /dev/null" |
	    { sleep 0.8; wc -c; }'
	is 500000
	stderr_is ""
}

@test "--dump shows both directions, in their order" {
	run -0 --separate-stderr ipctool duplex --dump=log \
	    sh -c 'echo question; read -r answer' :: \
	    sh -c 'read -r question; echo answer'
	stderr_is ""
	run -0 sed -E 's/ [0-9.]+s / TIME /' log
	is '> TIME 9 bytes
> 00000000  71 75 65 73 74 69 6f 6e  0a                       |question.|
< TIME 7 bytes
< 00000000  61 6e 73 77 65 72 0a                              |answer.|'
	run -0 --separate-stderr ipctool duplex -x sh -c 'echo hello' :: \
	    sh -c 'cat > got'
	stderr_matches '\|hello\.\|'
	run -125 --separate-stderr ipctool duplex --dump=missing/log \
	    sh -c ': > ran'
	stderr_is "ipctool duplex: missing/log: No such file or directory"
	[[ ! -e ran ]]
	run -1 --separate-stderr ipctool duplex --dump=/dev/full echo hello
	is hello
	stderr_is "ipctool duplex: /dev/full: No space left on device"
}

@test "a transcript has each request before its answer" {
	local rounds=$((${FULL:-0} * 9500 + 500))

	cat > asks <<- 'END'
		for ((i = 1; i <= $1; i++)); do
			echo "q$i"
			IFS= read -r answer
			[[ $answer == "a$i" ]] || exit 1
		done
	END
	cat > answers <<- 'END'
		while IFS= read -r question; do
			echo "a${question#q}"
		done
	END
	# 10,000 with FULL=1
	run -0 --separate-stderr limited "$IPCTOOL" duplex --dump=log \
	    bash asks "$rounds" :: bash answers
	stderr_is ""
	sed -nE 's/.*\|([qa][0-9]+)\.\|$/\1/p' log > order
	for ((i = 1; i <= rounds; i++)); do
		printf 'q%d\na%d\n' "$i" "$i"
	done > wanted
	same wanted order
}

@test "--dump and --memory work for a server and its client, too" {
	background ipctool duplex --listen=s -k --dump=log -m 64K \
	    -- tr a-z A-Z
	wait_until test -p s.out
	wait_until test -s log -o -p s.in
	run -0 --separate-stderr bash -c 'echo hello |
	    timeout 20 "$IPCTOOL" duplex -x --connect=s'
	is HELLO
	stderr_matches '^> .* 6 bytes'$'\n'
	stderr_matches $'\n''< .* 6 bytes'$'\n'
	kill "$PID"
	ends_with 143 "$PID"
	run -0 grep -c '^[<>] 0000.*|\(hello\|HELLO\)\.|$' log
	is 2
}

@test "--deadlock: who has an alarm set goes on by itself" {
	need perl
	run -0 ipctool duplex --deadlock=0.2 perl -e '$SIG{ALRM} = sub {
		syswrite STDOUT, "ring\n"; exit 0 }; alarm 1; <STDIN>' :: \
	    bash -c 'read -r line; [[ $line == ring ]]'
}
