/*
 * flow-step - move what can be moved now, or find out which side it is that
 * has to be waited for.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/param.h>

#include "branch.h"
#include "buffer.h"
#include "deadline.h"
#include "flow-private.h"
#include "limiter.h"
#include "quota.h"
#include "trace.h"

/* Fruitless tries before a transport is given up; two are usual. */
#define DRY_TRIES		8

/*
 * Whether we have taken all that another flow of ours will ever have given
 * us: no need to ask the kernel.
 */
static bool
has_all(const struct flow *flow)
{
	if (flow->trunk != NULL)
		return flow->fed_up && flow->bytes_in == flow->given;
	return flow->feeder != NULL && flow_is_over(flow->feeder) &&
	    flow->bytes_in == flow->feeder->bytes_out;
}

/* What poll(2) saw may have ended it.  FLOW_BLOCKED if not. */
static enum flow_step
ended_meanwhile(struct flow *flow, struct outcome *outcome)
{
	if (flow->sink_gone)
		return flow_sink_is_gone(flow, outcome);
	if (flow->state == FLOW_OPEN && flow_held(flow) == 0 &&
	    has_all(flow))
		return flow_source_at_end(flow, "end of file");
	/* splice(2) into a full pipe does not tell the end of the source. */
	if (flow->source_hup && flow->state == FLOW_OPEN &&
	    flow_held(flow) == 0 && flow_at_eof(&flow->source))
		return flow_source_at_end(flow, "end of file");
	return FLOW_BLOCKED;
}

/*
 * Blocked: by which side?  Where the transport cannot tell, the same side as
 * last time after something moved, and the other one if that was wrong; so
 * that the loop polls once more at the most.
 */
static void
guess_side(struct flow *flow, enum side side)
{
	if (side != SIDE_NONE)
		flow->wait_side = side;
	else if (!flow->moved || flow->wait_side == SIDE_OTHERS)
		flow->wait_side = flow->wait_side == SIDE_SOURCE ?
		    SIDE_SINK : SIDE_SOURCE;
	flow->dry = flow->moved ? 0 : flow->dry + 1;
	flow->moved = false;
}

static bool
source_is_ready(const struct flow *flow)
{
	return endpoint_ready(&flow->source, POLLIN, 0) != 0;
}

static bool
sink_is_ready(const struct flow *flow)
{
	return endpoint_ready(&flow->sink, POLLOUT, 0) != 0;
}

/* -n: a wait that nobody asked for ends the flow. */
static enum flow_step
blocked_now(struct flow *flow, enum side side, struct outcome *outcome)
{
	if (side == SIDE_NONE) {
		if (flow_at_eof(&flow->source))
			return flow_source_at_end(flow, "end of file");
		if (!source_is_ready(flow))
			side = SIDE_SOURCE;
		else if (!sink_is_ready(flow))
			side = SIDE_SINK;
		else	/* something came just now */
			return FLOW_MOVED;
	}
	flow->wait_side = side;
	if (side == SIDE_SOURCE && flow->source_now)
		return flow_source_is_dry(flow, OUTCOME_WOULD_BLOCK, outcome);
	if (side == SIDE_SOURCE || side == SIDE_OTHERS || !flow->sink_now)
		return FLOW_BLOCKED;
	outcome->bytes = flow->bytes_out;
	outcome_set(outcome, side == SIDE_LOCK ? OUTCOME_LOCKED :
	    OUTCOME_WOULD_BLOCK, SIDE_SINK, EAGAIN, flow->sink.name);
	return flow_lose_sink(flow, true, outcome);
}

/*
 * A transport that is blocked again and again while both ends are ready is
 * of no use: that is how a splice(2) looks which the system does not want.
 */
static bool
is_stuck(const struct flow *flow)
{
	return flow->dry >= DRY_TRIES && flow->transport->push == NULL &&
	    source_is_ready(flow) && sink_is_ready(flow);
}

static enum flow_step
refused(struct flow *flow, const char *how, struct outcome *outcome)
{
	trace_debug(TRACE_FLOW, "%s -> %s: no %s: %s",
	    trace_safe(flow->source.name), trace_safe(flow->sink.name),
	    flow->transport->name, how);
	flow->dry = 0;
	if (flow_use_transport(flow, &transport_copy) == 0)
		return FLOW_MOVED;
	outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno, NULL);
	return FLOW_FAILED;
}

/* Until there are tokens again; relay.c wakes it up. */
static enum flow_step
held_back(struct flow *flow, struct outcome *outcome)
{
	enum flow_step step = ended_meanwhile(flow, outcome);

	if (step != FLOW_BLOCKED)
		return step;
	flow->resume_at = limiter_ready_at(flow->limiter);
	flow->wait_sink_too = false;
	flow->runnable = false;
	flow->blocked_at = deadline_now();
	return FLOW_BLOCKED;
}

static enum flow_step
blocked(struct flow *flow, enum side side, struct outcome *outcome)
{
	enum flow_step step = ended_meanwhile(flow, outcome);

	if (step != FLOW_BLOCKED)
		return step;
	guess_side(flow, side);
	/* A sink that is held back is not waited for. */
	flow->wait_sink_too = flow->ahead && flow->resume_at == 0;
	if (side != SIDE_OTHERS && side != SIDE_LOCK && is_stuck(flow))
		return refused(flow, "always blocked", outcome);
	if (flow->source_now || flow->sink_now)
		step = blocked_now(flow, side, outcome);
	if (step == FLOW_BLOCKED) {
		flow->runnable = false;
		flow->blocked_at = deadline_now();
	}
	return step;
}

/* A number of bytes as one call can move them. */
static size_t
clamp(uint64_t bytes)
{
	return bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}

/* How much the limiter lets go now. */
static size_t
allowance(const struct flow *flow)
{
	return flow->limiter == NULL ? SIZE_MAX :
	    clamp(limiter_allows(flow->limiter, deadline_now()));
}

static void
take_tokens(const struct flow *flow, size_t bytes)
{
	if (flow->limiter != NULL)
		limiter_take(flow->limiter, bytes);
}

/* Take at most max bytes, and no more than the quota allows. */
static enum move_result
pull_some(struct flow *flow, size_t max, struct move *move)
{
	enum move_result result = MOVE_SOME;

	/* The delimiter of a last record that has none must have room. */
	if (flow->turn != NULL)
		max = MIN(max, buffer_room(flow->buffer) - 1);
	if (flow->quota != NULL)
		result = quota_allow(flow, &max, move);
	if (result != MOVE_SOME || max == 0)
		return result;
	result = flow->transport->pull(flow, max, move);
	flow_account(flow, move);
	if (flow->quota != NULL)
		quota_took(flow, move->in);
	return result;
}

static enum flow_step
tap_failed(struct flow *tap, struct outcome *outcome)
{
	struct move move = {
		.side = tap->failed_side, .errnum = tap->failed
	};

	tap->failed = 0;
	return flow_move_failed(tap, &move, outcome);
}

static enum flow_step
pull(struct flow *flow, struct outcome *outcome)
{
	uint64_t left = flow->limit - flow->bytes_in;
	size_t max = clamp(left);
	struct move move = { 0 };
	enum move_result result;

	if (left == 0 || quota_is_used(flow))
		return flow_source_at_end(flow, "limit reached");
	if (flow->source.fd == -1)	/* its name is not there yet */
		return blocked(flow, SIDE_SOURCE, outcome);
	/* A large ring is not filled at a stretch while its sink waits. */
	if (flow->memory > 0)
		max = MIN(max, FLOW_BUFFER_SIZE);
	else
		max = MIN(max, allowance(flow));
	if (max == 0)
		return held_back(flow, outcome);
	result = pull_some(flow, max, &move);
	if (flow->memory == 0)
		take_tokens(flow, move.in);
	switch (result) {
	case MOVE_SOME:
		return FLOW_MOVED;
	case MOVE_BLOCKED:
		return blocked(flow, move.side, outcome);
	case MOVE_END:
		/* Before the first writer it looks the same as EOF. */
		if (flow->state == FLOW_WAITING && flow->source_now)
			return flow_source_is_dry(flow, OUTCOME_NO_PEER,
			    outcome);
		if (flow->state == FLOW_WAITING)
			return blocked(flow, SIDE_SOURCE, outcome);
		return flow_source_at_end(flow, "end of file");
	case MOVE_REFUSED:
		return refused(flow, strerror(errno), outcome);
	case MOVE_FAILED:
		break;
	}
	return flow_move_failed(flow, &move, outcome);
}

/* Whether there is something to do though the sink is full. */
static bool
may_read_ahead(const struct flow *flow)
{
	return flow->memory > 0 && flow->state != FLOW_DRAINING &&
	    buffer_room(flow->buffer) > 0;
}

/* Hand on what is held.  FLOW_BLOCKED: see to the source now. */
static enum flow_step
push(struct flow *flow, struct outcome *outcome)
{
	size_t max = flow->memory > 0 ? allowance(flow) : SIZE_MAX;
	struct move move = { 0 };

	flow->ahead = may_read_ahead(flow);
	if (max == 0) {
		flow->resume_at = limiter_ready_at(flow->limiter);
		return flow->ahead ? FLOW_BLOCKED : held_back(flow, outcome);
	}
	switch (flow->transport->push(flow, max, &move)) {
	case MOVE_SOME:
		flow_account(flow, &move);
		if (flow->memory > 0)
			take_tokens(flow, move.out);
		return FLOW_MOVED;
	case MOVE_BLOCKED:
		return flow->ahead ? FLOW_BLOCKED :
		    blocked(flow, move.side, outcome);
	case MOVE_END:		/* a record that is not complete */
		flow->ahead = false;
		return FLOW_BLOCKED;
	case MOVE_REFUSED:
	case MOVE_FAILED:
		break;
	}
	return flow_move_failed(flow, &move, outcome);
}

/* An error may not occur a second time: keep it for the tap's own step. */
static bool
tap_moves(struct flow *tap, enum move_result (*how)(struct flow *, size_t,
    struct move *), enum move_result *result)
{
	struct move move = { 0 };

	*result = how(tap, FLOW_TAP_STAGE, &move);
	flow_account(tap, &move);
	if (*result == MOVE_FAILED) {
		tap->failed = move.errnum;
		tap->failed_side = move.side;
	}
	/* An interrupted call is repeated where signals are looked at. */
	return *result == MOVE_SOME && move.in + move.out + move.dropped > 0;
}

bool
flow_feed_tap(struct flow *tap)
{
	/* With a reader as fast as we are, this would never end. */
	const uint64_t most = tap->bytes_out + FLOW_TAP_STAGE;
	enum move_result result = MOVE_SOME;
	bool left;

	while (tap->bytes_in < tap->given && tap->failed == 0)
		if (!tap_moves(tap, tap->transport->pull, &result))
			break;
	while (flow_held(tap) > 0 && tap->bytes_out < most &&
	    tap->failed == 0)
		if (!tap_moves(tap, tap->transport->push, &result))
			break;
	/* An incomplete record waits for its end, all else for room. */
	left = tap->bytes_in < tap->given ||
	    (flow_held(tap) > 0 && result != MOVE_END);
	if (tap->failed != 0 || (left && !flow_waits_for(tap, SIDE_SINK)))
		flow_wake(tap);
	return tap->failed == 0 && tap->bytes_in == tap->given &&
	    buffer_room(tap->buffer) >= FLOW_TAP_STAGE;
}

enum flow_step
flow_step(struct flow *flow, struct outcome *outcome)
{
	enum flow_step step;

	if (flow->nbranches > 0 && branch_close_dead(flow) == 0 &&
	    flow->sink_dropped) {
		flow_discard_held(flow);
		return flow_over(flow, FLOW_BROKEN);
	}
	if (flow_sink_is_absent(flow))
		return flow_wait_for_sink(flow);
	if (flow->failed != 0)
		return tap_failed(flow, outcome);
	flow->ahead = false;
	flow->resume_at = 0;
	/* What is held goes first. */
	if (flow_held(flow) > 0) {
		step = push(flow, outcome);
		if (step != FLOW_BLOCKED || !flow->runnable)
			return step;
	}
	if (flow->state == FLOW_DRAINING)
		return flow_next_or_over(flow, outcome);
	return pull(flow, outcome);
}
