# costs.bash - what bench/run counts besides time.
#
# shellcheck shell=bash disable=SC2154,SC2034 # bench/run sets the rest

cost_works=(relays busy syscalls startup)

# All that can stand between a writer and a reader, as functions of nothing:
# names in $relays, commands in $relay_commands
find_relays()
{
	relays=() relay_commands=()
	one_relay pipe-relay "$IPCTOOL" pipe-relay
	one_relay "pipe-relay --no-splice" "$IPCTOOL" pipe-relay --no-splice
	one_relay cat "$CAT"
	[[ -z $NEWER_CAT ]] || one_relay "newer cat" "$NEWER_CAT"
	one_relay pv "$PV" -q
	[[ -z $NEWER_PV ]] || one_relay "newer pv" "$NEWER_PV" -q
	one_relay mbuffer "$MBUFFER" -q
	one_relay socat "$SOCAT" -u - -
	one_relay tee tee
	one_relay dd dd bs="$block" status=none
	one_relay buffer buffer
	one_relay cstream cstream
}

one_relay()
{
	found "$2" || return 0
	relays+=("$1")
	relay_commands+=("$(printf '%q ' "${@:2}")")
}

# per_gib N BYTES
per_gib()
{
	awk -v n="$1" -v bytes="$2" 'BEGIN {
		printf "%.1f\n", n / (bytes / 1073741824)
	}'
}

# CPU time, memory and sleeps of the relay alone
work_relays()
{
	local relays relay_commands i kind

	find_relays
	for kind in ordinary splicing; do
		progress "relays "
		for ((i = 0; i < ${#relays[@]}; i++)); do
			relay_costs "$kind" "${relays[i]}" \
			    "${relay_commands[i]}" || failed=1
			progress .
		done
		progress $'\n'
	done
}

relay_costs()
{
	local kind=$1 name=$2 ends="" round amount spent took words
	local cpu=() peak=() sleeps=()

	eval "words=($3)"
	amount=$((bytes / 2))
	[[ $kind == ordinary ]] || ends=splice-
	for ((round = 0; round < growth_rounds; round++)); do
		through "$ends" "$amount" "${words[@]}" || return
		cpu+=("${spent[3]}") peak+=("${spent[4]}")
		sleeps+=("${spent[5]}")
	done
	cost "cpu-$kind" us/GiB "$name" \
	    "$(per_gib "$(median "${cpu[@]}")" "$amount")"
	cost "peak-$kind" KiB "$name" "$(median "${peak[@]}")"
	cost "sleeps-$kind" /GiB "$name" \
	    "$(per_gib "$(median "${sleeps[@]}")" "$amount")"
}

# What part of the time each process of a pipeline has a CPU: one that always
# has is what the pipeline cannot be faster than, and so is one CPU if they have
# all of that together.  And what a byte costs all of them, in CPU time.
work_busy()
{
	busy ordinary "all on one CPU, no relay" all_together
	busy ordinary "all on one CPU, pipe-relay" all_together \
	    "$IPCTOOL" pipe-relay
	if (($(nproc) > 1)); then
		busy ordinary "on two CPUs, no relay" ends_apart
		busy ordinary "on two CPUs, pipe-relay" ends_apart \
		    "$IPCTOOL" pipe-relay
	fi
	busy ordinary "anywhere, no relay" ordinary
	busy ordinary "anywhere, pipe-relay" ordinary "$IPCTOOL" pipe-relay
	busy splicing "anywhere, no relay" splicing
	busy splicing "anywhere, pipe-relay" splicing "$IPCTOOL" pipe-relay
	busy splicing "anywhere, 1 M pipe" joined splice- "$spliced"
}

# busy KIND NAME COMMAND...
busy()
{
	local kind=$1 name=$2 round spent took i amount sum
	local -a parts all=() price=() these

	shift 2
	amount=$spliced
	[[ $kind == splicing ]] || amount=$bytes
	[[ $1 != ends_apart ]] || amount=$((bytes / 8))
	for ((round = 0; round < growth_rounds + 2; round++)); do
		"$@" || return
		parts=(writer relay reader)
		((${#spent[@]} == 9)) || parts=(writer reader)
		for ((i = sum = 0; i < ${#parts[@]}; i++)); do
			all+=("$i $((spent[3 * i] * 100 / took))")
			((sum += spent[3 * i]))
		done
		price+=("$sum")
	done
	for ((i = 0; i < ${#parts[@]}; i++)); do
		mapfile -t these < <(printf '%s\n' "${all[@]}" |
		    sed -n "s/^$i //p")
		cost "busy-${parts[i]}" % "$kind ends, $name" \
		    "$(median "${these[@]}")"
	done
	cost price us/GiB "$kind ends, $name" \
	    "$(per_gib "$(median "${price[@]}")" "$amount")"
}

# By strace, which slows the relay down: it finds more in the pipe each time,
# and so makes fewer calls than it would alone.  The same for all of them.
work_syscalls()
{
	local relays relay_commands i kind words amount=$((32 << 20)) calls

	found strace || return 0
	find_relays
	for kind in "" splice-; do
		for ((i = 0; i < ${#relays[@]}; i++)); do
			eval "words=(${relay_commands[i]})"
			through "$kind" "$amount" strace -f -c \
			    -o "$scratch/calls" "${words[@]}" || continue
			# The line of the sum: % seconds usecs calls [errors]
			calls=$(awk '$NF == "total" { print $4 }' \
			    "$scratch/calls")
			cost "syscalls-$([[ $kind ]] && echo splicing ||
			    echo ordinary)" /GiB "${relays[i]}" \
			    "$(per_gib "$calls" "$amount")"
		done
	done
}

# --- Start-up

# start NAME COMMAND...: microseconds from the start to the end, at no work
start()
{
	labels+=("$1")
	commands+=("$(printf '%q ' "${@:2}")")
}

# Each fifo-read takes what a fifo-write before it has left.
startup_commands()
{
	start "true" "$(type -P true)"
	start "ipctool --version" "$IPCTOOL" --version
	start "pipe-relay" "$IPCTOOL" pipe-relay
	start "fifo-write -n -m" "$IPCTOOL" fifo-write -n -m x "$scratch/q"
	start "fifo-read -l 1" "$IPCTOOL" fifo-read -l 1 "$scratch/q"
	start "fifo-stat" "$IPCTOOL" fifo-stat "$scratch/q"
	found "$CAT" && start cat "$CAT"
	found "$PV" && start pv "$PV" -q
	found "$MBUFFER" && start mbuffer "$MBUFFER" -q
	found "$SOCAT" && start socat "$SOCAT" -u - -
	found lsof && start lsof lsof "$scratch/q"
	return 0
}

work_startup()
{
	local labels=() commands=() i round words held count=100 all=() these

	mkfifo "$scratch/q" || fail "no FIFO can be made: set TMPDIR"
	exec {held}<> "$scratch/q"
	startup_commands
	for ((round = 0; round < growth_rounds; round++)); do
		for ((i = 0; i < ${#labels[@]}; i++)); do
			eval "words=(${commands[i]})"
			all+=("$i $("$peer" spawn --quiet --count="$count" \
			    "${words[@]}" < /dev/null)")
		done
	done
	exec {held}>&-
	for ((i = 0; i < ${#labels[@]}; i++)); do
		mapfile -t these < <(printf '%s\n' "${all[@]}" |
		    sed -n "s/^$i //p")
		cost startup us "${labels[i]}" \
		    $(($(median "${these[@]}") / count))
	done
	rm -f "$scratch/q"
	found valgrind && instructions_of_all
	return 0
}

instructions_of_all()
{
	local line f

	while IFS=, read -r -a f; do
		[[ ${f[0]} != what ]] || continue
		line=${f[0]//\"/}
		# A comma within the name
		((${#f[@]} == 6)) || line+=,${f[1]//\"/}
		[[ $line == mkfifo || $line == true ]] ||
			cost instructions-own "" "$line" "${f[-5]}"
		cost instructions-loader "" "$line" "${f[-4]}"
		cost instructions-total "" "$line" "${f[-3]}"
	done < <(IPCTOOL=$IPCTOOL BUILDDIR=$BUILDDIR "$here/instructions" \
	    --count)
}
