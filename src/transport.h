/*
 * transport - how bytes move from the source of a flow to its sink.
 *
 * A transport knows nothing of options and counts nothing: it says what it
 * moved, and flow.c does the accounts.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stddef.h>

#include "flow.h"

enum move_result {
	MOVE_SOME,		/* in or out says how much */
	MOVE_BLOCKED,		/* by side; SIDE_NONE: it cannot tell */
	MOVE_END,		/* pull: EOF; push: the record is incomplete */
	MOVE_REFUSED,		/* this transport cannot: nothing moved */
	MOVE_FAILED		/* by side, with errnum, or why */
};

struct move {
	size_t		 in;		/* taken from the source */
	size_t		 out;		/* accepted by the sink */
	size_t		 dropped;	/* neither held any more */
	enum side	 side;
	int		 errnum;
	enum outcome_why why;		/* instead of that, if not 0 */
};

struct transport {
	const char	*name;
	/* Take at most max > 0 bytes from the source. */
	enum move_result (*pull)(struct flow *, size_t max, struct move *);
	/*
	 * Hand on at most max > 0 bytes of what is held, and at most a
	 * record where records count; NULL where nothing is ever held.
	 */
	enum move_result (*push)(struct flow *, size_t max, struct move *);
};

/* splice(2) from one end straight to the other: no byte is ever ours. */
extern const struct transport	transport_splice;

/* The same, with a duplicate of each byte for every branch. */
extern const struct transport	transport_tee;

/* Through flow->buffer, with read and write calls. */
extern const struct transport	transport_copy;
enum move_result transport_copy_pull(struct flow *, size_t max, struct move *);

/* Write the first length held bytes, or some of them. */
enum move_result transport_copy_write(struct flow *, size_t length,
		    struct move *);

/* The same, but dropping records that the sink cannot take now. */
extern const struct transport	transport_drop;

/* poll(2) saw its reader leave: close it until the next record comes. */
void	 transport_drop_sink_left(struct flow *);

/* Through memory, too, but where that costs too much, to a tap. */
extern const struct transport	transport_tap;

/* The best transport for the kinds of the two ends. */
const struct transport	*transport_choose(const struct flow *);

#endif
