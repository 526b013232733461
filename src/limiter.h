/*
 * limiter - a token bucket: so many bytes a second, and no burst beyond a
 * tenth of a second's worth.
 *
 * In any time t at most rate * t + burst bytes are allowed.  The bucket is
 * empty at the start, so that the average is right from then on.  Times are
 * those of deadline.h.
 */
#ifndef LIMITER_H
#define LIMITER_H

#include <stdint.h>

struct limiter {
	uint64_t	 rate;		/* bytes a second, > 0 */
	uint64_t	 burst;		/* what the bucket holds at the most */
	uint64_t	 tokens;	/* bytes that may go now */
	uint64_t	 fraction;	/* of the next one, in 1 / NS_PER_SEC */
	int64_t		 filled_at;
};

/* rate is in bytes a second; 0 is taken as 1. */
void	 limiter_init(struct limiter *, uint64_t rate, int64_t now);

/*
 * How many bytes may go now, which can be more than a size_t holds; 0 while it
 * is not worth while, and then limiter_ready_at() says when it will be.
 */
uint64_t limiter_allows(struct limiter *, int64_t now);
int64_t	 limiter_ready_at(const struct limiter *);

/* So many went, at most what was allowed. */
void	 limiter_take(struct limiter *, uint64_t bytes);

#endif
