/*
 * progress - the meter: one line on a terminal that says how far it is.
 *
 *	1.2 GiB 0:12 105 MiB/s avg 98 MiB/s _.-=# [===>    ] 45% ETA 0:14
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_HISTORY	32	/* rates in the sparkline */

/* What a flow spent its time with since the last tick. */
enum progress_wait {
	PROGRESS_BUSY,
	PROGRESS_INPUT,			/* waited for the source */
	PROGRESS_OUTPUT,		/* waited for a sink */
	PROGRESS_LIMIT			/* held back by --rate-limit */
};

/* What there is to show. */
struct progress_view {
	uint64_t		 bytes;
	uint64_t		 size;		/* of all; 0: not known */
	int64_t			 elapsed_ns;
	uint64_t		 rate;		/* bytes a second, at present */
	uint64_t		 average;
	const uint64_t		*rates;		/* the latest last */
	size_t			 nrates;
	enum progress_wait	 wait;
	bool			 over;
};

/* Room for a line: 3 bytes a column, and a NUL. */
#define PROGRESS_COLUMNS_MAX	512
#define PROGRESS_LINE		(3 * PROGRESS_COLUMNS_MAX + 1)

/*
 * The line for a view, in at most that many columns: what matters most comes
 * first when not all has room.  Returns how many columns it takes.
 */
size_t	 progress_line(const struct progress_view *, bool utf8,
	    size_t columns, char line[PROGRESS_LINE]);

/* What has gone by until now, and how long each side was waited for. */
struct progress_count {
	uint64_t	 bytes;
	int64_t		 input_ns, output_ns, limit_ns;
};

struct progress;

/*
 * A meter on standard error, for size bytes (0: not known).  The caller
 * frees it by progress_finish().  NULL where standard error is no terminal,
 * or with errno set where memory is short.
 */
struct progress	*progress_new(uint64_t size, int64_t now);

/*
 * Show how far it is, if we are in the foreground; never waits for the
 * terminal.  Returns when to be called again.
 */
int64_t	 progress_tick(struct progress *, const struct progress_count *,
	    int64_t now);

/* The last line, which stays; NULL is no meter. */
void	 progress_finish(struct progress *, const struct progress_count *,
	    int64_t now);

#endif
