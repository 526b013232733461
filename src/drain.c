/*
 * drain - whether readers have taken everything out of a pipe.
 */
#include "config.h"

#include <sys/ioctl.h>

#include "drain.h"

bool
drain_is_empty(const struct endpoint *ep)
{
	int unread;

	return ioctl(ep->fd, FIONREAD, &unread) == 0 && unread == 0;
}

int
drain_begin(struct drain *drain, const struct endpoint *ep, uint64_t accepted)
{
	if (ioctl(ep->fd, FIONREAD, &drain->unread) == -1)
		return -1;
	drain->began = drain->unread;
	drain->left = (uint64_t)drain->unread;
	/* There cannot be more of ours than this. */
	drain->mixed = drain->left > accepted;
	drain->others = false;
	return 0;
}

bool
drain_is_ambiguous(const struct drain *drain)
{
	return drain->others ||
	    (drain->mixed && drain->left < (uint64_t)drain->began);
}

int
drain_look(struct drain *drain, const struct endpoint *ep)
{
	enum drain_state state = DRAIN_SAME;
	int unread;

	if (ioctl(ep->fd, FIONREAD, &unread) == -1)
		return -1;
	if (unread > drain->unread)
		drain->others = true;
	if (unread < drain->unread) {
		state = DRAIN_LESS;
		drain->left -= (uint64_t)(drain->unread - unread) <
		    drain->left ? (uint64_t)(drain->unread - unread) :
		    drain->left;
	}
	drain->unread = unread;
	return unread == 0 || drain->left == 0 ? DRAIN_DONE : (int)state;
}
