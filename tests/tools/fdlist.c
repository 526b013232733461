/*
 * fdlist - what a program was given when it was started.
 *
 *	fdlist [-l] [FILE]
 *
 * One line for each thing, to FILE (made anew) or to standard output:
 *
 *	fd 0 r          an open descriptor and how it is open: r, w, rw or
 *			path, then nonblock, append, cloexec where so
 *	blocked PIPE    a signal in the mask
 *	ignored PIPE    a signal whose disposition is not the default
 *	deathsig KILL   the signal for when the parent dies
 *
 * With -l what the descriptor is, too: "fd 0 r pipe:[4711]".
 */
#define _GNU_SOURCE

#include <sys/prctl.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "tool.h"

static int
compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The open descriptors in order, without the one that is used to look. */
static size_t
list_fds(int *fds, size_t max)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;
	int fd;

	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		err(1, "/proc/self/fd");
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		fd = tool_fd(entry->d_name);
		if (fd == dirfd(dir))
			continue;
		if (count == max)
			errx(1, "too many descriptors");
		fds[count++] = fd;
	}
	closedir(dir);
	qsort(fds, count, sizeof(*fds), compare);
	return count;
}

static const char *
access_name(int flags)
{
	if ((flags & O_PATH) != 0)
		return "path";
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		return "r";
	case O_WRONLY:
		return "w";
	default:
		return "rw";
	}
}

static void
print_fd(FILE *out, int fd, bool target)
{
	char path[64], name[4096];
	ssize_t n;
	int flags = fcntl(fd, F_GETFL);

	fprintf(out, "fd %d %s%s%s%s", fd, access_name(flags),
	    (flags & O_NONBLOCK) != 0 ? " nonblock" : "",
	    (flags & O_APPEND) != 0 ? " append" : "",
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 ? " cloexec" : "");
	if (target) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, name, sizeof(name));
		if (n != -1)
			fprintf(out, " %.*s", (int)n, name);
	}
	fputc('\n', out);
}

static void
print_signals(FILE *out)
{
	struct sigaction action;
	sigset_t mask;
	int number, death = 0;

	if (sigprocmask(SIG_SETMASK, NULL, &mask) == -1)
		err(1, "sigprocmask");
	for (number = 1; number < NSIG; number++) {
		if (sigismember(&mask, number) == 1)
			fprintf(out, "blocked %s\n", tool_signal_name(number));
	}
	for (number = 1; number < NSIG; number++) {
		/* The C library keeps a few for itself: EINVAL. */
		if (sigaction(number, NULL, &action) == 0 &&
		    action.sa_handler != SIG_DFL)
			fprintf(out, "ignored %s\n", tool_signal_name(number));
	}
	if (prctl(PR_GET_PDEATHSIG, &death) == 0 && death != 0)
		fprintf(out, "deathsig %s\n", tool_signal_name(death));
}

static void
put_text(const char *path, const char *text, size_t length)
{
	FILE *out = path == NULL ? stdout : fopen(path, "we");
	size_t n;

	if (out == NULL)
		err(1, "%s", path);
	n = fwrite(text, 1, length, out);
	if (fclose(out) == EOF || n != length)
		err(1, "%s", path == NULL ? "standard output" : path);
}

int
main(int argc, char **argv)
{
	static int fds[65536];
	char *text = NULL;
	size_t count, i, length = 0;
	bool target = false;
	FILE *out;

	count = list_fds(fds, sizeof(fds) / sizeof(fds[0]));
	argv++;
	if (argc > 1 && strcmp(*argv, "-l") == 0) {
		target = true;
		argv++;
	}
	/* Into memory: FILE must not be among what was found open. */
	out = open_memstream(&text, &length);
	if (out == NULL)
		err(1, NULL);
	for (i = 0; i < count; i++)
		print_fd(out, fds[i], target);
	print_signals(out);
	if (fclose(out) == EOF)
		err(1, NULL);
	put_text(*argv, text, length);
	free(text);
	return 0;
}
