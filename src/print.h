/*
 * print - text on standard output, for those who read it or parse it.  Data
 * goes by flows.
 */
#ifndef PRINT_H
#define PRINT_H

#include <stdio.h>

/*
 * Before anything is printed.  Returns 0, or -1 with errno: memory is short.
 */
int	 print_begin(void);

/*
 * The stream for it, instead of stdout: that one gives up where standard output
 * was inherited as non-blocking (O_NONBLOCK belongs to the open file
 * description, which others share), this one waits for room.
 */
FILE	*print_stream(void);

/* printf(3) to it. */
void	 print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Write what is buffered.  Returns 0, or -1 with the errno of what failed
 * first; EINTR is a fatal signal, see signals_fatal().
 */
int	 print_flush(void);

#endif
