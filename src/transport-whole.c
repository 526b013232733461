/*
 * transport-whole - through memory, to a tap that gets whole records alone.
 *
 * The flow that the tap is a branch of passes it over as long as it has not
 * taken everything, and so leaves gaps in what it gets.  A record with a gap
 * in it is dropped, and the others go to the sink in one write(2), when it
 * has room for all of it: what has begun could not be ended if the reader
 * stands still.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/param.h>
#include <time.h>

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

/* A part of a page at each end of what the pipe holds. */
#define PAGES_LOST	((size_t)2 * PIPE_BUF)

/*
 * Copying costs the main flow time, which it would not get back: a tenth of
 * it at the most, but what comes now and then is copied whatever it costs.
 * With a reader that takes all it can get, the main flow had 0.7 of its speed
 * without this limit.
 */
#define WORK_PART	10
#define WORK_BURST_NS	(20 * NS_PER_MS)

/* Not the time of the clock: a busy machine may stop us in between. */
static int64_t
cpu_time(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) == -1)
		return 0;
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

bool
transport_whole_has_time(struct flow *flow)
{
	int64_t now = deadline_now();

	flow->work_ns -= MIN(flow->work_ns,
	    (now - flow->work_at) / WORK_PART);
	flow->work_at = now;
	return flow->work_ns < WORK_BURST_NS;
}

static enum move_result
drop(struct flow *flow, size_t n, struct move *move)
{
	buffer_emptied(flow->buffer, n);
	move->dropped = n;
	return MOVE_SOME;
}

/* Bytes are missing here: the record that they were part of is lost. */
static enum move_result
cross_gap(struct flow *flow, struct move *move)
{
	flow->in_record = flow->skips_record = flow->gaps[0].in_record;
	flow->gaps[0] = flow->gaps[1];
	flow->gaps[1].at = FLOW_NO_LIMIT;
	return drop(flow, buffer_held(flow->buffer), move);
}

static enum move_result
take(struct flow *flow, size_t max, struct move *move)
{
	enum move_result result;
	struct iovec iov[2];
	int count;

	/* Whole records are gone by now: they go before anything is taken. */
	if (flow->gaps[0].at == flow->bytes_in)
		return cross_gap(flow, move);
	result = transport_copy_pull(flow, max, move);
	if (result != MOVE_SOME || move->in == 0)
		return result;
	count = buffer_last(flow->buffer, 1, iov);
	flow->in_record = !record_ends(iov, count, flow->delimiter);
	return result;
}

/*
 * How many bytes the sink certainly takes in one go.  What we wrote fills the
 * pages of a pipe to at least a half on average.  Other kinds of ends do not
 * tell: they may take a record in parts.
 */
static size_t
sink_room(const struct flow *flow)
{
	int unread, capacity = endpoint_capacity(&flow->sink);
	size_t used;

	if (flow->sink.kind != ENDPOINT_PIPE || capacity == -1 ||
	    ioctl(flow->sink.fd, FIONREAD, &unread) == -1)
		return SIZE_MAX;
	used = unread == 0 ? 0 : 2 * (size_t)unread + PAGES_LOST;
	return (size_t)capacity < used + PIPE_BUF ? PIPE_BUF :
	    (size_t)capacity - used;
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
write_held(struct flow *flow, size_t length, struct move *move)
{
	enum move_result result = transport_copy_write(flow, length, move);

	if (result == MOVE_SOME)
		flow->room_look_ns = 0;
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
push_record(struct flow *flow, struct move *move)
{
	size_t length = framing_record(flow), room;

	if (length == 0) {
		if (buffer_room(flow->buffer) > 0)
			return MOVE_END;
		flow->skips_record = true;
		return drop(flow, buffer_held(flow->buffer), move);
	}
	if (flow->mid_record)
		return write_held(flow, length, move);
	room = sink_room(flow);
	if (length <= room)
		return write_held(flow, MAX(length, whole_records(flow, room)),
		    move);
	if (!can_fit(flow, length))
		return drop(flow, length, move);
	/* It may have become larger. */
	return length <= sink_room(flow) ? write_held(flow, length, move) :
	    wait_for_room(flow, move);
}

static enum move_result
give(struct flow *flow, struct move *move)
{
	size_t length;

	flow->awaits = FLOW_AWAITS_NOTHING;
	if (!flow->skips_record)
		return push_record(flow, move);
	length = framing_record(flow);
	if (length > 0)
		flow->skips_record = false;
	return drop(flow, length > 0 ? length : buffer_held(flow->buffer),
	    move);
}

static enum move_result
pull(struct flow *flow, size_t max, struct move *move)
{
	int64_t begin = cpu_time();
	enum move_result result = take(flow, max, move);

	/*
	 * Now, not in a step of its own: until then the tap misses what
	 * comes.  Where there is no room, push() tries again.
	 */
	if (result == MOVE_SOME && move->in > 0 &&
	    give(flow, move) == MOVE_FAILED)
		result = MOVE_FAILED;
	flow->work_ns += cpu_time() - begin;
	return result;
}

static enum move_result
push(struct flow *flow, size_t max, struct move *move)
{
	int64_t begin = cpu_time();
	enum move_result result = give(flow, move);

	(void)max;		/* a tap has no limit of its own */
	flow->work_ns += cpu_time() - begin;
	return result;
}

const struct transport transport_whole = {
	.name = "copy",
	.pull = pull,
	.push = push,
};
