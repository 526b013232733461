/*
 * trace - what happens, when, on standard error: for users by --verbose,
 * for developers by IPCTOOL_DEBUG=relay,flow,fifo,child,all.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>

enum trace_topic {
	TRACE_RELAY = 1,
	TRACE_FLOW = 2,
	TRACE_FIFO = 4,
	TRACE_CHILD = 8,
	TRACE_VERBOSE = 16
};

/* Read IPCTOOL_DEBUG; times count from start_ns, see deadline.h. */
void	 trace_init(int64_t start_ns);

/* When the run started. */
int64_t	 trace_start(void);

/* Switch the --verbose lines on. */
void	 trace_set_verbose(bool);

/*
 * One line for the user, with its time; nothing unless --verbose.  As a
 * macro, so that the arguments cost nothing then.
 */
#define trace_event(...) \
	do { \
		if (trace_wants(TRACE_VERBOSE)) \
			trace_print("", __VA_ARGS__); \
	} while (0)

/* One line for a developer; nothing unless the topic was asked for. */
#define trace_debug(topic, ...) \
	do { \
		if (trace_wants(topic)) \
			trace_print("debug: ", __VA_ARGS__); \
	} while (0)

bool	 trace_wants(enum trace_topic);
void	 trace_print(const char *tag, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * A name or a text from outside made safe for a terminal and for one line:
 * vis(3) of it, in one of a few static buffers that take turns; when memory is
 * short its beginning, with "?" for what is not plain.  Keeps errno.
 */
const char	*trace_safe(const char *);

/* The same for what begins a message: an empty name is seen, too. */
const char	*trace_name(const char *);

#endif
