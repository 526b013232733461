/*
 * relay - the running flows: one ppoll(2) loop.
 */
#ifndef RELAY_H
#define RELAY_H

#include <stddef.h>

#include "flow.h"
#include "limit.h"
#include "status.h"

/*
 * Run the flows until all are over, or one that decides is, or one has
 * failed, a limit is reached, a chore says so or a fatal signal came.  A flow
 * that is over has its ends closed at once, so that the peer learns of it
 * (half-close); a failed one leaves that to the caller, who owns the flows.
 * Returns 0 when all ended well (an error of close(2) at a sink included as
 * failure), or -1 with the outcome.
 */
int	 relay_run(struct flow *, size_t n, const struct limits *,
	    struct outcome *);

#endif
