/*
 * test-parse - sizes, durations, delimiters and suggestions.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compat.h"
#include "deadline.h"
#include "parse.h"

#define UNTOUCHED 0x5a5a5a

static void
sizes_are_digits_and_a_unit(void **state)
{
	static const struct {
		const char	*text;
		uint64_t	 bytes;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "010", 10 },
		{ "000", 0 },
		{ "10B", 10 },
		{ "0T", 0 },
		{ "1k", 1024 },
		{ "1K", 1024 },
		{ "1kiB", 1024 },
		{ "1KiB", 1024 },
		{ "3m", 3 << 20 },
		{ "3M", 3 << 20 },
		{ "3MiB", 3 << 20 },
		{ "1g", UINT64_C(1) << 30 },
		{ "1GiB", UINT64_C(1) << 30 },
		{ "2t", UINT64_C(2) << 40 },
		{ "2TiB", UINT64_C(2) << 40 },
		{ "8388607T", UINT64_C(8388607) << 40 },
		{ "9223372036854775807", INT64_MAX },
		{ "9007199254740991K", UINT64_C(9007199254740991) << 10 },
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		bytes = UNTOUCHED;
		if (parse_size(good[i].text, &bytes) == -1)
			fail_msg("'%s' was refused", good[i].text);
		if (bytes != good[i].bytes)
			fail_msg("'%s' is %ju", good[i].text,
			    (uintmax_t)bytes);
	}
}

static void
what_is_no_size_is_refused(void **state)
{
	static const struct {
		const char	*text;
		int		 errnum;
	} bad[] = {
		{ "", EINVAL },
		{ " ", EINVAL },
		{ "-1", EINVAL },
		{ "+1", EINVAL },
		{ " 1", EINVAL },
		{ "\t1", EINVAL },
		{ "1 ", EINVAL },
		{ "1Kx", EINVAL },
		{ "1KB", EINVAL },
		{ "1kb", EINVAL },
		{ "1b", EINVAL },
		{ "1Ki", EINVAL },
		{ "1Kib", EINVAL },
		{ "1KiBB", EINVAL },
		{ "1iB", EINVAL },
		{ "K", EINVAL },
		{ "B", EINVAL },
		{ "1P", EINVAL },
		{ "1E", EINVAL },
		{ "0x10", EINVAL },
		{ "1e3", EINVAL },
		{ "1.5", EINVAL },
		{ ".5", EINVAL },
		{ "1,5", EINVAL },
		{ "ten", EINVAL },
		{ "1\n", EINVAL },
		{ "\xef\xbc\x91", EINVAL },
		{ "9223372036854775808", ERANGE },
		{ "18446744073709551615", ERANGE },
		{ "18446744073709551616", ERANGE },
		{ "18446744073709551617", ERANGE },
		{ "99999999999999999999999", ERANGE },
		{ "8388608T", ERANGE },
		{ "9007199254740992K", ERANGE },
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bytes = UNTOUCHED;
		errno = 0;
		if (parse_size(bad[i].text, &bytes) == 0)
			fail_msg("'%s' is %ju", bad[i].text, (uintmax_t)bytes);
		if (errno != bad[i].errnum)
			fail_msg("'%s': errno %d", bad[i].text, errno);
		assert_true(bytes == UNTOUCHED);
	}
}

/* On 32 bits, too, where 30 GiB are no size that a buffer can have. */
static void
a_buffer_is_at_most_half_of_all_memory(void **state)
{
	size_t bytes = 0;
	char text[32];
	uint64_t wide;

	(void)state;
	assert_int_equal(parse_memory("64K", &bytes), 0);
	assert_true(bytes == 65536);
	snprintf(text, sizeof(text), "%zu", SIZE_MAX / 2);
	assert_int_equal(parse_memory(text, &bytes), 0);
	assert_true(bytes == SIZE_MAX / 2);

	bytes = 7;
	snprintf(text, sizeof(text), "%ju", (uintmax_t)SIZE_MAX / 2 + 1);
	assert_int_equal(parse_memory(text, &bytes), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(parse_memory("0", &bytes), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(parse_memory("-1", &bytes), -1);
	assert_int_equal(errno, EINVAL);
	assert_true(bytes == 7);

	if (sizeof(bytes) > 4) {
		assert_int_equal(parse_memory("30G", &bytes), 0);
		wide = bytes;
		assert_true(wide == UINT64_C(30) << 30);
	} else {
		assert_int_equal(parse_memory("30G", &bytes), -1);
		assert_int_equal(errno, ERANGE);
	}
}

static void
durations_are_decimal_with_a_unit(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 ns;
	} good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "0.0h", 0 },
		{ "1", NS_PER_SEC },
		{ "1s", NS_PER_SEC },
		{ "01", NS_PER_SEC },
		{ "1.", NS_PER_SEC },
		{ "0.5", NS_PER_SEC / 2 },
		{ ".5", NS_PER_SEC / 2 },
		{ "1.25s", NS_PER_SEC * 5 / 4 },
		{ "2m", 120 * NS_PER_SEC },
		{ "3h", 10800 * NS_PER_SEC },
		{ "4d", 4 * 86400 * NS_PER_SEC },
		{ "250ms", 250 * NS_PER_MS },
		{ "0.5ms", NS_PER_MS / 2 },
		{ "7us", 7000 },
		{ "0.000000001", 1 },
		{ "365d", 365 * 86400 * NS_PER_SEC },
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ns = UNTOUCHED;
		if (parse_duration(good[i].text, &ns) == -1)
			fail_msg("'%s' was refused", good[i].text);
		if (ns != good[i].ns)
			fail_msg("'%s' is %jd", good[i].text, (intmax_t)ns);
	}
}

/* Down would make a limit of it that was not asked for: none at all. */
static void
less_than_a_nanosecond_is_not_no_limit(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(parse_duration("0.0000000001", &ns), 0);
	assert_true(ns > 0);
	assert_int_equal(parse_duration("0.0001us", &ns), 0);
	assert_true(ns > 0);
}

static void
centuries_are_no_limit(void **state)
{
	static const char *const texts[] = {
		"99999999999999999999", "106752d", "1000000000d",
		"99999999999999999999999999999999999999999d",
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(parse_duration(texts[i], &ns), 0);
		assert_true(ns == 0 || ns > INT64_MAX / 2);
	}
}

static void
what_is_no_duration_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", ".", "s", "ms", ".s", "-1", "+1", "-0", " 1", "1 ",
		"1 s", "1S", "1M", "1D", "1sec", "1min", "1ns", "1ss", "1e3",
		"0x10", "0x1p3", "1,5", "1.2.3", "nan", "-inf", "INF", "1u",
		"1us2", "\n1", "1\n",
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ns = UNTOUCHED;
		errno = 0;
		if (parse_duration(bad[i], &ns) == 0)
			fail_msg("'%s' is %jd", bad[i], (intmax_t)ns);
		assert_int_equal(errno, EINVAL);
		assert_true(ns == UNTOUCHED);
	}
}

static void
delimiters_are_one_byte(void **state)
{
	static const struct {
		const char	*text;
		unsigned char	 delimiter;
	} good[] = {
		{ ",", ',' },
		{ " ", ' ' },
		{ "\n", '\n' },
		{ "\\", '\\' },
		{ "\xff", 0xff },
		{ "\\n", '\n' },
		{ "\\t", '\t' },
		{ "\\0", '\0' },
		{ "\\033", 27 },
		{ "\\\\", '\\' },
	};
	static const char *const bad[] = {
		"", "ab", "\\n\\n", "\\nx", "\\q", "\\400x"
	};
	unsigned char delimiter;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		delimiter = 'Q';
		if (parse_delimiter(good[i].text, &delimiter) == -1)
			fail_msg("'%s' was refused", good[i].text);
		assert_int_equal(delimiter, good[i].delimiter);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		delimiter = 'Q';
		errno = 0;
		assert_int_equal(parse_delimiter(bad[i], &delimiter), -1);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(delimiter, 'Q');
	}
}

static void
a_near_name_is_suggested(void **state)
{
	static const char *const names[] = {
		"pipe-relay", "fifo-create", "fifo-read", "fifo-write",
		"duplex", NULL
	};
	static const struct {
		const char	*word, *meant;
	} cases[] = {
		{ "fifo-raed", "fifo-read" },
		{ "fiforead", "fifo-read" },
		{ "fifo-reads", "fifo-read" },
		{ "dupelx", "duplex" },
		{ "duplexx", "duplex" },
		{ "dup", "duplex" },
		{ "pipe-relai", "pipe-relay" },
		{ "fifo-c", "fifo-create" },
		{ "fifo-write", "fifo-write" },
		{ "", NULL },
		{ "x", NULL },
		{ "stat", NULL },
		{ "xyzzy", NULL },
		{ "completely-different", NULL },
		{ "fifo-read-and-very-much-more-than-fits", NULL },
	};
	const char *meant;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		meant = parse_suggest(cases[i].word, names);
		if (meant == NULL ? cases[i].meant != NULL :
		    cases[i].meant == NULL ||
		    strcmp(meant, cases[i].meant) != 0)
			fail_msg("'%s': %s", cases[i].word,
			    meant == NULL ? "nothing" : meant);
	}
}

static void
nothing_is_suggested_out_of_nothing(void **state)
{
	static const char *const none[] = { NULL };

	(void)state;
	assert_null(parse_suggest("fifo", none));
	assert_null(parse_suggest("", none));
}

/* Whatever comes, it is accepted or refused, and read no further. */
static void
random_texts_are_survived(void **state)
{
	static const char letters[] = "0019.kKmMgGtTiBsuhd- +xe\\n";
	static const char *const names[] = { "timeout", "stats", NULL };
	uint64_t random = 1, bytes;
	unsigned char delimiter;
	char text[48];
	size_t length;
	int64_t ns;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1;
		length = (size_t)(random >> 33) % (sizeof(text) - 1);
		for (size_t j = 0; j < length; j++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			text[j] = letters[(random >> 33) %
			    (sizeof(letters) - 1)];
		}
		text[length] = '\0';
		bytes = 0;
		if (parse_size(text, &bytes) == 0)
			assert_true(bytes <= INT64_MAX);
		if (parse_duration(text, &ns) == 0)
			assert_true(ns >= 0);
		(void)parse_delimiter(text, &delimiter);
		(void)parse_suggest(text, names);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_digits_and_a_unit),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(a_buffer_is_at_most_half_of_all_memory),
		cmocka_unit_test(durations_are_decimal_with_a_unit),
		cmocka_unit_test(less_than_a_nanosecond_is_not_no_limit),
		cmocka_unit_test(centuries_are_no_limit),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(delimiters_are_one_byte),
		cmocka_unit_test(a_near_name_is_suggested),
		cmocka_unit_test(nothing_is_suggested_out_of_nothing),
		cmocka_unit_test(random_texts_are_survived),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
