/*
 * test-progress - the line of the meter in any width.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "compat.h"
#include "deadline.h"
#include "progress.h"

#define MIB ((uint64_t)1 << 20)

static const uint64_t rates[] = {
	0, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB, 6 * MIB, 7 * MIB
};

static const struct progress_view half_way = {
	.bytes = 512 * MIB,
	.size = 1024 * MIB,
	.elapsed_ns = 125 * NS_PER_SEC,
	.rate = 7 * MIB,
	.average = 4 * MIB,
	.rates = rates,
	.nrates = ARRAY_SIZE(rates),
};

static void
expect(const struct progress_view *v, bool utf8, size_t columns,
    const char *wanted)
{
	char line[PROGRESS_LINE];

	assert_true(progress_line(v, utf8, columns, line) <= columns);
	assert_string_equal(line, wanted);
}

static void
it_shows_all_where_there_is_room(void **state)
{
	struct progress_view v = half_way;

	(void)state;
	expect(&v, true, 79, "512 MiB 2:05 7.0 MiB/s avg 4.0 MiB/s "
	    "▁▂▃▄▅▆▇█ [=========>        ] 50% ETA 2:08");
	expect(&v, false, 79, "512 MiB 2:05 7.0 MiB/s avg 4.0 MiB/s "
	    "_.,-=+*# [=========>        ] 50% ETA 2:08");
	v.wait = PROGRESS_INPUT;
	expect(&v, false, 100, "512 MiB 2:05 7.0 MiB/s avg 4.0 MiB/s "
	    "_.,-=+*# [===========>           ] 50% ETA 2:08 waits for input");
}

static void
it_shows_what_matters_where_there_is_little_room(void **state)
{
	struct progress_view v = half_way;

	(void)state;
	expect(&v, true, 29, "512 MiB 2:05 7.0 MiB/s 50%");
	v.wait = PROGRESS_OUTPUT;
	expect(&v, true, 29, "512 MiB 7.0 MiB/s 50% >output");
	expect(&v, true, 12, "512 MiB 50%");
	expect(&v, true, 3, "50%");
	expect(&v, true, 0, "");
}

static void
it_does_without_a_size(void **state)
{
	struct progress_view v = half_way;

	(void)state;
	v.size = 0;
	expect(&v, false, 79, "512 MiB 2:05 7.0 MiB/s avg 4.0 MiB/s _.,-=+*#");
	v.wait = PROGRESS_LIMIT;
	expect(&v, false, 80,
	    "512 MiB 2:05 7.0 MiB/s avg 4.0 MiB/s _.,-=+*# held back");
}

static void
the_last_line_has_no_present(void **state)
{
	struct progress_view v = half_way;

	(void)state;
	v.over = true;
	v.bytes = v.size;
	v.wait = PROGRESS_INPUT;
	v.nrates = 0;
	v.elapsed_ns = 3661 * NS_PER_SEC;
	expect(&v, true, 79, "1.0 GiB 1:01:01 avg 4.0 MiB/s "
	    "[======================================] 100%");
}

static void
more_than_the_size_is_all_of_it(void **state)
{
	struct progress_view v = half_way;

	(void)state;
	v.bytes = 2 * v.size;
	expect(&v, true, 30, "2.0 GiB 2:05 7.0 MiB/s 100%");
	/* And 100 % is not said before. */
	v.bytes = v.size - 1;
	expect(&v, true, 30, "1.0 GiB 2:05 7.0 MiB/s 99%");
}

/* A character that is no continuation byte takes a column. */
static size_t
columns_of(const char *line)
{
	size_t n = 0;

	for (; *line != '\0'; line++)
		n += ((unsigned char)*line & 0xc0) != 0x80;
	return n;
}

static void
no_line_is_ever_too_long(void **state)
{
	char line[PROGRESS_LINE];
	static const uint64_t sizes[] = { 0, 1, UINT64_MAX };
	struct progress_view v = half_way;
	size_t used;

	(void)state;
	for (size_t columns = 0; columns < 600; columns++)
		for (size_t i = 0; i < 3 * 3 * 4 * 2; i++) {
			v.size = sizes[i % 3];
			v.bytes = v.rate = v.average = sizes[i / 3 % 3];
			v.wait = (enum progress_wait)(i / 9 % 4);
			v.elapsed_ns = i % 2 == 0 ? 0 : INT64_MAX;
			v.over = i / 36 % 2;
			used = progress_line(&v, true, columns, line);
			assert_int_equal(used, columns_of(line));
			assert_true(used <= columns);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_shows_all_where_there_is_room),
		cmocka_unit_test(
		    it_shows_what_matters_where_there_is_little_room),
		cmocka_unit_test(it_does_without_a_size),
		cmocka_unit_test(the_last_line_has_no_present),
		cmocka_unit_test(more_than_the_size_is_all_of_it),
		cmocka_unit_test(no_line_is_ever_too_long),
	};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
