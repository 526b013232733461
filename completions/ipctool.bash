# bash completion for ipctool and the links to it	-*- shell-script -*-
#
# With bash-completion, which finds this file by the name of the command.

# _ipctool_options COMMAND: the options that it has; "=" at the end: it takes
# an argument.
_ipctool_options()
{
	local common="-n --nonblock -w --open-timeout= -T --idle-timeout=
	    -t --timeout= --stats --stats= -q --quiet -v --verbose
	    --help --version"

	case $1 in
	pipe-relay)
		echo "-i --input= -o --output= -a --append -p --output-error
		    --output-error= --tap= --tap-memory= -d --delimiter=
		    -z --zero-terminated -x --dump --dump= -L --rate-limit=
		    -m --memory= -c --bytes= -P --progress -s --size=
		    --no-splice --pipe-size= --separator= $common"
		;;
	fifo-create)
		echo "-m --mode= -o --owner= -g --group= -p --parents
		    -e --exist-ok -f --force --temp -u --unlink --hold
		    --hold= --pipe-size= --ready-fd= $common"
		;;
	fifo-read)
		echo "-f --follow -F -c --bytes= -l --lines= -d --delimiter=
		    -z --zero-terminated --lock --require-owner=
		    -C --create $common"
		;;
	fifo-write)
		echo "-m --message= --no-delimiter -d --delimiter=
		    -z --zero-terminated --drop -A --atomic --lock -k --keep
		    -D --drain --require-owner= $common"
		;;
	duplex)
		echo "--listen= -k --keep --persist --mode= --ready-fd=
		    --connect= --from= --to= -l --lines= -d --delimiter=
		    -z --zero-terminated -c --bytes= -m --memory=
		    --deadlock= -x --dump --dump= --half-close= --fds= --status=
		    --separator= $common"
		;;
	fifo-stat)
		echo "-a --all -o --output= -J --json -r --raw -n --noheadings
		    --watch --watch= --why --graph --graph= --peek --peek=
		    --wait-for= -w --open-timeout= --help --version"
		;;
	esac
}

# _ipctool_words WORDS: those of them that begin like $cur.
_ipctool_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# _ipctool_takes COMMAND WORD: WORD is an option, or several short ones, whose
# argument is the next word.  Its name is put into $option.
_ipctool_takes()
{
	local letters=wTt long

	case $1 in
	pipe-relay) letters+=iodLmcs ;;
	fifo-create) letters+=mog ;;
	fifo-read) letters+=cld ;;
	fifo-write) letters+=md ;;
	duplex) letters+=ldcm ;;
	fifo-stat) letters=ow ;;
	esac
	case $2 in
	--*)
		option=$2
		for long in $(_ipctool_options "$1"); do
			# Such a name takes its argument behind a "=" only.
			if [[ $long == "$2" ]]; then
				return 1
			elif [[ $long == "$2=" ]]; then
				return 0
			fi
		done
		return 1
		;;
	-*)
		option=-${2: -1}
		[[ $2 =~ ^-[^$letters]*[$letters]$ ]]
		;;
	*)
		return 1
		;;
	esac
}

# The columns of fifo-stat, behind those that are in $cur already.
_ipctool_columns()
{
	local before=

	if [[ $cur == *,* ]]; then
		before=${cur%,*},
	elif [[ $cur == +* ]]; then
		before=+
	fi
	printf "$before%s " NAME PID COMMAND FD END DOING WAIT STATE UNREAD \
	    CAPACITY RATE MODE OWNER GROUP TYPE READERS WRITERS OPENING \
	    HIDDEN UNLINKED DEVICE INODE TID PPID USER NONBLOCK CALL VERDICT
}

# FIFOs, and the directories on the way to them.
_ipctool_fifos()
{
	local name path
	local -a found=()

	_filedir
	for name in "${COMPREPLY[@]}"; do
		path=$name
		# The tilde is left as it was typed.
		if [[ $path == [~]/* ]]; then
			path=$HOME/${path#??}
		fi
		if [[ -p $path || -d $path ]]; then
			found+=("$name")
		fi
	done
	COMPREPLY=("${found[@]}")
}

# _ipctool_value COMMAND OPTION: what OPTION's argument can be.
_ipctool_value()
{
	case $1:$2 in
	pipe-relay:-[io] | pipe-relay:--input | pipe-relay:--output | \
	    *:--tap | *:--dump)
		_filedir
		;;
	pipe-relay:--pipe-size)
		_ipctool_words "max keep"
		;;
	pipe-relay:--output-error)
		_ipctool_words "warn warn-nopipe exit exit-nopipe"
		;;
	duplex:--from | duplex:--to)
		_ipctool_fifos
		;;
	duplex:--listen | duplex:--connect)
		_filedir
		;;
	duplex:--status)
		_ipctool_words "first last"
		;;
	fifo-create:-o | fifo-create:--owner | *:--require-owner)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		;;
	fifo-create:-g | fifo-create:--group)
		mapfile -t COMPREPLY < <(compgen -g -- "$cur")
		;;
	fifo-create:--hold)
		_ipctool_words "r w rw"
		;;
	fifo-create:--pipe-size)
		_ipctool_words max
		;;
	fifo-stat:-o | fifo-stat:--output)
		_ipctool_words "$(_ipctool_columns)"
		;;
	fifo-stat:--graph)
		_ipctool_words dot
		;;
	fifo-stat:--wait-for)
		_ipctool_words "reader writer data empty gone"
		;;
	*:--stats)
		_ipctool_words json
		;;
	esac
}

# _ipctool_sides COMMAND FIRST: the sides of duplex, and what pipe-relay runs,
# are commands with arguments of their own, to which their own completions
# apply.  FIRST is where in COMP_WORDS the options begin.  Fails while the
# options last.
_ipctool_sides()
{
	local i option side=

	for ((i = $2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			side=$((i + 1))
			break
			;;
		=)
			# bash takes --timeout=1 apart.
			((i++))
			;;
		-?*)
			if [[ ${COMP_WORDS[i + 1]-} != = ]] &&
			    _ipctool_takes "$1" "${COMP_WORDS[i]}"; then
				((i++))
			fi
			;;
		*)
			side=$i
			break
			;;
		esac
	done
	if [[ -z $side ]]; then
		if ((i > COMP_CWORD)) || [[ $cur == -* ]] || $split; then
			return 1
		fi
		side=$COMP_CWORD
	fi
	for ((i = side; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == :: ]]; then
			side=$((i + 1))
		fi
	done
	_command_offset "$side"
}

# COMMAND of fifo-create.  Fails while there is no `::' before the word.
_ipctool_after_separator()
{
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == :: ]]; then
			_command_offset $((i + 1))
			return 0
		fi
	done
	return 1
}

_ipctool()
{
	local cur prev words cword split=false
	local command first=1 option i ended=
	local commands="pipe-relay fifo-create fifo-read fifo-write duplex \
fifo-stat"

	_init_completion -s -n : || return
	command=${words[0]##*/}
	if [[ $command == ipctool ]]; then
		if ((cword == 1)); then
			_ipctool_words "$commands help --list --help --version"
			return
		fi
		command=${words[1]}
		first=2
		if [[ $command == help ]]; then
			if ((cword == 2)); then
				_ipctool_words "$commands"
			fi
			return
		fi
	fi
	if [[ " $commands " != *" $command "* ]]; then
		return
	fi
	if [[ $command == @(duplex|pipe-relay) ]] &&
	    _ipctool_sides "$command" "$first"; then
		return
	fi
	if [[ $command == fifo-create ]] && _ipctool_after_separator; then
		return
	fi

	for ((i = first; i < cword; i++)); do
		if [[ ${words[i]} == -- ]]; then
			ended=1
			break
		elif _ipctool_takes "$command" "${words[i]}"; then
			((i++))
		fi
	done
	if [[ ! $ended ]]; then
		if $split; then
			_ipctool_value "$command" "$prev"
			return
		fi
		if ((i > cword)); then
			_ipctool_takes "$command" "$prev"
			_ipctool_value "$command" "$option"
			return
		fi
		if [[ $cur == -* ]]; then
			_ipctool_words "$(_ipctool_options "$command")"
			if [[ ${COMPREPLY-} == *= ]]; then
				compopt -o nospace
			fi
			return
		fi
	fi
	case $command in
	fifo-create | fifo-read | fifo-write | fifo-stat)
		_ipctool_fifos
		;;
	esac
} &&
	complete -F _ipctool ipctool pipe-relay fifo-create fifo-read \
	    fifo-write duplex fifo-stat
