/*
 * record - where a line or a NUL record ends.
 */
#include "config.h"

#include <string.h>

#include "record.h"

size_t
record_length(const struct iovec *iov, int n, unsigned char delimiter)
{
	const unsigned char *start, *end;
	size_t before = 0;

	for (int i = 0; i < n; i++) {
		start = iov[i].iov_base;
		end = memchr(start, delimiter, iov[i].iov_len);
		if (end != NULL)
			return before + (size_t)(end - start) + 1;
		before += iov[i].iov_len;
	}
	return 0;
}
