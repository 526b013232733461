/*
 * limit - what ends the waits of one run; shared by the opens of FIFOs, the
 * relay, and the wait for children.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "deadline.h"
#include "status.h"

/* How often a long wait looks whether what it waits for is still there. */
#define LIMIT_LOOK_NS	NS_PER_SEC

struct chore;

struct limits {
	bool		 nonblock;		/* -n */
	int64_t		 open_timeout;		/* -w, ns; 0: no limit */
	int64_t		 idle_timeout;		/* -T, ns; 0: no limit */
	int64_t		 half_close;		/* ns; 0: no limit: how long
						   the others may be silent
						   once a flow is over */
	int64_t		 deadline;		/* -t, absolute, deadline.h */
	struct chore	*chores;		/* chore.h; borrowed */
	void		(*report)(void *);	/* SIGUSR1 came */
	void		(*reap)(void *);	/* SIGCHLD came */
	/* Whether a wait has lost its purpose; NULL: never. */
	bool		(*over)(void *);
	/* Called while a relay runs; returns when to call it again. */
	int64_t		(*tick)(void *, int64_t now);
	void		*arg;			/* for all four */
};

/*
 * What every wait has to see between two sleeps: a report that was asked
 * for (made here), a fatal signal, the end of the run's time or of its purpose
 * (OUTCOME_DONE).  Returns 0 to go on, or -1 with the outcome, for which side
 * and name are.
 */
int	 limit_check(const struct limits *, int64_t now, enum side,
	    const char *name, struct outcome *);

#endif
