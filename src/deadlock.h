/*
 * deadlock - whether both directions of a channel are stuck for good.
 *
 * That nothing moves may be a slow side.  So the processes at both sides are
 * looked at (pipeinfo.h): only when all of them that have an end of one of the
 * pipes are blocked in a call that nothing but one of the others could end is
 * it a deadlock.
 */
#ifndef DEADLOCK_H
#define DEADLOCK_H

#include <stdint.h>

#include "channel.h"
#include "chore.h"

struct deadlock {
	struct chore	 chore;		/* for limits->chores */
	const struct channel *channel;	/* borrowed */
	int64_t		 after_ns;	/* since the last byte */
	const char	*after_text;	/* the same as it was given */
	int64_t		 suspected;	/* since when; 0: not */
};

/*
 * The chore looks from now on, and ends the relay with OUTCOME_DEADLOCK once
 * it has told who is blocked in what.
 */
void	 deadlock_watch(struct deadlock *, const struct channel *,
	    int64_t after_ns, const char *after_text);

#endif
