/*
 * pipewait - who waits for whom.
 *
 * A process waits for those that could end its wait: a reader for all that
 * can write, a writer for all that can read, a parent for its children, and
 * a tracer for whom it traces.  It
 * is stuck when all its threads wait without a limit, all that they wait for
 * are stuck as well, and nothing of its own can end that (wakeup.h): then
 * nothing but a signal, or a process that is not in sight, ever will.
 *
 * A look takes its time, and those that talk to each other may each be seen
 * to wait for the other, one after the other.  So stuck is only what is found
 * so in two looks and has not run in between: then all of them waited at the
 * moment between the looks.
 */
#ifndef PIPEWAIT_H
#define PIPEWAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "pipeinfo.h"

/* Of ptrace(2): who waits for children waits for such a thread as well. */
struct pipe_tracee {
	struct process_info	*tracer;
	struct process_info	*process;
	pid_t			 tid;
};

struct pipewait {
	const struct pipe_look	*look;		/* borrowed; of everybody */
	struct process_info	**by_parent;
	struct pipe_tracee	*tracees;
	size_t			 ntracees;
	struct process_info	**list;		/* of the latest call */
	unsigned int		 mark;
	unsigned int		 walk;
	size_t			 nstuck;
};

/*
 * Marks what is stuck in the look, if it was so in the one before, unless
 * that is NULL.  Returns 0, or -1 with errno.
 */
int	 pipewait_begin(struct pipewait *, const struct pipe_look *,
	    const struct pipe_look *before);
void	 pipewait_end(struct pipewait *);

/*
 * The thread that says best what a process waits for: one that waits for
 * others, if there is one.  Never NULL but for a process that has gone.
 */
const struct thread_info	*pipewait_thread(const struct process_info *);

/* A thread that does not wait for others; NULL when all do. */
const struct thread_info	*pipewait_acting(const struct process_info *);

/* Whether a thread waits for something of which others can be told. */
bool	 pipewait_waits(const struct thread_info *);

/*
 * Those that could end the wait of a thread, each once, in *list, which is
 * valid until the next call.  Returns how many.
 */
size_t	 pipewait_releasers(struct pipewait *, const struct process_info *,
	    const struct thread_info *, struct process_info *const **list);

/*
 * A cycle that a stuck process is in, or leads to: *n processes in an array
 * that the caller frees, each waiting for the next and the last for the
 * first.  NULL if it was given before, and with errno.
 */
struct process_info	**pipewait_cycle(struct pipewait *,
			    struct process_info *, size_t *n);

#endif
