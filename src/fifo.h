/*
 * fifo - how FIFOs open, wait for a peer, reopen and vanish; see fifo(7).
 *
 * Nothing here ever creates a file, and the type is checked on the pinned
 * inode, never on the path before.
 */
#ifndef FIFO_H
#define FIFO_H

#include <stdbool.h>

#include "endpoint.h"
#include "limit.h"
#include "status.h"

/* A FIFO that is open for reading. */
struct fifo_source {
	const struct endpoint *end;	/* borrowed */
};

/* Whose the FIFO has to be; NULL in place of this: anybody's. */
struct fifo_owner {
	uid_t		 uid;
};

/*
 * Open the read end at once; there may be no writer yet.  path is borrowed
 * for the endpoint's life.  Returns 0, or -1 with the outcome filled in.
 */
int	 fifo_open_read(struct endpoint *, const char *path,
	    struct outcome *);
int	 fifo_open_read_of(struct endpoint *, const char *path,
	    const struct fifo_owner *, struct outcome *);

/* A FIFO that is to be opened for writing. */
struct fifo_sink {
	const char	*path;		/* borrowed */
	int		 pinned;	/* O_PATH, borrowed; -1: by its path */
	struct endpoint	*end;		/* filled in */
};

/*
 * Open the write ends of several FIFOs at the same time, each waiting for a
 * reader as fifo_open_write() does; none of them while one is no FIFO, or
 * not its owner's.  Returns 0, or -1 with the outcome filled in and all of
 * them closed.
 */
int	 fifo_open_write_all(const struct fifo_sink *, size_t n,
	    const struct fifo_owner *, const struct limits *,
	    struct outcome *);

/*
 * Open the write end, waiting for a reader as the limits say; with
 * limits->nonblock not at all (OUTCOME_NO_PEER).  The wait costs one
 * wake-up a second, in which it is seen whether the path still names this
 * FIFO.  Returns 0, or -1 with the outcome filled in.
 */
int	 fifo_open_write(struct endpoint *, const char *path,
	    const struct limits *, struct outcome *);

/*
 * Pin what the path names and see that it is a FIFO.  Returns an O_PATH
 * descriptor, which is neither a reader nor a writer, or -1 with the outcome.
 */
int	 fifo_pin(const char *path, enum side, struct outcome *);

/*
 * Open the FIFO that pinned, an O_PATH descriptor, stands for, whatever its
 * path names by now, without waiting.  access is O_RDONLY, or O_RDWR: both
 * ends at a time; from then on nobody else notices that a reader or a writer
 * is missing.  Returns 0, or -1 with the outcome filled in.
 */
int	 fifo_open_pinned(struct endpoint *, int pinned, int access,
	    const char *path, struct outcome *);

/*
 * After EOF: a new read end of the same FIFO, opened before the old one is
 * closed, so that there is a reader at every moment and no writer loses a
 * byte.  Returns 0, or -1 with errno and the old end left open.
 */
int	 fifo_reopen_read(struct endpoint *);

enum fifo_peer {
	FIFO_UNKNOWN,			/* no pipe was to be had for a look */
	FIFO_NO_WRITER,
	FIFO_WRITER,			/* there, but nothing is queued */
	FIFO_DATA
};

/*
 * Who is at the other end of a read end, without consuming a byte: poll(2)
 * cannot tell a silent writer from none, tee(2) can.
 */
enum fifo_peer	 fifo_probe_writer(const struct endpoint *);

/*
 * For -n, before the first read: writers that have written nothing yet get
 * 50 ms, since they may have been blocked in open(2) until now.
 */
void	 fifo_give_grace(const struct fifo_source *, size_t n);

/*
 * Open again, with the flags of open(2), the FIFO that fd stands for, which
 * may be O_PATH; through /proc, or else by its path if that still names it.
 * -1 with errno; ESTALE when it does not.
 */
int	 fifo_open_same(int fd, dev_t, ino_t, const char *path, int flags);

/* Whether the path names this inode. */
bool	 fifo_path_is(const char *path, dev_t, ino_t);

/* Whether the path that it was opened by names something else by now. */
bool	 fifo_is_gone(const struct endpoint *);

enum fifo_watch {
	FIFO_WATCH_PEER,	/* somebody opens it, or its name changes */
	FIFO_WATCH_DRAIN	/* somebody reads, writes or closes it */
};

/*
 * A descriptor that poll(2) finds readable when that happens to a FIFO an
 * end of which we hold; inotify(7).  watch_fd: one that shall tell of this,
 * too, or -1.  The caller closes it.  -1 with errno where it is not to be
 * had.
 */
int	 fifo_watch(int watch_fd, const struct endpoint *, enum fifo_watch);

/* The same for something new under a name, also while nothing is there. */
int	 fifo_watch_name(const char *path);

/*
 * Take in what the watch has to say.  Returns whether somebody may have
 * written.
 */
bool	 fifo_watch_drain(int watch_fd);

/*
 * The lock of writers: an open file description lock, fcntl(2), on the first
 * byte of a write end.  The second one waits until a deadline.  Return 0, or
 * -1 with errno: EAGAIN when another process has it, EINTR.
 */
int	 fifo_lock_writers(const struct endpoint *);
int	 fifo_wait_lock_writers(const struct endpoint *, int64_t until);
void	 fifo_unlock_writers(const struct endpoint *);

/*
 * The lock of readers, flock(2), waiting for it as the limits say.  Returns
 * a descriptor that has the lock until the caller closes it, or -1 with the
 * outcome.
 */
int	 fifo_lock_readers(const struct endpoint *, const struct limits *,
	    struct outcome *);

#endif
