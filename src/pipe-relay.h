/*
 * pipe-relay - what the files of this command share: its options, the run,
 * and where the bytes go.
 */
#ifndef PIPE_RELAY_H
#define PIPE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dump.h"
#include "flow.h"
#include "limiter.h"
#include "options.h"
#include "progress.h"
#include "run.h"

/* What an output that fails does to the run: tee(1)'s --output-error. */
enum output_error {
	OUTPUT_ERROR_DEFAULT,	/* die of SIGPIPE, else say it and go on */
	OUTPUT_ERROR_WARN,
	OUTPUT_ERROR_WARN_NOPIPE,
	OUTPUT_ERROR_EXIT,
	OUTPUT_ERROR_EXIT_NOPIPE
};

#define CAPACITY_AUTO	((size_t)0)

struct pipeline;

struct pipe_relay_options {
	const char	**inputs;	/* -i, one after the other */
	size_t		 ninputs;
	const char	**outputs;	/* -o; none: standard output */
	size_t		 noutputs;
	const char	**taps;		/* --tap */
	size_t		 ntaps;
	size_t		 tap_memory;	/* --tap-memory; 0: none */
	bool		 append;	/* -a */
	enum output_error output_error;	/* -p */
	uint64_t	 limit;		/* -c; FLOW_NO_LIMIT */
	size_t		 memory;	/* -m; 0: none */
	uint64_t	 rate;		/* -L, bytes a second; 0: none */
	bool		 dump;		/* -x */
	const char	*dump_file;	/* NULL: standard error */
	bool		 progress;	/* -P */
	uint64_t	 size;		/* -s; 0: not known */
	bool		 no_splice;	/* --no-splice */
	bool		 keep_capacity;	/* --pipe-size=keep */
	size_t		 capacity;	/* --pipe-size=SIZE|max, bytes */
	bool		 records;	/* -d, -z: taps get whole ones */
	unsigned char	 delimiter;	/* of these */
	const char	*separator;	/* --separator */
};

/*
 * A run.  The trunk is the flow whose bytes the outputs get: one output is
 * its sink, several and the taps are branches of it.  Where it needs a pipe
 * as its source and has none, the head is a flow that makes one; else the
 * head is the trunk.  The head has what we read, and the options that say
 * how to.
 */
struct pipe_relay {
	struct pipe_relay_options opt;
	struct options	 parsed;
	struct run	 run;
	struct flow	*flows;		/* of the run; the trunk is the first */
	struct flow	*head;
	struct limiter	 limiter;
	struct dump	*dump;
	const char	*dump_name;
	struct progress	*progress;
	size_t		 next_input;
	bool		 took_stdout;	/* our 1 is one of the sinks */
	struct pipeline	*pipeline;	/* NULL: no commands */
	int		 status;	/* of what was passed over */
};

/* How many flows outlet_open() takes at the most, all of pr->flows. */
size_t	 outlet_flows(const struct pipe_relay_options *);

/*
 * Open the outputs and taps and make them the sinks of pr->flows[0] and of
 * the flows behind it.  The source of the head is open already, or will come
 * later.  Sets run.nflows.  Returns 0, or -1 with run.outcome.
 */
int	 outlet_open(struct pipe_relay *);

/* Whether what goes to an output, a tap or the dump would come back from it. */
bool	 outlet_feeds(const struct pipe_relay *, const struct endpoint *source);

/*
 * The limits, the ring and the meter (for size bytes, 0 if that is not
 * known).
 */
void	 outlet_equip(struct pipe_relay *, uint64_t size);

/* Open pr->dump.  Returns 0, or -1 with run.outcome. */
int	 outlet_open_dump(struct pipe_relay *);

/* The end of the dump.  Returns the status with its own in it. */
int	 outlet_finish(struct pipe_relay *, int status);

/* --pipe-size for one end.  A refusal is said, but is no failure. */
void	 outlet_set_capacity(const struct pipe_relay *, struct endpoint *);

/* The second form: COMMAND :: COMMAND.  Returns the exit status. */
int	 pipeline_run(struct pipe_relay *, char **argv);

#endif
