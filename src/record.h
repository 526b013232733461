/*
 * record - where a line or a NUL record ends.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stddef.h>
#include <sys/uio.h>

/*
 * The length of the first record in n vectors, with its delimiter; 0 when
 * no delimiter is there.
 */
size_t	 record_length(const struct iovec *, int n, unsigned char delimiter);

#endif
