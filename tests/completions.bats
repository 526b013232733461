#!/usr/bin/env bats

load lib/common

# The completions, typed into the real shells.
#
# bash and zsh get a terminal, by script(1), and lines in which a key asks for
# completion.  What then stands on the line is run, and the name of the command
# leads to a stand-in that writes its words down, with | between them.  fish
# can be asked directly.

setup() {
	common_setup
	mkdir -p bin data work/dir
	cat > bin/ipctool <<-'END'
		#!/bin/bash
		IFS='|'
		printf '%s\n' "${0##*/}|$*" >> "$TEST_LOG"
	END
	chmod +x bin/ipctool
	for name in pipe-relay fifo-create fifo-read fifo-write duplex \
	    fifo-stat; do
		ln -s ipctool "bin/$name"
	done
	mkfifo work/queue "work/my queue"
	touch work/file
	export TEST_LOG=$PWD/log
	export PATH=$PWD/bin:$PATH HOME=$PWD TERM=dumb
	export XDG_DATA_HOME=$PWD/data XDG_CONFIG_HOME=$PWD/config
	unset INPUTRC BASH_COMPLETION_USER_DIR ZDOTDIR
}

# install_as FILE DIR SUFFIX: the completion as make install puts it.
install_as() {
	mkdir -p "$2"
	cp "$SRCDIR/completions/$1" "$2/ipctool$3"
	for name in pipe-relay fifo-create fifo-read fifo-write duplex \
	    fifo-stat; do
		ln -s "ipctool$3" "$2/$name$3"
	done
}

# type_into SHELL... : type the lines in ./lines, and wait for the last.
type_into() {
	echo "ipctool end" >> lines
	echo exit >> lines
	{
		tr '\n' '\r' < lines
		wait_until grep -qx "ipctool|end" log 2>/dev/null
	} | limited script -qec "$*" /dev/null > terminal || {
		cat -v terminal >&2
		return 1
	}
	output=$(grep -vx "ipctool|end" log)
}

# in_bash LINE...: @ in a LINE inserts all completions, ^ the one there is.
in_bash() {
	local bash_completion=/usr/share/bash-completion/bash_completion

	need script
	[[ -r $bash_completion ]] || skip "bash-completion is not installed"
	install_as ipctool.bash data/bash-completion/completions ""
	printf '. %s\ncd work\n' "$bash_completion" > rc
	printf '%s\n' "$@" | sed $'s/@/\e*/g; s/\\^/\t/g' > lines
	type_into bash --noprofile --rcfile rc -i
}

in_zsh() {
	need script zsh
	mkdir functions
	cp "$SRCDIR/completions/_ipctool" functions
	cat > rc <<-'END'
		fpath=($PWD/functions $fpath)
		autoload -Uz compinit
		compinit -u -D
		zstyle ':completion:all:*' completer _all_matches _complete
		zstyle ':completion:all:*' insert yes
		zle -C all complete-word _generic
		bindkey '^Xa' all
		cd work
	END
	{
		echo "source ./rc"
		printf '%s\n' "$@" | sed $'s/@/\x18a/g; s/\\^/\t/g'
	} > lines
	type_into zsh -f -i
}

# in_fish LINE: what can be at its end.  Newer versions of fish also print what
# merely contains the last word.
in_fish() {
	need fish
	if [[ ! -d data/fish ]]; then
		install_as ipctool.fish data/fish/vendor_completions.d .fish
	fi
	# shellcheck disable=SC2016	# fish expands it
	output=$(cd work && limited fish -c 'complete -C $argv[1]' "$1" |
	    cut -f 1 | awk -v word="${1##* }" 'index($0, word) == 1')
}

@test "bash completes the commands" {
	in_bash "ipctool @" "ipctool fifo-r^" "ipctool --l^" "ipctool help @"
	is "ipctool|--help|--list|--version|duplex|fifo-create|fifo-read\
|fifo-stat|fifo-write|help|pipe-relay
ipctool|fifo-read
ipctool|--list
ipctool|help|duplex|fifo-create|fifo-read|fifo-stat|fifo-write|pipe-relay"
}

@test "bash completes the options of a command and of its link" {
	in_bash "ipctool fifo-read --@" "fifo-read --@" "fifo-read --fol^" \
	    "fifo-write -@"
	local options="--bytes=|--create|--delimiter=|--follow|--help\
|--idle-timeout=|--lines=|--lock|--nonblock|--open-timeout=|--quiet\
|--require-owner=|--stats|--stats=|--timeout=|--verbose|--version\
|--zero-terminated"

	is "ipctool|fifo-read|$options
fifo-read|$options
fifo-read|--follow
fifo-write|--atomic|--delimiter=|--drain|--drop|--help|--idle-timeout=|--keep\
|--lock|--message=|--no-delimiter|--nonblock|--open-timeout=|--quiet\
|--require-owner=|--stats|--stats=|--timeout=|--verbose|--version\
|--zero-terminated|-A|-D|-T|-d|-k|-m|-n|-q|-t|-v|-w|-z"
}

@test "bash completes FIFOs, as many as are wanted" {
	in_bash "ipctool fifo-read @" "fifo-write -n @" "fifo-read m^" \
	    "fifo-write -m file @" "fifo-read --bytes 3 @" "fifo-read -- @" \
	    "fifo-read queue @" "fifo-create one @"
	is "ipctool|fifo-read|dir|my queue|queue
fifo-write|-n|dir|my queue|queue
fifo-read|my queue
fifo-write|-m|file|dir|my queue|queue
fifo-read|--bytes|3|dir|my queue|queue
fifo-read|--|dir|my queue|queue
fifo-read|queue|dir|my queue|queue
fifo-create|one|dir|my queue|queue"
}

@test "bash completes the arguments of options" {
	in_bash "pipe-relay -i @" "ipctool pipe-relay -ao f^" \
	    "pipe-relay --input=f^" "pipe-relay --pipe-size=@" \
	    "pipe-relay --pipe-size m^" "duplex --stats=^" "fifo-read -w @" \
	    "fifo-write -m @" "fifo-read --timeout=@" \
	    "pipe-relay -L 1m mkfif^" "pipe-relay cat :: mkfifo --mod^" \
	    "pipe-relay --dump=f^" "pipe-relay --tap f^" \
	    "pipe-relay --output-error=exit-^"
	is "pipe-relay|-i|dir|file|my queue|queue
ipctool|pipe-relay|-ao|file
pipe-relay|--input=file
pipe-relay|--pipe-size=keep|max
pipe-relay|--pipe-size|max
duplex|--stats=json
fifo-read|-w
fifo-write|-m
fifo-read|--timeout=
pipe-relay|-L|1m|mkfifo
pipe-relay|cat|::|mkfifo|--mode=
pipe-relay|--dump=file
pipe-relay|--tap|file
pipe-relay|--output-error=exit-nopipe"
}

@test "bash completes both sides of duplex as commands of their own" {
	in_bash "duplex mkfif^" "ipctool duplex -q --timeout=3 -w 1 mkfif^" \
	    "duplex mkfifo --mod^ x :: mkfif^" "duplex - :: mkfifo --mod^" \
	    "duplex --nonb^ -- mkfifo --mod^" "duplex fifo-read --fol^"
	is "duplex|mkfifo
ipctool|duplex|-q|--timeout=3|-w|1|mkfifo
duplex|mkfifo|--mode=|x|::|mkfifo
duplex|-|::|mkfifo|--mode=
duplex|--nonblock|--|mkfifo|--mode=
duplex|fifo-read|--follow"
}

@test "bash completes what fifo-create has and runs" {
	in_bash "fifo-create --hold=@" "fifo-create --pipe-size=^" \
	    "fifo-create -o roo^" "fifo-create --te^" \
	    "ipctool fifo-create -u q :: mkfif^" \
	    "fifo-create q :: mkfifo --mod^"
	is "fifo-create|--hold=r|rw|w
fifo-create|--pipe-size=max
fifo-create|-o|root
fifo-create|--temp
ipctool|fifo-create|-u|q|::|mkfifo
fifo-create|q|::|mkfifo|--mode="
}

@test "zsh completes the commands" {
	in_zsh "ipctool @" "ipctool fifo-r^" "ipctool --l^" "ipctool help @"
	is "ipctool|duplex|fifo-create|fifo-read|fifo-stat|fifo-write|help\
|pipe-relay
ipctool|fifo-read
ipctool|--list
ipctool|help|duplex|fifo-create|fifo-read|fifo-stat|fifo-write|pipe-relay"
}

@test "zsh completes the options of a command and of its link" {
	in_zsh "ipctool fifo-read --@" "fifo-read --@" "fifo-read --fol^" \
	    "fifo-write -n --@"
	local options="--bytes|--create|--delimiter|--follow|--help\
|--idle-timeout|--lines|--lock|--nonblock|--open-timeout|--quiet\
|--require-owner|--stats|--timeout|--verbose|--version|--zero-terminated"

	is "ipctool|fifo-read|$options
fifo-read|$options
fifo-read|--follow
fifo-write|-n|--atomic|--delimiter|--drop|--help|--idle-timeout|--lock\
|--message|--no-delimiter|--quiet|--require-owner|--stats|--timeout|--verbose\
|--version|--zero-terminated"
}

@test "zsh completes FIFOs" {
	in_zsh "ipctool fifo-read @" "fifo-write -n @" "fifo-read m^" \
	    "fifo-write -m file @" "fifo-read --bytes 3 @" "fifo-read -- @" \
	    "fifo-create one @"
	is "ipctool|fifo-read|dir|my queue|queue
fifo-write|-n|dir|my queue|queue
fifo-read|my queue
fifo-write|-m|file|dir|my queue|queue
fifo-read|--bytes|3|dir|my queue|queue
fifo-read|--|dir|my queue|queue
fifo-create|one|dir|my queue|queue"
}

@test "zsh completes the arguments of options" {
	in_zsh "pipe-relay -i @" "ipctool pipe-relay -ao f^" \
	    "pipe-relay --input=f^" "pipe-relay --pipe-size=@" \
	    "pipe-relay --pipe-size m^" "fifo-read --stats=^" "fifo-read -w @" \
	    "fifo-write -m @"
	is "pipe-relay|-i|dir|file|my queue|queue
ipctool|pipe-relay|-ao|file
pipe-relay|--input=file
pipe-relay|--pipe-size=keep|--pipe-size=max
pipe-relay|--pipe-size|max
fifo-read|--stats=json
fifo-read|-w
fifo-write|-m"
}

@test "zsh completes both sides of duplex as commands of their own" {
	in_zsh "duplex mkfif^" "ipctool duplex -q --timeout=3 -w 1 mkfif^" \
	    "duplex mkfifo --mod^ x :: mkfif^" "duplex - :: mkfifo --mod^" \
	    "duplex --nonb^ -- mkfifo --mod^" "duplex fifo-read --fol^"
	is "duplex|mkfifo
ipctool|duplex|-q|--timeout=3|-w|1|mkfifo
duplex|mkfifo|--mode|x|::|mkfifo
duplex|-|::|mkfifo|--mode
duplex|--nonblock|--|mkfifo|--mode
duplex|fifo-read|--follow"
}

@test "zsh completes what fifo-create has and runs" {
	in_zsh "fifo-create --hold=@" "fifo-create --pipe-size=^" \
	    "fifo-create -o roo^" "fifo-create --te^" \
	    "ipctool fifo-create -u q :: mkfif^"
	is "fifo-create|--hold=r|--hold=rw|--hold=w
fifo-create|--pipe-size=max
fifo-create|-o|root
fifo-create|--temp
ipctool|fifo-create|-u|q|::|mkfifo"
}

@test "fish completes the commands" {
	in_fish "ipctool "
	is $'duplex\nfifo-create\nfifo-read\nfifo-stat\nfifo-write\nhelp\npipe-relay'
	in_fish "ipctool help "
	is $'duplex\nfifo-create\nfifo-read\nfifo-stat\nfifo-write\npipe-relay'
	in_fish "ipctool -"
	is $'--help\n--list\n--version'
}

@test "fish completes the options of a command and of its link" {
	local options=$'--bytes\n--create\n--delimiter\n--follow\n--help
--idle-timeout\n--lines\n--lock\n--nonblock\n--open-timeout\n--quiet
--require-owner\n--stats\n--stats=\n--timeout\n--verbose\n--version
--zero-terminated'

	in_fish "ipctool fifo-read --"
	is "$options"
	in_fish "fifo-read --"
	is "$options"
	in_fish "fifo-read --fol"
	is "--follow"
}

@test "fish completes FIFOs, as many as are wanted" {
	local fifos=$'dir/\nmy queue\nqueue' line

	for line in "ipctool fifo-read " "fifo-write -n " \
	    "fifo-write -m file " "fifo-read --bytes 3 " "fifo-read -- " \
	    "fifo-read queue " \
	    "fifo-create one "; do
		in_fish "$line"
		is "$fifos"
	done
}

@test "fish completes the arguments of options" {
	in_fish "pipe-relay -i "
	is $'dir/\nfile\nmy queue\nqueue'
	in_fish "ipctool pipe-relay --input=f"
	is "--input=file"
	in_fish "pipe-relay --pipe-size="
	is $'--pipe-size=keep\n--pipe-size=max'
	in_fish "pipe-relay --pipe-size "
	is $'keep\nmax'
	in_fish "fifo-read --stats="
	is "--stats=json"
	in_fish "fifo-read -w "
	is ""
	in_fish "fifo-write -m "
	is ""
}

@test "fish completes both sides of duplex as commands of their own" {
	in_fish "duplex mkfif"
	matches "mkfifo"
	in_fish "ipctool duplex -q --timeout=3 -w 1 mkfif"
	matches "mkfifo"
	in_fish "duplex cat :: mkfif"
	matches "mkfifo"
	in_fish "duplex - :: fifo-read --fol"
	is "--follow"
	in_fish "duplex --nonblock -- fifo-read --fol"
	is "--follow"
	in_fish "duplex --nonb"
	is "--nonblock"
}

@test "fish completes what fifo-create has and runs" {
	in_fish "fifo-create --hold="
	is "--hold=r
--hold=rw
--hold=w"
	in_fish "ipctool fifo-create --te"
	is "--temp"
	in_fish "ipctool fifo-create -o roo"
	matches "^root"
	in_fish "ipctool fifo-create -u q :: mkfif"
	is "mkfifo"
	in_fish "fifo-create q :: fifo-read --fol"
	is "--follow"
}
