/*
 * stdfds - standard input, output and error that were inherited closed.
 */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "stdfds.h"

static bool closed[3];

void
stdfds_guard(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) != -1)
			continue;
		closed[fd] = true;
		/* Lowest free number: lands on fd, the others are open. */
		(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
	}
}

bool
stdfds_was_closed(int fd)
{
	return fd >= 0 && fd <= 2 && closed[fd];
}
