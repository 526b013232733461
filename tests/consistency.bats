#!/usr/bin/env bats

load lib/common

# The options of each command are written down in many places: the table that
# getopt_long(3) and --help are made from, the manual page, three completions.
# Each is brought to one form here, and compared with --help.
#
# In full, one option a line: "-w --open-timeout=DURATION", "--stats[=json]".
# For completions, which have no use for pairs and names of arguments, one name
# a line: "-w=", "--open-timeout=", "--stats[=]".

# What the program prints is kept, so that a test asks only once.
help_options() {
	limited "$IPCTOOL" "$1" --help |
	    sed -n -e 's/^  -\(.\), \(--[^ ]*\).*/-\1 \2/p' \
		-e 's/^  \(-.\)  .*/\1/p' \
		-e 's/^      \(--[^ ]*\).*/\1/p' | sort
}

# fifo-stat has letters of its own: of the common table, the last rows.
own_and_common() {
	cat "$SRCDIR/src/cmd-$1.c"
	if grep -q "own_letters = true" "$SRCDIR/src/cmd-$1.c"; then
		sed -n '/last_specs\[\]/,/^};/p' "$SRCDIR/src/options.c"
	else
		cat "$SRCDIR/src/options.c"
	fi
}

# A row: { 'w', "open-timeout", "DURATION", "what --help says" },
# A command's own row takes the place of a common one of the same name.
table_options() {
	local key="'.'|[A-Z][A-Z_]*( \+ [0-9]+)?" argument='NULL|"[^"]*"'

	own_and_common "$1" | tr '\n\t' '  ' |
	    grep -oE "\{ ($key), +(NULL|\"[a-z-]+\"), +($argument)," |
	    sed -E -e "s/^\{ '(.)', +/-\1 /" -e 's/^\{ [^,]*, +//' \
		-e 's/"([a-z-]+)", +/--\1/' -e 's/ NULL, +NULL,$//' \
		-e 's/NULL,$//' \
		-e 's/"\[(.*)\]",$/[=\1]/' -e 's/"(.*)",$/=\1/' |
	    awk '{ name = $NF; sub(/[[=].*/, "", name) } !seen[name]++' | sort
}

# .It Fl w , Fl -open-timeout Ns = Ns Ar DURATION
page_options() {
	sed -n 's/^\.It \(Fl .*\)/\1/p' "$1" |
	    sed -E -e 's/ Ns Op = Ns (Ar|Cm) (.*)/[=\2]/' \
		-e 's/ Ns = Ns (Ar|Cm) /=/' -e 's/ \| (Ar|Cm) /|/g' \
		-e 's/Fl /-/g' -e 's/ , / /' | sort
}

# From full to short.
names() {
	sed -E -e 's/^(-.) (--[a-z-]+)$/\1\n\2/' \
	    -e 's/^(-.) (--[a-z-]+)=.*/\1=\n\2=/' \
	    -e 's/^(-.) (--[a-z-]+)\[.*/\1\n\2[=]/' \
	    -e 's/^(--[a-z-]+)=.*/\1=/' -e 's/^(--[a-z-]+)\[.*/\1[=]/' | sort
}

bash_options() {
	# shellcheck disable=SC2016	# the other bash expands it
	bash -c '
		. "$1"
		names=" $(_ipctool_options "$2" | tr -s "\\n\\t" "  ") "
		for name in $names; do
			case $name in
			--*=)
				[[ $names == *" ${name%=} "* ]] &&
				    name="${name%=}[=]"
				echo "$name"
				;;
			--*) [[ $names == *" $name= "* ]] || echo "$name" ;;
			*)
				_ipctool_takes "$2" "$name" && name+="="
				printf "%s\n" "$name"
				;;
			esac
		done' bash "$SRCDIR/completions/ipctool.bash" "$1" | sort
}

# _arguments gets all options; here it only shows them.
zsh_options() {
	# shellcheck disable=SC2016	# zsh expands it
	zsh -f -c '
		_arguments() { print -rl -- "$@" }
		service=$2
		source "$1"' zsh "$SRCDIR/completions/_ipctool" "$1" |
	    sed -E -n -e 's/^\([^)]*\)//' -e 's/^\*//' -e '/^-.*\[/!d' \
		-e 's/\[.*//' -e 's/^(-[^-])\+$/\1=/' -e 's/=-$/[=]/' \
		-e p | sort
}

# The same with fish's complete.
fish_options() {
	# shellcheck disable=SC2016	# fish expands it
	HOME=$PWD fish --no-config -c '
		function complete
			string join "|" -- $argv
		end
		source $argv[1]' "$SRCDIR/completions/ipctool.fish" |
	    awk -F '|' -v condition="__ipctool_in $1" '
		index($0, "|" condition "|") {
			letter = name = ""
			takes = maybe = 0
			for (i = 1; i <= NF; i++) {
				if ($i == "-s")
					letter = $(i + 1)
				if ($i == "-l")
					name = $(i + 1)
				if ($i == "-x" || $i == "-r")
					takes = 1
				if ($i == "-a")
					maybe = 1
			}
			after = takes ? "=" : maybe ? "[=]" : ""
			if (letter != "")
				print "-" letter after
			if (name != "")
				print "--" name after
		}' | sort
}

# agree WHAT COMMAND WANTED GOT: neither may be empty.
agree() {
	agree_on "$2: --help (-) and" "$1" "$3" "$4"
}

agree_on() {
	if [[ -z $3 || $3 != "$4" ]]; then
		{
			echo "$1 $2 (+) differ:"
			diff <(printf '%s\n' "$3") <(printf '%s\n' "$4") |
			    sed -n 's/^</-/p; s/^>/+/p'
		} >&2
		return 1
	fi
}

each_command() {
	local command

	for command in $("$IPCTOOL" --list); do
		"$1" "$command" || return 1
	done
}

check_table() {
	agree "its table in src/" "$1" "$(help_options "$1")" \
	    "$(table_options "$1")"
}

check_page() {
	agree "its manual page" "$1" "$(help_options "$1")" \
	    "$(page_options "$SRCDIR/man/$1.1")"
}

check_bash() {
	agree "the completion of bash" "$1" "$(help_options "$1" | names)" \
	    "$(bash_options "$1")"
}

check_zsh() {
	agree "the completion of zsh" "$1" "$(help_options "$1" | names)" \
	    "$(zsh_options "$1")"
}

check_fish() {
	agree "the completion of fish" "$1" "$(help_options "$1" | names)" \
	    "$(fish_options "$1")"
}

# A command that the lists of commands leave out would not be found.
check_mentioned() {
	local name=$1 page=$SRCDIR/man/$1.1 summary

	[[ -f $page ]] || {
		echo "$name has no manual page" >&2
		return 1
	}
	grep -qx "\.Nm $name" "$page" || {
		echo "$page is not about $name" >&2
		return 1
	}
	grep -qx "\.It Xr $name 1" "$SRCDIR/man/ipctool.1" || {
		echo "ipctool(1) does not list $name" >&2
		return 1
	}
	grep -qF "\`$name\`" "$SRCDIR/README.md" || {
		echo "README.md does not list $name" >&2
		return 1
	}
	for file in ipctool.bash _ipctool ipctool.fish; do
		grep -qw -- "$name" "$SRCDIR/completions/$file" || {
			echo "$file does not know $name" >&2
			return 1
		}
	done
	summary=$(limited "$IPCTOOL" "$name" --help |
	    sed -n "s/^ipctool $name: \(.*\)\.$/\1/p")
	if [[ $(sed -n 's/^\.Nd //p' "$page") != "$summary" ]]; then
		echo "$name: NAME is not what --help says: $summary" >&2
		return 1
	fi
}

# Work with a copy of what the checks read, to be damaged.
copy_sources() {
	mkdir copy
	cp -R "$SRCDIR"/{man,completions,src,README.md,HACKING.md} copy
	chmod -R u+w copy
	SRCDIR=$PWD/copy
}

# damage SED-SCRIPT FILE: and it must have changed something.
damage() {
	cp "$SRCDIR/$2" before
	sed -i -E "$1" "$SRCDIR/$2"
	! cmp -s before "$SRCDIR/$2"
}

@test "--help shows the options that the program has tables for" {
	each_command check_table
}

@test "every manual page describes the options that --help shows" {
	each_command check_page
}

@test "ipctool(1) describes the options that all commands have" {
	local common command

	common=$(page_options "$SRCDIR/man/ipctool.1" | grep -v -- --list)
	# Its own --help and --version stand beside those of the commands.
	common=$(printf '%s\n' "$common" | sort -u)
	for command in $("$IPCTOOL" --list); do
		[[ $command != fifo-stat ]] || continue
		agree "the common options" "$command" \
		    "$(comm -12 <(help_options "$command") \
			<(printf '%s\n' "$common"))" "$common"
	done
}

@test "bash completes the options that --help shows" {
	each_command check_bash
}

@test "zsh completes the options that --help shows" {
	need zsh
	each_command check_zsh
}

@test "fish completes the options that --help shows" {
	need fish
	each_command check_fish
}

@test "every command is in the pages, the completions and README" {
	each_command check_mentioned
}

# Names and patterns of sources, one a line -> the names of those that there are
expand_sources() {
	local name

	sed 's/\(.*\)\.\[ch\]/\1.c\n\1.h/' | while read -r name; do
		(cd "$SRCDIR/src" && compgen -G "$name") || echo "$name?"
	done | sort -u
}

check_maps() {
	agree_on "src (-) and" main.c "$(sources '*.c')" \
	    "$(grep -oE '^ \*	[a-z*-]+\.c' "$SRCDIR/src/main.c" |
		cut -c 4- | expand_sources)" || return
	agree_on "src (-) and" HACKING.md "$(sources '*.[ch]')" \
	    "$(sed -n '/^    src/,/^    man/p' "$SRCDIR/HACKING.md" |
		grep -oE '[a-z*-]+\.(\[ch\]|[ch]\>)' | expand_sources)"
}

sources() {
	(cd "$SRCDIR/src" && compgen -G "$1") | sort
}

@test "every source is in the maps of main.c and HACKING.md" {
	check_maps
}

@test "an option that is missing from a table is noticed" {
	copy_sources
	damage "/\"follow\"/d" src/cmd-fifo-read.c
	run -1 check_table fifo-read
	matches "- -f --follow"
}

@test "an option that is missing from a manual page is noticed" {
	copy_sources
	damage '/^\.It Fl p , Fl -parents/d' man/fifo-create.1
	run -1 check_page fifo-create
	matches "--parents"
}

@test "an option that a manual page invents is noticed" {
	copy_sources
	damage 's/^(\.It Fl a , Fl -append)/\1\n.It Fl b , Fl -bogus/' \
	    man/pipe-relay.1
	run -1 check_page pipe-relay
	matches "\+.*--bogus"
}

@test "an option with another argument in a manual page is noticed" {
	copy_sources
	damage '/Fl -mode/s/MODE/NODE/' man/fifo-create.1
	run -1 check_page fifo-create
	matches "NODE"
}

@test "an option that is missing from bash's completion is noticed" {
	copy_sources
	damage 's/ --zero-terminated//' completions/ipctool.bash
	run -1 check_bash fifo-write
	matches "--zero-terminated"
}

@test "an option that is missing from zsh's completion is noticed" {
	need zsh
	copy_sources
	damage '/-no-splice/d' completions/_ipctool
	run -1 check_zsh pipe-relay
	matches "--no-splice"
}

@test "an option that is missing from fish's completion is noticed" {
	need fish
	copy_sources
	damage '/-l idle-timeout/d' completions/ipctool.fish
	run -1 check_fish duplex
	matches "--idle-timeout"
}

@test "a command that is missing from README is noticed" {
	copy_sources
	damage "s,\`duplex\`,,g" README.md
	run -1 check_mentioned duplex
	matches "README.md does not list duplex"
}

@test "a source that is missing from a map is noticed" {
	copy_sources
	check_maps
	damage '/	limiter\.c/d' src/main.c
	run -1 check_maps
	matches "- limiter.c"
}

@test "a source that a map invents is noticed" {
	copy_sources
	damage 's/record\.\[ch\]/records.[ch]/' HACKING.md
	run -1 check_maps
	matches "\+ records.c\?"
	matches "- record.c"
}
