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

size_t
record_last(const struct iovec *iov, int n, unsigned char delimiter)
{
	const unsigned char *start, *end;
	size_t before = 0;

	for (int i = 0; i < n; i++)
		before += iov[i].iov_len;
	while (n-- > 0) {
		before -= iov[n].iov_len;
		start = iov[n].iov_base;
		end = memrchr(start, delimiter, iov[n].iov_len);
		if (end != NULL)
			return before + (size_t)(end - start) + 1;
	}
	return 0;
}

bool
record_ends(const struct iovec *iov, int n, unsigned char delimiter)
{
	const unsigned char *last;

	if (n == 0 || iov[n - 1].iov_len == 0)
		return false;
	last = iov[n - 1].iov_base;
	return last[iov[n - 1].iov_len - 1] == delimiter;
}
