/*
 * records - the ring of bytes and the ends of records in it, by libFuzzer:
 * the input is bytes that come in and go out, and a plain queue has to say
 * the same at every moment.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "dump.h"
#include "record.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define DELIMITER ';'

/* What the ring has to hold; nothing is ever moved in it. */
struct queue {
	unsigned char	 bytes[UINT16_MAX];
	size_t		 first, end;
};

static size_t
queue_record(const struct queue *queue)
{
	for (size_t i = queue->first; i < queue->end; i++)
		if (queue->bytes[i] == DELIMITER)
			return i + 1 - queue->first;
	return 0;
}

static size_t
queue_last(const struct queue *queue)
{
	for (size_t i = queue->end; i > queue->first; i--)
		if (queue->bytes[i - 1] == DELIMITER)
			return i - queue->first;
	return 0;
}

static void
is_safe(const unsigned char *data, size_t n)
{
	char line[DUMP_LINE];
	size_t length = dump_line(line, ">", 0, data,
	    n < DUMP_ROW ? n : DUMP_ROW);

	assert(length <= sizeof(line) && line[length - 1] == '\n');
	for (size_t i = 0; i < length - 1; i++)
		assert(line[i] >= ' ' && line[i] <= '~');
}

static void
compare(const struct buffer *buffer, const struct queue *queue, size_t size)
{
	size_t held = queue->end - queue->first, seen = 0;
	struct iovec iov[2];
	int n = buffer_data(buffer, SIZE_MAX, iov);

	assert(buffer_held(buffer) == held);
	assert(buffer_room(buffer) == size - held);
	for (int i = 0; i < n; i++) {
		assert(memcmp(iov[i].iov_base,
		    queue->bytes + queue->first + seen, iov[i].iov_len) == 0);
		seen += iov[i].iov_len;
	}
	assert(seen == held);
	assert(record_length(iov, n, DELIMITER) == queue_record(queue));
	assert(record_last(iov, n, DELIMITER) == queue_last(queue));
	assert(record_ends(iov, n, DELIMITER) ==
	    (held > 0 && queue->bytes[queue->end - 1] == DELIMITER));
	if (held > 0)
		is_safe(queue->bytes + queue->first, held);
}

/* n bytes come in, by one of two ways, or as many as there is room for. */
static size_t
put(struct buffer *buffer, struct queue *queue, const uint8_t *data, size_t n,
    bool scatter)
{
	struct iovec iov[2];
	size_t room = buffer_room(buffer), done = 0;

	if (n > room)
		n = room;
	memcpy(queue->bytes + queue->end, data, n);
	queue->end += n;
	if (!scatter) {
		buffer_put(buffer, data, n);
		return n;
	}
	for (int i = 0, count = buffer_space(buffer, n, iov); i < count; i++) {
		memcpy(iov[i].iov_base, data + done, iov[i].iov_len);
		done += iov[i].iov_len;
	}
	assert(done == n);
	buffer_filled(buffer, n);
	return n;
}

/*
 * The first byte is the size of the ring.  Then each step begins with a byte:
 * its lowest two bits say what is done, the others how much.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct queue queue;
	struct buffer *buffer;
	size_t ring, n;

	if (size == 0 || size > sizeof(queue.bytes))
		return 0;
	ring = (size_t)data[0] + 1;
	buffer = buffer_new(ring);
	if (buffer == NULL)
		abort();
	queue.first = queue.end = 0;
	for (size_t at = 1; at < size;) {
		unsigned char step = data[at++];

		n = step >> 2;
		if ((step & 2) != 0) {
			if (n > buffer_held(buffer))
				n = buffer_held(buffer);
			buffer_emptied(buffer, n);
			queue.first += n;
		} else {
			if (n > size - at)
				n = size - at;
			at += put(buffer, &queue, data + at, n,
			    (step & 1) != 0);
		}
		compare(buffer, &queue, ring);
	}
	buffer_free(buffer);
	return 0;
}
