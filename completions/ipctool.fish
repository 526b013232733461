# fish completion for ipctool and the links to it.  fish finds this file by the
# name of the command.

# The words before the cursor that follow the name of the command, be it
# `ipctool fifo-read` or the link `fifo-read`; fails if this is not COMMAND.
function __ipctool_words --argument-names command
    set -l words (commandline -opc)
    set -l name (string replace -r '.*/' '' -- $words[1])
    set -e words[1]
    if test "$name" = ipctool
        set name "$words[1]"
        set -e words[1]
    end
    test "$name" = $command
    or return 1
    string join -- \n $words
    return 0
end

# There is no command yet.
function __ipctool_bare
    set -l words (commandline -opc)
    test (count $words) -eq 1
    and string match -qr '(^|/)ipctool$' -- $words[1]
end

# The word after `ipctool help`.
function __ipctool_help
    set -l words (commandline -opc)
    test (count $words) -eq 2
    and string match -qr '(^|/)ipctool$' -- $words[1]
    and test "$words[2]" = help
end

# The side of duplex that is being typed, up to the cursor; fails while the
# options last.
function __ipctool_side
    set -l words (__ipctool_words duplex)
    or return 1
    set -l side
    set -l in_side no
    set -l skip no
    for word in $words
        if test $in_side = yes
            if test "$word" = ::
                set side
            else
                set -a side $word
            end
        else if test $skip = yes
            set skip no
        else if test "$word" = --
            set in_side yes
        else if string match -qr -- '^(-[nqvkzx]*[wTtcldm]|--((open-|idle-)?timeout|separator|listen|mode|ready-fd|connect|from|to|lines|delimiter|bytes|memory|deadlock|half-close|fds|status))$' $word
            set skip yes
        else if not string match -qr -- '^-.' $word
            set in_side yes
            set side $word
        end
    end
    test $skip = no
    or return 1
    if test $in_side = no
        and string match -q -- '-*' (commandline -ct)
        return 1
    end
    string join -- \n $side
    return 0
end

function __ipctool_in_side
    __ipctool_side >/dev/null
end

# COMMAND of fifo-create or pipe-relay as it is being typed; fails while there
# is no ::.
function __ipctool_after_separator
    set -l words (__ipctool_words fifo-create; or __ipctool_words pipe-relay)
    or return 1
    set -l at (contains --index -- :: $words)
    or return 1
    set -e words[1..$at]
    string join -- \n $words
    return 0
end

function __ipctool_in_command
    __ipctool_after_separator >/dev/null
end

# An option of COMMAND can stand here.
function __ipctool_in --argument-names command
    set -l words (__ipctool_words $command)
    or return 1
    contains -- -- $words
    and return 1
    if contains $command fifo-create pipe-relay
        not __ipctool_after_separator >/dev/null
        return
    end
    if test $command = duplex
        not __ipctool_in_side
    end
end

# The arguments of a side are completed as those of its command.
function __ipctool_complete_side
    set -l side (__ipctool_side; or __ipctool_after_separator)
    complete -C (string join ' ' -- (string escape -- $side) (commandline -ct))
end

# An operand of COMMAND, which takes at most MOST, can stand here; LETTERS are
# the short options that take arguments, LONG is a regular expression of the
# long ones.
function __ipctool_operand --argument-names command most letters long
    set -l words (__ipctool_words $command)
    or return 1
    test $command = fifo-create
    and __ipctool_in_command
    and return 1
    set -l skip no
    set -l ended no
    set -l operands 0
    for word in $words
        if test $skip = yes
            set skip no
        else if test $ended = yes
            set operands (math $operands + 1)
        else if test "$word" = --
            set ended yes
        else if string match -qr -- "^(-[^-$letters]*[$letters]|--($long))\$" $word
            set skip yes
        else if not string match -qr -- '^-.' $word
            set operands (math $operands + 1)
        end
    end
    test $operands -lt $most
end

# The columns of fifo-stat, behind those that are there already.
function __ipctool_columns
    set -l before (string match -r '.*,|\\+' -- (commandline -ct))
    printf "$before%s\n" NAME PID COMMAND FD END DOING WAIT STATE UNREAD \
        CAPACITY RATE MODE OWNER GROUP TYPE READERS WRITERS OPENING HIDDEN \
        UNLINKED DEVICE INODE TID PPID USER NONBLOCK CALL VERDICT
end

# FIFOs, and the directories on the way to them.
function __ipctool_fifos
    for line in (__fish_complete_path (commandline -ct))
        set -l name (string split -f 1 \t -- $line)
        set -l path (string replace -r '^~/' "$HOME/" -- $name)
        if test -p $path -o -d $path
            printf '%s\n' $line
        end
    end
end

# What ipctool does without a command
complete -c ipctool -f
complete -c ipctool -n __ipctool_bare -l list -d 'Print the names of the commands'
complete -c ipctool -n __ipctool_bare -l help -d 'Print a short help'
complete -c ipctool -n __ipctool_bare -l version -d 'Print the version'
complete -c ipctool -n __ipctool_bare -a help -d 'Show the manual page of a command'
for condition in __ipctool_bare __ipctool_help
    complete -c ipctool -n $condition -a pipe-relay -d 'Copy input to output'
    complete -c ipctool -n $condition -a fifo-create -d 'Create FIFOs'
    complete -c ipctool -n $condition -a fifo-read -d 'Copy what arrives in FIFOs'
    complete -c ipctool -n $condition -a fifo-write -d 'Copy input or messages into FIFOs'
    complete -c ipctool -n $condition -a duplex -d 'Connect two commands in both directions'
    complete -c ipctool -n $condition -a fifo-stat -d 'Show what is going on in pipes'
end

# What every command has
for command in pipe-relay fifo-create fifo-read fifo-write duplex
    set -l here -c ipctool -c $command -n "__ipctool_in $command"
    complete -c $command -f
    complete $here -s n -l nonblock -d 'Never wait for a FIFO'
    complete $here -s w -l open-timeout -x -d 'Limit the wait for a peer'
    complete $here -s T -l idle-timeout -x -d 'Limit the time in which nothing moves'
    complete $here -s t -l timeout -x -d 'Limit the whole run'
    complete $here -l stats -f -a json -d 'Print counters at the end'
    complete $here -s q -l quiet -d 'No diagnostics but errors'
    complete $here -s v -l verbose -d 'Say more'
    complete $here -l help -d 'Print a short help'
    complete $here -l version -d 'Print the version'
end

set -l here -c ipctool -c pipe-relay -n '__ipctool_in pipe-relay'
complete $here -s i -l input -r -F -d 'Read this, not standard input'
complete $here -s o -l output -r -F -d 'Write to this, not standard output'
complete $here -s a -l append -d 'Append to the outputs'
complete $here -s p -d 'Go on when an output breaks'
complete $here -l output-error -f -a 'warn warn-nopipe exit exit-nopipe' -d 'What a broken output does'
complete $here -l tap -r -F -d 'A copy that never holds the others up'
complete $here -l tap-memory -x -d 'A buffer before each tap'
complete $here -s d -l delimiter -x -d 'Taps get whole records that end so'
complete $here -s z -l zero-terminated -d 'Taps get whole records, with NUL'
complete $here -s x -d 'Show the traffic'
complete $here -l dump -f -a '(__fish_complete_path (commandline -ct))' -d 'Show the traffic'
complete $here -s L -l rate-limit -x -d 'At most so many bytes a second'
complete $here -s m -l memory -x -d 'A buffer between reading and writing'
complete $here -s c -l bytes -x -d 'Stop after so many bytes'
complete $here -s P -l progress -d 'A meter on the terminal'
complete $here -s s -l size -x -d 'Of all, for the meter'
complete $here -l no-splice -d 'Copy through memory'
complete $here -l pipe-size -x -a 'max keep' -d 'Capacity of the pipes at both ends'
complete $here -l separator -x -d 'What stands between commands'

set -l here -c ipctool -c fifo-create -n '__ipctool_in fifo-create'
complete $here -s m -l mode -x -d 'Permissions'
complete $here -s o -l owner -x -a '(__fish_complete_users)' -d 'Give it to a user'
complete $here -s g -l group -x -a '(__fish_complete_groups)' -d 'Give it to a group'
complete $here -s p -l parents -d 'Create missing directories'
complete $here -s e -l exist-ok -d 'Accept a FIFO that exists'
complete $here -s f -l force -d 'Replace a FIFO that exists'
complete $here -l temp -d 'Make one in a new private directory'
complete $here -s u -l unlink -d 'Remove at the end what was made'
complete $here -l hold -f -a 'r w rw' -d 'Keep an end open'
complete $here -l pipe-size -x -a max -d 'Capacity, with --hold'
complete $here -l ready-fd -x -d 'A newline there when it stands'
complete -c ipctool -c fifo-create -k \
    -n "__ipctool_operand fifo-create 1000000 wTtmog 'open-timeout|idle-timeout|timeout|mode|owner|group|pipe-size|ready-fd'" \
    -a '(__ipctool_fifos)'

complete -c ipctool -c fifo-create -c pipe-relay -n __ipctool_in_command -k -a '(__ipctool_complete_side)'

set -l here -c ipctool -c fifo-read -n '__ipctool_in fifo-read'
complete $here -s f -l follow -d 'Go on across writers'
complete $here -s F -d 'The same, also when it is made anew'
complete $here -s c -l bytes -x -d 'Stop after so many bytes'
complete $here -s l -l lines -x -d 'Stop after so many records'
complete $here -s d -l delimiter -x -d 'What ends a record'
complete $here -s z -l zero-terminated -d 'Records end in NUL'
complete $here -l lock -d 'Be the only reader that locks'
complete $here -l require-owner -x -a '(__fish_complete_users)' -d 'Whose it must be'
complete $here -s C -l create -d 'Make it, remove it at the end'
complete -c ipctool -c fifo-read -k \
    -n "__ipctool_operand fifo-read 1000000 wTtcld 'open-timeout|idle-timeout|timeout|bytes|lines|delimiter|require-owner'" \
    -a '(__ipctool_fifos)'

set -l here -c ipctool -c fifo-write -n '__ipctool_in fifo-write'
complete $here -s m -l message -x -d 'Write this, not standard input'
complete $here -l no-delimiter -d 'Add none to messages'
complete $here -s d -l delimiter -x -d 'What ends a record'
complete $here -s z -l zero-terminated -d 'Records end in NUL'
complete $here -l drop -d 'Drop what cannot go now'
complete $here -s A -l atomic -d 'Each record at once, or fail'
complete $here -l lock -d 'Lock out other writers that lock'
complete $here -s k -l keep -d 'Outlive readers'
complete $here -s D -l drain -d 'Succeed only when all was read'
complete $here -l require-owner -x -a '(__fish_complete_users)' -d 'Whose it must be'
complete -c ipctool -c fifo-write -k \
    -n "__ipctool_operand fifo-write 1000000 wTtmd 'open-timeout|idle-timeout|timeout|message|delimiter|require-owner'" \
    -a '(__ipctool_fifos)'

set -l here -c ipctool -c duplex -n '__ipctool_in duplex'
complete $here -l listen -r -F -d 'Serve behind two FIFOs'
complete $here -s k -l keep -d 'One client after another'
complete $here -l persist -d 'The same, with one command for all'
complete $here -l mode -x -d 'Permissions of the FIFOs'
complete $here -l ready-fd -x -d 'A newline there when they stand'
complete $here -l connect -r -F -d 'Be a client of a server'
complete $here -s l -l lines -x -d 'End after so many lines of an answer'
complete $here -s d -l delimiter -x -d 'What ends a line'
complete $here -s z -l zero-terminated -d 'Lines end in NUL'
complete $here -l from -x -a '(__ipctool_fifos)' -d 'Read from this FIFO'
complete $here -l to -x -a '(__ipctool_fifos)' -d 'Write to this FIFO'
complete $here -s c -l bytes -x -d 'End after so much of an answer'
complete $here -s m -l memory -x -d 'A buffer in each direction'
complete $here -l deadlock -x -d 'End when both directions are stuck'
complete $here -s x -d 'Show the traffic'
complete $here -l dump -f -a '(__fish_complete_path (commandline -ct))' -d 'Show the traffic'
complete $here -l half-close -x -d 'Limit the silence after one direction ended'
complete $here -l fds -x -d 'Numbers that the sides use'
complete $here -l status -x -a 'first last' -d 'Whose status it is'
complete $here -l separator -x -d 'What stands between the sides'
complete -c ipctool -c duplex -n __ipctool_in_side -k -a '(__ipctool_complete_side)'

complete -c fifo-stat -f
set -l here -c ipctool -c fifo-stat -n '__ipctool_in fifo-stat'
complete $here -s a -l all -d 'Every pipe in sight'
complete $here -s o -l output -x -a '(__ipctool_columns)' -d 'Show these columns'
complete $here -s J -l json -d 'As JSON'
complete $here -s r -l raw -d 'One blank between columns'
complete $here -s n -l noheadings -d 'No headings'
complete $here -l watch -f -a '1 2 5' -d 'Look again and again'
complete $here -l why -d 'Who waits for whom'
complete $here -l graph -f -a dot -d 'A picture'
complete $here -l peek -f -a '1k 64k' -d 'Bytes that wait'
complete $here -l wait-for -x -a 'reader writer data empty gone' -d 'Wait until'
complete $here -s w -l open-timeout -x -d 'Limit that wait'
complete $here -l help -d 'Print a short help'
complete $here -l version -d 'Print the version'
complete -c ipctool -c fifo-stat -k \
    -n "__ipctool_operand fifo-stat 1000000 ow 'output|wait-for|open-timeout'" \
    -a '(__ipctool_fifos)'
