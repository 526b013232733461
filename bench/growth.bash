# growth.bash - how what bench/run measures grows with the work.
#
# shellcheck shell=bash disable=SC2154,SC2034 # bench/run sets the rest

growth_works=(grow-sinks grow-bytes grow-writes grow-pipes grow-processes
    grow-records)

# every N VALUE...: all of them, or each Nth if it has to be quick
every()
{
	local i step=$1

	shift
	[[ -n $quick ]] || step=1
	for ((i = 1; i <= $#; i += step)); do
		echo "${!i}"
	done
}

# --- Sinks

# fan COMMAND: to the first $x of the FIFOs
fan()
{
	local fifos=$x names=("${all_names[@]:0:x}") options=() i

	for ((i = 0; i < x; i++)); do
		options+=(-o "${names[i]}")
	done
	if [[ $1 == tee ]]; then
		fan_out splice- "$amount" fan_out_tee
	else
		fan_out splice- "$amount" "$IPCTOOL" pipe-relay "${options[@]}"
	fi
}

work_grow-sinks()
{
	local all_names=() i x

	offers pipe-relay || return
	for ((i = 0; i < 64; i++)); do
		all_names+=("$scratch/fan$i")
	done
	mkfifo "${all_names[@]}" || fail "no FIFO can be made: set TMPDIR"
	grow grow-sinks ms "to so many FIFOs with splicing readers"
	line pipe-relay fan relay
	found tee && line tee fan tee
	for x in $(every 2 1 2 4 8 16 32 64); do
		point "$x" $((bytes / 32))
	done
	progress $'\n'
	rm -f "${all_names[@]}"
}

# --- Bytes

# so_many [RELAY [ARG]...]: $x bytes; the average of runs where one is short
so_many()
{
	local runs=1

	((x > 4 << 20)) || runs=20
	through "" "$x" "$@" && took=$((took / runs))
}

work_grow-bytes()
{
	local x values

	offers pipe-relay || return
	grow grow-bytes ms "so many bytes between ordinary ends"
	line pipe-relay so_many "$IPCTOOL" pipe-relay
	found "$CAT" && line cat so_many "$CAT"
	line "no relay" so_many
	values=(1K 4K 16K 64K 256K 1M 4M 16M 64M 256M 1G)
	[[ -n $quick ]] || values+=(4G 16G)
	for x in $(every 2 "${values[@]}"); do
		x=$(to_bytes "$x")
		((x <= 8 * bytes)) || break
		point "$x" "$x"
	done
	progress $'\n'
}

# --- Sizes of writes

# written [RELAY [ARG]...]
written()
{
	pipeline "$peer" write --bytes="$amount" --block="$x" :: \
	    ${1+"$@" ::} "$peer" read --bytes="$amount" --block="$block"
}

work_grow-writes()
{
	local x some

	offers pipe-relay || return
	grow grow-writes GiB/s "a writer of so many bytes at a time"
	line pipe-relay written "$IPCTOOL" pipe-relay
	found "$CAT" && line cat written "$CAT"
	line "no relay" written
	for x in $(every 2 1 4 16 64 256 1K 4K 16K 64K 256K 1M); do
		x=$(to_bytes "$x")
		some=$((x * 200000 < bytes / 2 ? x * 200000 : bytes / 2))
		point "$x" "$some"
	done
	progress $'\n'
}

# --- Capacities of pipes

# capacity SPLICE [RELAY [ARG]...]
capacity()
{
	local splice=$1

	shift
	pipeline --pipe-size="$x" "$peer" "${splice}write" --bytes="$amount" \
	    --block="$block" :: ${1+"$@" ::} \
	    "$peer" "${splice}read" --bytes="$amount" --block="$block"
}

# The writer alone, into a pipe that is emptied at no cost
capacity_writer()
{
	pipeline --pipe-size="$x" "$peer" write --bytes="$amount" \
	    --block="$block" :: "$peer" splice-read --bytes="$amount" \
	    --block="$max"
}

work_grow-pipes()
{
	local x relay=("$IPCTOOL" pipe-relay --pipe-size=keep)

	offers pipe-relay || return
	grow grow-pipes GiB/s "pipes of such a capacity"
	line "pipe-relay, splicing ends" capacity splice- "${relay[@]}"
	line "no relay, splicing ends" capacity splice-
	line "pipe-relay, ordinary ends" capacity "" "${relay[@]}"
	line "no relay, ordinary ends" capacity ""
	line "no relay, ordinary writer" capacity_writer
	for x in $(every 2 4K 8K 16K 32K 64K 128K 256K 512K 1M); do
		x=$(to_bytes "$x")
		((x <= max)) || break
		point "$x" $((bytes / 4))
	done
	progress $'\n'
}

# --- Processes

work_grow-processes()
{
	local x held crowd crowd_stdin

	offers fifo-stat || return
	mkfifo "$scratch/stat" || fail "no FIFO can be made: set TMPDIR"
	grow grow-processes ms "so many processes of 20 descriptors"
	line fifo-stat quiet "$IPCTOOL" fifo-stat "$scratch/stat"
	found lsof && line lsof quiet lsof "$scratch/stat"
	found lsfd && line lsfd quiet lsfd -Q "NAME == '$scratch/stat'"
	exec {held}<> "$scratch/stat"
	for x in $(every 2 10 30 100 300 1000 2000); do
		crowd_begins "$x"
		point "$x" 1
		crowd_ends
	done
	exec {held}>&-
	progress $'\n'
	rm -f "$scratch/stat"
}

# --- Records in a FIFO

# A FIFO holds them while nobody reads.
fill()
{
	head -n "$x" "$scratch/lines" > "$scratch/some"
	"$@" < "$scratch/some" > "$scratch/queue"
}

empty()
{
	dd bs=1M iflag=nonblock of=/dev/null < "$scratch/queue" 2> /dev/null
	return 0
}

put_records()
{
	head -n "$x" "$scratch/lines" > "$scratch/some"
	pipeline --quiet "$@" < "$scratch/some" && empty
}

put_with_cat()
{
	head -n "$x" "$scratch/lines" > "$scratch/some"
	# shellcheck disable=SC2016 # for the inner shell
	pipeline sh -c 'exec "$1" > "$2"' sh "$CAT" "$scratch/queue" \
	    < "$scratch/some" && empty
}

# get_records [N]: all of them if N is empty
get_records()
{
	fill cat && pipeline --quiet "$IPCTOOL" fifo-read \
	    --lines="${1:-$x}" "$scratch/queue" && empty
}

work_grow-records()
{
	local x lock

	offers fifo-write && offers fifo-read || return
	mkfifo "$scratch/queue" || fail "no FIFO can be made: set TMPDIR"
	exec {lock}<> "$scratch/queue"
	"$peer" write --bytes=0 --pipe-size="$max" >&"$lock" || return
	seq 1000001 1010000 > "$scratch/lines"
	grow grow-records ms "so many lines of 8 bytes in a FIFO"
	line "fifo-write -A" put_records "$IPCTOOL" fifo-write -A \
	    "$scratch/queue"
	line "fifo-read -l, all" get_records ""
	line "fifo-read -l 1" get_records 1
	found "$CAT" && line "sh and cat" put_with_cat
	for x in $(every 2 1 3 10 30 100 300 1000 3000 10000); do
		((x * 8 < max)) || break
		point "$x" 1
	done
	progress $'\n'
	exec {lock}>&-
	rm -f "$scratch/queue" "$scratch/lines"
}
