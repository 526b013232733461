/*
 * record - where a line or a NUL record ends.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/*
 * The length of the first record in n vectors, with its delimiter; 0 when
 * no delimiter is there.
 */
size_t	 record_length(const struct iovec *, int n, unsigned char delimiter);

/* The same for as many records as are there, to the last delimiter. */
size_t	 record_last(const struct iovec *, int n, unsigned char delimiter);

/* Whether the last byte is a delimiter; not of nothing. */
bool	 record_ends(const struct iovec *, int n, unsigned char delimiter);

#endif
