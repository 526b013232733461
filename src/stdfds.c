/*
 * stdfds - standard input, output and error that were inherited closed.
 */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "stdfds.h"

static bool closed[3];

/* The lowest free number is fd: those below are open. */
static void
plug(int fd)
{
	(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

void
stdfds_guard(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			continue;
		closed[fd] = true;
		plug(fd);
	}
}

void
stdfds_drop(int fd)
{
	close(fd);
	plug(fd);
}

bool
stdfds_was_closed(int fd)
{
	return fd >= 0 && fd <= 2 && closed[fd];
}
