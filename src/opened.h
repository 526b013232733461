/*
 * opened - which file it is that a thread of another process is opening.
 */
#ifndef OPENED_H
#define OPENED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "doing.h"

struct opened {
	bool		 found;
	bool		 vanished;	/* the path names no FIFO any more */
	bool		 no_fifo;	/* but something else */
	struct stat	 st;		/* found */
};

/*
 * Follow the path that a thread gave as it would: from its root and its
 * directory, which need not be ours.  Nothing is opened but with O_PATH.
 * The name is the path as we see it, as far as that can be said.
 */
void	 opened_find(int proc, pid_t tid, const struct doing_open *,
	    struct opened *, char *name, size_t size);

#endif
