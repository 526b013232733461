/*
 * buffer - a ring of bytes in user space.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

struct buffer {
	size_t		 size;
	size_t		 start;		/* of the bytes held */
	size_t		 held;
	unsigned char	 data[];
};

struct buffer *
buffer_new(size_t size)
{
	struct buffer *b;

	if (size > SIZE_MAX - sizeof(*b)) {
		errno = ENOMEM;
		return NULL;
	}
	b = malloc(sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	b->size = size;
	b->start = b->held = 0;
	return b;
}

void
buffer_free(struct buffer *b)
{
	free(b);
}

size_t
buffer_held(const struct buffer *b)
{
	return b->held;
}

size_t
buffer_room(const struct buffer *b)
{
	return b->size - b->held;
}

/* length bytes from an offset on, which may be past the end of the array. */
static int
vectors(const struct buffer *b, size_t offset, size_t length,
    struct iovec iov[2])
{
	unsigned char *data = (unsigned char *)b->data;
	size_t first;

	if (length == 0)
		return 0;
	if (offset >= b->size)
		offset -= b->size;
	first = b->size - offset < length ? b->size - offset : length;
	iov[0].iov_base = data + offset;
	iov[0].iov_len = first;
	if (first == length)
		return 1;
	iov[1].iov_base = data;
	iov[1].iov_len = length - first;
	return 2;
}

int
buffer_space(struct buffer *b, size_t max, struct iovec iov[2])
{
	size_t room = buffer_room(b);

	return vectors(b, b->start + b->held, room < max ? room : max, iov);
}

int
buffer_data(const struct buffer *b, size_t max, struct iovec iov[2])
{
	return vectors(b, b->start, b->held < max ? b->held : max, iov);
}

int
buffer_last(const struct buffer *b, size_t n, struct iovec iov[2])
{
	assert(n <= b->held);
	return vectors(b, b->start + b->held - n, n, iov);
}

void
buffer_filled(struct buffer *b, size_t n)
{
	assert(n <= buffer_room(b));
	b->held += n;
}

void
buffer_emptied(struct buffer *b, size_t n)
{
	assert(n <= b->held);
	b->held -= n;
	b->start += n;
	if (b->start >= b->size)
		b->start -= b->size;
	/* Empty: start over, so that the next transfer is in one piece. */
	if (b->held == 0)
		b->start = 0;
}

void
buffer_put(struct buffer *b, const void *data, size_t n)
{
	const unsigned char *from = data;
	struct iovec iov[2];
	int count;

	assert(n <= buffer_room(b));
	count = buffer_space(b, n, iov);
	for (int i = 0; i < count; i++) {
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
		from += iov[i].iov_len;
	}
	buffer_filled(b, n);
}
