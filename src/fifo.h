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

/*
 * Open the read end at once; there may be no writer yet.  path is borrowed
 * for the endpoint's life.  Returns 0, or -1 with the outcome filled in.
 */
int	 fifo_open_read(struct endpoint *, const char *path,
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
 * Open the FIFO that pinned, an O_PATH descriptor, stands for, whatever its
 * path names by now.  access is O_RDONLY or O_WRONLY, as the two above, or
 * O_RDWR: both ends at a time, which never waits; from then on nobody else
 * notices that a reader or a writer is missing.  Returns 0, or -1 with the
 * outcome filled in.
 */
int	 fifo_open_pinned(struct endpoint *, int pinned, int access,
	    const char *path, const struct limits *, struct outcome *);

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
 * For -n, before the first read: a writer that has written nothing yet gets
 * 50 ms, since it may have been blocked in open(2) until now.
 */
void	 fifo_give_grace(const struct endpoint *);

/* Whether the path that it was opened by names something else by now. */
bool	 fifo_is_gone(const struct endpoint *);

/*
 * A descriptor that poll(2) finds readable when somebody opens the FIFO or
 * its name changes; inotify(7).  Only for a FIFO whose read end we hold.
 * The caller closes it.  -1 with errno where that is not to be had.
 */
int	 fifo_watch(const struct endpoint *);

/* Take in what the watch has to say. */
void	 fifo_watch_drain(int watch_fd);

#endif
