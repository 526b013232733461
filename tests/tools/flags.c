/*
 * flags - the flags of standard input, output and error, which are shared with
 * everybody who has the same open file description.
 *
 *	flags [FILE]
 *
 * Prints, to FILE (made anew) or to standard output, three lines like
 *
 *	0 O_RDONLY
 *	1 O_WRONLY|O_NONBLOCK|O_APPEND
 *	2 closed
 */
#define _GNU_SOURCE

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct {
	int		 flag;
	const char	*name;
} names[] = {
	{ O_NONBLOCK, "|O_NONBLOCK" },
	{ O_APPEND, "|O_APPEND" },
	{ O_DIRECT, "|O_DIRECT" },
	{ O_ASYNC, "|O_ASYNC" },
	{ O_NOATIME, "|O_NOATIME" },
	{ O_DSYNC, "|O_DSYNC" },
	{ O_PATH, "|O_PATH" },
};

static void
print_flags(FILE *out, int fd, int flags)
{
	static const char *const access[] = {
		[O_RDONLY] = "O_RDONLY",
		[O_WRONLY] = "O_WRONLY",
		[O_RDWR] = "O_RDWR",
		[O_ACCMODE] = "O_ACCMODE",
	};
	size_t i;

	if (flags == -1) {
		fprintf(out, "%d closed\n", fd);
		return;
	}
	fprintf(out, "%d %s", fd, access[flags & O_ACCMODE]);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((flags & names[i].flag) != 0)
			fputs(names[i].name, out);
	}
	fputc('\n', out);
}

int
main(int argc, char **argv)
{
	FILE *out = stdout;
	int fd, flags[3];

	/* Before FILE takes the place of one that is closed. */
	for (fd = 0; fd < 3; fd++)
		flags[fd] = fcntl(fd, F_GETFL);
	if (argc > 1)
		out = fopen(argv[1], "we");
	if (out == NULL)
		err(1, "%s", argv[1]);
	for (fd = 0; fd < 3; fd++)
		print_flags(out, fd, flags[fd]);
	if (fclose(out) == EOF)
		err(1, "%s", argc > 1 ? argv[1] : "standard output");
	return 0;
}
