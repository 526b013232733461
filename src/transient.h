/*
 * transient - calls that fail because memory, descriptors or processes are
 * short, which may be over in a moment.
 */
#ifndef TRANSIENT_H
#define TRANSIENT_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

/*
 * Whether to make a call again that has failed with this error.  Waits first,
 * and longer each time; after a quarter of a second in all it is an error.
 * *tries counts for one call and is 0 at first.  Keeps errno.
 */
bool	 transient_again(int errnum, unsigned *tries);

/* pipe2(2) and ppoll(2), tried again as above. */
int	 transient_pipe2(int fds[2], int flags);
int	 transient_ppoll(struct pollfd *, nfds_t, const struct timespec *,
	    const sigset_t *);

#endif
