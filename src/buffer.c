/*
 * buffer - a ring of bytes in user space.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "buffer.h"

/* Rings of records, of 1 MiB, have all of it at once. */
#define AT_ONCE ((size_t)2 << 20)

struct buffer {
	size_t		 size;		/* it may have at the most */
	size_t		 capacity;	/* of data */
	size_t		 start;		/* of the bytes held */
	size_t		 held;
	unsigned char	*data;
};

struct buffer *
buffer_new(size_t size)
{
	struct buffer *b = malloc(sizeof(*b));

	if (b == NULL)
		return NULL;
	b->size = size;
	b->capacity = MIN(size, AT_ONCE);
	b->start = b->held = 0;
	b->data = malloc(b->capacity);
	if (b->data != NULL)
		return b;
	free(b);
	return NULL;
}

void
buffer_free(struct buffer *b)
{
	if (b != NULL)
		free(b->data);
	free(b);
}

/* What wraps around stays at the end of the array. */
static int
extend(struct buffer *b, size_t more)
{
	size_t old = b->capacity, tail = old - b->start;
	unsigned char *data = realloc(b->data, old + more);

	if (data == NULL)
		return -1;
	b->data = data;
	b->capacity += more;
	if (b->held <= tail)
		return 0;
	memmove(data + b->start + more, data + b->start, tail);
	b->start += more;
	return 0;
}

int
buffer_reserve(struct buffer *b, size_t n)
{
	size_t more;

	if (n <= b->capacity - b->held)
		return 0;
	/* Twice as much each time, so that a byte is moved once on average. */
	more = MAX(b->capacity, n - (b->capacity - b->held));
	for (more = MIN(more, b->size - b->capacity); more > 0; more /= 2)
		if (extend(b, more) == 0)
			break;
	if (n <= b->capacity - b->held)
		return 0;
	b->size = b->capacity;
	errno = ENOMEM;
	return -1;
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
	size_t first;

	if (length == 0)
		return 0;
	if (offset >= b->capacity)
		offset -= b->capacity;
	first = MIN(b->capacity - offset, length);
	iov[0].iov_base = b->data + offset;
	iov[0].iov_len = first;
	if (first == length)
		return 1;
	iov[1].iov_base = b->data;
	iov[1].iov_len = length - first;
	return 2;
}

int
buffer_space(struct buffer *b, size_t max, struct iovec iov[2])
{
	max = MIN(max, buffer_room(b));
	buffer_reserve(b, MIN(max, AT_ONCE));
	return vectors(b, b->start + b->held,
	    MIN(max, b->capacity - b->held), iov);
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
	if (b->start >= b->capacity)
		b->start -= b->capacity;
	/* Empty: start over, so that the next transfer is in one piece. */
	if (b->held == 0)
		b->start = 0;
}

void
buffer_drop_last(struct buffer *b, size_t n)
{
	assert(n <= b->held);
	b->held -= n;
}

void
buffer_put(struct buffer *b, const void *data, size_t n)
{
	const unsigned char *from = data;
	struct iovec iov[2];
	int count;

	assert(n <= b->capacity - b->held);
	count = buffer_space(b, n, iov);
	for (int i = 0; i < count; i++) {
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
		from += iov[i].iov_len;
	}
	buffer_filled(b, n);
}
