/*
 * endpoint - one open end of a flow: what it is, and how it is finished.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum endpoint_kind {
	ENDPOINT_NONE,		/* no descriptor: bytes that we hold */
	ENDPOINT_PIPE,		/* a pipe's or a FIFO's end */
	ENDPOINT_FILE,		/* a regular file or a block device */
	ENDPOINT_SOCKET,
	ENDPOINT_TTY,
	ENDPOINT_NULL,		/* /dev/null */
	ENDPOINT_DEVICE		/* other character devices, directories */
};

struct endpoint {
	int			 fd;		/* owned; -1: not open */
	int			 own_fd;	/* see endpoint_privatize() */
	enum endpoint_kind	 kind;
	bool			 fifo;		/* opened by its name */
	bool			 standard;	/* our own 0 or 1 */
	bool			 shared;	/* others close it */
	bool			 nonblock;	/* the description is ours
						   alone and O_NONBLOCK */
	bool			 append;	/* O_APPEND is set */
	bool			 pseudo;	/* a file of no size: reading
						   may block as in /proc */
	dev_t			 dev;
	ino_t			 ino;
	const char		*name;		/* borrowed, for messages */
	const char		*path;		/* borrowed; NULL: none */
};

/* An endpoint without a descriptor. */
void	 endpoint_init_none(struct endpoint *, const char *name);

/*
 * Take over an open descriptor for reading or writing (O_RDONLY, O_WRONLY)
 * and see what it is.  Returns 0, or -1 with errno; EBADF when it is not
 * open for that.  On failure the descriptor stays the caller's.
 */
int	 endpoint_init(struct endpoint *, int fd, int access,
	    const char *name);

/*
 * The descriptor number in /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N
 * or /proc/self/fd/N, or -1 when path is none of these.
 */
int	 endpoint_fd_in_path(const char *path);

/* Room for the path of endpoint_proc_path(). */
#define ENDPOINT_PROC_PATH (sizeof("/proc/self/fd/") + 3 * sizeof(int))

/* The path through which what fd stands for can be opened, proc(5). */
void	 endpoint_proc_path(char path[ENDPOINT_PROC_PATH], int fd);

/*
 * Open again what fd stands for, also when fd is O_PATH: a new open file
 * description of our own, close-on-exec.  -1 with errno of open(2); ENOENT
 * where there is no /proc.
 */
int	 endpoint_open_again(int fd, int flags);

/*
 * Which of the poll(2) events hold, waiting at most timeout_ms for them; 0
 * when none.  All of them where poll(2) fails.
 */
int	 endpoint_ready(const struct endpoint *, int events, int timeout_ms);

/*
 * A descriptor to read or write without ever blocking, also where the one
 * that was inherited blocks: its description is shared, so that we open
 * another through /proc/self/fd.  Returns whether there is one; it is
 * own_fd then.  Tried once.
 */
bool	 endpoint_privatize(struct endpoint *);

/*
 * Whether what is written to the sink would come back from the source: both
 * are the same pipe, or the same file and the source is not at its end.
 */
bool	 endpoint_feeds(const struct endpoint *source,
	    const struct endpoint *sink);

/*
 * The capacity of a pipe end in bytes, fcntl(2) F_GETPIPE_SZ; -1 with
 * errno.
 */
int	 endpoint_capacity(const struct endpoint *);

/*
 * Raise the capacity of a pipe to at least size bytes; never shrinks it.
 * Returns 0 or -1 with errno of F_SETPIPE_SZ (EPERM, EBUSY).
 */
int	 endpoint_raise_capacity(struct endpoint *, size_t size);

/*
 * Give a pipe this capacity, or with ENDPOINT_CAPACITY_MAX as much as the
 * system grants, which never fails; other kinds of ends have none.  Returns
 * 0 or -1 with errno of F_SETPIPE_SZ.
 */
#define ENDPOINT_CAPACITY_MAX	SIZE_MAX
int	 endpoint_set_capacity(struct endpoint *, size_t size);

/*
 * Close.  Returns 0, or -1 with the errno of close(2), which for files can
 * be a write error.  Does nothing when it is closed.
 */
int	 endpoint_finish(struct endpoint *);

#endif
