/*
 * waiting - what a flow waits for that poll(2) cannot tell: a first or next
 * writer, a next reader, an empty pipe.
 *
 * Each is looked for once a second, and when its time is up; inotify(7)
 * tells of it at once where that matters.
 */
#ifndef WAITING_H
#define WAITING_H

#include <stdint.h>

#include "flow.h"
#include "limit.h"

/*
 * Look, if it is time, and lower *next to when it will be time again.
 * Returns 0, or -1 with the outcome: the time for a peer is up, or its path
 * is gone.
 */
int	 waiting_check(struct flow *, const struct limits *, int64_t now,
	    int64_t *next, struct outcome *);

/* The watch of the flow, watch_fd, has something to say.  As above. */
int	 waiting_event(struct flow *, struct outcome *);

#endif
