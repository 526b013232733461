/*
 * child - commands that we run: start, reap, end.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Under which numbers a command has its ends. */
struct child_fds {
	int		 in, out;
};

struct child {
	pid_t		 pid;		/* 0: not running (any more) */
	char		**argv;		/* borrowed, NULL-ended */
	int		 in, out;	/* what it gets as 0 and 1; -1: ours */
	const struct child_fds *fds;	/* NULL: 0 and 1; borrowed */
	int		 status;	/* exit status, 128 + N for a signal */
	bool		 lost;		/* somebody else reaped it: 125 */
	int64_t		 ended_ns;	/* when it was reaped, deadline.h */
};

/*
 * Run argv with in and out under these numbers, all else as we
 * inherited it.  It dies with us (PR_SET_PDEATHSIG, prctl(2)).  Returns 0
 * when exec(3) succeeded; -1 with errno and status set to 125, 126 or 127
 * when it did not, and nothing is left running then.
 */
int	 child_start(struct child *);

/* Wait for one to end, without a limit; signals wait as long. */
void	 child_wait(struct child *);

/* Reap what has ended.  Returns the number of children still running. */
size_t	 child_reap(struct child *, size_t n);

/*
 * Send TERM to all that still run, wait, and KILL after 2 s; reaps them.
 * Never fails; returns when all are gone.  Unless the run came to its end
 * by_itself, the same is done to all that they have started, kin.h, whether
 * they still run or not; but what has left our session goes on.
 */
void	 child_end_all(struct child *, size_t n, bool by_itself);

#endif
