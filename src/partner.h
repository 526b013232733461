/*
 * partner - the other end of a pair of FIFOs: one to read what it says, one
 * to tell it something.
 *
 * Whatever the order is in which it opens them, and however much it writes
 * before it opens the second one, we are not in its way: the read end opens
 * at once, and the write end waits for its reader in a thread, blocked in
 * open(2), while the other direction flows.
 */
#ifndef PARTNER_H
#define PARTNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "chore.h"
#include "endpoint.h"
#include "flow.h"
#include "limit.h"
#include "status.h"

struct partner {
	const char	*from_path;	/* borrowed */
	const char	*to_path;
	int		 from_pinned;	/* O_PATH, borrowed; -1: by the path */
	int		 to_pinned;
	struct endpoint	 from, to;	/* ours until they are given away */
	struct chore	 chore;		/* for limits->chores, while pending */
	bool		 pending;	/* nobody reads */
	int		 pinned;	/* O_PATH, of to_path */
	dev_t		 dev;		/* of what is pinned */
	ino_t		 ino;
	const struct limits *limits;	/* borrowed */
	struct flow	*flow;		/* that waits for it; NULL: none */
	int64_t		 open_by;
	/* What the thread is given, and gives back. */
	bool		 started;
	pthread_t	 thread;
	int		 done_fd;	/* eventfd(2) */
	int		 fd, errnum;
	atomic_bool	 stop, done;
};

void	 partner_init(struct partner *, const char *from, const char *to);

/*
 * Open the read end, and the write end if somebody reads; where nobody does
 * it is pending, or, with limits->nonblock, OUTCOME_NO_PEER.  Returns 0, or
 * -1 with the outcome.
 */
int	 partner_open(struct partner *, const struct limits *,
	    struct outcome *);

/*
 * Wait for a reader from now on, as long as limits->open_timeout of
 * partner_open() says: by the chore, which has to be among those of whoever
 * waits.  Does nothing when it is not pending.  Returns 0, or -1 with the
 * outcome.
 */
int	 partner_wait(struct partner *, struct outcome *);

/*
 * The ends become those of the flows, which are not started yet; one that is
 * pending comes later.  Returns 0, or -1 with the outcome.
 */
int	 partner_give(struct partner *, struct flow *in, struct flow *out,
	    struct outcome *);

/* Close what was not given away, and end the wait. */
void	 partner_close(struct partner *);

#endif
