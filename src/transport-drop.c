/*
 * transport-drop - through memory, whole records or none, waiting for nobody.
 *
 * For --drop: a record that the sink cannot take now, because it is full or
 * nobody reads it, is dropped.  The sink is opened anew for the next record
 * when its reader has left.
 */
#include "config.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "buffer.h"
#include "compat.h"
#include "fifo.h"
#include "framing.h"
#include "transport.h"

/* Forget the first n held bytes. */
static enum move_result
drop(struct flow *flow, size_t n, struct move *move)
{
	buffer_emptied(flow->buffer, n);
	move->dropped = n;
	return MOVE_SOME;
}

static enum move_result
drop_record(struct flow *flow, size_t n, struct move *move)
{
	flow->records_dropped++;
	framing_stop(flow);
	return drop(flow, n, move);
}

/* Of a record whose head was dropped, or written to a reader that left. */
static enum move_result
drop_rest(struct flow *flow, struct move *move)
{
	size_t length = framing_record(flow);

	if (length > 0)
		flow->skips_record = false;
	return drop(flow, length > 0 ? length : buffer_held(flow->buffer),
	    move);
}

static void
close_sink(struct flow *flow)
{
	struct endpoint gone = flow->sink;

	endpoint_finish(&gone);
	gone.fd = -1;
	flow->sink = gone;
	flow->sink_gone = false;
}

/* MOVE_SOME: it is open.  MOVE_END: nobody reads it now. */
static enum move_result
open_sink(struct flow *flow, struct move *move)
{
	struct limits now = { .nonblock = true, .deadline = DEADLINE_NEVER };
	struct fifo_sink sink = {
		.path = flow->sink.path, .pinned = -1, .end = &flow->sink
	};
	struct outcome outcome = { 0 };

	if (flow->sink.fd != -1 || fifo_open_write_all(&sink, 1,
	    flow->sink_owner, &now, &outcome) == 0)
		return MOVE_SOME;
	/* It may be made anew, but not be something else. */
	if (outcome.why != OUTCOME_NOT_FIFO && outcome.why != OUTCOME_FOREIGN)
		return MOVE_END;
	move->side = SIDE_SINK;
	move->why = outcome.why;
	return MOVE_FAILED;
}

/*
 * Whether a record fits.  Up to PIPE_BUF write(2) sees to that; a longer one
 * would be cut, so it goes into an empty pipe only.
 */
static bool
has_room(const struct flow *flow, size_t length)
{
	int unread, capacity = endpoint_capacity(&flow->sink);

	return length <= PIPE_BUF || (capacity != -1 &&
	    length <= (size_t)capacity &&
	    ioctl(flow->sink.fd, FIONREAD, &unread) == 0 && unread == 0);
}

static enum move_result
begin_record(struct flow *flow, size_t length, struct move *move)
{
	enum move_result result;

	/* A reader may have left, and the next one come. */
	for (int i = 0; i < 2; i++) {
		result = open_sink(flow, move);
		if (result == MOVE_FAILED)
			return result;
		if (result == MOVE_END)
			break;
		result = framing_next(flow, &length, move);
		if (result == MOVE_FAILED)
			return result;
		/* Under the lock, if there is one. */
		if (result == MOVE_BLOCKED || !has_room(flow, length))
			break;
		result = transport_copy_write(flow, length, move);
		if (result != MOVE_FAILED && result != MOVE_BLOCKED)
			return result;
		if (result == MOVE_BLOCKED)
			break;
		if (move->errnum != EPIPE)
			return result;
		framing_stop(flow);
		close_sink(flow);
	}
	return drop_record(flow, length, move);
}

/* One that went in part, because others wrote at the same time. */
static enum move_result
finish_record(struct flow *flow, size_t length, struct move *move)
{
	enum move_result result;

	if (length == 0)
		length = buffer_held(flow->buffer);
	result = transport_copy_write(flow, length, move);
	if (result != MOVE_FAILED || move->errnum != EPIPE)
		return result;
	transport_drop_sink_left(flow);
	move->errnum = 0;
	return MOVE_SOME;
}

void
transport_drop_sink_left(struct flow *flow)
{
	if (flow->mid_record) {
		flow->records_dropped++;
		flow->skips_record = true;
	}
	framing_stop(flow);
	close_sink(flow);
}

static enum move_result
push(struct flow *flow, size_t max, struct move *move)
{
	size_t length = framing_record(flow);

	(void)max;			/* a record at a time */
	if (flow->atomic && !flow->lock && length > PIPE_BUF) {
		move->side = SIDE_SINK;
		move->why = OUTCOME_TOO_LONG;
		return MOVE_FAILED;
	}
	if (flow->skips_record)
		return drop_rest(flow, move);
	if (flow->mid_record)
		return finish_record(flow, length, move);
	if (length > 0)
		return begin_record(flow, length, move);
	if (buffer_room(flow->buffer) > 1)
		return MOVE_END;
	/* A record that we cannot hold. */
	flow->skips_record = true;
	return drop_record(flow, buffer_held(flow->buffer), move);
}

const struct transport transport_drop = {
	.name = "copy",
	.pull = transport_copy_pull,
	.push = push,
};
