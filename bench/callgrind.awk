# callgrind.awk - what a file of valgrind's callgrind says about the program
# (-v program=PATH), the dynamic loader and all: a line of CSV,
# NAME,OWN,LOADER,TOTAL.
#
# https://valgrind.org/docs/manual/cl-format.html: `ob=(1) PATH` says in whose
# code the lines that follow are, later only `ob=(1)`; a line of numbers is a
# position and a cost; the one after `calls=` has the cost of what was called,
# which is counted there.

/^ob=/ {
	id = substr($0, 4)
	sub(/\).*/, ")", id)
	if (match($0, /\) /))
		path[id] = substr($0, RSTART + 2)
	mine = path[id] == program
	loading = path[id] ~ /\/ld[-.0-9a-z_]*\.so[.0-9]*$/
	next
}

/^calls=/ {
	skip = 1
	next
}

/^cob=/ {
	id = substr($0, 5)
	sub(/\).*/, ")", id)
	if (match($0, /\) /))
		path[id] = substr($0, RSTART + 2)
	next
}

/^[-+*0-9]/ {
	if (!skip) {
		total += $2
		own += mine ? $2 : 0
		loader += loading ? $2 : 0
	}
	skip = 0
}

END {
	printf "\"%s\",%d,%d,%d\n", name, own, loader, total
}
