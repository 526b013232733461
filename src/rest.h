/*
 * rest - whether a command has done with all that it was told.
 *
 * That is so when its input is empty and it waits for more.  The kernel tells
 * the first (FIONREAD) and /proc the second: what is said to it later cannot
 * have an answer any earlier.
 */
#ifndef REST_H
#define REST_H

#include "child.h"
#include "endpoint.h"

enum rest {
	REST_NOT,
	REST_WORKS,		/* it waits for more, but a part of it works */
	REST_MOVED,		/* the same, between two looks */
	REST_YES,
	REST_UNKNOWN		/* its input is empty; more is not visible */
};

/*
 * Look at a command by our write end of its input.  *unread becomes the number
 * of bytes that it has not taken yet.  What it has said must be looked for
 * after this, not before.
 */
enum rest	 rest_look(const struct endpoint *input, const struct child *,
		    int *unread);

/* Take away what it has not read. */
void	 rest_take_away(const struct endpoint *input);

#endif
