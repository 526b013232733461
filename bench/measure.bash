# measure.bash - how bench/run takes turns and writes down what they took.
#
# A work is declared by these, and then run by measure:
#   work NAME UNIT AMOUNT TITLE       what it is, and what a run of it is worth
#   us LABEL COMMAND...               ipctool
#   them LABEL REACH COMMAND...       a peer, and the ratio to reach over it;
#                                     "<1": less is better; -: only to compare
#   rival LABEL REACH PROGRAM COMMAND...
#                                     the same, if there is such a program
#   absent LABEL REACH                a peer that is not there
# COMMAND is a function.  If it sets $took, that counts (microseconds, or
# whatever UNIT says), otherwise the time it ran.
#
# A growth is a work with many points, and nobody is to reach anything:
#   grow NAME UNIT TITLE
#   line LABEL COMMAND...             with $x and $amount as the point has them
#   point X AMOUNT                    measures it
#
# shellcheck shell=bash disable=SC2154,SC2034 # bench/run sets the rest

work()
{
	name=$1 unit=$2 amount=$3 title=$4
	labels=() reaches=() commands=()
}

us()
{
	labels+=("$1") reaches+=(us)
	commands+=("$(printf '%q ' "${@:2}")")
}

them()
{
	labels+=("$1") reaches+=("$2")
	commands+=("$(printf '%q ' "${@:3}")")
}

# No number must stand where nothing was measured.
absent()
{
	labels+=("$1") reaches+=("$2")
	commands+=("")
}

grow()
{
	work "$1" "$2" 0 "$3"
}

line()
{
	them "$1" - "${@:2}"
}

# rival LABEL REACH PROGRAM COMMAND...: them if there is such a PROGRAM
rival()
{
	if found "$3"; then
		them "$1" "$2" "${@:4}"
	else
		absent "$1" "$2"
	fi
}

# found PROGRAM: say it once where it is not there
found()
{
	type -P "$1" > /dev/null && return
	[[ " $missed " == *" $1 "* ]] || say "$1 is not installed: left out"
	missed+=" $1"
	return 1
}

# offers COMMAND: the program has this command (it may be an older one)
offers()
{
	[[ $'\n'$("$IPCTOOL" --list)$'\n' == *$'\n'"$1"$'\n'* ]] && return
	say "$IPCTOOL has no $1: left out"
	return 1
}

# turn N: let the Nth have its turn; what it took is in $took
turn()
{
	local before after

	took=
	before=${EPOCHREALTIME/./}
	eval "${commands[$1]}" || return
	after=${EPOCHREALTIME/./}
	: "${took:=$((after - before))}"
}

# result ROUND N TOOK: a line of results.csv
result()
{
	printf '%s,"%s",%s,%s,%s,"%s",%s,%s\n' "$name" "$title" "$unit" \
	    "$amount" "$1" "${labels[$2]}" "${reaches[$2]}" "$3"
}

# Each round begins with another, so that nobody always comes after the same.
# Who is absent, or fails, has a line that says so instead of figures.
measure()
{
	local i n round took
	local -A left_out=()

	progress "$name "
	for ((round = 0; round <= rounds; round++)); do
		for ((n = 0; n < ${#labels[@]}; n++)); do
			i=$(((n + round + ${#labels[@]} - 1) % ${#labels[@]}))
			[[ -z ${left_out[$i]-} ]] || continue
			if [[ -z ${commands[i]} ]]; then
				left_out[$i]=missing
			elif ! turn "$i"; then
				left_out[$i]=failed
				failed=1
				say "$name: ${labels[i]} failed"
			elif ((round > 0)); then
				result "$round" "$i" "$took"
			fi
		done >> "$results"
		progress .
	done
	for i in "${!left_out[@]}"; do
		result 0 "$i" "${left_out[$i]}"
	done >> "$results"
	progress $'\n'
}

point()
{
	local i n round took x=$1

	amount=$2
	for ((round = 1; round <= growth_rounds; round++)); do
		for ((n = 0; n < ${#labels[@]}; n++)); do
			i=$(((n + round + ${#labels[@]} - 1) % ${#labels[@]}))
			if ! turn "$i"; then
				failed=1
				say "$name: ${labels[i]} failed at $x"
				continue
			fi
			printf '%s,"%s",%s,%s,%s,%s,"%s",%s\n' "$name" \
			    "$title" "$unit" "$amount" "$x" "$round" \
			    "${labels[i]}" "$took"
		done >> "$growth"
	done
	progress .
}

# cost WHAT UNIT WHO VALUE: a line of costs.csv
cost()
{
	printf '%s,%s,"%s",%s\n' "$@" >> "$costs"
}

progress()
{
	[[ ! -t 2 ]] || printf %s "$1" >&2
}

# median NUMBER...: whole numbers
median()
{
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

# machine: what matters of it, and of the programs.  Which machine it is does
# not.
machine()
{
	local program

	printf 'kernel,"%s"\n' "$(uname -sr | sed 's/\([0-9]\.[0-9]*\).*/\1/')"
	printf 'CPUs,"%s of %s"\n' "$(nproc)" \
	    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort -u |
		head -n 1)"
	printf 'C library,"%s"\n' "$(getconf GNU_LIBC_VERSION)"
	printf 'ipctool,"%s"\n' "$("$IPCTOOL" --version | head -n 1)"
	for program in "$CAT" "$PV" "$MBUFFER" "$SOCAT" tee dd mkfifo lsof \
	    lsfd; do
		type -P "$program" > /dev/null &&
		    printf '%s,"%s"\n' "${program##*/}" \
			"$(version_of "$program")"
	done
}

# The first number with a dot, or date, in what a program says of itself
version_of()
{
	local said option

	for option in --version -V -v; do
		said=$(timeout 5 "$1" "$option" 2>&1 < /dev/null |
		    grep -oE '[0-9]+\.[0-9.]*[0-9]|[0-9]{8}' | head -n 1)
		[[ -z $said ]] || break
	done
	echo "$said"
}
