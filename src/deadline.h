/*
 * deadline - points in monotonic time.
 *
 * A timeout is relative and a deadline is absolute; both are int64_t
 * nanoseconds of CLOCK_MONOTONIC, see clock_gettime(2).
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdint.h>
#include <time.h>

#define DEADLINE_NEVER	INT64_MAX
#define NS_PER_SEC	INT64_C(1000000000)
#define NS_PER_MS	INT64_C(1000000)

int64_t	 deadline_now(void);

/* timeout_ns after start; a timeout of 0 means no limit: DEADLINE_NEVER. */
int64_t	 deadline_after(int64_t start_ns, int64_t timeout_ns);

int64_t	 deadline_min(int64_t, int64_t);

/*
 * Nanoseconds, >= 0, as system calls want them; 68 years at the most, after
 * which a wait has to begin anew.
 */
void	 deadline_timespec(int64_t ns, struct timespec *);

/*
 * The time left until a deadline, as ppoll(2) wants it: NULL for
 * DEADLINE_NEVER, otherwise ts filled in, zero when it has passed.
 */
struct timespec	*deadline_left(int64_t deadline, int64_t now,
		    struct timespec *ts);

#endif
