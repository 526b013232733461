/*
 * late - programs that start late, as on a machine with other work to do.  A
 * shared object:
 *
 *	LD_PRELOAD=.../late.so COMMAND...
 *
 * One program of 16 runs in circles for up to 100 ms before its main().  It is
 * running all that time, not asleep: a program that has not begun must not
 * look like one that waits.
 */
#define _GNU_SOURCE

#include <sched.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND	UINT64_C(1000000)

static uint64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 * MILLISECOND +
	    (uint64_t)time.tv_nsec;
}

/* Neighbours in time and among processes must not get the like of it. */
static uint64_t
scramble(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

__attribute__((constructor)) static void
start_late(void)
{
	uint64_t begin = now();
	uint64_t chance = scramble(begin ^ (uint64_t)getpid() << 40);

	if (chance % 16 != 0)
		return;
	while (now() - begin < chance / 16 % 100 * MILLISECOND)
		sched_yield();
}
