/*
 * transient - calls that fail because something is short for a moment.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "deadline.h"
#include "transient.h"

/* 1, 2, 4, ... 128 ms: 255 ms in all */
#define TRIES	8

bool
transient_again(int errnum, unsigned *tries)
{
	struct timespec pause;
	int saved = errno;

	switch (errnum) {
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		break;
	default:
		return false;
	}
	if (*tries == TRIES)
		return false;
	deadline_timespec(NS_PER_MS << (*tries)++, &pause);
	nanosleep(&pause, NULL);
	errno = saved;
	return true;
}

int
transient_pipe2(int fds[2], int flags)
{
	unsigned tries = 0;
	int result;

	do {
		result = pipe2(fds, flags);
	} while (result == -1 && transient_again(errno, &tries));
	return result;
}

int
transient_ppoll(struct pollfd *slots, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	unsigned tries = 0;
	int result;

	do {
		result = ppoll(slots, n, timeout, mask);
	} while (result == -1 && transient_again(errno, &tries));
	return result;
}
