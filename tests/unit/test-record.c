/*
 * test-record - where a line or a NUL record ends, in one or two pieces.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* The text cut in two at every place, each piece on the heap by itself. */
static void
expect(const char *text, size_t length, unsigned char delimiter, size_t wanted)
{
	struct iovec iov[2];
	size_t got;

	for (size_t cut = 0; cut <= length; cut++) {
		iov[0].iov_base = malloc(cut + 1);
		iov[0].iov_len = cut;
		iov[1].iov_base = malloc(length - cut + 1);
		iov[1].iov_len = length - cut;
		assert_non_null(iov[0].iov_base);
		assert_non_null(iov[1].iov_base);
		memcpy(iov[0].iov_base, text, cut);
		memcpy(iov[1].iov_base, text + cut, length - cut);
		/* Just behind the end, where nobody may look. */
		((unsigned char *)iov[0].iov_base)[cut] = delimiter;
		((unsigned char *)iov[1].iov_base)[length - cut] = delimiter;
		got = record_length(iov, 2, delimiter);
		free(iov[0].iov_base);
		free(iov[1].iov_base);
		if (got != wanted)
			fail_msg("%zu instead of %zu, cut at %zu", got, wanted,
			    cut);
	}
}

static void
a_record_ends_with_its_delimiter(void **state)
{
	(void)state;
	expect("one\n", 4, '\n', 4);
	expect("one\ntwo\n", 8, '\n', 4);
	expect("\n", 1, '\n', 1);
	expect("\n\n", 2, '\n', 1);
	expect("a,b", 3, ',', 2);
}

static void
without_a_delimiter_there_is_no_record(void **state)
{
	(void)state;
	expect("", 0, '\n', 0);
	expect("one", 3, '\n', 0);
	expect("one\n", 4, ',', 0);
	assert_int_equal(record_length(NULL, 0, '\n'), 0);
}

static void
a_delimiter_may_be_any_byte(void **state)
{
	unsigned char text[3] = { 'a', 0, 'b' };

	(void)state;
	for (unsigned int byte = 0; byte < 256; byte++) {
		text[1] = (unsigned char)byte;
		expect((const char *)text, 3, (unsigned char)byte,
		    byte == 'a' ? 1 : 2);
	}
	expect("a\0b\0", 4, '\0', 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_ends_with_its_delimiter),
		cmocka_unit_test(without_a_delimiter_there_is_no_record),
		cmocka_unit_test(a_delimiter_may_be_any_byte),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
