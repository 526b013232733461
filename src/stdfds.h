/*
 * stdfds - standard input, output and error that were inherited closed.
 */
#ifndef STDFDS_H
#define STDFDS_H

#include <stdbool.h>

/*
 * Plug what is closed of 0, 1 and 2 with /dev/null opened the wrong way
 * round: no later open(2) lands there, and use still gives EBADF.  To be
 * called before anything is opened.
 */
void	 stdfds_guard(void);

/* Close one of them and plug it; what we print there fails from now on. */
void	 stdfds_drop(int fd);

/* Whether that descriptor (0, 1 or 2) was inherited closed. */
bool	 stdfds_was_closed(int fd);

#endif
