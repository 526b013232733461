/*
 * waiting - what a flow waits for that poll(2) cannot tell.
 */
#include "config.h"

#include <poll.h>

#include "compat.h"
#include "deadline.h"
#include "fifo.h"
#include "waiting.h"

/* Looks in an idle time-out where inotify(7) is not to be had. */
#define IDLE_LOOKS	4
#define LOOK_LEAST_NS	(50 * NS_PER_MS)

static int
give_up(struct flow *flow, enum outcome_why why, struct outcome *outcome)
{
	if (flow_awaits(flow) == FLOW_AWAITS_READER) {
		outcome->bytes = flow->bytes_out;
		outcome_set(outcome, why, SIDE_SINK, 0, flow->sink.name);
		return flow_give_up_sink(flow, outcome);
	}
	outcome_set(outcome, why, SIDE_SOURCE, 0, flow->source.name);
	return flow_source_failed(flow, outcome);
}

/* The path names something else, or nothing. */
static int
source_is_gone(struct flow *flow, struct outcome *outcome)
{
	if (flow->source_gone == NULL)
		return give_up(flow, OUTCOME_REMOVED, outcome);
	switch (flow->source_gone(flow, outcome)) {
	case 0:				/* not anew yet */
		return 0;
	case 1:
		flow_wake(flow);
		return 0;
	default:
		return flow_source_failed(flow, outcome);
	}
}

static int
look_for_writer(struct flow *flow, struct outcome *outcome)
{
	enum fifo_peer peer = fifo_probe_writer(&flow->source);

	if (peer == FIFO_WRITER || peer == FIFO_DATA) {
		flow_peer_came(flow);
		flow_wake(flow);
		return 0;
	}
	return fifo_is_gone(&flow->source) ? source_is_gone(flow, outcome) : 0;
}

static int
look_for_reader(struct flow *flow, struct outcome *outcome)
{
	/* One that came, took the rest and left is not seen any more. */
	if (flow->drains && drain_is_empty(&flow->sink)) {
		flow_wake(flow);
		return 0;
	}
	if ((endpoint_ready(&flow->sink, 0, 0) & POLLERR) == 0) {
		flow_reader_came(flow);
		return 0;
	}
	return fifo_is_gone(&flow->sink) ?
	    give_up(flow, OUTCOME_REMOVED, outcome) : 0;
}

static int
look(struct flow *flow, struct outcome *outcome)
{
	switch (flow_awaits(flow)) {
	case FLOW_AWAITS_WRITER:
		return look_for_writer(flow, outcome);
	case FLOW_AWAITS_READER:
		return look_for_reader(flow, outcome);
	case FLOW_AWAITS_ROOM:
	case FLOW_AWAITS_DRAIN:
		flow_wake(flow);	/* it looks itself */
		return 0;
	case FLOW_AWAITS_NOTHING:
		break;
	}
	return 0;
}

int
waiting_event(struct flow *flow, struct outcome *outcome)
{
	if (fifo_watch_drain(flow->watch_fd) &&
	    flow_awaits(flow) == FLOW_AWAITS_DRAIN)
		flow->unread.others = true;
	return look(flow, outcome);
}

static void
start_watch(struct flow *flow, int64_t now)
{
	if (flow->watch_fd != -1 || flow->watch_failed)
		return;
	if (flow_awaits(flow) == FLOW_AWAITS_READER)
		flow->watch_fd = fifo_watch(-1, &flow->sink,
		    FIFO_WATCH_PEER);
	else if (flow->source_gone != NULL)
		flow->watch_fd = fifo_watch_name(flow->source.name);
	else
		flow->watch_fd = fifo_watch(-1, &flow->source,
		    FIFO_WATCH_PEER);
	flow->watch_failed = flow->watch_fd == -1;
	flow->look_at = now;		/* what came before */
}

/*
 * A reader polls for the first byte of its writer, and a writer that says
 * nothing can wait for the next look.  Where its arrival itself counts, for
 * --idle-timeout, inotify(7) tells of it; but closing that takes the kernel
 * 10 to 20 ms, which nobody else shall pay.
 */
static int64_t
look_interval(struct flow *flow, const struct limits *limits, int64_t now)
{
	int64_t idle = limits->idle_timeout;
	bool polled = flow_awaits(flow) == FLOW_AWAITS_WRITER;

	if (flow_awaits(flow) == FLOW_AWAITS_DRAIN ||
	    flow_awaits(flow) == FLOW_AWAITS_ROOM)
		return LIMIT_LOOK_NS;
	if (polled && idle == 0 && flow->source_gone == NULL)
		return LIMIT_LOOK_NS;
	start_watch(flow, now);
	if (!polled || idle == 0 || idle > LIMIT_LOOK_NS * IDLE_LOOKS ||
	    (flow->watch_fd != -1 && flow->source_gone == NULL))
		return LIMIT_LOOK_NS;
	return idle / IDLE_LOOKS > LOOK_LEAST_NS ? idle / IDLE_LOOKS :
	    LOOK_LEAST_NS;
}

int
waiting_check(struct flow *flow, const struct limits *limits, int64_t now,
    int64_t *next, struct outcome *outcome)
{
	enum flow_awaits awaits = flow_awaits(flow);
	int64_t by = DEADLINE_NEVER, interval;

	if (awaits == FLOW_AWAITS_NOTHING || flow->runnable)
		return 0;
	if (awaits != FLOW_AWAITS_DRAIN && awaits != FLOW_AWAITS_ROOM)
		by = deadline_after(flow->waiting_since, limits->open_timeout);
	interval = look_interval(flow, limits, now);
	/* All flows at the same time: one wake-up for all. */
	flow->look_at = deadline_min(flow->look_at,
	    (now / interval + 1) * interval);
	if (now >= flow->look_at || now >= by) {
		flow->look_at = (now / interval + 1) * interval;
		if (look(flow, outcome) == -1)
			return -1;
		if (flow->runnable || flow_awaits(flow) != awaits)
			return 0;
	}
	if (now >= by)
		return give_up(flow, OUTCOME_OPEN_TIMEOUT, outcome);
	*next = deadline_min(*next, deadline_min(by, flow->look_at));
	return 0;
}
