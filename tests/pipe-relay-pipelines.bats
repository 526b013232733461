#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# Each line, a while after the one before
SLOW='while IFS= read -r line; do printf "%s\n" "$line"; sleep 0.02; done'

@test "commands are joined as a shell joins them" {
	run -0 ipctool pipe-relay seq 100 :: grep 7 :: head -n 3
	is $'7\n17\n27'
	run -0 ipctool pipe-relay cat :: tr a-z A-Z <<< hello
	is HELLO
	run -0 ipctool pipe-relay -- echo alone
	is alone
	run -0 ipctool pipe-relay --separator=THEN echo a :: b THEN cat
	is "a :: b"
}

@test "data is the same with each option that puts us in between" {
	local option

	random_file 300000 data
	for option in -q --stats --stats=json --dump=/dev/null -T9 -L10M \
	    -c300000 -m1M -P --tap=tap --no-splice --pipe-size=4096; do
		run -0 bash -c '"$IPCTOOL" pipe-relay "$1" cat :: \
		    dd bs=5000 status=none :: cat < data > out 2> err' \
		    bash "$option"
		same data out
	done
	same data tap
}

# The descriptors that a command has, out of what fdlist prints
descriptors() {
	awk '$1 == "fd" { print $2 }'
}

@test "without an option that has to see the bytes, nothing is in between" {
	run -0 limited bash -c '"$IPCTOOL" pipe-relay sh -c \
	    "readlink /proc/\$\$/fd/1" :: sh -c "readlink /proc/\$\$/fd/0; cat"'
	[[ ${lines[0]} == "${lines[1]}" && ${lines[0]} == pipe:* ]]
	run -0 limited bash -c '"$IPCTOOL" pipe-relay --stats sh -c \
	    "readlink /proc/\$\$/fd/1" :: sh -c "readlink /proc/\$\$/fd/0; cat" \
	    2> /dev/null'
	[[ ${lines[0]} != "${lines[1]}" ]]
}

@test "a command has 0, 1, 2 and what was open before, and nothing of ours" {
	local option before

	# Nothing is written: fdlist reads nothing, and may end first.
	before=$(limited bash -c 'true | "$TOOLS_DIR/fdlist" | cat' |
	    descriptors)
	for option in -q --stats --tap=tap -P; do
		run -0 limited bash -c '"$IPCTOOL" pipe-relay "$1" true :: \
		    "$TOOLS_DIR/fdlist" :: cat 2> /dev/null' bash "$option"
		compare_text "with $option" "$before" \
		    "$(descriptors <<< "$output")"
	done
}

@test "the status is that of the last command that failed, as with pipefail" {
	local option commands expected

	for option in -q --stats -L1M; do
		for commands in 'true :: true :: true' 'false :: true :: true' \
		    'sh -c "exit 3" :: sh -c "exit 4" :: true' \
		    'yes :: head -n 1 :: cat' 'sh -c "kill -9 \$\$" :: cat' \
		    'true :: true :: sh -c "exit 200"'; do
			run bash -o pipefail -c "${commands//::/|} > /dev/null"
			expected=$status
			run bash -c "env --default-signal=PIPE \"\$IPCTOOL\" \
			    pipe-relay $option $commands > /dev/null 2>&1"
			[[ $status == "$expected" ]] || {
				echo "$option $commands: $status," \
				    "not $expected" >&2
				return 1
			}
		done
	done
}

@test "a command that is not there is 127, one that cannot be run is 126" {
	touch plain
	run -127 --separate-stderr ipctool pipe-relay cat :: missing-command
	stderr_is "ipctool pipe-relay: missing-command: No such file or directory"
	run -126 --separate-stderr ipctool pipe-relay yes :: ./plain :: cat
	stderr_is "ipctool pipe-relay: ./plain: Permission denied"
}

@test "what -c has cut off is no failure" {
	run -0 --separate-stderr ipctool pipe-relay -c 4 yes :: cat
	is $'y\ny'
	run -3 ipctool pipe-relay -c 4 sh -c 'echo yes; exit 3' :: cat
}

@test "empty commands, inputs and outputs are usage errors" {
	run -2 --separate-stderr ipctool pipe-relay cat ::
	stderr_matches "a command is missing beside '::'"
	run -2 ipctool pipe-relay :: cat
	run -2 ipctool pipe-relay cat :: :: cat
	run -2 ipctool pipe-relay --separator= cat
	run -2 --separate-stderr ipctool pipe-relay -i file cat :: cat
	stderr_matches "-i, -o and -a are for files"
	run -2 ipctool pipe-relay -o file cat :: cat
	run -2 ipctool pipe-relay -a cat :: cat
	run -2 --separate-stderr ipctool pipe-relay cat
	stderr_matches "'cat'.* -i"
}

# slowest_is N NAME: where stage N is slow, it is named
slowest_is() {
	local i commands=()

	for ((i = 1; i <= 3; i++)); do
		((i == 1)) || commands+=(::)
		if ((i == $1)); then
			commands+=(sh -c "$SLOW")
		else
			commands+=(cat)
		fi
	done
	run -0 --separate-stderr bash -c '"$IPCTOOL" pipe-relay --stats "$@" \
	    < input > /dev/null' bash "${commands[@]}"
	stderr_matches "ipctool pipe-relay: slowest: sh \($1 of 3\): its neighbours waited [0-9.]+ s "
	run -0 --separate-stderr bash -c '"$IPCTOOL" pipe-relay --stats=json \
	    "$@" < input > /dev/null' bash "${commands[@]}"
	run -0 jq -r '.stats[] | select(.slowest) | "\(.stage) \(.stage_command)"' \
	    <<< "$stderr"
	is "$1 sh"
}

@test "the slowest command is named, be it the first, a middle or the last one" {
	need jq
	local stage

	seq 15 > input
	for stage in 1 2 3; do
		slowest_is "$stage"
	done
	# So much that the pipes are full
	SLOW='while dd bs=64k count=1 iflag=fullblock 2>/dev/null |
	    { IFS= read -r l && { echo "$l"; cat; }; }; do sleep 0.01; done'
	seq 200000 > input
	for stage in 1 2 3; do
		slowest_is "$stage"
	done
}

# bottleneck_is TEXT NAME BEHIND OPTION...: what --stats names in a pipeline of
# three that the shell command BEHIND reads, as text and in JSON
bottleneck_is() {
	local text=$1 name=$2 behind=$3

	shift 3
	run -0 --separate-stderr bash -c '"$IPCTOOL" pipe-relay --stats \
	    "${@:2}" cat :: cat :: cat < input | eval "$1" > /dev/null' bash \
	    "$behind" "$@"
	stderr_matches "$text"
	# shellcheck disable=SC2076
	[[ ! $stderr =~ "of 3)" ]]
	run -0 --separate-stderr bash -c '"$IPCTOOL" pipe-relay --stats=json \
	    "${@:2}" cat :: cat :: cat < input | eval "$1" > /dev/null' bash \
	    "$behind" "$@"
	run -0 jq -r '.stats[] | "\(.slowest) \(.bottleneck)"' <<< "$stderr"
	is "false $name
false $name
false $name"
}

@test "where the rate limit holds a pipeline back, that is named" {
	need jq
	local size option

	# All of it is in the pipes at once; or it is not.
	for size in 100000 600000; do
		random_file "$size" input
		for option in -q -m50k; do
			bottleneck_is 'slowest: the rate limit: held back for [0-9]\.[0-9]{3} s, of [0-9]\.[0-9]{3} s' \
			    "rate limit" cat -L $((size * 3)) "$option"
		done
	done
}

@test "where the reader of standard output is slow, that is named" {
	need jq
	random_file 600000 input
	bottleneck_is 'slowest: the reader of standard output: [0-9.]+ s before it took, of ' \
	    "reader of standard output" \
	    'while read -rN 65536 _; do sleep 0.05; done' -L 1G --pipe-size=keep
}

# slowest_of COMMAND...: the line of --stats on that
slowest_of() {
	run -0 --separate-stderr bash -c '"$IPCTOOL" pipe-relay --stats "$@" \
	    < /dev/null | cat > /dev/null' bash "$@"
	run -0 grep -E 'slowest: |no command stands out' <<< "$stderr"
}

@test "whoever has left is not waited for: others that go on take that long" {
	slowest_of sh -c 'seq 9; sleep 0.7' :: head -n 3
	lacks head
	slowest_of sh -c 'seq 9; exec >&-; sleep 0.7' :: head -n 100
	[[ ! $output =~ "waited 0."[5-9][0-9]+" s before it took" ]]
	slowest_of -c 4 cat :: sh -c 'echo yes; sleep 0.7'
	matches 'slowest: sh \(2 of 2\)'
	# But one that needs no more input may be slow all the same.
	slowest_of seq 9 :: sh -c 'exec <&-; sleep 0.7'
	matches 'slowest: sh \(2 of 2\)'
}

@test "the last of many commands is named, also where all fits into the pipes" {
	local commands=(cat) i

	for ((i = 2; i <= 14; i++)); do
		commands+=(:: cat)
	done
	slowest_of "${commands[@]}" :: sleep 0.7
	matches 'slowest: sleep \(15 of 15\)'
	slowest_of -L 1G "${commands[@]}" :: sh -c 'cat; sleep 0.7'
	matches 'slowest: sh \(15 of 15\)'
}

@test "where all commands are equally slow, one at the most is named" {
	need jq
	run -0 --separate-stderr bash -c 'head -c 30M /dev/zero | "$IPCTOOL" \
	    pipe-relay --stats=json cat :: cat :: cat > /dev/null'
	run -0 jq -r '"\([.stats[] | select(.slowest)] | length) \(.stats[0].bottleneck)"' <<< "$stderr"
	matches '^(0 null|1 cat)$'
}

@test "what is slow before a pipeline shows at its first command" {
	run -0 --separate-stderr bash -c 'sleep 0.3 |
	    "$IPCTOOL" pipe-relay --stats cat'" :: cat"
	[[ $stderr == *"slowest: cat (1 of 2)"* ]]
}

@test "--stats=json has the status of every command" {
	need jq
	run --separate-stderr ipctool pipe-relay --stats=json \
	    sh -c 'exit 3' :: true :: sh -c 'kill -TERM $$'
	[[ $status == 143 ]]
	run -0 jq -r '.stats[] | "\(.stage) \(.stage_status) \(.status) \(.sink)"' \
	    <<< "$stderr"
	is "1 3 143 true
2 0 143 sh
3 143 143 null"
}

@test "--stats counts each joint" {
	run -0 --separate-stderr ipctool pipe-relay --stats seq 1000 :: \
	    grep 9 :: wc -l
	is "$(seq 1000 | grep -c 9)"
	stderr_matches "seq -> grep: 3893 in, 3893 out"
	stderr_matches "grep -> wc: 1064 in, 1064 out"
	stderr_matches "seq: status 0"
}

@test "--dump shows every joint, with its number" {
	run -0 --separate-stderr ipctool pipe-relay -x echo hi :: \
	    tr a-z A-Z :: cat
	is HI
	stderr_matches "1> 00000000  68 69 0a .*\|hi\.\|"
	stderr_matches "2> 00000000  48 49 0a .*\|HI\.\|"
}

@test "a time-out ends all commands: 124" {
	local option nap=77.$BASHPID

	for option in -q --stats -m1M; do
		timed run -124 --separate-stderr ipctool pipe-relay \
		    "$option" -t 0.2 sleep "$nap" :: sleep "$nap"
		at_least 200 "$elapsed"
	done
	timed run -124 --separate-stderr ipctool pipe-relay -T 0.2 \
	    sleep "$nap" :: sleep "$nap"
	stderr_is "ipctool pipe-relay: nothing moved for 0.2s (--idle-timeout)"
	at_least 200 "$elapsed"
	run -1 pgrep -fx "sleep $nap"
}

@test "INT, TERM and HUP end all commands, also those that ignore TERM" {
	local signal option nap=77.$BASHPID

	for signal in INT TERM HUP; do
		for option in -q --stats; do
			background ipctool pipe-relay "$option" \
			    sleep "$nap" :: sleep "$nap" :: cat
			wait_until pgrep -fx "sleep $nap" > /dev/null
			kill -"$signal" "$PID"
			ends_with $((128 + $(kill -l "$signal"))) "$PID"
			run -1 pgrep -fx "sleep $nap"
		done
	done
	background ipctool pipe-relay sh -c 'trap "" TERM; echo up; sleep 77.75
	    sleep 77.75' :: cat > out
	wait_until test -s out
	kill -TERM "$PID"
	ends_with 143 "$PID"
}

@test "a reader of standard output that leaves ends the pipeline" {
	local option

	for option in -q --stats -m1M; do
		run -0 limited bash -c 'env --default-signal=PIPE "$IPCTOOL" \
		    pipe-relay "$1" yes :: cat 2> /dev/null | head -n 1
		    ((PIPESTATUS[0] == 141))' bash "$option"
		is y
	done
}

@test "an end of file gets through at once, whoever else goes on" {
	run -0 limited bash -c 'echo x | "$IPCTOOL" pipe-relay --stats cat :: \
	    sh -c "cat; exec >&-; until [ -e over ]; do sleep 0.01; done" :: \
	    sh -c "cat; echo over; : > over" 2> /dev/null'
	is $'x\nover'
}

@test "SIGUSR1 prints the counters of a pipeline that runs" {
	background bash -c 'exec "$IPCTOOL" pipe-relay --stats sleep 77.1 :: \
	    cat 2> err'
	local relay=$PID
	wait_until pgrep -P "$relay" sleep > /dev/null
	kill -USR1 "$relay"
	wait_until grep -q "sleep: runs" err
	kill -TERM "$relay"
	ends_with 143 "$relay"
}
