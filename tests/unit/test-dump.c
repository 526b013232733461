/*
 * test-dump - traffic made readable.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deadline.h"
#include "dump.h"
#include "signals.h"

static const struct limits no_limits = { .deadline = DEADLINE_NEVER };

static struct dump *
begin(int fd, const struct limits *limits)
{
	struct endpoint end;
	struct dump *dump;

	assert_int_equal(endpoint_init(&end, fd, O_WRONLY, "dump"), 0);
	dump = dump_new(&end, limits);
	assert_non_null(dump);
	return dump;
}

static void
expect_line(const char *mark, uint64_t offset, const char *data, size_t n,
    const char *wanted)
{
	char line[DUMP_LINE];
	size_t length;

	length = dump_line(line, mark, offset, (const unsigned char *)data, n);
	assert_int_equal(length, strlen(wanted));
	assert_memory_equal(line, wanted, length);
}

static void
a_line_has_offset_hex_and_text(void **state)
{
	(void)state;
	expect_line(">", 0, "Hello, world!\n\0\377", 16,
	    "> 00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21 0a 00 ff"
	    "  |Hello, world!...|\n");
	expect_line("<", 0x10, "x", 1,
	    "< 00000010  78                                              "
	    "  |x|\n");
	expect_line("12>", UINT64_C(0x123456789a), "12345678", 8,
	    "12> 123456789a  31 32 33 34 35 36 37 38                     "
	    "      |12345678|\n");
	expect_line(">", 0, "123456789", 9,
	    "> 00000000  31 32 33 34 35 36 37 38  39                     "
	    "  |123456789|\n");
}

static void
the_longest_line_has_room(void **state)
{
	char line[DUMP_LINE];

	(void)state;
	assert_true(dump_line(line, "123456789012345", UINT64_MAX,
	    (const unsigned char *)"0123456789abcdef", DUMP_ROW) <=
	    sizeof(line));
}

static void
a_terminal_gets_nothing_but_printable_characters(void **state)
{
	unsigned char data[DUMP_ROW];
	char line[DUMP_LINE];
	size_t length;

	(void)state;
	for (unsigned int byte = 0; byte < 256; byte++) {
		memset(data, (int)byte, sizeof(data));
		length = dump_line(line, ">", byte, data, sizeof(data));
		for (size_t i = 0; i + 1 < length; i++)
			assert_in_range(line[i], ' ', '~');
		assert_int_equal(line[length - 1], '\n');
	}
}

/* Read all that was dumped back into bytes, as anybody could. */
static size_t
undump(FILE *file, unsigned char *data, const char *mark)
{
	size_t n = 0;
	char line[256], *at;

	while (fgets(line, sizeof(line), file) != NULL) {
		assert_memory_equal(line, mark, strlen(mark));
		if (strstr(line, "byte") != NULL && strchr(line, '|') == NULL)
			continue;
		at = line + strlen(mark) + 1;
		assert_int_equal(strtoul(at, &at, 16), n);
		for (int i = 0; i < DUMP_ROW; i++) {
			while (*at == ' ')
				at++;
			if (*at == '|')
				break;
			data[n++] = (unsigned char)strtoul(at, &at, 16);
		}
	}
	return n;
}

static void
everything_can_be_read_back(void **state)
{
	enum { SIZE = 300000 };
	unsigned char *data = malloc(SIZE), *got = malloc(SIZE);
	FILE *file = tmpfile();
	struct dump *dump;
	struct iovec iov[2];
	size_t done = 0, n;

	(void)state;
	assert_non_null(file);
	assert_non_null(data);
	assert_non_null(got);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i * 7 + i / 256);
	dump = begin(dup(fileno(file)), &no_limits);
	for (size_t chunk = 1; done < SIZE; chunk = chunk * 3 + 1) {
		n = chunk < SIZE - done ? chunk : SIZE - done;
		/* As a ring has it, in two pieces. */
		iov[0].iov_base = data + done;
		iov[0].iov_len = n / 3;
		iov[1].iov_base = data + done + n / 3;
		iov[1].iov_len = n - n / 3;
		dump_bytes(dump, ">", done, iov, 2);
		done += n;
	}
	assert_int_equal(dump_finish(dump), 0);
	rewind(file);
	assert_int_equal(undump(file, got, ">"), SIZE);
	assert_memory_equal(data, got, SIZE);
	fclose(file);
	free(data);
	free(got);
}

static void
an_error_is_told_at_the_end(void **state)
{
	struct iovec iov = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct dump *dump;

	(void)state;
	dump = begin(open("/dev/full", O_WRONLY | O_CLOEXEC), &no_limits);
	dump_bytes(dump, ">", 0, &iov, 1);
	dump_bytes(dump, ">", 1, &iov, 1);
	assert_int_equal(dump_finish(dump), -1);
	assert_int_equal(errno, ENOSPC);
}

static void
a_dump_that_blocks_ends_with_the_time_of_the_run(void **state)
{
	struct limits limits = { .idle_timeout = 50 * NS_PER_MS,
		.deadline = DEADLINE_NEVER };
	static char data[100000];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	int64_t began = deadline_now();
	struct dump *dump;
	int fds[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(fds, O_CLOEXEC | (i == 0 ? 0 :
		    O_NONBLOCK)), 0);
		dump = begin(fds[1], &limits);
		dump_bytes(dump, ">", 0, &iov, 1);
		assert_int_equal(dump_finish(dump), -1);
		assert_int_equal(errno, EINTR);
		close(fds[0]);
	}
	assert_true(deadline_now() - began < 5 * NS_PER_SEC);
}

static int
setup(void **state)
{
	(void)state;
	alarm(60);
	signals_early();
	signals_start();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_offset_hex_and_text),
		cmocka_unit_test(the_longest_line_has_room),
		cmocka_unit_test(
		    a_terminal_gets_nothing_but_printable_characters),
		cmocka_unit_test(everything_can_be_read_back),
		cmocka_unit_test(an_error_is_told_at_the_end),
		cmocka_unit_test(
		    a_dump_that_blocks_ends_with_the_time_of_the_run),
	};

	return cmocka_run_group_tests_name("dump", tests, setup, NULL);
}
