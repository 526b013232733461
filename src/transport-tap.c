/*
 * transport-tap - through memory, to a tap: what its sink has no room for yet
 * is held, and what there is no room for here the tap misses.
 *
 * Bytes are copied and packed into the pages of a pipe, since splice(2) takes
 * a slot of it for each piece, however small: 16 bytes would fill it.
 *
 * With only_records the flow that the tap is a branch of leaves gaps in what
 * it gets.  A record with a gap in it is dropped, and the others go to the
 * sink when it has room for all of it: what has begun could not be ended if
 * the reader stands still.
 */
#include "config.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <unistd.h>

#include "buffer.h"
#include "compat.h"
#include "deadline.h"
#include "framing.h"
#include "record.h"
#include "transport.h"

/*
 * poll(2) tells of room for PIPE_BUF bytes.  Where a record needs more, we
 * look for it so soon, and then after longer and longer times.
 */
#define ROOM_LOOK_NS	(10 * NS_PER_MS)

/* A part of a page at each end of what others wrote. */
#define PAGES_LOST	((size_t)2 * PIPE_BUF)

/*
 * Copying costs the main flow time.  Pieces of so many bytes are spliced
 * where their slots do not matter: when more than a burst of them was copied
 * lately, at a rate that costs some 5 % of a processor.
 */
#define SPLICE_AT_LEAST	((uint64_t)16 << 10)
#define COPY_BURST	((uint64_t)32 << 20)
#define COPY_RATE	((uint64_t)256 << 20)

/* At most so much in one call, as all other flows wait meanwhile. */
#define PUSH_MOST	((size_t)1 << 20)

static bool
may_copy(struct flow *flow, uint64_t bytes)
{
	int64_t now = deadline_now(), elapsed = now - flow->copied_at;
	uint64_t forgiven = elapsed > NS_PER_SEC ? COPY_BURST :
	    COPY_RATE * (uint64_t)elapsed / (uint64_t)NS_PER_SEC;

	flow->copied_at = now;
	flow->copied_bytes -= MIN(flow->copied_bytes, forgiven);
	if (flow->copied_bytes + bytes > COPY_BURST)
		return false;
	flow->copied_bytes += bytes;
	return true;
}

static bool
may_splice(struct flow *flow)
{
	uint64_t pending = flow->given - flow->bytes_in;

	return !flow->only_records && flow->sink.kind == ENDPOINT_PIPE &&
	    pending >= SPLICE_AT_LEAST && buffer_held(flow->buffer) == 0 &&
	    !may_copy(flow, pending);
}

static void
drop_tail(struct flow *flow, struct move *move)
{
	buffer_drop_last(flow->buffer, flow->tail);
	move->dropped += flow->tail;
	flow->tail = 0;
}

/* The last n bytes came in: how much of them is a record without its end. */
static void
note_tail(struct flow *flow, size_t n, struct move *move)
{
	struct iovec iov[2];
	int count = buffer_last(flow->buffer, n, iov);
	size_t last = record_last(iov, count, flow->delimiter);

	flow->tail = last == 0 ? flow->tail + n : n - last;
	if (flow->tail > FRAMING_HOLD) {
		drop_tail(flow, move);
		flow->skips_record = true;
	}
	flow->in_record = flow->tail > 0 || flow->skips_record;
}

/* Of a record whose head is missing: the next one begins behind it. */
static enum move_result
skip_record(struct flow *flow, size_t max, struct move *move)
{
	static unsigned char data[16 * PIPE_BUF];
	struct iovec iov = { .iov_base = data };
	ssize_t n;

	n = read(flow->source.fd, data, MIN(max, sizeof(data)));
	if (n == 0)
		return MOVE_END;
	if (n == -1) {
		move->side = SIDE_SOURCE;
		move->errnum = errno;
		return errno == EINTR ? MOVE_SOME : errno == EAGAIN ?
		    MOVE_BLOCKED : MOVE_FAILED;
	}
	move->in = iov.iov_len = (size_t)n;
	move->dropped = record_length(&iov, 1, flow->delimiter);
	if (move->dropped == 0) {
		move->dropped = move->in;
		return MOVE_SOME;
	}
	flow->skips_record = false;
	flow->tail = 0;
	n -= (ssize_t)move->dropped;
	buffer_put(flow->buffer, data + move->dropped, (size_t)n);
	note_tail(flow, (size_t)n, move);
	return MOVE_SOME;
}

/* Bytes are missing here: the record that they were part of is lost. */
static void
cross_gap(struct flow *flow, struct move *move)
{
	drop_tail(flow, move);
	flow->in_record = flow->skips_record = flow->gaps[0].in_record;
	flow->gaps[0] = flow->gaps[1];
	flow->gaps[1].at = FLOW_NO_LIMIT;
}

static enum move_result
pull(struct flow *flow, size_t max, struct move *move)
{
	enum move_result result;

	if (may_splice(flow)) {
		result = transport_splice.pull(flow, max, move);
		flow->sink_at = 0;	/* nothing can be added to its page */
		if (result == MOVE_BLOCKED)
			move->side = SIDE_SINK;
		if (result != MOVE_REFUSED)
			return result;
	}
	if (!flow->only_records)
		return transport_copy_pull(flow, max, move);
	if (flow->gaps[0].at == flow->bytes_in) {
		cross_gap(flow, move);
		if (move->dropped > 0)
			return MOVE_SOME;
	}
	if (flow->skips_record)
		return skip_record(flow, max, move);
	result = transport_copy_pull(flow, max, move);
	if (result == MOVE_SOME && move->in > 0)
		note_tail(flow, move->in, move);
	return result;
}

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes in the pipe that is the sink; sink_at begins anew when it is empty. */
static size_t
look_at_sink(struct flow *flow)
{
	int unread;

	if (ioctl(flow->sink.fd, FIONREAD, &unread) == -1)
		return SIZE_MAX;
	if (unread == 0)
		flow->sink_at = 0;
	return (size_t)unread;
}

/*
 * Write so many of the held bytes: first what fills the page that we wrote to
 * last, since the kernel adds to a page only what fits in whole.
 */
static enum move_result
write_packed(struct flow *flow, size_t length, struct move *move)
{
	size_t page = page_size(), first = length;
	struct move rest = { 0 };
	enum move_result result;

	if (flow->sink.kind == ENDPOINT_PIPE && flow->sink_at % page > 0 &&
	    look_at_sink(flow) > 0)
		first = MIN(length, page - flow->sink_at % page);
	result = transport_copy_write(flow, first, move);
	if (result == MOVE_SOME && move->out == first && first < length &&
	    transport_copy_write(flow, length - first, &rest) == MOVE_SOME)
		move->out += rest.out;
	flow->sink_at += move->out;
	return result;
}

/*
 * How many bytes the sink certainly takes in one go.  Other kinds of ends
 * than pipes do not tell: they may take a record in parts.
 */
static size_t
sink_room(struct flow *flow)
{
	size_t page = page_size(), capacity, unread, used;
	int size = endpoint_capacity(&flow->sink);

	if (flow->sink.kind != ENDPOINT_PIPE || size == -1)
		return SIZE_MAX;
	capacity = (size_t)size;
	unread = look_at_sink(flow);
	if (unread == 0)
		return capacity;
	if (unread > flow->sink_at)	/* others write to it, too */
		used = 2 * MIN(unread, capacity) + PAGES_LOST;
	else	/* from the start of the first page to the end of ours */
		used = (size_t)(flow->sink_at -
		    (flow->sink_at - unread) / page * page);
	return capacity < used ? 0 : capacity - used;
}

/* Whether it ever has room for so much, perhaps with a larger capacity. */
static bool
can_fit(struct flow *flow, size_t length)
{
	if (flow->sink.kind != ENDPOINT_PIPE)
		return true;
	if (!flow->keep_capacity)
		endpoint_raise_capacity(&flow->sink, length);
	return length <= (size_t)MAX(endpoint_capacity(&flow->sink), 0);
}

static enum move_result
wait_for_room(struct flow *flow, struct move *move)
{
	flow->room_look_ns = flow->room_look_ns == 0 ? ROOM_LOOK_NS :
	    MIN(flow->room_look_ns * 2, LIMIT_LOOK_NS);
	flow->look_at = deadline_now() + flow->room_look_ns;
	flow->awaits = FLOW_AWAITS_ROOM;
	move->side = SIDE_SINK;
	return MOVE_BLOCKED;
}

static enum move_result
write_records(struct flow *flow, size_t length, struct move *move)
{
	enum move_result result = write_packed(flow, length, move);

	if (result == MOVE_SOME)
		flow->room_look_ns = 0;
	return result;
}

/* write(2) sees to it that so much goes whole, into a page of its own. */
static enum move_result
write_alone(struct flow *flow, size_t length, struct move *move)
{
	enum move_result result = transport_copy_write(flow, length, move);

	if (result == MOVE_SOME)
		flow->sink_at = roundup(flow->sink_at, page_size()) +
		    move->out;
	return result;
}

/* As many as there is room for at once. */
static size_t
whole_records(const struct flow *flow, size_t room)
{
	struct iovec iov[2];
	int count = buffer_data(flow->buffer, room, iov);

	return record_last(iov, count, flow->delimiter);
}

static enum move_result
push_record(struct flow *flow, size_t max, struct move *move)
{
	size_t length = framing_record(flow), room;

	flow->awaits = FLOW_AWAITS_NOTHING;
	if (length == 0)
		return MOVE_END;
	if (flow->mid_record)
		return write_records(flow, length, move);
	room = sink_room(flow);
	if (length <= room)
		return write_records(flow, MAX(length,
		    whole_records(flow, MIN(room, max))), move);
	if (length <= PIPE_BUF)
		return write_alone(flow, length, move);
	if (!can_fit(flow, length)) {
		buffer_emptied(flow->buffer, length);
		move->dropped = length;
		return MOVE_SOME;
	}
	/* It may have become larger. */
	return length <= sink_room(flow) ? write_records(flow, length, move) :
	    wait_for_room(flow, move);
}

static enum move_result
push(struct flow *flow, size_t max, struct move *move)
{
	max = MIN(max, PUSH_MOST);
	return flow->only_records ? push_record(flow, max, move) :
	    write_packed(flow, MIN(buffer_held(flow->buffer), max), move);
}

const struct transport transport_tap = {
	.name = "copy",
	.pull = pull,
	.push = push,
};
