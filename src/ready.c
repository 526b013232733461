/*
 * ready - tell whoever waits for it that everything stands.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "options.h"
#include "parse.h"
#include "ready.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"

int
ready_parse(const char *text, int *fd)
{
	long long number;

	if (parse_number(text, INT_MAX, &number) == -1)
		return options_usage("invalid descriptor '%s'",
		    trace_safe(text));
	*fd = (int)number;
	return STATUS_OK;
}

int
ready_check(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (fd == -1)
		return STATUS_OK;
	if (flags == -1 || stdfds_was_closed(fd) || (flags & O_PATH) != 0 ||
	    (flags & O_ACCMODE) == O_RDONLY) {
		warnc(EBADF, "descriptor %d", fd);
		return STATUS_ERROR;
	}
	if (fd > STDERR_FILENO)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return STATUS_OK;
}

int
ready_say(int fd)
{
	ssize_t n;

	if (fd == -1)
		return STATUS_OK;
	do {
		n = write(fd, "\n", 1);
	} while (n == -1 && errno == EINTR);
	if (n == 1 && (fd <= STDERR_FILENO || close(fd) == 0))
		return STATUS_OK;
	warn("descriptor %d", fd);
	return STATUS_ERROR;
}
