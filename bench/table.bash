# table.bash - the works of bench/run whose ratios have a figure to reach.
#
# shellcheck shell=bash disable=SC2154,SC2034 # bench/run sets the rest

table_works=(ordinary apart together splicing max max-together
    fanout-splicing fanout fifo atomic duplex both create stats meter tap stat)

# --- Pipelines: writer | relay | reader

# pipeline COMMAND [ARG]... [:: COMMAND [ARG]...]...: how long it takes; and
# of each command, in $spent, the CPU in microseconds, KiB at the peak, sleeps
pipeline()
{
	local line

	line=$("$peer" pipe --count="${runs:-1}" "$@") || return
	read -r -a spent <<< "$line"
	took=${spent[0]}
	spent=("${spent[@]:1}")
}

# through SPLICE BYTES [RELAY [ARG]...]: SPLICE is empty or "splice-"
through()
{
	local splice=$1 amount=$2

	shift 2
	pipeline "$peer" "${splice}write" --bytes="$amount" --block="$block" \
	    :: ${1+"$@" ::} \
	    "$peer" "${splice}read" --bytes="$amount" --block="$block"
}

ordinary()
{
	through "" "$bytes" "$@"
}

splicing()
{
	through splice- "$spliced" "$@"
}

# splicing_together RELAY [ARG]...: on one CPU, so that only what the relay
# does makes a difference, not where the kernel lets it run
splicing_together()
{
	pipeline --cpu=0 "$peer" splice-write --bytes="$spliced" \
	    --block="$block" :: "$@" :: \
	    "$peer" splice-read --bytes="$spliced" --block="$block"
}

# What it says at its end is not looked at.
relay_stats()
{
	splicing_together "$IPCTOOL" pipe-relay --stats 2> /dev/null
}

# An ordinary writer, a large pipe, and a reader that copies nothing: what
# write(2) costs by itself
copied_once()
{
	pipeline "$peer" write --bytes="$bytes" --block="$block" \
	    --pipe-size="$max" :: \
	    "$peer" splice-read --bytes="$bytes" --block="$max"
}

# joined SPLICE BYTES [OPTION]: two ends with a pipe of the greatest capacity
joined()
{
	pipeline ${3+"$3"} "$peer" "$1write" --bytes="$2" --block="$block" \
	    --pipe-size="$max" :: \
	    "$peer" "$1read" --bytes="$2" --block="$block"
}

# model RELAY: a relay that does nothing but move bytes, with large pipes
model()
{
	"$1" "$peer" "$2" --pipe-size="$max"
}

work_ordinary()
{
	offers pipe-relay || return
	work ordinary GiB/s "$bytes" "ordinary ends"
	us pipe-relay ordinary "$IPCTOOL" pipe-relay
	them "no relay" 3 ordinary
	rival cat 3 "$CAT" ordinary "$CAT"
	rival pv 3 "$PV" ordinary "$PV" -q
	rival mbuffer 3 "$MBUFFER" ordinary "$MBUFFER" -q
	rival socat 3 "$SOCAT" ordinary "$SOCAT" -u - -
	[[ -z $NEWER_CAT ]] ||
	    rival "newer cat" - "$NEWER_CAT" ordinary "$NEWER_CAT"
	[[ -z $NEWER_PV ]] ||
	    rival "newer pv" - "$NEWER_PV" ordinary "$NEWER_PV" -q
	rival tee - tee ordinary tee
	rival dd - dd ordinary dd bs="$block" status=none
	rival buffer - buffer ordinary buffer
	rival cstream - cstream ordinary cstream
	them "no relay, 1 M pipe" - joined "" "$bytes"
	them "no relay, reader splices" - copied_once
	them "model: a splice loop" - model ordinary splice-relay
	measure
}

# ends_apart [RELAY [ARG]...]: ordinary ends on two CPUs, the relay on any.
# That may take ten times as long for a byte.
ends_apart()
{
	local some=$((bytes / 8))

	pipeline "$peer" write --cpu=0 --bytes="$some" --block="$block" \
	    :: ${1+"$@" ::} \
	    "$peer" read --cpu=1 --bytes="$some" --block="$block"
}

# all_together [RELAY [ARG]...]: on one CPU
all_together()
{
	pipeline --cpu=0 "$peer" write --bytes="$bytes" --block="$block" \
	    :: ${1+"$@" ::} \
	    "$peer" read --bytes="$bytes" --block="$block"
}

work_apart()
{
	offers pipe-relay || return
	if (($(nproc) < 2)); then
		say "apart: there is only one CPU"
		return
	fi
	work apart GiB/s $((bytes / 8)) "ordinary ends on two CPUs"
	us pipe-relay ends_apart "$IPCTOOL" pipe-relay
	them "no relay" 3 ends_apart
	rival cat 3 "$CAT" ends_apart "$CAT"
	rival pv 3 "$PV" ends_apart "$PV" -q
	rival mbuffer 3 "$MBUFFER" ends_apart "$MBUFFER" -q
	rival socat 3 "$SOCAT" ends_apart "$SOCAT" -u - -
	them "model: a splice loop" - ends_apart "$peer" splice-relay \
	    --pipe-size="$max"
	measure
}

work_together()
{
	offers pipe-relay || return
	work together GiB/s "$bytes" "ordinary ends, all on one CPU"
	us pipe-relay all_together "$IPCTOOL" pipe-relay
	them "no relay" - all_together
	rival cat - "$CAT" all_together "$CAT"
	them "model: a splice loop" - all_together "$peer" splice-relay \
	    --pipe-size="$max"
	measure
}

work_splicing()
{
	offers pipe-relay || return
	work splicing GiB/s "$spliced" \
	    "splicing ends"
	us pipe-relay splicing "$IPCTOOL" pipe-relay
	rival cat 10 "$CAT" splicing "$CAT"
	[[ -z $NEWER_CAT ]] ||
	    rival "newer cat" - "$NEWER_CAT" splicing "$NEWER_CAT"
	them "no relay" - splicing
	them "no relay, 1 M pipe" - joined splice- "$spliced"
	them "model: a cat that splices" - splicing "$peer" splice-cat
	them "model: a splice loop" - model splicing splice-relay
	measure
}

work_max()
{
	offers pipe-relay || return
	work max GiB/s "$spliced" \
	    "splicing ends, --pipe-size=max"
	us "pipe-relay --pipe-size=max" splicing "$IPCTOOL" pipe-relay \
	    --pipe-size=max
	them "ends joined by such a pipe" 0.9 joined splice- "$spliced"
	them "model: a splice loop" - model splicing splice-relay
	them "itself, again" - splicing "$IPCTOOL" pipe-relay --pipe-size=max
	measure
}

work_max-together()
{
	offers pipe-relay || return
	work max-together GiB/s "$spliced" \
	    "splicing ends on one CPU, --pipe-size=max"
	us "pipe-relay --pipe-size=max" splicing_together "$IPCTOOL" \
	    pipe-relay --pipe-size=max
	them "ends joined by such a pipe" 0.9 joined splice- "$spliced" --cpu=0
	them "model: a splice loop" - splicing_together "$peer" splice-relay \
	    --pipe-size="$max"
	measure
}

work_stats()
{
	offers pipe-relay || return
	work stats GiB/s "$spliced" "splicing ends on one CPU, --stats"
	us "pipe-relay --stats" relay_stats
	them "without" 0.97 splicing_together "$IPCTOOL" pipe-relay
	them "itself, again" - relay_stats
	measure
}

# A meter needs a terminal: script(1) has one, which it gives to all.
metered()
{
	# shellcheck disable=SC2016 # for the inner shell
	SHELL=/bin/sh script -qec "$(printf '%q ' "${BASH:-bash}" -c \
	    '"${@:2}" > "$1"' bash "$scratch/line" "$peer" pipe --cpu=0 \
	    "$peer" splice-write --bytes="$spliced" --block="$block" :: \
	    "$@" :: \
	    "$peer" splice-read --bytes="$spliced" --block="$block")" \
	    /dev/null > /dev/null && read -r took _ < "$scratch/line"
}

work_meter()
{
	offers pipe-relay && found script || return
	work meter GiB/s "$spliced" "splicing ends on one CPU, --progress"
	us "pipe-relay --progress" metered "$IPCTOOL" pipe-relay --progress
	them "without" 0.97 metered "$IPCTOOL" pipe-relay
	them "itself, again" - metered "$IPCTOOL" pipe-relay --progress
	measure
}

# --- Several outputs

# fan_out SPLICE BYTES COMMAND...: to $fifos FIFOs, and nothing else
fan_out()
{
	local splice=$1 amount=$2 i readers=()

	shift 2
	for ((i = 0; i < fifos; i++)); do
		"$peer" "${splice}read" --bytes="$amount" --block="$block" \
		    < "$scratch/fan$i" &
		readers+=($!)
	done
	"$peer" "${splice}write" --bytes="$amount" --block="$block" | "$@" ||
	    kill "${readers[@]}"
	wait "${readers[@]}"
}

# tee(1) has standard output as well: the last FIFO
fan_out_tee()
{
	tee "${names[@]:0:fifos - 1}" > "${names[fifos - 1]}"
}

work_fanout_of()
{
	local splice=$1 amount=$2 reach=$3 fifos=4 names=() options=() i

	offers pipe-relay || return
	for ((i = 0; i < fifos; i++)); do
		names+=("$scratch/fan$i")
		options+=(-o "$scratch/fan$i")
	done
	mkfifo "${names[@]}" || fail "no FIFO can be made: set TMPDIR"
	work "$4" GiB/s "$amount" "$5"
	us "pipe-relay -o -o -o -o" fan_out "$splice" "$amount" \
	    "$IPCTOOL" pipe-relay "${options[@]}"
	rival tee "$reach" tee fan_out "$splice" "$amount" fan_out_tee
	measure
	rm -f "${names[@]}"
}

work_fanout()
{
	work_fanout_of "" $((bytes / 4)) 4 fanout "ordinary ends, 4 FIFOs"
}

work_fanout-splicing()
{
	work_fanout_of splice- $((bytes / 2)) 8 fanout-splicing \
	    "splicing ends, 4 FIFOs"
}

# tapped OPTION...: a relay with a tap on a FIFO that nobody reads
tapped()
{
	splicing "$IPCTOOL" pipe-relay --tap="$scratch/tap"
}

# The same with a reader that reads nothing.  The tenth of a second that what
# is on its way to a tap gets in the end is not counted.
tapped_stuck()
{
	local result

	exec 9<> "$scratch/tap"
	tapped
	result=$?
	exec 9>&-
	((took > 100000)) && took=$((took - 100000))
	return "$result"
}

# And with readers that come, read a little and go
tapped_visited()
{
	local result visitor

	while :; do
		head -c 1M < "$scratch/tap"
	done > /dev/null 2>&1 &
	visitor=$!
	tapped
	result=$?
	kill "$visitor"
	wait "$visitor" 2> /dev/null
	# Whoever it left inside open(2)
	: <> "$scratch/tap"
	return "$result"
}

work_tap()
{
	offers pipe-relay || return
	mkfifo "$scratch/tap" || fail "no FIFO can be made: set TMPDIR"
	work tap GiB/s "$spliced" "splicing ends, --tap"
	us "a tap without a reader" tapped
	them "without a tap" 0.9 splicing "$IPCTOOL" pipe-relay
	measure
	work tap-stuck GiB/s "$spliced" "splicing ends, a tap that is stuck"
	us "a tap that is stuck" tapped_stuck
	them "without a tap" 0.9 splicing "$IPCTOOL" pipe-relay
	measure
	work tap-visited GiB/s "$spliced" \
	    "splicing ends, a tap whose readers come and go"
	us "a tap with readers now and then" tapped_visited
	them "without a tap" 0.9 splicing "$IPCTOOL" pipe-relay
	measure
	rm -f "$scratch/tap"
}

# --- A FIFO

# both STATUS PID: of the reader, and the writer, which without one would wait
both()
{
	if (($1 != 0)); then
		kill "$2"
		wait "$2"
		return 1
	fi
	wait "$2"
}

# repeat COMMAND...: $times times
repeat()
{
	local i

	for ((i = 0; i < times; i++)); do
		"$@" || return
	done
}

fifo_ipctool()
{
	"$IPCTOOL" fifo-write "$scratch/fifo" < "$scratch/file" &
	"$IPCTOOL" fifo-read "$scratch/fifo" > /dev/null
	both $? $!
}

# fifo_cat PROGRAM
fifo_cat()
{
	"$1" "$scratch/file" > "$scratch/fifo" &
	"$1" "$scratch/fifo" > /dev/null
	both $? $!
}

# The model of a cat that splices
fifo_model()
{
	"$peer" splice-cat < "$scratch/file" > "$scratch/fifo" &
	"$peer" splice-cat < "$scratch/fifo" > /dev/null
	both $? $!
}

work_fifo()
{
	local size=$bytes times

	offers fifo-write && offers fifo-read || return
	((size > 1 << 30)) && size=$((1 << 30))
	times=$((2 * bytes / size))
	mkfifo "$scratch/fifo" || fail "no FIFO can be made: set TMPDIR"
	"$peer" write --bytes="$size" --pattern > "$scratch/file" ||
	    fail "no room for $size bytes in $scratch: set TMPDIR"
	work fifo GiB/s $((times * size)) "file > FIFO > /dev/null"
	us "fifo-write, fifo-read" repeat fifo_ipctool
	rival "cat, cat" 8 "$CAT" repeat fifo_cat "$CAT"
	[[ -z $NEWER_CAT ]] ||
	    rival "newer cat, newer cat" 1 "$NEWER_CAT" repeat fifo_cat \
		"$NEWER_CAT"
	them "model: a cat that splices" 1 repeat fifo_model
	measure
	rm -f "$scratch/file" "$scratch/fifo"
}

# lines_through COMMAND...: a million of them into a FIFO
lines_through()
{
	"$@" < "$scratch/lines" > "$scratch/fifo" &
	"$peer" read --bytes="$size" < "$scratch/fifo"
	both $? $!
}

atomic()
{
	"$IPCTOOL" fifo-write -A "$scratch/fifo" < "$scratch/lines" &
	"$peer" read --bytes="$size" < "$scratch/fifo"
	both $? $!
}

work_atomic()
{
	local size

	offers fifo-write || return
	mkfifo "$scratch/fifo" || fail "no FIFO can be made: set TMPDIR"
	seq 1000001 2000000 > "$scratch/lines" || fail "no room in $scratch"
	size=$(wc -c < "$scratch/lines")
	work atomic us 1 "1,000,000 short lines into a FIFO"
	us "fifo-write -A" atomic
	rival cat "<3" "$CAT" lines_through "$CAT"
	them "model: a write(2) for each line" - lines_through "$peer" \
	    write --bytes="$size" --block=8
	measure
	rm -f "$scratch/lines" "$scratch/fifo"
}

# --- fifo-create

# spawned COMMAND...: that makes $scratch/new, a batch of times.  In C: the
# time bash takes to fork would hide what is to be seen.
spawned()
{
	took=$("$peer" spawn --count="$batch" --unlink="$scratch/new" "$@")
}

# instructions COMMAND...: exactly, by valgrind
instructions()
{
	took=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" \
	    2>&1 | sed -n 's/.*Collected : //p')
	rm -f "$scratch/new"
	[[ $took == [1-9]* ]]
}

work_create()
{
	local batch=500

	offers fifo-create || return
	[[ -z $quick ]] || batch=200
	work create us "$batch" "making a FIFO, time"
	us fifo-create spawned "$IPCTOOL" fifo-create "$scratch/new"
	rival mkfifo "<1" mkfifo spawned mkfifo "$scratch/new"
	measure
	work create-instructions instructions 1 "making a FIFO, instructions"
	us fifo-create instructions "$IPCTOOL" fifo-create "$scratch/new"
	if ! found valgrind; then
		absent mkfifo "<1"
		commands=("" "")
	else
		rival mkfifo "<1" mkfifo instructions mkfifo "$scratch/new"
	fi
	# They are the same each time.
	rounds=1 measure
}

# --- duplex

pingpong()
{
	"$@" "$peer" ping --count="$trips" :: "$peer" pong
}

work_duplex()
{
	local trips=$(((bytes >> 15) + 100))

	offers duplex || return
	work duplex trips/s "$trips" "two commands, round trips of 1 byte"
	us duplex pingpong "$IPCTOOL" duplex
	them "bare pipes" 0.95 pingpong "$peer" bare
	them "bare pipes, again" - pingpong "$peer" bare
	rival dpipe - dpipe dpipe "$peer" ping --count="$trips" = "$peer" pong
	rival pipexec - pipexec pipexec -- \
	    "[" A "$peer" ping --count="$trips" "]" "[" B "$peer" pong "]" \
	    "{A:1>B:0}" "{B:1>A:0}"
	rival socat - "$SOCAT" "$SOCAT" \
	    EXEC:"$peer ping --count=$trips" EXEC:"$peer pong"
	measure
}

# --- fifo-stat

quiet()
{
	"$@" > /dev/null 2>&1
}

# crowd_begins N: so many processes; crowd_ends: no more
crowd_begins()
{
	local out

	coproc crowd_of_processes { "$peer" crowd --count="$1"; }
	crowd=$crowd_of_processes_PID
	out=${crowd_of_processes[0]} crowd_stdin=${crowd_of_processes[1]}
	read -r -u "$out" || fail "no $1 processes can be had"
}

crowd_ends()
{
	exec {crowd_stdin}>&-
	wait "$crowd"
}

# lsfd has no operand; who looks for a FIFO filters.
work_stat()
{
	local crowd crowd_stdin held

	offers fifo-stat || return
	mkfifo "$scratch/stat" || fail "no FIFO can be made: set TMPDIR"
	crowd_begins 1000
	exec {held}<> "$scratch/stat"
	work stat us 1 "who has a FIFO open, 1,000 processes"
	us fifo-stat quiet "$IPCTOOL" fifo-stat "$scratch/stat"
	rival "lsof FIFO" "<1" lsof quiet lsof "$scratch/stat"
	rival "lsfd -Q NAME==FIFO" "<1" lsfd quiet lsfd \
	    -Q "NAME == '$scratch/stat'"
	rival "fuser FIFO" - fuser quiet fuser "$scratch/stat"
	measure
	work stat-why us 1 "the chain, 1,000 processes"
	us "fifo-stat --why" quiet "$IPCTOOL" fifo-stat --why "$scratch/stat"
	rival lsfd - lsfd quiet lsfd
	measure
	exec {held}>&-
	crowd_ends
	rm -f "$scratch/stat"
}

# --- Two commands that both write and read at the same time

# write_both BYTES: a script for socat(1), which gives no arguments
write_both()
{
	cat > "$scratch/both" <<- END
		#!/bin/sh
		exec "$peer" exchange --bytes=$1 --block=$block
	END
	chmod +x "$scratch/both"
}

both_duplex()
{
	"$IPCTOOL" duplex "$@" "$scratch/both" :: "$scratch/both"
}

both_socat()
{
	"$SOCAT" EXEC:"$scratch/both$1" EXEC:"$scratch/both$1"
}

work_both()
{
	local amount=$((bytes / 8))

	offers duplex || return
	write_both "$amount"
	work both GiB/s $((2 * amount)) "two commands, both directions at once"
	us "duplex --dump=/dev/null" both_duplex --dump=/dev/null
	rival "socat EXEC EXEC" 1.5 "$SOCAT" both_socat ""
	rival "socat EXEC,pipes EXEC,pipes" - "$SOCAT" both_socat ,pipes
	them "duplex -T 60" - both_duplex -T 60
	them "duplex" - both_duplex
	measure
}

