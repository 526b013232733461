/*
 * drain - whether readers have taken everything out of a pipe.
 *
 * What was unread when the last byte was written has to be read: an empty
 * pipe proves it, and so does as much less to be read, seen in as many looks
 * as it takes.  What others write meanwhile hides some of what is read, so
 * that it can only be longer until there is proof, never too early.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"

struct drain {
	uint64_t	 left;		/* still to be seen read, at the most */
	int		 began;		/* unread when all was written */
	int		 unread;	/* at the last look, FIONREAD */
	bool		 mixed;		/* others had written by then, too */
	bool		 others;	/* have written since */
};

enum drain_state {
	DRAIN_DONE,
	DRAIN_LESS,			/* some of it was read */
	DRAIN_SAME
};

/* Whether nothing is unread. */
bool	 drain_is_empty(const struct endpoint *);

/*
 * All is written, accepted bytes of it.  Returns 0, or -1 with errno of
 * ioctl(2) FIONREAD.
 */
int	 drain_begin(struct drain *, const struct endpoint *,
	    uint64_t accepted);

/*
 * Not all was read: whether that is so of our bytes cannot be told, because
 * of what others wrote.
 */
bool	 drain_is_ambiguous(const struct drain *);

/* Look.  -1 with errno, or enum drain_state. */
int	 drain_look(struct drain *, const struct endpoint *);

#endif
