/*
 * path - ends that the command line names.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fifo.h"
#include "path.h"

/* Permissions of a file that is created, less the umask; as a shell. */
#define FILE_MODE	(S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | \
			 S_IROTH | S_IWOTH)

/* A copy of a descriptor that was named, with close-on-exec. */
static int
take_fd(struct endpoint *ep, int fd, int access, const char *name,
    enum side side, struct outcome *outcome)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy == -1 || endpoint_init(ep, copy, access, name) == -1) {
		outcome_set(outcome, OUTCOME_ERROR, side, errno, name);
		if (copy != -1)
			close(copy);
		return -1;
	}
	return 0;
}

/* Open, without waiting for anything, what is no FIFO. */
static int
open_file(struct endpoint *ep, const char *path, int flags, enum side side,
    struct outcome *outcome)
{
	int fd;

	do {
		fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		    FILE_MODE);
	} while (fd == -1 && errno == EINTR);
	if (fd == -1 || endpoint_init(ep, fd, flags & O_ACCMODE, path) == -1) {
		outcome_set(outcome, OUTCOME_ERROR, side, errno, path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	/* The description is ours alone. */
	ep->nonblock = true;
	ep->path = path;
	/* A FIFO that was put there just now has its own idea of EOF. */
	ep->fifo = ep->kind == ENDPOINT_PIPE;
	return 0;
}

int
path_open_input(struct endpoint *ep, const char *path,
    const struct limits *limits, struct outcome *outcome)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO :
	    endpoint_fd_in_path(path);

	if (fd != -1)
		return take_fd(ep, fd, O_RDONLY, fd == STDIN_FILENO ?
		    "standard input" : path, SIDE_SOURCE, outcome);
	if (fifo_open_read(ep, path, outcome) == -1) {
		if (outcome->why != OUTCOME_NOT_FIFO)
			return -1;
		return open_file(ep, path, O_RDONLY, SIDE_SOURCE, outcome);
	}
	if (limits->nonblock)
		fifo_give_grace(&(struct fifo_source){ ep }, 1);
	return 0;
}

/* O_CREAT only where nothing is: it is refused in sticky directories. */
int
path_open_file(struct endpoint *ep, const char *path, bool append,
    struct outcome *outcome)
{
	int flags = O_WRONLY | (append ? O_APPEND : 0);

	if (open_file(ep, path, flags, SIDE_SINK, outcome) == 0)
		return 0;
	if (outcome->errnum != ENOENT)
		return -1;
	return open_file(ep, path, flags | O_CREAT, SIDE_SINK, outcome);
}

int
path_open_output(struct endpoint *ep, const char *path, bool append,
    const struct limits *limits, struct outcome *outcome)
{
	int fd = endpoint_fd_in_path(path);

	if (fd != -1)
		return take_fd(ep, fd, O_WRONLY, path, SIDE_SINK, outcome);
	if (fifo_open_write(ep, path, limits, outcome) == 0)
		return 0;
	if (outcome->why == OUTCOME_NOT_FIFO ||
	    (outcome->why == OUTCOME_ERROR && outcome->errnum == ENOENT))
		return path_open_file(ep, path, append, outcome);
	return -1;
}

bool
path_is_truncated(const struct endpoint *ep)
{
	return ep->kind == ENDPOINT_FILE && !ep->append && ep->path != NULL;
}

int
path_truncate(struct endpoint *ep, struct outcome *outcome)
{
	int result;

	if (!path_is_truncated(ep))
		return 0;
	do {
		result = ftruncate(ep->fd, 0);
	} while (result == -1 && errno == EINTR);
	/* EINVAL: a block device has its size. */
	if (result == 0 || errno == EINVAL)
		return 0;
	return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
	    ep->path);
}
