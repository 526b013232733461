#!/usr/bin/env bats

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# --tap with -d or -z: whole records or none.

# records FROM TO [LONGEST]: each with its number at both ends, so that a part
# of one, or two that became one, can be told.
records() {
	awk -v from="$1" -v to="$2" -v longest="${3:-200}" 'BEGIN {
		srand(from)
		x = sprintf("%" longest "s", "")
		gsub(/ /, "x", x)
		for (i = from; i <= to; i++) {
			n = int(rand() * longest)
			print i ":" n ":" substr(x, 1, n) ":" n ":" i
		}
	}'
}

# whole FILE: nothing but whole records, in order; prints how many
whole() {
	[[ ! -s $1 || -z $(tail -c 1 "$1" | tr -d '\0\n') ]] || {
		echo "the last record is torn" >&2
		return 1
	}
	tr '\0' '\n' < "$1" | awk -F: '
		NF != 5 || $1 != $5 || $2 != $4 || length($3) != $2 ||
		    $1 <= last {
			print "line " NR " is torn: " substr($0, 1, 60)
			bad = 1
			exit
		}
		{ last = $1 }
		END { if (!bad) print NR; exit bad }'
}

# For perl: takes so many bytes in a read, with pauses.
SLOW='open(my $f, "<", $ARGV[0]) or die;
	while (sysread($f, my $data, $ARGV[1])) {
		syswrite(STDOUT, $data);
		select(undef, undef, undef, $ARGV[2]);
	}'

@test "with -d or -z a slow tap gets whole records, whichever way they go" {
	need jq perl
	local option end longest

	mkfifo tap
	for option in -q --no-splice --memory=300k --dump=/dev/null \
	    --output=one; do
		for longest in 100 6000; do
			end='\n'
			records 1 $((1200000 / longest)) "$longest" > data
			if [[ $option != -q ]]; then
				end='\0'
				tr '\n' '\0' < data > data0
				mv data0 data
			fi
			background perl -e "$SLOW" tap 5000 0.001 > got
			local reader=$PID
			wait_until opening "$reader"
			# shellcheck disable=SC2002 # it has to be a pipe
			run -0 --separate-stderr bash -c 'cat data |
			    "$IPCTOOL" pipe-relay "$1" -o out -d "$2" \
			    --stats=json --tap=tap' bash "$option" "$end"
			ends_with 0 "$reader"
			same data out
			(($(whole got) > 10))
			(($(counter bytes_skipped tap) + $(stat -c %s got) == \
			    $(stat -c %s data)))
		done
	done
}

@test "what a stuck tap has in its pipe at the end are whole records" {
	need jq
	local option

	mkfifo tap
	exec {tapped}<> tap
	records 1 20000 > data
	for option in -q --no-splice; do
		run -0 --separate-stderr bash -c 'cat data | "$IPCTOOL" \
		    pipe-relay "$1" -d "\n" --stats=json --tap=tap > out' \
		    bash "$option"
		same data out
		queued tap > got
		(($(whole got) > 100))
		(($(counter bytes_skipped tap) + $(stat -c %s got) == \
		    $(stat -c %s data)))
		(($(counter chunks_skipped tap) > 0))
	done
	exec {tapped}>&-
}

@test "a tap that keeps up gets every record, also the last without its end" {
	mkfifo tap
	{
		records 1 300
		printf 'no end'
	} > data
	background cat tap > got
	local reader=$PID
	wait_until opening "$reader"
	run -0 bash -c 'cat data | "$IPCTOOL" pipe-relay -d "\n" --tap=tap \
	    > out'
	ends_with 0 "$reader"
	same data out
	same data got
}

@test "a tap that comes late gets the next whole record, and misses no more" {
	local option feed

	mkfifo in tap
	for option in -q --no-splice; do
		background bash -c 'exec "$IPCTOOL" pipe-relay "$1" -z -v \
		    --tap=tap < in > out 2> log' bash "$option"
		local relay=$PID
		exec {feed}> in
		printf 'one\0two\0' >&"$feed"
		wait_until size_is 8 out
		eval "background cat tap > got $feed>&-"
		local reader=$PID
		wait_until grep -q "tap: a reader came" log
		printf 'three\0' >&"$feed"
		wait_until size_is 6 got
		printf 'four\0five' >&"$feed"
		exec {feed}>&-
		ends_with 0 "$relay"
		ends_with 0 "$reader"
		[[ $(tr '\0' ' ' < got) == "three four five" ]]
	done
}

@test "a tap that comes within a record gets the next one" {
	mkfifo in tap
	background bash -c 'exec "$IPCTOOL" pipe-relay -d , -v --tap=tap \
	    < in > out 2> log'
	local relay=$PID feed
	exec {feed}> in
	printf one,tw >&"$feed"
	wait_until size_is 6 out
	eval "background cat tap > got $feed>&-"
	local reader=$PID
	wait_until grep -q "tap: a reader came" log
	printf o,three, >&"$feed"
	wait_until size_is 6 got
	exec {feed}>&-
	ends_with 0 "$relay"
	ends_with 0 "$reader"
	[[ $(< got) == three, ]]
}

@test "readers of a tap that come and go begin at the start of a record" {
	local feed i stop

	seed_random
	mkfifo in tap
	background bash -c 'exec "$IPCTOOL" pipe-relay -d "\n" -v --tap=tap \
	    < in > /dev/null 2> log'
	local relay=$PID
	exec {feed}> in
	for ((i = 1; i <= 3; i++)); do
		stop=$((1 + RANDOM % 3000))
		eval "background head -c $stop tap > got $feed>&-"
		local reader=$PID
		while ! gone "$reader"; do
			records 1 20 300 >&"$feed"
		done
		ends_with 0 "$reader"
		wait_until size_is "$stop" got
		[[ $(head -n 1 got) =~ ^[0-9]+:([0-9]+):x*(:|$) ]]
		sed '$d' got > complete
		awk -F: 'NF != 5 || $1 != $5 || $2 != $4 || length($3) != $2 {
			print "torn: " $0; exit 1 }' complete
	done
	exec {feed}>&-
	ends_with 0 "$relay"
}

@test "a record that the tap never has room for is skipped whole" {
	need jq
	local size

	mkfifo tap
	{
		records 1 5
		printf '6:100000:%s:100000:6\n' "$(printf %0100000d 0)"
		records 7 9
		printf '10:1200000:%s:1200000:10\n' "$(printf %01200000d 0)"
		records 11 12
	} > data
	for size in keep 64k 256k; do
		background cat tap > got
		local reader=$PID
		wait_until opening "$reader"
		# At a rate that any reader keeps up with
		run -0 --separate-stderr bash -c 'cat data | "$IPCTOOL" \
		    pipe-relay -L 2M -d "\n" --stats=json --pipe-size="$1" \
		    --tap=tap > out' bash "$size"
		ends_with 0 "$reader"
		same data out
		if [[ $size == 256k ]]; then
			same got <(sed 10d data)
		else
			same got <(sed -e 6d -e 10d data)
		fi
		(($(counter bytes_skipped tap) == \
		    $(stat -c %s data) - $(stat -c %s got)))
	done
	# By default it is given room.
	background cat tap > got
	local reader=$PID
	wait_until opening "$reader"
	run -0 bash -c 'cat data | "$IPCTOOL" pipe-relay -L 2M -d "\n" \
	    --tap=tap > out'
	ends_with 0 "$reader"
	same got <(sed 10d data)
}

@test "a tap that waits for room for a long record costs next to nothing" {
	mkfifo in tap
	exec {tapped}<> tap
	background bash -c 'exec "$IPCTOOL" pipe-relay -d "\n" --tap=tap \
	    < in > out'
	local feed i
	exec {feed}> in
	for ((i = 1; i <= 20; i++)); do
		printf '%05000d\n' "$i" >&"$feed"
	done
	wait_until size_is 100020 out
	# From look to look it waits longer, up to a second.
	sleep 1.5
	rests "$PID"
	# And it goes on when there is room.
	queued tap > got
	wait_until eval 'queued tap >> got; (($(wc -l < got) > 6))'
	[[ -z $(awk 'length($0) != 5000' got) ]]
	exec {feed}>&-
	ends_with 0 "$PID"
	exec {tapped}>&-
}

# The tap holds a record when the input ends, and only then gets room for it.
room_at_the_end() {
	local relay feed i up

	exec {tapped}<> tap
	background bash -c 'exec "$IPCTOOL" pipe-relay -d "\n" -v --tap=tap \
	    < in > out 2> log'
	relay=$PID
	exec {feed}> in
	for ((i = 1; i <= 4; i++)); do
		printf '%020000d\n' "$i" >&"$feed"
		wait_until size_is $((20001 * i)) out
	done
	# By now it looks for room once a second, at a full one; not then.
	read -r up _ < /proc/uptime
	up=$((230 - 10#${up#*.}))
	sleep "$((up / 100)).$(printf %02d $((up % 100)))"
	exec {feed}>&-
	wait_until grep -q "end of file" log
	sleep 0.02
	queued tap > got
	ends_with 0 "$relay"
	queued tap >> got
	exec {tapped}>&-
	(($(wc -l < got) > 1))
}

@test "a tap that gets room at the very end gets what it had to wait with" {
	mkfifo in tap
	# The end is a tenth of a second: we may be too slow.
	tries 10 room_at_the_end
}

@test "a regular file as a tap gets all bytes, with -z too" {
	random_file 300000 data
	run -0 bash -c 'cat data | "$IPCTOOL" pipe-relay -z --tap=tap > out'
	same data out
	same data tap
}

@test "without a tap -d and -z change nothing" {
	random_file 300000 data
	run -0 --separate-stderr bash -c 'cat data | "$IPCTOOL" pipe-relay \
	    --stats -z -d x > out'
	same data out
	stderr_matches "300000 bytes .*, splice"
	run -2 --separate-stderr ipctool pipe-relay -d xy
	stderr_matches "invalid delimiter 'xy'"
}

@test "the tap of a pipeline gets whole records as well" {
	mkfifo tap
	exec {tapped}<> tap
	records 1 20000 > data
	run -0 bash -c '"$IPCTOOL" pipe-relay -d "\n" --tap=tap cat :: cat \
	    < data > out'
	same data out
	queued tap > got
	(($(whole got) > 100))
	exec {tapped}>&-
}
