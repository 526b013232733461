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

struct report {
	const char		*command;
	const struct flow	*flows;
	size_t			 nflows;	/* 0: none pass through us */
	int64_t			 elapsed_ns;
	int			 status;
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
