/*
 * run - one run of flows on behalf of a command: limits from its options,
 * the relay, the messages, the counters, the status.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child.h"
#include "flow.h"
#include "limit.h"
#include "options.h"
#include "place.h"
#include "status.h"

struct report_pipeline;

struct run {
	const struct command		*command;
	const struct common_options	*common;
	struct limits			 limits;
	struct flow			*flows;
	size_t				 nflows;
	int64_t				 started_at;
	const char			*owner;	/* --require-owner, as said */
	bool				 tells_accepted; /* how much went, when
							    it was not all */
	struct outcome			 outcome;
	const struct report_pipeline	*pipeline;	/* NULL: none */
	/* Called when the flows have ended, before anything is said. */
	void				(*ended)(struct run *);
};

/*
 * Take signals under control and work out the limits.  The flows are
 * borrowed; they are not started yet.
 */
void	 run_init(struct run *, const struct options *, struct flow *,
	    size_t nflows);

/*
 * The whole of a run whose ends are open, or of one that failed to open them
 * as run->outcome says: run, explain, close, count.  before is the status of
 * what was passed over, NULL for none.  Returns the exit status; a fatal
 * signal is left to signals_condemn().
 */
int	 run_whole(struct run *, bool opened, const int *before);

/* Run all flows, explain how that ended, close all.  Returns the status. */
int	 run_flows(struct run *);

/* Explain run->outcome and close all ends.  Returns the status. */
int	 run_conclude(struct run *);

/*
 * Wait for the children to end; where forever is set, for a signal or a
 * time-out even without any.  A fatal signal, --timeout, or idle_by (a
 * deadline for --idle-timeout) end the wait, or a chore, of which only the
 * deadlines count here: the outcome is explained, and the children are left
 * to the caller.  Returns the status of that, 0 when all have ended.
 */
int	 run_wait(struct run *, struct child *, size_t n, bool forever,
	    int64_t idle_by);

/*
 * One line about an outcome on standard error (none for OUTCOME_DONE, a
 * signal, or a broken pipe that kills us), and its exit status.
 */
int	 run_explain(const struct run *, const struct outcome *);

/* Name the children whose statuses are not to be had: others reaped them. */
void	 run_say_lost(const struct child *, size_t n);

/*
 * Say, once, what the making or the removal of a FIFO had to leave beside it.
 * Keeps errno.  Returns the status.
 */
int	 run_say_left(struct place *);

/* place_remove(), said if it fails.  Returns the status. */
int	 run_remove_place(struct place *);

/* The counters at the end, if --stats was given. */
void	 run_stats(const struct run *, int status);

/* Standard input or output as an endpoint.  0, or -1 with the outcome. */
int	 run_take_stdin(struct endpoint *, struct outcome *);
int	 run_take_stdout(struct endpoint *, struct outcome *);

/* endpoint_feeds(), for standard input. */
bool	 run_stdin_feeds(const struct endpoint *sink);

#endif
