/*
 * transient - calls that fail for want of what others give back in a moment:
 * memory, descriptors, processes.
 */
#ifndef TRANSIENT_H
#define TRANSIENT_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

/*
 * Whether a call that has failed with this error is to be made again, after a
 * wait, which has passed on return.  *tries, 0 at first, is for one call: a
 * want that lasts for a quarter of a second is an error.  Keeps errno.
 */
bool	 transient_again(int errnum, unsigned *tries);

/* pipe2(2) and ppoll(2), made again so. */
int	 transient_pipe2(int fds[2], int flags);
int	 transient_ppoll(struct pollfd *, nfds_t, const struct timespec *,
	    const sigset_t *);

#endif
