/*
 * doing - what a thread of another process does, from the system call that
 * it is in.
 */
#ifndef DOING_H
#define DOING_H

#include <stdbool.h>

#include "pipeinfo.h"

/* Whether it is a call that opens files. */
bool	 doing_may_open(const struct procfs_call *);

/* What such a call opens, as it was given: where from, path, and flags. */
struct doing_open {
	int	 dir;			/* their descriptor, or AT_FDCWD */
	int	 flags;
	char	 path[4096];
};

/* Returns 0, or -1 with errno. */
int	 doing_get_open(pid_t, const struct procfs_call *,
	    struct doing_open *);

/*
 * Fill in what the thread does, from its call and its state in stat.  The
 * ends of its process are known; one that is blocked in open(2) of a FIFO is
 * the caller's to find.
 */
void	 doing_classify(int proc, const struct process_info *,
	    struct thread_info *, char state);

/* The name of the call that a thread is in, for people. */
const char	*doing_call_name(const struct thread_info *);

#endif
