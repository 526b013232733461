/*
 * deadline - points in monotonic time.
 */
#include "config.h"

#include "deadline.h"

/* 68 years: time_t may have 32 bits. */
#define SEC_MAX		INT32_MAX

int64_t
deadline_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t
deadline_after(int64_t start_ns, int64_t timeout_ns)
{
	if (timeout_ns == 0 || timeout_ns > DEADLINE_NEVER - start_ns)
		return DEADLINE_NEVER;
	return start_ns + timeout_ns;
}

int64_t
deadline_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void
deadline_timespec(int64_t ns, struct timespec *ts)
{
	const int64_t sec = ns / NS_PER_SEC;

	ts->tv_sec = (time_t)(sec < SEC_MAX ? sec : SEC_MAX);
	ts->tv_nsec = (long)(ns % NS_PER_SEC);
}

struct timespec *
deadline_left(int64_t deadline, int64_t now, struct timespec *ts)
{
	int64_t left;

	if (deadline == DEADLINE_NEVER)
		return NULL;
	left = deadline > now ? deadline - now : 0;
	deadline_timespec(left, ts);
	return ts;
}
