/*
 * test-deadline - points in monotonic time.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deadline.h"

static void
a_timeout_counts_from_its_start(void **state)
{
	(void)state;
	assert_true(deadline_after(100, 50) == 150);
	assert_true(deadline_after(0, 1) == 1);
}

static void
no_timeout_is_never(void **state)
{
	(void)state;
	assert_true(deadline_after(100, 0) == DEADLINE_NEVER);
	assert_true(deadline_after(0, 0) == DEADLINE_NEVER);
}

static void
what_is_too_far_away_is_never(void **state)
{
	(void)state;
	assert_true(deadline_after(100, INT64_MAX) == DEADLINE_NEVER);
	assert_true(deadline_after(100, INT64_MAX - 99) == DEADLINE_NEVER);
	assert_true(deadline_after(INT64_MAX - 1, 2) == DEADLINE_NEVER);
	assert_true(deadline_after(100, INT64_MAX - 101) == INT64_MAX - 1);
}

static void
the_nearer_deadline_counts(void **state)
{
	(void)state;
	assert_true(deadline_min(1, 2) == 1);
	assert_true(deadline_min(2, 1) == 1);
	assert_true(deadline_min(DEADLINE_NEVER, 7) == 7);
	assert_true(deadline_min(DEADLINE_NEVER, DEADLINE_NEVER) ==
	    DEADLINE_NEVER);
}

static void
what_is_left_is_what_ppoll_wants(void **state)
{
	struct timespec ts = { .tv_sec = 9, .tv_nsec = 9 };

	(void)state;
	assert_null(deadline_left(DEADLINE_NEVER, 5, &ts));
	assert_ptr_equal(deadline_left(5 + 3 * NS_PER_SEC + 7, 5, &ts), &ts);
	assert_true(ts.tv_sec == 3 && ts.tv_nsec == 7);
	assert_non_null(deadline_left(NS_PER_SEC + 4, 5, &ts));
	assert_true(ts.tv_sec == 0 && ts.tv_nsec == NS_PER_SEC - 1);
	assert_non_null(deadline_left(5, 5, &ts));
	assert_true(ts.tv_sec == 0 && ts.tv_nsec == 0);
	assert_non_null(deadline_left(1, 5 * NS_PER_SEC, &ts));
	assert_true(ts.tv_sec == 0 && ts.tv_nsec == 0);
}

/* Whatever time_t is on this machine. */
static void
a_century_is_not_in_the_past(void **state)
{
	const int64_t century = INT64_C(36525) * 86400 * NS_PER_SEC;
	struct timespec ts;

	(void)state;
	assert_non_null(deadline_left(5 + century, 5, &ts));
	assert_true(ts.tv_sec == INT32_MAX);
	assert_non_null(deadline_left(DEADLINE_NEVER - 1, 0, &ts));
	assert_true(ts.tv_sec == INT32_MAX);
	assert_true(ts.tv_nsec >= 0 && ts.tv_nsec < NS_PER_SEC);
}

static void
time_does_not_run_backwards(void **state)
{
	int64_t before = deadline_now(), now;

	(void)state;
	assert_true(before > 0);
	for (int i = 0; i < 1000; i++) {
		now = deadline_now();
		assert_true(now >= before);
		before = now;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timeout_counts_from_its_start),
		cmocka_unit_test(no_timeout_is_never),
		cmocka_unit_test(what_is_too_far_away_is_never),
		cmocka_unit_test(the_nearer_deadline_counts),
		cmocka_unit_test(what_is_left_is_what_ppoll_wants),
		cmocka_unit_test(a_century_is_not_in_the_past),
		cmocka_unit_test(time_does_not_run_backwards),
	};

	return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
