/*
 * hold - have a FIFO open and do nothing with it.
 *
 *	hold [--nonblock] r|w|rw PATH...
 *
 * Opens each PATH in that way, prints "ready", and holds them until its
 * standard input ends.  Without --nonblock it waits in open(2) as everybody
 * does.  Nothing is read or written.  Status 0, or 1 with a message.
 */
#define _GNU_SOURCE

#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

static int
parse_mode(const char *mode)
{
	if (strcmp(mode, "r") == 0)
		return O_RDONLY;
	if (strcmp(mode, "w") == 0)
		return O_WRONLY;
	if (strcmp(mode, "rw") == 0)
		return O_RDWR;
	errx(2, "%s: not r, w or rw", mode);
}

static void
wait_for_end(int fd)
{
	char rest[4096];
	ssize_t n;

	while ((n = read(fd, rest, sizeof(rest))) != 0) {
		if (n == -1)
			err(1, "standard input");
	}
}

int
main(int argc, char **argv)
{
	int flags = O_CLOEXEC;

	argv++;
	argc--;
	if (argc > 0 && strcmp(*argv, "--nonblock") == 0) {
		flags |= O_NONBLOCK;
		argv++;
		argc--;
	}
	if (argc < 2)
		errx(2, "usage: hold [--nonblock] r|w|rw PATH...");
	flags |= parse_mode(*argv++);
	for (; *argv != NULL; argv++) {
		if (open(*argv, flags) == -1)
			err(1, "%s", *argv);
	}
	tool_say("ready");
	wait_for_end(STDIN_FILENO);
	return 0;
}
