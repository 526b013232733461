/*
 * dump - traffic made readable: time, direction, offset, hex and text.
 *
 *	> 0.000412s 14 bytes
 *	> 00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 21 0a  |Hello, w...|
 *
 * A line with the time since the start of the run for what came at a time,
 * then 16 bytes a line, each with its offset in that direction.  Safe for a
 * terminal: nothing but printable ASCII, whatever the bytes are.
 */
#ifndef DUMP_H
#define DUMP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "endpoint.h"
#include "limit.h"

#define DUMP_MARK_MAX	15	/* characters before each line */
#define DUMP_ROW	16	/* bytes in a line */

/* Room for a line: the mark, an offset of 64 bits, and the rest. */
#define DUMP_LINE	(DUMP_MARK_MAX + 1 + 16 + 2 + 3 * DUMP_ROW + 2 + \
			    DUMP_ROW + 4)

struct dump;

/*
 * Begin a dump to an open end, which belongs to the dump from then on.  The
 * limits, which are borrowed, end a write that blocks; what was not written
 * by then is lost.  NULL with errno (ENOMEM); the end stays the caller's.
 */
struct dump	*dump_new(const struct endpoint *, const struct limits *);

/*
 * Write down n vectors of bytes, of which the first is at that offset of its
 * direction.  The mark says which direction, such as ">".  After an error
 * nothing more is written; dump_finish() tells it.
 */
void	 dump_bytes(struct dump *, const char *mark, uint64_t offset,
	    const struct iovec *, int n);

/* Where it goes; borrowed. */
const struct endpoint	*dump_end(const struct dump *);

/*
 * Close and free.  Returns 0, or -1 with the errno of the first write(2) or
 * of close(2) that failed; EINTR when a signal or a time-out ended it.
 */
int	 dump_finish(struct dump *);

/*
 * One line of at most DUMP_ROW bytes as text, with its newline and without
 * a NUL.  Returns its length.
 */
size_t	 dump_line(char line[DUMP_LINE], const char *mark, uint64_t offset,
	    const unsigned char *data, size_t n);

#endif
