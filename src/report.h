/*
 * report - counters as text for people or JSON for programs, on standard
 * error.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "flow.h"
#include "options.h"

#define REPORT_STATUS_NONE	(-1)	/* the run is not over */

struct child;

/*
 * Commands with joints between them, and behind the last one if what it
 * says passes through us: joints[i] is behind stages[i].
 */
struct report_pipeline {
	const struct child	*stages;
	size_t			 nstages;
	const struct flow	*const *joints;
	size_t			 njoints;
};

struct report {
	const char		*command;
	const struct flow	*flows;
	size_t			 nflows;	/* 0: none pass through us */
	int64_t			 elapsed_ns;
	int			 status;
	const struct report_pipeline *pipeline;	/* NULL: none */
};

/*
 * JSON is made by libsmartcols, which is loaded only here; where it is
 * missing, that is said and the text form used.
 */
void	 report_stats(const struct report *, enum stats_form);

/* The counters of fifo-create. */
void	 report_created(const struct report *, enum stats_form,
	    unsigned int created, unsigned int existed);

#endif
