/*
 * framing - which of the held bytes go to the sink together, and when.
 */
#include "config.h"

#include <errno.h>

#include "buffer.h"
#include "compat.h"
#include "fifo.h"
#include "framing.h"
#include "record.h"
#include "trace.h"

size_t
framing_size(const struct flow *flow)
{
	/* And its delimiter, if that is missing at the end. */
	return flow->turn != NULL || flow->lock || flow->drop ?
	    FRAMING_HOLD + 1 : 0;
}

size_t
framing_record(const struct flow *flow)
{
	size_t held = buffer_held(flow->buffer), length;
	struct iovec iov[2];
	int count;

	/* What we hold instead of a source is one record. */
	if (flow->source.kind == ENDPOINT_NONE)
		return held;
	count = buffer_data(flow->buffer, held, iov);
	length = record_length(iov, count, flow->delimiter);
	return length == 0 && flow->state == FLOW_DRAINING ? held : length;
}

/* With the last delimiter: as many whole records as there are. */
static size_t
whole_records(const struct flow *flow)
{
	struct iovec iov[2];
	int count = buffer_data(flow->buffer, buffer_held(flow->buffer), iov);

	return record_last(iov, count, flow->delimiter);
}

/*
 * Several whole records in one write(2) that is atomic, too: not where a
 * record alone may go while all of them are too many.  A million short lines
 * take 10 ms this way, and 360 ms one by one; cat(1) takes 3.
 */
static size_t
atomic_records(const struct flow *flow)
{
	struct iovec iov[2];
	int count;

	if (!flow->atomic || flow->lock || flow->drop || flow->sink_now ||
	    flow->source.kind == ENDPOINT_NONE)
		return 0;
	count = buffer_data(flow->buffer, PIPE_BUF, iov);
	return record_last(iov, count, flow->delimiter);
}

/* What cannot be held back any more goes in parts. */
static bool
is_too_long_to_hold(const struct flow *flow)
{
	if (flow->lock)
		return buffer_room(flow->buffer) <= 1;
	/* Longer than that it is not atomic anyhow. */
	return buffer_held(flow->buffer) > PIPE_BUF;
}

/* Flows that share a sink: a turn lasts to the end of a record. */
static enum move_result
next_in_turn(const struct flow *flow, size_t *length, struct move *move)
{
	if (flow->turn->owner != NULL && flow->turn->owner != flow) {
		move->side = SIDE_OTHERS;
		return MOVE_BLOCKED;
	}
	*length = whole_records(flow);
	if (*length == 0 && (flow->mid_record ||
	    flow->state == FLOW_DRAINING || buffer_room(flow->buffer) <= 1))
		*length = buffer_held(flow->buffer);
	return *length == 0 ? MOVE_END : MOVE_SOME;
}

static enum move_result
take_lock(struct flow *flow, struct move *move)
{
	if (!flow->lock || flow->locked)
		return MOVE_SOME;
	if (fifo_lock_writers(&flow->sink) == 0) {
		flow->locked = true;
		return MOVE_SOME;
	}
	move->side = SIDE_LOCK;
	move->errnum = errno;
	if (errno == EAGAIN)
		return MOVE_BLOCKED;
	move->side = SIDE_SINK;
	return MOVE_FAILED;
}

enum move_result
framing_next(struct flow *flow, size_t *length, struct move *move)
{
	size_t held = buffer_held(flow->buffer);

	*length = held;
	if (flow->turn != NULL)
		return next_in_turn(flow, length, move);
	if (!flow->whole_records)
		return MOVE_SOME;
	*length = atomic_records(flow);
	if (*length == 0)
		*length = framing_record(flow);
	if (*length == 0 && (flow->mid_record || is_too_long_to_hold(flow)))
		*length = held;
	if (*length == 0)
		return MOVE_END;
	if (flow->atomic && !flow->lock && *length > PIPE_BUF) {
		move->side = SIDE_SINK;
		move->why = OUTCOME_TOO_LONG;
		return MOVE_FAILED;
	}
	return take_lock(flow, move);
}

/* Others may go on. */
static void
release(struct flow *flow)
{
	flow->mid_record = false;
	if (flow->turn != NULL && flow->turn->owner == flow)
		flow->turn->owner = NULL;
	if (flow->locked)
		fifo_unlock_writers(&flow->sink);
	flow->locked = false;
}

void
framing_took(struct flow *flow, size_t n)
{
	struct iovec iov[2];
	bool whole;
	int count;

	if (!flow->whole_records && !flow->only_records &&
	    flow->turn == NULL)
		return;
	/* What we hold instead of a source is one record. */
	if (flow->source.kind == ENDPOINT_NONE)
		whole = n == buffer_held(flow->buffer);
	else {
		count = buffer_data(flow->buffer, n, iov);
		whole = record_ends(iov, count, flow->delimiter) ||
		    (flow->state == FLOW_DRAINING &&
		    n == buffer_held(flow->buffer));
	}
	if (whole) {
		release(flow);
		return;
	}
	flow->mid_record = true;
	if (flow->turn != NULL)
		flow->turn->owner = flow;
}

void
framing_end(struct flow *flow)
{
	struct iovec iov[2];
	int count;

	if (flow->turn == NULL)
		return;
	count = flow->buffer == NULL ? 0 : buffer_data(flow->buffer,
	    buffer_held(flow->buffer), iov);
	if (count > 0 ? record_ends(iov, count, flow->delimiter) :
	    !flow->mid_record)
		return;
	trace_event("%s: the last record gets its delimiter",
	    trace_safe(flow->source.name));
	buffer_put(flow->buffer, &flow->delimiter, 1);
	flow->bytes_added++;
}

void
framing_stop(struct flow *flow)
{
	release(flow);
}
