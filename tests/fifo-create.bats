#!/usr/bin/env bats

# shellcheck disable=SC2154 # what lib/common and run set

load lib/common

# is_mode WANTED FILE
is_mode() {
	compare_text "mode of $2" "$1" "$(mode "$2")"
}

@test "a FIFO is made with the umask's mode, as by mkfifo" {
	local mask

	for mask in 000 022 027 077 0777; do
		: > out
		: > err
		# Not by run, whose own files have the umask's mode, too.
		umask "$mask"
		ipctool fifo-create "f$mask" >> out 2>> err
		size_is 0 out
		size_is 0 err
		mkfifo "m$mask"
		[[ -p f$mask ]]
		is_mode "$(mode "m$mask")" "f$mask"
	done
}

@test "modes are exactly those of mkfifo -m under every umask" {
	local mask mode n=0

	for mask in 000 022 027 077 0777; do
		umask "$mask"
		for mode in 0 600 0600 00600 640 666 777 007 1 u=rw u=rwx,go= \
		    a=r a=rw +x a+x u+x -w -r go-rwx g-w,o-w o= = a= \
		    u=rw,g=u u=g,g=,o=x u=rwx,g=u-w =rw +r u-rw+x ugo= \
		    u+rw+ +X a+X ug+rwX,o-rwx u+w,u-r; do
			n=$((n + 1))
			mkfifo -m "$mode" "m$n"
			ipctool fifo-create -m "$mode" "f$n"
			if [[ $(mode "f$n") != "$(mode "m$n")" ]]; then
				printf 'umask %s, -m %s: %s instead of %s\n' \
				    "$mask" "$mode" "$(mode "f$n")" \
				    "$(mode "m$n")" >&2
				return 1
			fi
		done
	done
}

@test "-m needs no chmod: the mode is right from the first instant" {
	need strace
	umask 077
	run -0 limited strace -f -e trace=%file,umask,fchmod -o trace \
	    "$IPCTOOL" fifo-create -m 666 f
	is_mode 0666 f
	grep -qE 'mknod.*f", S_IFIFO\|0666' trace
	run -1 grep -E 'chmod' trace
}

@test "special bits and what is no mode are refused" {
	local mode

	for mode in 4600 2600 1600 7777 u+s g+s +t a=rws 01666; do
		run -2 --separate-stderr ipctool fifo-create -m "$mode" f
		stderr_matches "^ipctool fifo-create: invalid mode"
	done
	for mode in "" 8 68 abc u+q u=rw,,g= rw ,u=r 0x1ff -1 " 600" "600 " \
	    77777777777; do
		run -2 --separate-stderr ipctool fifo-create -m "$mode" f
		[[ $stderr == "ipctool fifo-create: invalid mode '$mode'"* ]]
	done
	[[ ! -e f ]]
}

@test "an existing name is an error and stays as it is" {
	: > file
	mkfifo -m 600 fifo
	mkdir dir
	ln -s nowhere link
	local name
	for name in file fifo dir link; do
		run -1 --separate-stderr ipctool fifo-create -m 666 "$name"
		stderr_is "ipctool fifo-create: $name: File exists"
	done
	[[ -f file && -p fifo && -d dir && -L link && ! -e nowhere ]]
	is_mode 0600 fifo
}

@test "-p makes missing parents as mkdir -p does, under every umask" {
	local mask name

	for mask in 000 022 027 077 0777; do
		umask "$mask"
		mkdir -p "m$mask/b/c/last"
		ipctool fifo-create -p "f$mask/b/c/fifo"
		for name in "" /b /b/c; do
			is_mode "$(mode "m$mask$name")" "f$mask$name"
		done
		umask 022
		mkdir plain"$mask"
		umask "$mask"
		mkfifo plain"$mask"/fifo
		is_mode "$(mode "plain$mask/fifo")" "f$mask/b/c/fifo"
		umask 022
	done
}

@test "-p with -m: the mode is the FIFO's, not its parents'" {
	umask 027
	ipctool fifo-create -p -m 606 a/b/fifo
	is_mode 0750 a
	is_mode 0750 a/b
	is_mode 0606 a/b/fifo
}

@test "the umask counts for each of several names" {
	umask 077
	ipctool fifo-create -p -m 666 a/fifo b/fifo
	ipctool fifo-create -p c/fifo d/fifo
	is_mode 0700 a
	is_mode 0700 b
	is_mode 0666 b/fifo
	is_mode 0700 d
	is_mode 0600 d/fifo
}

@test "-p is content with parents that exist, also with odd slashes" {
	mkdir -p a
	ln -s a link
	ipctool fifo-create -p a/x link/y a//b///z ./a/./w "$PWD/a/v"
	[[ -p a/x && -p a/y && -p a/b/z && -p a/w && -p a/v ]]
	: > file
	run -1 --separate-stderr ipctool fifo-create -p file/x
	stderr_is "ipctool fifo-create: file/x: Not a directory"
	ln -s nowhere dangling
	run -1 --separate-stderr ipctool fifo-create -p dangling/x
	stderr_matches "^ipctool fifo-create: dangling/x: "
	[[ ! -e nowhere ]]
}

@test "-p does not accept a FIFO that exists" {
	mkfifo q
	run -1 --separate-stderr ipctool fifo-create -p q
	stderr_is "ipctool fifo-create: q: File exists"
}

@test "-e accepts a FIFO of ours, and makes one where there is none" {
	local inode

	run -0 --separate-stderr ipctool fifo-create -e q
	[[ -p q ]]
	inode=$(stat -c %i q)
	run -0 --separate-stderr ipctool fifo-create -e q
	is ""
	stderr_is ""
	[[ $(stat -c %i q) == "$inode" ]]
}

@test "-e with -m wants that mode, and does not change another one" {
	mkfifo -m 640 q
	ipctool fifo-create -e q
	ipctool fifo-create -e -m 640 q
	ipctool fifo-create -e -m u=rw,g=r,o= q
	run -1 --separate-stderr ipctool fifo-create -e -m 600 q
	stderr_is "ipctool fifo-create: q: exists with mode 0640, not 0600"
	is_mode 0640 q
	chmod 2640 q
	run -1 --separate-stderr ipctool fifo-create -e -m 640 q
}

@test "-e refuses a FIFO of another owner" {
	need_root
	mkfifo -m 666 q
	chown 65534 q
	run -1 --separate-stderr ipctool fifo-create -e q
	stderr_matches "^ipctool fifo-create: q: exists, but belongs to [a-z0-9]+$"
	[[ $(stat -c %u q) == 65534 ]]
	chown 4242424 q
	run -1 --separate-stderr ipctool fifo-create -e q
	stderr_is "ipctool fifo-create: q: exists, but belongs to 4242424"
}

@test "-e refuses what is no FIFO with status 6, and follows no link" {
	: > file
	mkdir dir
	mkfifo q
	ln -s q link
	ln -s nowhere dangling
	local name
	for name in file dir link dangling; do
		run -6 --separate-stderr ipctool fifo-create -e "$name"
		stderr_matches "^ipctool fifo-create: $name: .*not a FIFO$"
	done
	[[ -f file && -d dir && -L link && -L dangling && ! -e nowhere ]]
}

@test "-e in a missing directory or below a file is an error" {
	: > file
	run -1 --separate-stderr ipctool fifo-create -e missing/q
	stderr_is "ipctool fifo-create: missing/q: No such file or directory"
	run -1 --separate-stderr ipctool fifo-create -e file/q
	stderr_is "ipctool fifo-create: file/q: Not a directory"
}

@test "of several names the rest is made, and the run fails" {
	mkfifo b
	run -1 --separate-stderr ipctool fifo-create a b missing/c d
	stderr_is "ipctool fifo-create: b: File exists
ipctool fifo-create: missing/c: No such file or directory"
	[[ -p a && -p b && -p d ]]
}

@test "of several failures an error goes before a name that is no FIFO" {
	: > file
	mkfifo -m 600 q
	run -6 ipctool fifo-create -e a file
	run -1 ipctool fifo-create -e b file missing/x
	run -1 ipctool fifo-create -e -m 644 c q file
	[[ -p a && -p b && -p c ]]
}

@test "-v prints each path created, parents too, and nothing else" {
	mkdir a
	run -0 --separate-stderr ipctool fifo-create -v -p a/b/c/q r
	is "a/b
a/b/c
a/b/c/q
r"
	stderr_is ""
	run -0 --separate-stderr ipctool fifo-create -v -e r s
	is "s"
	run -1 --separate-stderr ipctool fifo-create -v r t
	is "t"
	stderr_is "ipctool fifo-create: r: File exists"
}

@test "-v fails when the paths cannot be written, but the FIFO stands" {
	local status=0

	ipctool fifo-create -v q > /dev/full 2> err || status=$?
	((status == 1))
	[[ $(< err) == "ipctool fifo-create: standard output: No space left on device" ]]
	[[ -p q ]]
}

@test "without -v nothing is printed and standard output is not needed" {
	ipctool fifo-create q > /dev/full
	ipctool fifo-create r >&-
	[[ -p q && -p r ]]
}

@test "a directory that may not be written is said" {
	((EUID != 0)) || skip "root may write everywhere"
	mkdir -m 555 dir
	run -1 --separate-stderr ipctool fifo-create dir/q
	stderr_is "ipctool fifo-create: dir/q: Permission denied"
}

@test "the options that limit waits are accepted, as everywhere" {
	run -0 --separate-stderr ipctool fifo-create -n -t 1 -T 1 a
	run -0 --separate-stderr ipctool fifo-create -w 1 -t 1 -T 1 -q b
	[[ -p a && -p b ]]
}

@test "--stats counts what was created and what existed" {
	mkfifo c
	run -0 --separate-stderr ipctool fifo-create --stats -e a b c
	is ""
	stderr_matches "^ipctool fifo-create: 2 created, 1 existed, "
	need jq
	run -1 --separate-stderr ipctool fifo-create --stats=json -q d b
	is ""
	sed 1d <<< "$stderr" > json
	run -0 jq -r '.stats[0] | "\(.command) \(.created) \(.existed) \(.status)"' json
	is "fifo-create 1 0 1"
}

@test "a name with a newline is one line on standard output" {
	run -0 --separate-stderr ipctool fifo-create -v $'a\nb\e'
	[[ -p $'a\nb\e' ]]
	is 'a\nb\033'
}

@test "a default ACL does not change an explicit mode" {
	need setfacl
	mkdir dir
	setfacl -d -m u::rw,g::r,o::- dir 2>/dev/null ||
	    skip "no ACLs on this file system"
	ipctool fifo-create -m 622 dir/exact
	is_mode 0622 dir/exact
	ipctool fifo-create dir/default
	is_mode 0640 dir/default
}

@test "a name that ends in a slash is no FIFO's, with -p or without" {
	run -1 --separate-stderr ipctool fifo-create a/
	stderr_is "ipctool fifo-create: a/: No such file or directory"
	run -1 --separate-stderr ipctool fifo-create -p a/b/
	stderr_is "ipctool fifo-create: a/b/: No such file or directory"
	[[ ! -e a/b ]]
}
