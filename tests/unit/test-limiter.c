/*
 * test-limiter - the token bucket, in a time that we make.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat.h"
#include "deadline.h"
#include "limiter.h"

static const uint64_t rates[] = {
	1, 7, 10, 99, 1000, 4096, 65536, 1000003, UINT64_C(1) << 30,
	UINT64_C(30000000001), INT64_MAX
};

static uint64_t seed;

static uint64_t
choose(uint64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (seed >> 33) % below;
}

/* As the relay does: take what may go, then wait. */
static void
it_is_right_within_two_percent_over_ten_seconds(void **state)
{
	struct limiter l;
	long double got;
	int64_t now, end;
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		now = 12345;
		end = now + 10 * NS_PER_SEC;
		got = 0;
		limiter_init(&l, rates[i], now);
		while (now < end) {
			n = limiter_allows(&l, now);
			limiter_take(&l, n);
			got += (long double)n;
			assert_true(limiter_ready_at(&l) >= now);
			now = limiter_ready_at(&l);
			/* Woken late, as on a machine that is busy. */
			now += (int64_t)choose(50 * NS_PER_MS);
		}
		/* A bucket of a single byte cannot make up for lateness. */
		if (rates[i] < 100)
			continue;
		assert_true(got <= (long double)rates[i] * 10.2L);
		assert_true(got >= (long double)rates[i] * 9.8L);
	}
}

static void
no_more_than_a_tenth_of_a_second_comes_at_once(void **state)
{
	struct limiter l;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		limiter_init(&l, rates[i], 0);
		assert_int_equal(limiter_allows(&l, 0), 0);
		/* However long nothing went. */
		for (int64_t pause = NS_PER_SEC; pause < INT64_MAX / 8;
		    pause *= 7) {
			uint64_t n = limiter_allows(&l, pause);

			assert_true(n <= rates[i] / 10 || n == 1);
			assert_true(n > 0);
		}
	}
}

/* Any stretch of time, not only from the start. */
static void
the_rate_holds_in_every_second(void **state)
{
	enum { STEPS = 4000 };
	static int64_t at[STEPS];
	static uint64_t sum[STEPS];
	const uint64_t rate = 100000;
	struct limiter l;
	int64_t now = 0;
	uint64_t total = 0;

	(void)state;
	limiter_init(&l, rate, now);
	for (int i = 0; i < STEPS; i++) {
		uint64_t n = limiter_allows(&l, now);

		n = n == 0 ? 0 : choose(n + 1);
		limiter_take(&l, n);
		total += n;
		at[i] = now;
		sum[i] = total;
		now += (int64_t)choose(i % 50 == 0 ? 300 * NS_PER_MS :
		    7 * NS_PER_MS);
	}
	for (int i = 1; i < STEPS; i += 17)
		for (int j = i; j < STEPS; j++) {
			uint64_t went = sum[j] - sum[i - 1];
			uint64_t span = (uint64_t)(at[j] - at[i]);

			assert_true(went <= rate / 10 + 1 +
			    span * rate / NS_PER_SEC);
		}
}

static void
it_wakes_at_most_forty_times_a_second(void **state)
{
	struct limiter l;
	int64_t now;
	int wakes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		limiter_init(&l, rates[i], 0);
		wakes = 0;
		for (now = 0; now < 10 * NS_PER_SEC;
		    now = limiter_ready_at(&l)) {
			limiter_take(&l, limiter_allows(&l, now));
			wakes++;
		}
		/* Where a token is late by a rounding, once more for it. */
		assert_true(wakes <= 10 * 40 * 2 + 2);
		assert_true(rates[i] < 1000 || wakes <= 10 * 41);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    it_is_right_within_two_percent_over_ten_seconds),
		cmocka_unit_test(
		    no_more_than_a_tenth_of_a_second_comes_at_once),
		cmocka_unit_test(the_rate_holds_in_every_second),
		cmocka_unit_test(it_wakes_at_most_forty_times_a_second),
	};

	return cmocka_run_group_tests_name("limiter", tests, NULL, NULL);
}
