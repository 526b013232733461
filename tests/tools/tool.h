/*
 * tool - what several of the test peers need.
 */
#ifndef TOOL_H
#define TOOL_H

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number that K, M or G may follow, and nothing else. */
static inline uint64_t
tool_size(const char *text)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (end == text || *text == '-' || errno != 0)
		errx(2, "%s: not a number", text);
	if (*end == '\0')
		return n;
	unit = strchr(units, *end);
	if (unit == NULL || end[1] != '\0')
		errx(2, "%s: not a number", text);
	return n << (10 * (unit - units + 1));
}

static inline int
tool_fd(const char *text)
{
	uint64_t fd = tool_size(text);

	if (fd > 1000000)
		errx(2, "%s: not a descriptor", text);
	return (int)fd;
}

/* sigabbrev_np(3) is glibc's alone.  NULL for one that has no name. */
static inline const char *
tool_signal_known(int number)
{
	static const char *const names[NSIG] = {
		[SIGHUP] = "HUP", [SIGINT] = "INT", [SIGQUIT] = "QUIT",
		[SIGILL] = "ILL", [SIGTRAP] = "TRAP", [SIGABRT] = "ABRT",
		[SIGBUS] = "BUS", [SIGFPE] = "FPE", [SIGKILL] = "KILL",
		[SIGUSR1] = "USR1", [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
		[SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM",
		[SIGCHLD] = "CHLD", [SIGCONT] = "CONT", [SIGSTOP] = "STOP",
		[SIGTSTP] = "TSTP", [SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU",
		[SIGURG] = "URG", [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ",
		[SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF",
		[SIGWINCH] = "WINCH", [SIGIO] = "POLL", [SIGPWR] = "PWR",
		[SIGSYS] = "SYS",
	};

	return number > 0 && number < NSIG ? names[number] : NULL;
}

/* The signal of a name without SIG, or of a number. */
static inline int
tool_signal(const char *name)
{
	const char *known;
	int number;

	for (number = 1; number < NSIG; number++) {
		known = tool_signal_known(number);
		if (known != NULL && strcmp(known, name) == 0)
			return number;
	}
	number = (int)tool_size(name);
	if (number < 1 || number >= NSIG)
		errx(2, "%s: not a signal", name);
	return number;
}

/* Its name without SIG, or its number; overwritten by the next call. */
static inline const char *
tool_signal_name(int number)
{
	static char text[16];
	const char *known = tool_signal_known(number);

	if (known != NULL)
		return known;
	snprintf(text, sizeof(text), "%d", number);
	return text;
}

/* Tell whoever started us, at once. */
static inline void
tool_say(const char *line)
{
	if (puts(line) == EOF || fflush(stdout) == EOF)
		err(1, "standard output");
}

/* xorshift64: sizes that look random and are the same for the same seed. */
static inline uint64_t
tool_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

/* A state for tool_random, which must not be 0. */
static inline uint64_t
tool_random_start(uint64_t seed)
{
	return seed * UINT64_C(0x9e3779b97f4a7c15) ^
	    UINT64_C(0xd1342543de82ef95);
}

#endif
