# Take the examples out of a manual page in mdoc(7).
#
#	awk -v dir=DIR -f examples.awk PAGE
#
# writes DIR/1.sh, the commands of the first example under EXAMPLES, and
# DIR/1.out, what the page says that they print; then 2, and so on.  An example
# is a literal display:
#
#	.Bd -literal -offset indent
#	$ command
#	> its next line
#	what is printed
#	.Ed
#
# Whatever would make an example slip through unseen is an error: a page
# without examples, another kind of display, a macro or an unknown escape
# sequence inside, output before the first command.

function fail(why)
{
	printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
	failed = 1
	exit 1
}

# The characters that roff writes differently.
function plain(line,	out, at, name)
{
	out = ""
	while ((at = index(line, "\\")) > 0) {
		out = out substr(line, 1, at - 1)
		line = substr(line, at + 1)
		name = substr(line, 1, 1)
		if (name == "(")
			name = substr(line, 1, 3)
		if (!(name in escapes))
			fail("unknown escape sequence \\" name)
		out = out escapes[name]
		line = substr(line, length(name) + 1)
	}
	return out line
}

BEGIN {
	escapes["e"] = "\\"
	escapes["-"] = "-"
	escapes["&"] = ""
	escapes["(aq"] = "'"
	escapes["(ga"] = "`"
	escapes["(ha"] = "^"
	escapes["(ti"] = "~"
	blocks = 0
}

/^\.Sh / {
	if (inside)
		fail("display is not closed")
	examples = ($0 == ".Sh EXAMPLES")
	next
}

!examples {
	next
}

/^\.Bd -literal/ {
	if (inside)
		fail("display inside a display")
	inside = 1
	previous = ""
	blocks++
	printf "" > (dir "/" blocks ".sh")
	printf "" > (dir "/" blocks ".out")
	next
}

/^\.(Bd|D1|Dl)/ {
	fail("not a literal display: it would not be tested")
}

/^\.Ed/ {
	if (!inside)
		fail("no display to close")
	if (previous == "")
		fail("no command in the example")
	inside = 0
	close(dir "/" blocks ".sh")
	close(dir "/" blocks ".out")
	next
}

!inside {
	next
}

/^['.]/ {
	fail("macro inside an example")
}

/^\$ / {
	print plain(substr($0, 3)) > (dir "/" blocks ".sh")
	previous = "command"
	next
}

/^> / && previous == "command" {
	print plain(substr($0, 3)) > (dir "/" blocks ".sh")
	next
}

{
	if (previous == "")
		fail("output before the first command")
	print plain($0) > (dir "/" blocks ".out")
	previous = "output"
}

END {
	if (failed)
		exit 1
	if (inside)
		fail("display is not closed")
	if (blocks == 0)
		fail("no examples")
	print blocks
}
