/*
 * quota - how much may be taken out of sources, and not a byte more.
 *
 * One quota may be shared by several flows.  Records are counted when their
 * first byte is taken: so no more of them are begun than may be taken, and
 * one that is begun is taken to its end.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport.h"

#define QUOTA_NONE	UINT64_MAX

struct quota {
	uint64_t	 bytes;		/* that may still be taken */
	uint64_t	 records;	/* that may still be begun */
};

/* Whether nothing more may be taken from the source of the flow. */
bool	 quota_is_used(const struct flow *);

/*
 * How much of what the source has now may be taken: MOVE_SOME with *max
 * lowered to that, or MOVE_END or MOVE_BLOCKED as a read would say.  To know
 * where a record ends, it looks ahead without consuming: tee(2), pread(2),
 * recv(2) with MSG_PEEK; where none of these is to be had, a byte is allowed
 * at a time, and the flow has to copy.
 */
enum move_result quota_allow(struct flow *, size_t *max, struct move *);

/* n bytes were taken. */
void	 quota_took(struct flow *, size_t n);

#endif
