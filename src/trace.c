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
#include "signals.h"
#include "trace.h"

/* What vis(3) makes of one byte, at the most. */
#define VIS_LONGEST	4

#define SAFE_BUFFERS 4		/* names in one message at the most */

static int64_t start_ns;
static unsigned int topics;

static const struct {
	const char	*name;
	unsigned int	 topics;
} topic_names[] = {
	{ "relay", TRACE_RELAY },
	{ "flow", TRACE_FLOW },
	{ "fifo", TRACE_FIFO },
	{ "child", TRACE_CHILD },
	{ "all", TRACE_RELAY | TRACE_FLOW | TRACE_FIFO | TRACE_CHILD },
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
	if (on)
		topics |= TRACE_VERBOSE;
	else
		topics &= ~(unsigned int)TRACE_VERBOSE;
}

bool
trace_wants(enum trace_topic topic)
{
	return (topics & topic) != 0;
}

/* One call of stdio a line, so that lines of several processes do not mix. */
void
trace_print(const char *tag, const char *fmt, ...)
{
	int64_t now = deadline_now() - start_ns;
	int saved = errno;
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		text = NULL;
	va_end(ap);
	signals_print_begin();
	if (text != NULL)
		fprintf(stderr, "%s: %s%" PRId64 ".%06" PRId64 "s %s\n",
	    getprogname(), tag, now / NS_PER_SEC, now % NS_PER_SEC / 1000,
	    text);
	signals_print_end();
	free(text);
	errno = saved;
}

static bool
is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '\\';
}

/* Where memory is short. */
static const char *
make_plain(const char *name)
{
	static char plain[SAFE_BUFFERS][64];
	static size_t next;
	char *text = plain[next++ % SAFE_BUFFERS];
	size_t length = strlcpy(text, name, sizeof(plain[0]));

	for (char *c = text; *c != '\0'; c++)
		if (!is_plain(*c))
			*c = '?';
	if (length >= sizeof(plain[0]))
		memset(text + sizeof(plain[0]) - 4, '.', 3);
	return text;
}

const char *
trace_safe(const char *name)
{
	static char *buffers[SAFE_BUFFERS];
	static size_t next;
	char **buffer = &buffers[next++ % SAFE_BUFFERS];
	size_t length = strlen(name);
	int saved = errno, n = -1;

	free(*buffer);
	*buffer = reallocarray(NULL, length + 1, VIS_LONGEST);
	/*
	 * Only this set keeps a raw escape out: see vis(3bsd).  Where memory is
	 * short, it can return 0.
	 */
	if (*buffer != NULL)
		n = strvisx(*buffer, name, length, VIS_NOLOCALE | VIS_CSTYLE |
		    VIS_OCTAL | VIS_NL | VIS_TAB);
	errno = saved;
	return n < (int)length ? make_plain(name) : *buffer;
}

const char *
trace_name(const char *name)
{
	return *name == '\0' ? "''" : trace_safe(name);
}
