/*
 * limiter - a token bucket.
 */
#include "config.h"

#include <assert.h>

#include "deadline.h"
#include "limiter.h"

#define BURST_PART	10	/* of a second */

/*
 * What the bucket must hold before it is worth a wake-up: a fortieth of a
 * second's worth.  What is late by less than the rest of the bucket is made
 * up for, so that a busy machine does not make it slower than it should be.
 */
#define GRAIN_PART	40

static uint64_t
at_least_one(uint64_t n)
{
	return n == 0 ? 1 : n;
}

static uint64_t
grain(const struct limiter *l)
{
	return at_least_one(l->rate / GRAIN_PART);
}

void
limiter_init(struct limiter *l, uint64_t rate, int64_t now)
{
	l->rate = at_least_one(rate);
	l->burst = at_least_one(l->rate / BURST_PART);
	l->tokens = l->fraction = 0;
	l->filled_at = now;
}

static void
fill(struct limiter *l, int64_t now)
{
	const uint64_t second = (uint64_t)NS_PER_SEC;
	uint64_t elapsed, parts;

	if (now <= l->filled_at)
		return;
	elapsed = (uint64_t)(now - l->filled_at);
	l->filled_at = now;
	/* Enough to fill it, and the products below fit into 64 bits. */
	if (elapsed > second)
		elapsed = second;
	parts = l->rate % second * elapsed + l->fraction;
	l->tokens += l->rate / second * elapsed + parts / second;
	l->fraction = parts % second;
	if (l->tokens >= l->burst) {
		l->tokens = l->burst;
		l->fraction = 0;
	}
}

uint64_t
limiter_allows(struct limiter *l, int64_t now)
{
	fill(l, now);
	return l->tokens < grain(l) ? 0 : l->tokens;
}

int64_t
limiter_ready_at(const struct limiter *l)
{
	uint64_t missing;

	if (l->tokens >= grain(l))
		return l->filled_at;
	missing = grain(l) - l->tokens;
	/* Rounded up; should it be too early, it is asked once more. */
	return l->filled_at + 1 + (int64_t)((double)missing /
	    (double)l->rate * (double)NS_PER_SEC);
}

void
limiter_take(struct limiter *l, uint64_t bytes)
{
	assert(bytes <= l->tokens);
	l->tokens -= bytes;
}
