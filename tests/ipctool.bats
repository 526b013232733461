#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# What is the same for all commands: dispatch, help, the command line.

commands=(pipe-relay fifo-create fifo-read fifo-write duplex fifo-stat)
# Those with the common options: fifo-stat has lsfd's letters.
sharing=(pipe-relay fifo-create fifo-read fifo-write duplex)

setup() {
	common_setup
	mkfifo q
}

# usage_error MESSAGE: what the last run said was this, and where to read on.
usage_error() {
	local program=${2:-ipctool}

	stderr_is "$program: $1"$'\n'"Try '$program --help' for more information."
	is ""
}

# safe: one line of printable ASCII, or the two of a usage error, was said.
is_safe() {
	LC_ALL=C
	if [[ $stderr == *[!\ -~$'\n']* ]]; then
		printf 'unsafe: %q\n' "$stderr" >&2
		return 1
	fi
	[[ ${stderr//[!$'\n']/} == "${1-}" ]]
}

@test "--list prints the names of the commands, one a line" {
	run -0 --separate-stderr ipctool --list
	is "$(printf '%s\n' "${commands[@]}")"
	stderr_is ""
}

@test "--version prints name and version, for the program and each command" {
	local command

	run -0 --separate-stderr ipctool --version
	matches '^ipctool [0-9]+\.[0-9]+[^ ]*$'
	local version=$output
	for command in "${commands[@]}"; do
		run -0 --separate-stderr ipctool "$command" --version
		is "$version"
		stderr_is ""
	done
}

@test "--help goes to standard output, for the program and each command" {
	local command

	run -0 --separate-stderr ipctool --help
	matches '^Usage: ipctool '
	for command in "${commands[@]}"; do
		matches "  $command "
	done
	stderr_is ""
	for command in "${commands[@]}"; do
		run -0 --separate-stderr ipctool "$command" --help
		matches "^Usage: ipctool $command "
		matches "--open-timeout=DURATION"
		stderr_is ""
	done
}

@test "--help, --version and --list fail when the output cannot be written" {
	local command option

	for command in "" "${commands[@]}"; do
		for option in --help --version; do
			run -1 --separate-stderr bash -c \
			    '"$IPCTOOL" "$@" > /dev/full' bash \
			    ${command:+"$command"} "$option"
			matches '^$'
			stderr_matches "^ipctool( $command)?: standard output: No space left on device$"
		done
	done
	run -1 --separate-stderr bash -c '"$IPCTOOL" --list > /dev/full'
	stderr_is "ipctool: standard output: No space left on device"
	run -1 --separate-stderr bash -c '"$IPCTOOL" --help >&-'
	stderr_is "ipctool: standard output: Bad file descriptor"
}

@test "--help into a pipe that nobody reads dies of SIGPIPE and is silent" {
	local status=0

	make_dead
	ipctool --help 1>&"$DEAD" 2> err || status=$?
	((status == 141))
	size_is 0 err
	status=0
	limited env --ignore-signal=PIPE "$IPCTOOL" --help 1>&"$DEAD" 2> err ||
	    status=$?
	((status == 1))
	[[ $(< err) == "ipctool: standard output: Broken pipe" ]]
}

@test "without a command there is short help on standard error and status 2" {
	run -2 --separate-stderr ipctool
	is ""
	stderr_matches '^Usage: ipctool '
	stderr_matches 'fifo-write'
}

@test "help without man(1) is --help" {
	local command

	mkdir empty
	for command in "${commands[@]}"; do
		run -0 --separate-stderr ipctool "$command" --help
		local wanted=$output
		run -0 --separate-stderr limited env PATH="$PWD/empty" \
		    "$IPCTOOL" help "$command"
		is "$wanted"
		stderr_is ""
	done
	run -0 --separate-stderr ipctool --help
	wanted=$output
	run -0 --separate-stderr limited env PATH="$PWD/empty" "$IPCTOOL" help
	is "$wanted"
}

@test "help where the manual page is missing is --help" {
	mkdir bin
	printf '#!/bin/sh\nexit 16\n' > bin/man
	chmod +x bin/man
	run -0 --separate-stderr ipctool fifo-read --help
	local wanted=$output
	run -0 --separate-stderr limited env PATH="$PWD/bin:$PATH" \
	    "$IPCTOOL" help fifo-read
	is "$wanted"
}

# A man(1) that says what it was asked for.
fake_man() {
	mkdir bin
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "man $*"\n' > bin/man
	chmod +x bin/man
	PATH=$PWD/bin:$PATH
}

@test "help COMMAND shows the page of that name" {
	fake_man
	run -0 --separate-stderr ipctool help fifo-write
	is "man fifo-write"
	run -0 --separate-stderr ipctool help
	is "man ipctool"
	run -0 --separate-stderr ipctool help ipctool
	is "man ipctool"
	run -0 --separate-stderr ipctool help ipctool-fifo
	is "man ipctool-fifo"
}

@test "help for what is no command is a usage error" {
	run -2 --separate-stderr ipctool help fifo-raed
	usage_error "unknown command 'fifo-raed'; did you mean 'fifo-read'?"
	run -2 --separate-stderr ipctool help fifo-read fifo-write
	is ""
	stderr_matches "^ipctool: help takes one command"
}

@test "a mistyped command gets one suggestion, and only where one is near" {
	local typed meant

	while read -r typed meant; do
		run -2 --separate-stderr ipctool "$typed"
		usage_error "unknown command '$typed'; did you mean '$meant'?"
	done <<- END
		fifo-raed fifo-read
		fiforead fifo-read
		fifo_write fifo-write
		dupelx duplex
		duplx duplex
		pipe-rely pipe-relay
		Fifo-create fifo-create
		hepl help
	END
	run -2 --separate-stderr ipctool xyzzy
	usage_error "unknown command 'xyzzy'"
	run -2 --separate-stderr ipctool ""
	usage_error "unknown command ''"
}

@test "a mistyped long option gets one suggestion" {
	local command

	for command in "${sharing[@]}"; do
		run -2 --separate-stderr ipctool "$command" --verbsoe x
		usage_error "unrecognized option '--verbsoe'; did you mean '--verbose'?" "ipctool $command"
		run -2 --separate-stderr ipctool "$command" --open-timout=3 x
		usage_error "unrecognized option '--open-timout'; did you mean '--open-timeout'?" "ipctool $command"
		run -2 --separate-stderr ipctool "$command" --qqqqqqqq x
		usage_error "unrecognized option '--qqqqqqqq'" \
		    "ipctool $command"
	done
	run -2 --separate-stderr ipctool --hlep
	usage_error "unknown option '--hlep'; did you mean '--help'?"
}

@test "an abbreviated long option is refused" {
	local command abbreviation

	for command in "${sharing[@]}"; do
		for abbreviation in --verb --he --open=1 "--idle 1" --stat \
		    --stats-; do
			# shellcheck disable=SC2086
			run -2 --separate-stderr ipctool "$command" \
			    $abbreviation q
			is ""
			stderr_matches "^ipctool $command: unrecognized option"
		done
	done
	run -2 --separate-stderr ipctool fifo-read q --foll
	stderr_matches "did you mean '--follow'"
	run -2 --separate-stderr ipctool --vers
	stderr_matches "unknown option '--vers'"
}

@test "a letter that is no option is named, wherever it stands" {
	local command before

	for command in "${sharing[@]}"; do
		for before in "" --quiet -q; do
			run -2 --separate-stderr ipctool "$command" \
			    ${before:+"$before"} -X q
			usage_error "invalid option '-X'" "ipctool $command"
			run -2 --separate-stderr ipctool "$command" \
			    ${before:+"$before"} -qXq q
			usage_error "invalid option '-X'" "ipctool $command"
		done
	done
	run -2 --separate-stderr ipctool -X
	usage_error "invalid option '-X'"
}

@test "an option without its argument is a usage error that names it" {
	local command

	for command in "${sharing[@]}"; do
		run -2 --separate-stderr ipctool "$command" --timeout
		usage_error "option '--timeout' needs an argument" \
		    "ipctool $command"
		run -2 --separate-stderr ipctool "$command" --quiet -t
		usage_error "option '-t' needs an argument" "ipctool $command"
		run -2 --separate-stderr ipctool "$command" --quiet=yes q
		usage_error "option '--quiet' takes no argument" \
		    "ipctool $command"
	done
}

@test "each command wants its operands" {
	run -2 --separate-stderr ipctool fifo-create
	usage_error "no NAME was given" "ipctool fifo-create"
	run -2 --separate-stderr ipctool fifo-read
	usage_error "no FIFO was given" "ipctool fifo-read"
	run -2 --separate-stderr ipctool fifo-write -q
	usage_error "no FIFO was given" "ipctool fifo-write"
	run -2 --separate-stderr ipctool duplex
	usage_error "no command was given" "ipctool duplex"
}

@test "--nonblock excludes --open-timeout, in every command" {
	local command

	for command in "${sharing[@]}"; do
		run -2 --separate-stderr ipctool "$command" -n -w 1 q
		is ""
		stderr_matches "^ipctool $command: .*--open-timeout"
		run -2 --separate-stderr ipctool "$command" --open-timeout=0 \
		    --nonblock q
		stderr_matches "^ipctool $command: .*--open-timeout"
	done
	run -2 --separate-stderr ipctool fifo-read -n -f q
	stderr_matches "^ipctool fifo-read: .*--follow"
}

@test "a link with a command's name is that command" {
	local command

	make_links bin
	for command in "${commands[@]}"; do
		run -0 --separate-stderr ipctool "$command" --help
		local wanted=$output
		run -0 --separate-stderr limited "bin/$command" --help
		is "$wanted"
	done
	run -2 --separate-stderr limited bin/fifo-read
	usage_error "no FIFO was given" "ipctool fifo-read"
	run -0 limited bin/fifo-read -c 0 q
	run -0 --separate-stderr limited bin/ipctool --list
	is "$(printf '%s\n' "${commands[@]}")"
	ln -s ipctool bin/ipctool-fifo-read
	run -2 --separate-stderr limited bin/ipctool-fifo-read
	usage_error "no FIFO was given" "ipctool fifo-read"
}

@test "-- ends the options" {
	run -0 ipctool fifo-create -- -v --help
	[[ -p -v && -p --help ]]
	run -3 ipctool fifo-read -n -- -v
}

@test "a size is digits and a unit, in powers of 1024" {
	local size count

	head -c 3M /dev/zero > data
	while read -r size count; do
		run -0 --separate-stderr bash -c \
		    '"$IPCTOOL" fifo-read -c "$1" - < data | wc -c' \
		    bash "$size"
		if [[ $output != "$count" || -n $stderr ]]; then
			echo "$size: $output, $stderr" >&2
			return 1
		fi
	done <<- END
		0 0
		1 1
		17 17
		010 10
		100B 100
		0B 0
		1k 1024
		1K 1024
		3kiB 3072
		3KiB 3072
		1m 1048576
		2M 2097152
		2MiB 2097152
		1G 3145728
		1giB 3145728
		2t 3145728
		1TiB 3145728
		8388607T 3145728
		9223372036854775807 3145728
	END
}

@test "what is no size is refused before anything is opened" {
	local size

	for size in "" " " -1 +1 " 1" "1 " 1Kx 0x10 1e3 1.5 1.5K .5 1KB 1kb \
	    1b K iB 1iB 1Ki 1Kib 1KIB 1P 1E 1KK ten inf 1,5 \
	    9223372036854775808 18446744073709551616 18446744073709551617 \
	    8388608T 99999999999999999999 9007199254740992K; do
		run -2 --separate-stderr ipctool fifo-read -c "$size" missing
		is ""
		[[ $stderr == "ipctool fifo-read: invalid number of bytes '$size'"* ]]
		stderr_matches $'\n'"Try 'ipctool fifo-read --help'"
	done
}

@test "what is no pipe size is refused" {
	local size

	for size in "" 0 -1 1Kx MAX maxx keeps 2G 1T; do
		run -2 --separate-stderr ipctool pipe-relay \
		    --pipe-size="$size" -i missing
		stderr_matches "^ipctool pipe-relay: invalid pipe size '$size'"
	done
}

@test "a duration is a decimal number and a unit" {
	local duration option

	for duration in 0 1 60 0.5 .5 5. 1.25 1s 0.1s 2m 3h 4d 250ms 100us \
	    0s 00.1 1.000000001 31536000; do
		for option in -w -T -t; do
			run -0 --separate-stderr ipctool fifo-create \
			    "$option" "$duration" -e q
			stderr_is ""
		done
	done
}

@test "what is no duration is refused before anything is opened" {
	local duration option

	for duration in "" " " -1 +1 " 1" "1 " 1x 1S 1M 1H 1sec 1min 1ns 1e3 \
	    0x10 . .s s ms nan 1.2.3 1,5 "1 s" 1ss 1ms2 -inf; do
		for option in open-timeout idle-timeout timeout; do
			run -2 --separate-stderr ipctool fifo-write \
			    "--$option=$duration" missing
			is ""
			[[ $stderr == "ipctool fifo-write: invalid "*" '$duration'"* ]]
		done
	done
}

@test "a duration of 0 is no limit" {
	hold rw q
	background ipctool fifo-read -w 0 -T 0 -t 0 -c 6 q > out
	local reader=$PID
	wait_until quiet "$reader"
	put hello q
	ends_with 0 "$reader"
	[[ $(< out) == hello ]]
}

@test "units of durations are what they say" {
	timed run -124 ipctool fifo-read -w 300ms q
	at_least 300 "$elapsed"
	timed run -124 ipctool fifo-read -w 300000us q
	at_least 300 "$elapsed"
	timed run -124 ipctool fifo-read -w .3s q
	at_least 300 "$elapsed"
	timed run -124 ipctool fifo-read -w 0.005m q
	at_least 300 "$elapsed"
}

@test "--stats takes only the form json" {
	run -2 --separate-stderr ipctool fifo-read --stats=xml q
	stderr_matches "^ipctool fifo-read: invalid .*'xml'"
}

@test "names with control characters are made safe in every message" {
	local name=$'a\e[31mred\nb\a\r\tc\x7f\x9b\xff' command

	run -2 --separate-stderr ipctool "$name"
	is_safe $'\n'
	run -2 --separate-stderr ipctool "--$name"
	is_safe $'\n'
	run -2 --separate-stderr ipctool help "$name"
	is_safe $'\n'
	for command in "${commands[@]}"; do
		run -2 --separate-stderr ipctool "$command" "--$name"
		is_safe $'\n'
		run -2 --separate-stderr ipctool "$command" $'-\e'
		is_safe $'\n'
		run -2 --separate-stderr ipctool "$command" -t "$name"
		is_safe $'\n'
		run -2 --separate-stderr ipctool "$command" --stats="$name"
		is_safe $'\n'
	done
	for command in fifo-read fifo-write "pipe-relay -i" "pipe-relay -o" \
	    "fifo-create"; do
		# shellcheck disable=SC2086
		run -1 --separate-stderr ipctool $command "missing/$name" \
		    < /dev/null
		is_safe
		stderr_matches 'a\\033\[31mred\\nb\\a\\r\\tc\\177'
	done
	run -2 --separate-stderr ipctool pipe-relay "$name"
	is_safe $'\n'
	run -2 --separate-stderr ipctool fifo-create -m "$name" x
	is_safe $'\n'
	run -2 --separate-stderr ipctool fifo-write -d "$name" x
	is_safe $'\n'
	run -127 --separate-stderr ipctool duplex "./$name" :: true
	is_safe
	: > "$name"
	run -126 --separate-stderr ipctool duplex "./$name" :: true
	is_safe
	run -6 --separate-stderr ipctool fifo-read "$name"
	is_safe
	rm "$name"
	run -0 --separate-stderr ipctool fifo-create -v "$name"
	stderr=$output
	is_safe
	run -124 --separate-stderr ipctool fifo-read -v -w 10ms "$name"
	is_safe $'\n'
	run -124 --separate-stderr ipctool fifo-write -w 10ms "$name"
	is_safe
}

@test "every byte that a name can have comes out as printable ASCII" {
	local byte name=

	for ((byte = 1; byte < 256; byte++)); do
		if ((byte != 47)); then
			name+=$(printf '\\x%02x' "$byte")
		fi
	done
	printf -v name '%b' "$name"
	run -1 --separate-stderr ipctool fifo-read "missing/$name"
	is_safe
	run -2 --separate-stderr ipctool "$name"
	is_safe $'\n'
}

@test "an empty name is a missing file, and can be seen in the message" {
	run -1 --separate-stderr ipctool fifo-read ""
	stderr_is "ipctool fifo-read: '': No such file or directory"
	run -1 --separate-stderr ipctool fifo-create ""
	stderr_is "ipctool fifo-create: '': No such file or directory"
}

@test "--verbose says every open and EOF with its time, --quiet no more than errors" {
	background ipctool fifo-read -v q 2> err > out
	local reader=$PID
	wait_until quiet "$reader"
	put hello q
	ends_with 0 "$reader"
	grep -qE '^ipctool fifo-read: \[?[0-9]+\.[0-9]+.*q: opened for reading' err
	grep -qE 'q: end of file after 6 bytes' err
	background ipctool fifo-read -q q 2> err > out
	reader=$PID
	wait_until quiet "$reader"
	put hello q
	ends_with 0 "$reader"
	size_is 0 err
	run -124 --separate-stderr ipctool fifo-read -q -w 10ms q
	stderr_is "ipctool fifo-read: q: no writer within 10ms"
}

@test "IPCTOOL_DEBUG traces to standard error and leaves the data alone" {
	background env IPCTOOL_DEBUG=all "$IPCTOOL" fifo-read q 2> err > out
	local reader=$PID
	wait_until quiet "$reader"
	put hello q
	ends_with 0 "$reader"
	[[ $(< out) == hello ]]
	grep -q 'waiting -> open' err
	run -0 --separate-stderr limited env IPCTOOL_DEBUG=nonsense \
	    "$IPCTOOL" fifo-read -c 0 q
	is ""
}

@test "installed under other names, it calls itself and its pages so" {
	local bin page

	[[ ! -e $SRCDIR/config.status ]] || skip "the sources are configured"
	mkdir build
	(cd build
	    unset MAKEFLAGS MFLAGS
	    "$SRCDIR/configure" -q --enable-links --prefix=/ CFLAGS=-O0 \
		--program-transform-name='s/^/g/; s/read/in/'
	    make -s
	    make -s install DESTDIR="$PWD/to") > log 2>&1
	bin=$PWD/build/to/bin
	run -2 --separate-stderr limited "$bin/gipctool" nonsense
	usage_error "unknown command 'nonsense'" gipctool
	run -2 --separate-stderr limited "$bin/gfifo-in" --nonsense
	usage_error "unrecognized option '--nonsense'" "gipctool fifo-read"
	run -0 limited "$bin/gduplex" --help
	matches "^Usage: gipctool duplex "
	matches $'\n       gipctool duplex '
	matches "man gduplex$"
	run -0 limited "$bin/gipctool" --help
	[[ ${output//gipctool/} != *ipctool* ]]
	fake_man
	for page in ipctool ipctool-fifo fifo-read duplex; do
		run -0 limited "$bin/gipctool" help "$page"
		[[ $output == "man g"* ]]
		find build/to -name "${output#man }.[17]" | grep .
	done
}
