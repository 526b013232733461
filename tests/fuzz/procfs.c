/*
 * procfs - the files of /proc, by libFuzzer: the first byte says which parser
 * gets the rest.  Other processes choose much of what is in them.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "procfs.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
try_stat(const char *text)
{
	struct procfs_stat stat;
	const char *end;

	if (procfs_parse_stat(text, &stat) == -1)
		return;
	assert(memchr(stat.comm, '\0', sizeof(stat.comm)) != NULL);
	/* The state is what follows the last parenthesis. */
	end = strrchr(text, ')');
	assert(end != NULL && strchr(end, stat.state) != NULL);
}

static void
try_call(const char *text)
{
	struct procfs_call call;

	if (procfs_parse_call(text, &call) == 0)
		assert(call.number >= PROCFS_RUNNING);
}

static void
try_flags(const char *text)
{
	int flags;

	(void)procfs_parse_flags(text, &flags);
}

static void
try_last_run(const char *text)
{
	int64_t ns;

	if (procfs_parse_last_run(text, &ns) == 0)
		assert(ns >= 0);
}

static void
try_mapping(const char *text)
{
	(void)procfs_parse_mapping(text, 0x7f0000001000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const char *) = {
		try_stat, try_call, try_flags, try_last_run, try_mapping
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
