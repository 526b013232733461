/*
 * relay - the running flows: one ppoll(2) loop.
 *
 * Every turn derives from the states what to wait for; nothing is
 * registered.  A flow is stepped until it is blocked, sinks before sources,
 * and ppoll(2) follows only then.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#include "chore.h"
#include "compat.h"
#include "deadline.h"
#include "fifo.h"
#include "framing.h"
#include "quota.h"
#include "relay.h"
#include "signals.h"
#include "trace.h"
#include "transient.h"
#include "waiting.h"

/*
 * A ppoll(2) that finds a descriptor ready delivers no signal, and a loop
 * with a busy flow does not need one: let signals in by force so often, and
 * look then after the flows that wait.
 */
#define SIGNAL_TURNS 16

/*
 * A flow that ran dry after so many bytes lets the peers work for a moment
 * before it waits: they fill or empty the pipe, and the relay is woken for
 * 230 KB at a time instead of for 67 KB (measured with bench/run, ordinary
 * ends, 1 M pipes: 20 % faster).  Where somebody else wants the CPU a moment
 * is long; then this is left alone for a hundred times that long, so that
 * it never costs more than a percent.
 */
#define GIVE_WAY_BYTES	((uint64_t)16 << 10)
#define GIVE_WAY_NS	NS_PER_MS
#define GIVE_WAY_PAUSE	100

/*
 * When all others are done, what is on its way to a tap goes on as long as
 * some of it arrives in each such time.
 */
#define TAP_GRACE_NS		(100 * NS_PER_MS)

/*
 * How often a lock is tried while other flows of the run go on; a flow that
 * is alone waits inside fcntl(2).
 */
#define LOCK_LOOK_NS	(20 * NS_PER_MS)

enum slot {
	SLOT_SOURCE,
	SLOT_SINK,
	SLOT_WATCH,
	SLOTS
};

struct relay {
	struct flow		*flows;
	size_t			 nflows;
	const struct limits	*limits;
	struct pollfd		*slots;		/* SLOTS for each flow, and
						   one for each chore */
	struct outcome		*outcome;
	int64_t			 now;
	int64_t			 no_way_before;	/* see give_way() */
	int64_t			 tick_at;	/* limits->tick */
	int64_t			 taps_until;	/* 0: others go on, too */
	unsigned int		 turn;
};

static int
check_limits(struct relay *relay)
{
	if (++relay->turn % SIGNAL_TURNS == 0)
		signals_poll();
	if (signals_has_child() && relay->limits->reap != NULL)
		relay->limits->reap(relay->limits->arg);
	/* One that we were born with: nobody waits for it. */
	signals_take_child();
	return limit_check(relay->limits, relay->now, SIDE_NONE, NULL,
	    relay->outcome);
}

static bool
wants_source(const struct flow *flow)
{
	return (flow->state == FLOW_OPEN || flow->state == FLOW_WAITING) &&
	    flow_waits_for(flow, SIDE_SOURCE);
}

static bool
wants_sink(const struct flow *flow)
{
	return flow_waits_for(flow, SIDE_SINK) &&
	    flow->awaits == FLOW_AWAITS_NOTHING;
}

/* The state of a flow as interest in its descriptors. */
static void
fill_slots(const struct flow *flow, struct pollfd *slots)
{
	for (int i = 0; i < SLOTS; i++)
		slots[i] = (struct pollfd){ .fd = -1 };
	if (flow_is_over(flow) || flow->runnable || flow->sink_pending)
		return;
	/* Of its source only the end matters while nobody reads. */
	if (flow->awaits == FLOW_AWAITS_READER) {
		if (flow->source.kind != ENDPOINT_FILE && !flow->source_hup)
			slots[SLOT_SOURCE] = (struct pollfd){
				.fd = flow->source.fd, .events = POLLRDHUP
			};
		slots[SLOT_WATCH] = (struct pollfd){
			.fd = flow->watch_fd, .events = POLLIN
		};
		return;
	}
	/* An unwanted source would report POLLHUP for ever: only once. */
	if (wants_source(flow))
		slots[SLOT_SOURCE] = (struct pollfd){
			.fd = flow->source.fd, .events = POLLIN
		};
	else if (flow->state == FLOW_OPEN &&
	    flow->source.kind == ENDPOINT_PIPE && !flow->source_hup)
		slots[SLOT_SOURCE].fd = flow->source.fd;
	/* An unwanted sink stays in: its last reader may leave. */
	if (wants_sink(flow))
		slots[SLOT_SINK] = (struct pollfd){
			.fd = flow->sink.fd, .events = POLLOUT
		};
	else if (flow->sink.kind == ENDPOINT_PIPE && !flow->sink_gone)
		slots[SLOT_SINK].fd = flow->sink.fd;
	if (flow_awaits(flow) != FLOW_AWAITS_NOTHING)
		slots[SLOT_WATCH] = (struct pollfd){
			.fd = flow->watch_fd, .events = POLLIN
		};
}

static int
read_slots(struct relay *relay, struct flow *flow, const struct pollfd *slots)
{
	short source = slots[SLOT_SOURCE].revents;
	short sink = slots[SLOT_SINK].revents;

	/* Came, wrote nothing or not, and left. */
	if ((source & (POLLHUP | POLLRDHUP)) != 0) {
		flow_peer_came(flow);
		flow->source_hup = true;
	}
	if (flow->sink.kind == ENDPOINT_PIPE && (sink & POLLERR) != 0)
		flow->sink_gone = true;
	if (source != 0 || sink != 0)
		flow_wake(flow);
	return slots[SLOT_WATCH].revents == 0 ? 0 :
	    waiting_event(flow, relay->outcome);
}

/* A flow that its limiter holds back goes on by itself. */
static bool
is_held_back(const struct flow *flow)
{
	return !flow_is_over(flow) && !flow->runnable && flow->resume_at != 0;
}

static void
resume(const struct relay *relay, struct flow *flow, int64_t *next)
{
	if (!is_held_back(flow))
		return;
	if (relay->now >= flow->resume_at)
		flow_wake(flow);
	else
		*next = deadline_min(*next, flow->resume_at);
}

/* A reader of a tap may have come. */
static void
look_for_reader(const struct relay *relay, struct flow *flow, int64_t *next)
{
	if (!flow_sink_is_absent(flow) || flow_is_over(flow))
		return;
	if (relay->now >= flow->look_at) {
		flow->look_at = relay->now + LIMIT_LOOK_NS;
		flow->sink_absent(flow);
	}
	*next = deadline_min(*next, flow->look_at);
}

/* When it last moved a byte, or handed its end on. */
static int64_t
flow_last_event(const struct relay *relay, const struct flow *flow)
{
	if (is_held_back(flow))
		return relay->now;
	return flow_is_over(flow) ? flow->ended_at : flow->moved_at;
}

/*
 * Whether it matters for --idle-timeout when this flow last moved: not while
 * it waits for a peer, or for another flow that may.
 */
static bool
counts_as_idle(const struct flow *flow)
{
	const struct flow *trunk = flow->trunk;

	if (flow_is_over(flow))
		return true;
	if (flow->sink_pending)
		return false;
	if (flow_awaits(flow) == FLOW_AWAITS_WRITER ||
	    flow_awaits(flow) == FLOW_AWAITS_READER)
		return false;
	if (!flow->runnable && flow->wait_side == SIDE_OTHERS)
		return false;
	return trunk == NULL || flow->wait_side != SIDE_SOURCE ||
	    trunk->runnable || trunk->wait_side != SIDE_OTHERS;
}

/* One direction has ended, and the others say nothing any more. */
static int
check_half_close(struct relay *relay, int64_t *next)
{
	int64_t since = -1, by;
	bool ended = false;
	struct flow *flow;

	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++) {
		ended = ended || flow_is_over(flow);
		since = MAX(since, flow_last_event(relay, flow));
	}
	if (!ended || relay->limits->half_close == 0)
		return 0;
	by = deadline_after(since, relay->limits->half_close);
	if (relay->now >= by)
		return outcome_set(relay->outcome, OUTCOME_HALF_CLOSED,
		    SIDE_NONE, 0, NULL);
	*next = deadline_min(*next, by);
	return 0;
}

/* The nearest deadline, or -1 when one has passed. */
static int
check_deadlines(struct relay *relay, int64_t *next)
{
	const struct limits *limits = relay->limits;
	int64_t moved_at = -1;
	struct flow *flow;

	*next = limits->deadline;
	if (limits->tick != NULL) {
		if (relay->now >= relay->tick_at)
			relay->tick_at = limits->tick(limits->arg, relay->now);
		*next = deadline_min(*next, relay->tick_at);
	}
	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++) {
		if (waiting_check(flow, limits, relay->now, next,
		    relay->outcome) == -1)
			return -1;
		if (counts_as_idle(flow))
			moved_at = MAX(moved_at, flow_last_event(relay, flow));
		resume(relay, flow, next);
		look_for_reader(relay, flow, next);
	}
	if (moved_at != -1 && limits->idle_timeout != 0) {
		moved_at = deadline_after(moved_at, limits->idle_timeout);
		if (relay->now >= moved_at)
			return outcome_set(relay->outcome,
			    OUTCOME_IDLE_TIMEOUT, SIDE_NONE, 0, NULL);
		*next = deadline_min(*next, moved_at);
	}
	if (chore_run(limits->chores, NULL, relay->now, relay->outcome) == -1)
		return -1;
	*next = chore_next(limits->chores, *next);
	return check_half_close(relay, next);
}

static void
trace_slots(const struct flow *flow, const struct pollfd *slots)
{
	trace_debug(TRACE_RELAY, "%s -> %s: waited for %s, events %#x %#x %#x",
	    trace_safe(flow->source.name), trace_safe(flow->sink.name),
	    wants_sink(flow) ? "room" : "input",
	    (unsigned int)slots[SLOT_SOURCE].revents,
	    (unsigned int)slots[SLOT_SINK].revents,
	    (unsigned int)slots[SLOT_WATCH].revents);
}

/* A flow that waits for the lock of its sink, and whether it is alone. */
static struct flow *
lock_waiter(const struct relay *relay, bool *alone)
{
	struct flow *flow, *waiter = NULL;
	size_t going = 0;

	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++) {
		if (flow_is_over(flow))
			continue;
		going++;
		if (!flow->runnable && flow->wait_side == SIDE_LOCK)
			waiter = flow;
	}
	*alone = going == 1;
	return waiter;
}

/* All of them try again. */
static void
wake_lock_waiters(const struct relay *relay)
{
	struct flow *flow;

	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++)
		if (!flow_is_over(flow) && flow->wait_side == SIDE_LOCK)
			flow_wake(flow);
}

/* Nothing else is to be done: wait inside fcntl(2). */
static int
wait_for_lock(struct relay *relay, struct flow *flow, int64_t until)
{
	until = deadline_min(until, relay->now + LIMIT_LOOK_NS);
	if (fifo_wait_lock_writers(&flow->sink, until) == 0) {
		flow->locked = true;
		flow_wake(flow);
	} else if (errno != EINTR)
		return outcome_set(relay->outcome, OUTCOME_ERROR, SIDE_SINK,
		    errno, flow->sink.name);
	else if ((endpoint_ready(&flow->sink, 0, 0) & POLLERR) != 0) {
		flow->sink_gone = true;
		flow_wake(flow);
	}
	relay->now = deadline_now();
	return 0;
}

/* Where a slot is packed: behind the others, or at that of our output. */
static struct pollfd *
packed_slot(const struct pollfd *slot, struct pollfd **output,
    struct pollfd **end)
{
	if (slot->fd != STDOUT_FILENO)
		return (*end)++;
	if (*output == NULL)
		*output = (*end)++;
	return *output;
}

/*
 * poll(2) takes no more slots than a process may have descriptors, be they
 * empty: so these are left out, and the output of several flows is there once.
 */
static int
poll_slots(struct relay *relay, size_t n, const struct timespec *timeout)
{
	struct pollfd *slots = relay->slots, *packed = slots + n;
	struct pollfd *slot, *to, *output = NULL, *end = packed;
	int result;

	memset(packed, 0, n * sizeof(*packed));
	for (slot = slots; slot < slots + n; slot++)
		if (slot->fd != -1) {
			to = packed_slot(slot, &output, &end);
			to->fd = slot->fd;
			to->events |= slot->events;
		}
	result = transient_ppoll(packed, (nfds_t)(end - packed), timeout,
	    signals_wait_mask());
	output = NULL;
	end = packed;
	for (slot = slots; slot < slots + n; slot++)
		if (slot->fd != -1) {
			to = packed_slot(slot, &output, &end);
			slot->revents = to->revents & (slot->events |
			    POLLERR | POLLHUP | POLLNVAL);
		}
	return result;
}

static int
wait_for_events(struct relay *relay, int64_t until)
{
	struct chore *chores = relay->limits->chores;
	struct pollfd *others = relay->slots + relay->nflows * SLOTS;
	struct flow *flow, *waiter;
	struct timespec ts;
	bool alone;
	int n;

	waiter = lock_waiter(relay, &alone);
	if (waiter != NULL && alone && !signals_arrived())
		return wait_for_lock(relay, waiter, until);
	if (waiter != NULL)
		until = deadline_min(until, relay->now + LOCK_LOOK_NS);
	for (size_t i = 0; i < relay->nflows; i++)
		fill_slots(&relay->flows[i], relay->slots + i * SLOTS);
	chore_poll(chores, others);
	if (signals_arrived())
		until = relay->now;
	n = poll_slots(relay, relay->nflows * SLOTS + chore_count(chores),
	    deadline_left(until, relay->now, &ts));
	if (n == -1 && errno != EINTR)
		return outcome_set(relay->outcome, OUTCOME_ERROR, SIDE_NONE,
		    errno, NULL);
	relay->now = deadline_now();
	for (size_t i = 0; n > 0 && i < relay->nflows; i++) {
		flow = &relay->flows[i];
		trace_slots(flow, relay->slots + i * SLOTS);
		if (!flow_is_over(flow) && !flow->runnable &&
		    read_slots(relay, flow, relay->slots + i * SLOTS) == -1)
			return -1;
	}
	if (waiter != NULL)
		wake_lock_waiters(relay);
	return n > 0 ? chore_run(chores, others, relay->now, relay->outcome) :
	    0;
}

/* The ends of a flow that is over: the peers shall know at once. */
static int
close_ends(struct relay *relay, struct flow *flow)
{
	if (flow->over != NULL)
		flow->over(flow);
	if (flow_finish(flow) == 0)
		return 0;
	outcome_set(relay->outcome, OUTCOME_ERROR, SIDE_SINK, errno,
	    flow->sink.name);
	return flow_sink_failed(flow, relay->outcome);
}

/* One step of each flow that may get somewhere. */
static int
step_all(struct relay *relay)
{
	struct flow *flow;

	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++) {
		if (flow_is_over(flow) || !flow->runnable)
			continue;
		switch (flow_step(flow, relay->outcome)) {
		case FLOW_MOVED:
		case FLOW_BLOCKED:
			break;
		case FLOW_ENDED:
			if (close_ends(relay, flow) == -1)
				return -1;
			break;
		case FLOW_FAILED:
			return -1;
		}
	}
	return 0;
}

/* How many flows go on, how many of them have to wait, and are taps. */
static size_t
count_flows(const struct relay *relay, size_t *waiting, size_t *taps)
{
	const struct flow *flow;
	size_t going = 0;

	*waiting = *taps = 0;
	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++) {
		if (flow_is_over(flow) && flow->decides)
			return 0;
		if (flow_is_over(flow))
			continue;
		going++;
		*taps += flow->tap;
		if (!flow->runnable)
			++*waiting;
	}
	return going;
}

/*
 * Once, when all flows ran dry: see GIVE_WAY_BYTES.  Returns whether it is
 * worth another try before waiting.
 */
static bool
give_way(struct relay *relay)
{
	struct flow *flow;
	bool worth = false;
	int64_t took;

	if (relay->now < relay->no_way_before)
		return false;
	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++)
		if (!flow_is_over(flow) && flow_retry(flow, GIVE_WAY_BYTES))
			worth = true;
	if (!worth)
		return false;
	sched_yield();
	took = deadline_now() - relay->now;
	if (took > GIVE_WAY_NS)
		relay->no_way_before = relay->now + took * GIVE_WAY_PAUSE;
	return true;
}

/*
 * Only taps are left.  Returns whether they are to go on; or that is the
 * end, and what they have not got by now they miss.
 */
static bool
taps_go_on(struct relay *relay, int64_t *until)
{
	bool begins = relay->taps_until == 0;
	struct flow *flow;

	if (begins)
		relay->taps_until = relay->now + TAP_GRACE_NS;
	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++)
		if (!flow_is_over(flow))
			relay->taps_until = MAX(relay->taps_until,
			    flow->moved_at + TAP_GRACE_NS);
	*until = begins ? relay->now :
	    deadline_min(*until, relay->taps_until);
	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++) {
		if (flow_is_over(flow))
			continue;
		if (relay->now >= relay->taps_until)
			flow_end_tap(flow);
		else
			flow_hurry_tap(flow, begins);
	}
	return relay->now < relay->taps_until;
}

/* What the others did may end a wait: for a turn, or of a source. */
static void
wake_for_others(struct relay *relay)
{
	struct flow *flow;

	for (flow = relay->flows; flow < relay->flows + relay->nflows; flow++) {
		if (flow_is_over(flow) || flow->runnable)
			continue;
		if (flow->turn != NULL && flow->wait_side == SIDE_OTHERS &&
		    flow->turn->owner == NULL)
			flow_wake(flow);
		/* What it holds goes first, when its sink takes it. */
		if (flow->state != FLOW_DRAINING && quota_is_used(flow) &&
		    (flow_held(flow) == 0 || flow->wait_side == SIDE_SOURCE))
			flow_wake(flow);
	}
}

static int
run(struct relay *relay)
{
	size_t going, waiting, taps;
	int64_t until;

	for (;;) {
		if (check_limits(relay) == -1 || step_all(relay) == -1)
			return -1;
		wake_for_others(relay);
		relay->now = deadline_now();
		if (check_deadlines(relay, &until) == -1)
			return -1;
		going = count_flows(relay, &waiting, &taps);
		if (going == 0 || (going == taps && !taps_go_on(relay, &until)))
			return 0;
		if (waiting == going && give_way(relay))
			continue;
		/* While one flow is busy, only look after the others. */
		if (waiting < going)
			until = relay->now;
		if (waiting < going && relay->turn % SIGNAL_TURNS != 0)
			continue;
		if (waiting > 0 && wait_for_events(relay, until) == -1)
			return -1;
	}
}

int
relay_run(struct flow *flows, size_t n, const struct limits *limits,
    struct outcome *outcome)
{
	struct relay relay = {
		.flows = flows,
		.nflows = n,
		.limits = limits,
		.outcome = outcome,
		.now = deadline_now(),
	};
	int result;

	outcome_set(outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
	relay.slots = calloc(2 * (n * SLOTS + chore_count(limits->chores)),
	    sizeof(*relay.slots));
	if (relay.slots == NULL)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    NULL);
	result = run(&relay);
	free(relay.slots);
	return result;
}
