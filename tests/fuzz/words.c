/*
 * words - what the command line is made of, by libFuzzer: the first byte says
 * which parser gets the rest.
 *
 * Besides crashing, a parser must not store anything when it refuses, nor
 * take what is beyond its limits, and must find again what was printed.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* No parser gives such a value by chance. */
#define UNTOUCHED 0x5ac3a55a71

static void
refused(void)
{
	assert(errno == EINVAL || errno == ERANGE || errno == EPERM);
}

static void
try_size(const char *text)
{
	uint64_t size = UNTOUCHED, again;
	char printed[32];

	if (parse_size(text, &size) == -1) {
		refused();
		assert(size == UNTOUCHED);
		return;
	}
	assert(size <= INT64_MAX);
	snprintf(printed, sizeof(printed), "%" PRIu64, size);
	assert(parse_size(printed, &again) == 0 && again == size);
}

static void
try_capacity(const char *text)
{
	size_t size = UNTOUCHED;

	if (parse_capacity(text, &size) == -1) {
		refused();
		assert(size == UNTOUCHED);
	} else
		assert(size == SIZE_MAX || (size >= 1 && size <= INT_MAX));
}

static void
try_duration(const char *text)
{
	int64_t ns = -UNTOUCHED;

	if (parse_duration(text, &ns) == -1) {
		refused();
		assert(ns == -UNTOUCHED);
	} else
		assert(ns >= 0);
}

static void
try_number(const char *text)
{
	long long number = -UNTOUCHED;

	if (parse_number(text, 1000, &number) == -1) {
		refused();
		assert(number == -UNTOUCHED);
	} else {
		assert(number >= 0 && number <= 1000);
		assert(strspn(text, "0123456789") == strlen(text));
	}
}

static void
try_mode(const char *text)
{
	mode_t mode = 07777;

	if (parse_mode(text, &mode) == -1) {
		refused();
		assert(mode == 07777);
	} else
		assert((mode & ~(mode_t)0777) == 0);
}

static void
try_delimiter(const char *text)
{
	unsigned char delimiter = 0xa5;

	if (parse_delimiter(text, &delimiter) == -1) {
		refused();
		assert(delimiter == 0xa5);
	} else if (strlen(text) == 1)
		assert(delimiter == (unsigned char)text[0]);
	else
		assert(text[0] == '\\');
}

static void
try_suggest(const char *text)
{
	static const char *const names[] = {
		"pipe-relay", "fifo-create", "fifo-read", "fifo-write",
		"fifo-stat", "duplex", NULL
	};
	const char *meant = parse_suggest(text, names);
	size_t i = 0;

	while (meant != NULL && names[i] != meant)
		assert(names[i++] != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const char *) = {
		try_size, try_capacity, try_duration, try_number, try_mode,
		try_delimiter, try_suggest
	};
	char *text;

	if (size == 0)
		return 0;
	/* Its own memory, so that a byte too far is seen. */
	text = strndup((const char *)data + 1, size - 1);
	if (text == NULL)
		abort();
	parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](text);
	free(text);
	return 0;
}
