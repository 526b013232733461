/*
 * peek - what a source holds, without consuming it.
 */
#ifndef PEEK_H
#define PEEK_H

#include <stddef.h>
#include <sys/types.h>

#include "endpoint.h"

/* A private pipe for tee(2), made when it is needed. */
struct peek {
	int		 pipe[2];
	bool		 made;
};

/*
 * Copy at most n bytes from the head of the source.  Returns how many, 0 at
 * the end of the file, or -1 with errno: EAGAIN when nothing is there now,
 * EOPNOTSUPP for a source of which only a read can tell; tee(2), pread(2),
 * recv(2).
 */
ssize_t	 peek_bytes(struct peek *, const struct endpoint *, void *data,
	    size_t n);

void	 peek_close(struct peek *);

#endif
