/*
 * endpoint - one open end of a flow: what it is, and how it is finished.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "compat.h"
#include "endpoint.h"
#include "parse.h"
#include "trace.h"

#define OWN_FD_UNTRIED	(-2)	/* values of own_fd below a descriptor */
#define OWN_FD_NONE	(-1)

static enum endpoint_kind
classify(int fd, const struct stat *st)
{
	if (S_ISFIFO(st->st_mode))
		return ENDPOINT_PIPE;
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
		return ENDPOINT_FILE;
	if (S_ISSOCK(st->st_mode))
		return ENDPOINT_SOCKET;
	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3))
		return ENDPOINT_NULL;
	/* Opened again, /dev/ptmx would be another terminal. */
	if (S_ISCHR(st->st_mode) && st->st_rdev != makedev(5, 2) && isatty(fd))
		return ENDPOINT_TTY;
	return ENDPOINT_DEVICE;
}

void
endpoint_init_none(struct endpoint *ep, const char *name)
{
	memset(ep, 0, sizeof(*ep));
	ep->fd = -1;
	ep->own_fd = OWN_FD_NONE;
	ep->kind = ENDPOINT_NONE;
	ep->name = name;
}

int
endpoint_init(struct endpoint *ep, int fd, int access, const char *name)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL), mode;

	if (flags == -1)
		return -1;
	mode = flags & O_ACCMODE;
	/* 3 is Linux's "neither": ioctl only. */
	if ((mode != access && mode != O_RDWR) || (flags & O_PATH) != 0) {
		errno = EBADF;
		return -1;
	}
	if (fstat(fd, &st) == -1)
		return -1;
	endpoint_init_none(ep, name);
	ep->fd = fd;
	ep->own_fd = OWN_FD_UNTRIED;
	ep->kind = classify(fd, &st);
	ep->append = (flags & O_APPEND) != 0;
	ep->pseudo = S_ISREG(st.st_mode) && st.st_size == 0;
	ep->standard = fd == STDIN_FILENO || fd == STDOUT_FILENO;
	ep->dev = st.st_dev;
	ep->ino = st.st_ino;
	return 0;
}

int
endpoint_fd_in_path(const char *path)
{
	static const char *const prefixes[] = { "/dev/fd/", "/proc/self/fd/" };
	static const char *const names[] = {
		"/dev/stdin", "/dev/stdout", "/dev/stderr"
	};
	const char *digits;
	const char *error;
	size_t length;
	int fd;

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
		if (strcmp(path, names[i]) == 0)
			return i;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		length = strlen(prefixes[i]);
		digits = path + length;
		if (strncmp(path, prefixes[i], length) != 0 ||
		    !isdigit((unsigned char)*digits))
			continue;
		fd = (int)strtonum(digits, 0, INT_MAX, &error);
		if (error == NULL)
			return fd;
	}
	return -1;
}

void
endpoint_proc_path(char path[ENDPOINT_PROC_PATH], int fd)
{
	snprintf(path, ENDPOINT_PROC_PATH, "/proc/self/fd/%d", fd);
}

int
endpoint_open_again(int fd, int flags)
{
	char path[ENDPOINT_PROC_PATH];

	endpoint_proc_path(path, fd);
	return open(path, flags | O_NOCTTY | O_CLOEXEC);
}

int
endpoint_ready(const struct endpoint *ep, int events, int timeout_ms)
{
	struct pollfd pfd = { .fd = ep->fd, .events = (short)events };

	switch (poll(&pfd, 1, timeout_ms)) {
	case 1:
		return pfd.revents;
	case -1:	/* not known: let the call that follows say it */
		return errno == EINTR ? 0 : events;
	default:
		return 0;
	}
}

bool
endpoint_privatize(struct endpoint *ep)
{
	int flags;

	if (ep->nonblock)
		ep->own_fd = ep->fd;
	if (ep->own_fd != OWN_FD_UNTRIED)
		return ep->own_fd >= 0;
	ep->own_fd = OWN_FD_NONE;
	if (ep->kind != ENDPOINT_PIPE && ep->kind != ENDPOINT_TTY)
		return false;
	flags = fcntl(ep->fd, F_GETFL) & O_ACCMODE;
	/* A pipe that is open both ways has its own idea of peers. */
	if (flags == O_RDWR && ep->kind == ENDPOINT_PIPE)
		return false;
	ep->own_fd = endpoint_open_again(ep->fd, flags | O_NONBLOCK);
	trace_debug(TRACE_FLOW, "%s: private open: %s", trace_safe(ep->name),
	    ep->own_fd >= 0 ? "yes" : strerror(errno));
	return ep->own_fd >= 0;
}

bool
endpoint_feeds(const struct endpoint *source, const struct endpoint *sink)
{
	struct stat st;

	if (source->fd == -1 || sink->fd == -1 ||
	    source->kind != sink->kind || source->dev != sink->dev ||
	    source->ino != sink->ino)
		return false;
	if (source->kind == ENDPOINT_PIPE)
		return true;
	return source->kind == ENDPOINT_FILE && fstat(source->fd, &st) == 0 &&
	    lseek(source->fd, 0, SEEK_CUR) < st.st_size;
}

int
endpoint_capacity(const struct endpoint *ep)
{
	return fcntl(ep->fd, F_GETPIPE_SZ);
}

int
endpoint_raise_capacity(struct endpoint *ep, size_t size)
{
	int now = endpoint_capacity(ep);

	if (now == -1)
		return -1;
	if ((size_t)now >= size)
		return 0;
	if (size > INT_MAX) {
		errno = EPERM;
		return -1;
	}
	if (fcntl(ep->fd, F_SETPIPE_SZ, (int)size) == -1) {
		trace_debug(TRACE_FLOW, "%s: capacity stays %d: %s",
		    trace_safe(ep->name), now, strerror(errno));
		return -1;
	}
	trace_debug(TRACE_FLOW, "%s: capacity %d -> %zu", trace_safe(ep->name),
	    now, size);
	return 0;
}

/* What the system allows at the most, proc(5); 1 MiB if it does not say. */
static size_t
capacity_limit(void)
{
	FILE *file = fopen("/proc/sys/fs/pipe-max-size", "re");
	char line[32] = "";
	uint64_t size;

	if (file != NULL) {
		if (fgets(line, sizeof(line), file) != NULL)
			line[strcspn(line, "\n")] = '\0';
		fclose(file);
	}
	if (parse_size(line, &size) == -1 || size > INT_MAX)
		return (size_t)1 << 20;
	return (size_t)size;
}

int
endpoint_set_capacity(struct endpoint *ep, size_t size)
{
	if (ep->kind != ENDPOINT_PIPE)
		return 0;
	if (size != ENDPOINT_CAPACITY_MAX)
		return fcntl(ep->fd, F_SETPIPE_SZ, (int)size) == -1 ? -1 : 0;
	/* As much as is granted, with what is left in the user's purse. */
	for (size = capacity_limit(); size > PIPE_BUF; size >>= 1)
		if (endpoint_raise_capacity(ep, size) == 0)
			break;
	return 0;
}

int
endpoint_finish(struct endpoint *ep)
{
	int fd = ep->fd;

	if (ep->own_fd >= 0 && ep->own_fd != fd)
		close(ep->own_fd);
	ep->own_fd = OWN_FD_NONE;
	ep->fd = -1;
	if (fd == -1 || ep->shared)
		return 0;
	/* On Linux the descriptor is closed even when EINTR is reported. */
	if (close(fd) == -1 && errno != EINTR)
		return -1;
	return 0;
}
