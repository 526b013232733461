#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set
# shellcheck disable=SC2030,SC2031,SC2034 # each test is a shell of its own

load lib/common

# duplex with other people's programs at its sides, and with all the ways in
# which a command may end.

some_files() {
	mkdir -p files/deep/er
	random_file 300000 files/data
	random_file 100 files/deep/er/some
	: > files/deep/empty
	printf 'a line\n' > 'files/a name with blanks'
}

@test "git clones through --fds=0,1:3,4, and its status is kept" {
	local way

	need git
	export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
	git init -q -b main origin
	some_files
	cp -R files/. origin
	git -C origin add .
	git -C origin -c user.name=n -c user.email=e@example.org \
	    commit -q -m first
	for way in -q --dump=log; do
		rm -rf copy
		run -0 --separate-stderr ipctool duplex "$way" \
		    --fds=0,1:3,4 git upload-pack origin :: \
		    git clone -q fd::3,4 copy
		stderr_is ""
		rm -rf copy/.git
		diff -r files copy
		[[ $way == -q || -s log ]]
		run -128 --separate-stderr ipctool duplex "$way" \
		    --fds=0,1:3,4 git upload-pack missing :: \
		    git clone -q fd::3,4 copy2
		[[ ! -e copy2 ]]
	done
}

@test "rsync copies a tree with duplex --dump as its remote shell" {
	need rsync
	some_files
	cat > remote <<- 'END'
		#!/bin/sh
		shift
		exec "$IPCTOOL" duplex --dump=log -- "$@"
	END
	chmod +x remote
	run -0 --separate-stderr limited rsync -a -e ./remote files/ there:copy
	stderr_is ""
	diff -r files copy
	[[ -s log ]]
	run limited rsync -a -e ./remote missing/ there:copy2
	[[ $status == 23 ]]
}

@test "sftp talks to its server through duplex" {
	local server=

	need sftp
	for server in /usr/lib/openssh/sftp-server /usr/libexec/sftp-server \
	    /usr/lib/ssh/sftp-server; do
		[[ ! -x $server ]] || break
	done
	[[ -x $server ]] || skip "sftp-server is not installed"
	some_files
	printf 'get -r files copy\nput files/data up\n' > orders
	run -0 limited sftp -q -b orders -D "$IPCTOOL duplex -m 1M $server"
	diff -r files copy
	same files/data up
	run -0 limited sftp -q -b orders -D "$IPCTOOL duplex $server"
}

@test "nc on the loopback is one side" {
	local port tries way

	seed_random
	need nc
	seq 20000 | sed s/^/a/ > said
	seq 20000 | sed s/^/A/ > wanted
	# nc does not close its standard output: somebody has to count.
	for way in -q --dump=log; do
		for ((tries = 0; tries < 20; tries++)); do
			port=$((20000 + RANDOM % 10000))
			background limited nc -N -l 127.0.0.1 "$port" \
			    < said > got
			# It listens, or has failed.
			wait_until listens "$port" "$PID"
			gone "$PID" || break
		done
		run -0 --separate-stderr ipctool duplex "$way" \
		    nc -N 127.0.0.1 "$port" :: sh -c \
		    'head -c "$1" | tr a-z A-Z' sh "$(stat -c %s said)"
		stderr_is ""
		ends_with 0 "$PID"
		same wanted got
	done
}

listens() {
	grep -q ":$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp ||
	    gone "$2"
}

# ending N: a command that ends in this way, as words, in $ending; and the
# statuses that it may give, in $wanted
endings=5
ending() {
	case $1 in
	0) ending=(sh -c 'exit 0') wanted=0 ;;
	1) ending=(sh -c 'exit 3') wanted=3 ;;
	2) ending=(sh -c 'kill -9 $$') wanted=137 ;;
	3) ending=(./missing) wanted=127 ;;
	4) ending=(./plain) wanted=126 ;;
	esac
}

@test "every pair of endings gives its status, and leaves nobody behind" {
	local left right way round status ending wanted words first

	: > plain
	mkfifo alive
	# 500 runs with FULL=1
	for ((round = 0; round < ${FULL:-0} * 9 + 1; round++)); do
		for ((left = 0; left < endings; left++)); do
			for ((right = 0; right < endings; right++)); do
				for way in -q -T60; do
					one_ending || return 1
				done
			done
		done
	done
}

one_ending() {
	local status=0

	ending "$left"
	words=("${ending[@]}") first=$wanted
	ending "$right"
	ipctool duplex "$way" "${words[@]}" :: "${ending[@]}" \
	    8<> alive > /dev/null 2>&1 || status=$?
	# Who cannot be started ends it all; else whoever failed first.
	if ((first == 126 || first == 127)); then
		wanted=$first
	elif ((wanted != 126 && wanted != 127 && first != 0)); then
		((wanted == 0 || status == first)) && wanted=$first
	fi
	if ((status != wanted)); then
		echo "$way ${words[*]} :: ${ending[*]}: $status" >&2
		return 1
	fi
	unheld alive
}

@test "after a KILL of duplex at any moment nobody is left" {
	local round way

	seed_random
	mkfifo alive
	# 500 runs with FULL=1
	for ((round = 0; round < ${FULL:-0} * 245 + 5; round++)); do
		for way in -q -T60; do
			background ipctool duplex "$way" sleep 1000 :: \
			    sleep 1000 8<> alive
			sleep 0.00$((RANDOM % 10))
			die_pid "$PID"
			wait_until unheld alive
			pids=()
		done
	done
}
