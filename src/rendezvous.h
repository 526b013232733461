/*
 * rendezvous - wait inside open(2) until FIFOs have readers.
 *
 * Nothing else releases a reader that is blocked in its own open(2), and
 * without one there is no other way to wait that does not poll; fifo(7).
 */
#ifndef RENDEZVOUS_H
#define RENDEZVOUS_H

#include <stddef.h>
#include <sys/types.h>

#include "limit.h"
#include "status.h"

/* One FIFO that is waited for. */
struct rendezvous {
	int		 pinned;	/* O_PATH; borrowed */
	const char	*path;		/* borrowed */
	dev_t		 dev;		/* of what is pinned */
	ino_t		 ino;
	int		 fd;		/* the write end; -1: not yet */
};

/*
 * Wait for a reader of each, at the same time: whoever opens them one after
 * the other, in whatever order, is met.  Each fd is -1 before; those that
 * are open then are the caller's, also where it fails, and nonblocking.
 * Once a second it is seen whether the paths still name these FIFOs.
 * Returns 0 when all are open, or -1 with the outcome.
 */
int	 rendezvous_wait(struct rendezvous *, size_t n,
	    const struct limits *, struct outcome *);

#endif
