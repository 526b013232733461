#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# --progress, on a real terminal: one of tmux.

# terminal COLUMNS LOCALE COMMAND...: on a terminal of that width; the shell
# stays when the command has ended.
terminal() {
	local columns=$1 locale=$2 script

	shift 2
	# A server that was killed may still be about to leave its name.
	# shellcheck disable=SC2034
	TMUX_NAME=tmux$((++terminals))
	printf -v script '%q ' "$@"
	# shellcheck disable=SC2094 # that is another $script
	cat > script <<-END
		export LC_ALL=$locale PS1='prompt> '
		$script
		echo "status \$?"
		exec cat
	END
	LC_ALL=C.UTF-8 on_tmux -u -f /dev/null new-session -d -x "$columns" \
	    -y 10 "sh ./script"
}

screen() {
	on_tmux capture-pane -p
}

# shows REGEX: anywhere on the screen
shows() {
	[[ $(screen) =~ $1 ]]
}

feed_half() {
	mkfifo in
	head -c 524288 /dev/zero > half
}

setup() {
	common_setup
	need tmux
}

@test "80 columns in UTF-8: everything, and the side that is waited for" {
	feed_half
	terminal 80 C.UTF-8 "$IPCTOOL" pipe-relay -P -s 1M -i in -o out
	exec {feed}> in
	cat half >&"$feed"
	wait_until shows '^512 KiB [0-9:]+ [0-9.]+ [KM]?i?B/s avg [0-9.]+ [KM]iB/s [▁▂▃▄▅▆▇█ ]+ \[=+> +\] 50% ETA 0:[0-9]+ waits for input'
	# It goes on ticking.
	wait_until shows ' 0:(0[2-9]|[1-9][0-9]) 0 B/s '
	cat half >&"$feed"
	exec {feed}>&-
	wait_until shows 'status 0'
	[[ $(screen | sed -n 1p) =~ ^1\.0\ MiB.*100%$ ]]
	[[ $(screen | sed -n 2p) == "status 0" ]]
}

@test "80 columns in the C locale: the same in ASCII" {
	feed_half
	terminal 80 C "$IPCTOOL" pipe-relay -P -s 1M -i in -o out
	exec {feed}> in
	cat half >&"$feed"
	wait_until shows '512 KiB [0-9:]+ .* \[=+> +\] 50% ETA 0:[0-9]+ waits for input'
	screen > shown
	run -1 grep -q '[^ -~]' shown
	exec {feed}>&-
	wait_until shows 'status 0'
}

@test "30 columns: what matters, and never more than one line" {
	local locale

	feed_half
	for locale in C.UTF-8 C; do
		terminal 30 "$locale" "$IPCTOOL" pipe-relay -P -s 1M -i in \
		    -o out
		exec {feed}> in
		cat half >&"$feed"
		wait_until shows '^512 KiB [0-9:]+ 0 B/s 50% <input'
		exec {feed}>&-
		wait_until shows 'status 0'
		[[ $(screen | sed -n 2p) == "status 0" ]]
		end_tmux
	done
}

@test "it follows when the window gets another size" {
	feed_half
	terminal 80 C "$IPCTOOL" pipe-relay -P -s 1M -i in -o out
	exec {feed}> in
	cat half >&"$feed"
	wait_until shows 'ETA'
	on_tmux resize-window -x 30
	wait_until shows $'(^|\n)512 KiB [0-9:]+ 0 B/s 50% <input *(\n|$)'
	on_tmux resize-window -x 100
	wait_until shows '50% ETA [0-9:]+ waits for input'
	exec {feed}>&-
	wait_until shows 'status 0'
}

@test "it says when the output is waited for, and when a rate holds it back" {
	mkfifo stuck
	# shellcheck disable=SC2034
	exec {stuck}<> stuck
	terminal 80 C "$IPCTOOL" pipe-relay -P -i /dev/zero -o stuck
	wait_until shows 'waits for output'
	end_tmux
	terminal 80 C "$IPCTOOL" pipe-relay -P -L 100k -i /dev/zero \
	    -o /dev/null
	wait_until shows 'avg ([1-9]?[0-9]|10[0-5])(\.[0-9])? KiB/s .*held back'
}

@test "the size of regular files is known, and that of -c" {
	head -c 1000000 /dev/zero > data
	terminal 80 C "$IPCTOOL" pipe-relay -P -L 500k -i data -i data -o out
	wait_until shows '\] [1-9][0-9]?% ETA 0:0'
	wait_until shows '100%'
	end_tmux
	terminal 80 C "$IPCTOOL" pipe-relay -P -L 500k -c 1000000 \
	    -i /dev/zero -o out
	wait_until shows '\] [1-9][0-9]?% ETA 0:0'
	wait_until shows '100%'
}

@test "what else is printed has lines of its own" {
	feed_half
	terminal 80 C "$IPCTOOL" pipe-relay -P -i in -i missing -i half -o out
	exec {feed}> in
	cat half >&"$feed"
	wait_until shows 'waits for input'
	exec {feed}>&-
	wait_until shows 'status 1'
	[[ $(screen | sed -n 1p) == "ipctool pipe-relay: missing: No such file or directory" ]]
	[[ $(screen | sed -n 2p) =~ ^1\.0\ MiB ]]
	[[ $(screen | sed -n 3p) == "status 1" ]]
}

@test "in the background it is silent" {
	feed_half
	cat > job <<-'END'
		set -m
		"$IPCTOOL" pipe-relay -P -i in -o out &
		wait
	END
	terminal 80 C bash ./job
	exec {feed}> in
	cat half >&"$feed"
	sleep 1.5
	run -1 shows 'KiB'
	exec {feed}>&-
	wait_until shows 'status 0'
	run -1 shows 'KiB'
}

@test "a pipeline has a meter for its last command's output" {
	cat > late <<-'END'
		seq 1000; until [ -e go ]; do sleep 0.01; done; seq 1001 100000
	END
	terminal 80 C sh -c '"$1" pipe-relay -P -s 9k sh late :: cat > out' \
	    sh "$IPCTOOL"
	wait_until shows 'waits for input'
	: > go
	wait_until shows 'status 0'
}

@test "without a terminal there is no meter" {
	run -0 --separate-stderr ipctool pipe-relay -P <<< hello
	is hello
	stderr_is ""
}
