/*
 * framing - which of the held bytes go to the sink together, and when.
 *
 * Where records count, a flow hands them on one write(2) each, or without
 * tearing them when others have a part in the sink: other flows of the run,
 * which take turns, or other processes, which take a lock.
 */
#ifndef FRAMING_H
#define FRAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "transport.h"

/*
 * So much of a record that is not complete is held back; a longer one goes
 * in parts.
 */
#define FRAMING_HOLD ((size_t)1 << 20)

/* Whose turn it is to write to a sink that several flows have. */
struct turn {
	const struct flow	*owner;		/* NULL: anybody's */
};

/* How large a ring the records of the flow need; 0: any. */
size_t	 framing_size(const struct flow *);

/*
 * How many of the held bytes may go now: MOVE_SOME and *length; or why none
 * may: MOVE_END (a record is not complete), MOVE_BLOCKED by side (it is
 * somebody else's turn, or lock), MOVE_FAILED with why (it is too long to be
 * atomic), or errnum.
 */
enum move_result framing_next(struct flow *, size_t *length, struct move *);

/* The sink took the first n held bytes, of a length that was allowed. */
void	 framing_took(struct flow *, size_t n);

/* The source has ended: a last record without its delimiter gets one. */
void	 framing_end(struct flow *);

/* Nothing more will be written: give turn and lock back. */
void	 framing_stop(struct flow *);

/*
 * The length of the record at the head of what is held, with its delimiter;
 * 0 where it is not complete and more may come.
 */
size_t	 framing_record(const struct flow *);

#endif
