/*
 * print - text on standard output.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include "print.h"
#include "signals.h"

static FILE *stream;
static bool buffered;	/* as stdout would be */
static int failure;	/* errno of the first one, or 0 */

/* Whether to try again to write, and when there is room for it. */
static bool
again(int errnum)
{
	struct pollfd room = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (errnum == EAGAIN && poll(&room, 1, -1) == -1)
		errnum = errno;
	return errnum == EAGAIN || (errnum == EINTR && signals_fatal() == 0);
}

static ssize_t
write_text(void *cookie, const char *text, size_t size)
{
	size_t done = 0;
	ssize_t n;

	(void)cookie;
	signals_print_begin();
	while (done < size && failure == 0) {
		n = write(STDOUT_FILENO, text + done, size - done);
		if (n >= 0)
			done += (size_t)n;
		else if (!again(errno))
			failure = errno;
	}
	signals_print_end();
	return (ssize_t)done;
}

int
print_begin(void)
{
	static const cookie_io_functions_t functions = { .write = write_text };

	stream = fopencookie(NULL, "w", functions);
	return stream == NULL ? -1 : 0;
}

FILE *
print_stream(void)
{
	static char buffer[BUFSIZ];

	if (!buffered)
		setvbuf(stream, buffer, isatty(STDOUT_FILENO) == 1 ? _IOLBF :
		    _IOFBF, sizeof(buffer));
	buffered = true;
	return stream;
}

void
print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(print_stream(), fmt, ap);
	va_end(ap);
}

int
print_flush(void)
{
	if (buffered)
		fflush(stream);
	errno = failure;
	return failure == 0 ? 0 : -1;
}
