# machine.awk - machine.csv of bench/run as a list for a page; after csv.awk.

FNR > 1 && split_line($0, f) == 2 {
	printf "* %s: %s\n", f[1], f[2]
}
