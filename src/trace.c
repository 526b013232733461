/*
 * trace - what happens, when, on standard error.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "compat.h"
#include "deadline.h"
#include "trace.h"

#define SAFE_BUFFERS 4		/* names in one message at the most */

static int64_t start_ns;
static unsigned int topics;
static bool verbose;

static const struct {
	const char	*name;
	unsigned int	 topics;
} topic_names[] = {
	{ "relay", TRACE_RELAY },
	{ "flow", TRACE_FLOW },
	{ "fifo", TRACE_FIFO },
	{ "child", TRACE_CHILD },
	{ "all", ~0U },
};

void
trace_init(int64_t start)
{
	const char *list = getenv("IPCTOOL_DEBUG");
	size_t length;

	start_ns = start;
	while (list != NULL && *list != '\0') {
		length = strcspn(list, ",");
		for (size_t i = 0; i < ARRAY_SIZE(topic_names); i++)
			if (strlen(topic_names[i].name) == length &&
			    memcmp(topic_names[i].name, list, length) == 0)
				topics |= topic_names[i].topics;
		list += length + (list[length] == ',');
	}
}

int64_t
trace_start(void)
{
	return start_ns;
}

void
trace_set_verbose(bool on)
{
	verbose = on;
}

/* One write(2) a line, so that lines of several processes do not mix. */
static void
print_line(const char *tag, const char *fmt, va_list ap)
{
	int64_t now = deadline_now() - start_ns;
	char line[1024];
	int used, more, saved = errno;

	used = snprintf(line, sizeof(line), "%s: %s%" PRId64 ".%06" PRId64 "s ",
	    getprogname(), tag, now / NS_PER_SEC, now % NS_PER_SEC / 1000);
	if (used < 0 || (size_t)used >= sizeof(line))
		return;
	more = vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, ap);
	if (more >= 0)
		fprintf(stderr, "%s\n", line);
	errno = saved;
}

void
trace_event(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	print_line("", fmt, ap);
	va_end(ap);
}

void
trace_debug(enum trace_topic topic, const char *fmt, ...)
{
	va_list ap;

	if ((topics & topic) == 0)
		return;
	va_start(ap, fmt);
	print_line("debug: ", fmt, ap);
	va_end(ap);
}

const char *
trace_safe(const char *name)
{
	static char *buffers[SAFE_BUFFERS];
	static size_t next;
	char **buffer = &buffers[next++ % SAFE_BUFFERS];

	free(*buffer);
	/* Only this set keeps a raw escape out: see vis(3bsd). */
	if (stravis(buffer, name, VIS_NOLOCALE | VIS_CSTYLE | VIS_OCTAL |
	    VIS_NL | VIS_TAB) == -1) {
		*buffer = NULL;
		return "?";
	}
	return *buffer;
}
