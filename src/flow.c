/*
 * flow - one direction: its data, its states, its accounts.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#include "branch.h"
#include "buffer.h"
#include "compat.h"
#include "deadline.h"
#include "flow-private.h"
#include "framing.h"
#include "trace.h"

/*
 * The capacity of the pipes at both ends.  Measured on Linux 6.18 with a
 * splicing relay between the peers of bench/, as a multiple of no relay at
 * all: splicing ends 0.8 (64 K), 1.5 (128 K), 2.6 (256 K), 3.9 (512 K), 5.3
 * (1 M); ordinary ends 1.2, 1.6, 1.8, 1.9, 2.0; one end alone gains little.
 * A raise costs 0.3 us, but capacity is a purse that all pipes of a user
 * share (/proc/sys/fs/pipe-user-pages-soft), so that a short flow takes
 * nothing and only a long one takes the most that an ordinary user may.
 * When exactly made no difference that could be measured.
 */
#define CAPACITY_FIRST		((size_t)256 << 10)
#define CAPACITY_FIRST_AFTER	((uint64_t)64 << 10)
#define CAPACITY_MORE		((size_t)1 << 20)
#define CAPACITY_MORE_AFTER	((uint64_t)16 << 20)

static const char *const state_names[] = {
	[FLOW_WAITING] = "waiting",
	[FLOW_OPEN] = "open",
	[FLOW_DRAINING] = "draining",
	[FLOW_CLOSED] = "closed",
	[FLOW_BROKEN] = "broken",
};

#ifndef NDEBUG
static bool
transition_is_legal(enum flow_state from, enum flow_state to)
{
	static const unsigned int legal[] = {
		[FLOW_WAITING] = 1U << FLOW_OPEN | 1U << FLOW_DRAINING |
		    1U << FLOW_BROKEN,
		[FLOW_OPEN] = 1U << FLOW_DRAINING | 1U << FLOW_BROKEN,
		[FLOW_DRAINING] = 1U << FLOW_WAITING | 1U << FLOW_OPEN |
		    1U << FLOW_CLOSED | 1U << FLOW_BROKEN,
	};

	return from < ARRAY_SIZE(legal) && (legal[from] & 1U << to) != 0;
}
#endif

void
flow_set_state(struct flow *flow, enum flow_state state)
{
	assert(transition_is_legal(flow->state, state));
	trace_debug(TRACE_FLOW, "%s -> %s: %s -> %s",
	    trace_safe(flow->source.name), trace_safe(flow->sink.name),
	    state_names[flow->state], state_names[state]);
	flow->state = state;
}

uint64_t
flow_held(const struct flow *flow)
{
	return flow->buffer == NULL ? 0 : buffer_held(flow->buffer);
}

bool
flow_is_over(const struct flow *flow)
{
	return flow->state == FLOW_CLOSED || flow->state == FLOW_BROKEN;
}

const char *
flow_transport_name(const struct flow *flow)
{
	if (flow->transport == NULL)
		return "none";
	return flow->copied ? transport_copy.name : flow->transport->name;
}

void
flow_init(struct flow *flow)
{
	memset(flow, 0, sizeof(*flow));
	endpoint_init_none(&flow->source, "nothing");
	endpoint_init_none(&flow->sink, "nothing");
	flow->limit = FLOW_NO_LIMIT;
	flow->gaps[0].at = flow->gaps[1].at = FLOW_NO_LIMIT;
	flow->watch_fd = -1;
}

bool
flow_feeds_itself(const struct flow *flow)
{
	return endpoint_feeds(flow->trunk != NULL ? &flow->trunk->source :
	    &flow->source, &flow->sink);
}

static int
need_buffer(struct flow *flow, size_t size)
{
	if (flow->buffer != NULL && buffer_room(flow->buffer) >= size)
		return 0;
	assert(flow_held(flow) == 0);
	buffer_free(flow->buffer);
	flow->buffer = buffer_new(size);
	return flow->buffer == NULL ? -1 : 0;
}

static size_t
ring_size(const struct flow *flow)
{
	size_t size = framing_size(flow);

	return size != 0 ? size : flow->memory != 0 ? flow->memory :
	    FLOW_BUFFER_SIZE;
}

int
flow_use_transport(struct flow *flow, const struct transport *transport)
{
	flow->transport = transport;
	if (transport->push == NULL || flow->buffer != NULL)
		return 0;
	return need_buffer(flow, ring_size(flow));
}

static void
begin(struct flow *flow)
{
	int64_t now = deadline_now();

	flow->runnable = true;
	flow->wait_side = SIDE_SOURCE;
	flow->source_hup = false;
	flow->moved_at = now;
	flow->waiting_since = now;
	flow->look_at = now + LIMIT_LOOK_NS;
	flow->source_start = flow->bytes_in;
	flow->source_lost = false;
}

int
flow_start(struct flow *flow)
{
	begin(flow);
	/* The first state, which no transition leads to. */
	flow->state = flow->source.kind == ENDPOINT_NONE ? FLOW_DRAINING :
	    flow->source.fifo ? FLOW_WAITING : FLOW_OPEN;
	if (flow->sink_pending) {
		flow->runnable = false;
		flow->wait_side = SIDE_SINK;
		flow->blocked_at = flow->moved_at;
		return 0;
	}
	return flow_use_transport(flow, transport_choose(flow));
}

/* The last bytes that came in, to whom wants to see them. */
static void
show(struct flow *flow, size_t n)
{
	struct iovec iov[2];
	int count;

	if (flow->observe == NULL || n == 0)
		return;
	count = buffer_last(flow->buffer, n, iov);
	flow->observe(flow, iov, count, flow->bytes_in);
}

int
flow_add_branch(struct flow *flow, struct flow *reader, bool tap)
{
	struct branch *branches, *branch;
	int fd, errnum;

	branches = reallocarray(flow->branches, flow->nbranches + 1,
	    sizeof(*branches));
	if (branches == NULL)
		return -1;
	flow->branches = branches;
	branch = &branches[flow->nbranches];
	if (branch_open(branch, &fd) == -1)
		return -1;
	if (endpoint_init(&reader->source, fd, O_RDONLY,
	    flow->source.name) == -1) {
		errnum = errno;
		close(fd);
		branch_close(branch);
		errno = errnum;
		return -1;
	}
	reader->source.nonblock = true;
	reader->trunk = flow;
	reader->tap = tap;
	if (tap)
		reader->memory += FLOW_TAP_STAGE +
		    (reader->only_records ? FRAMING_HOLD + 1 : 0);
	branch->reader = reader;
	branch->tap = tap;
	flow->nbranches++;
	return 0;
}

int
flow_drop_sink(struct flow *flow)
{
	int fd;

	do {
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	} while (fd == -1 && errno == EINTR);
	if (fd == -1)
		return -1;
	endpoint_finish(&flow->sink);
	if (endpoint_init(&flow->sink, fd, O_WRONLY, flow->sink.name) == -1) {
		close(fd);
		return -1;
	}
	flow->sink_dropped = true;
	flow->sink_gone = false;
	/* What is held has been given to the branches. */
	return flow->transport == NULL ? 0 :
	    flow_use_transport(flow, flow_held(flow) > 0 ? &transport_copy :
	    transport_choose(flow));
}

int
flow_hold(struct flow *flow, const void *data, size_t n)
{
	if (n == 0)
		return 0;
	if (need_buffer(flow, MAX(n, flow->memory)) == -1 ||
	    buffer_reserve(flow->buffer, n) == -1)
		return -1;
	buffer_put(flow->buffer, data, n);
	show(flow, n);
	flow->bytes_in += n;
	flow->copied = true;
	return 0;
}

int
flow_renew_source(struct flow *flow)
{
	assert(flow->state == FLOW_WAITING);
	begin(flow);
	return flow_use_transport(flow, transport_choose(flow));
}

int
flow_next_source(struct flow *flow)
{
	begin(flow);
	flow_set_state(flow, flow->source.fifo ? FLOW_WAITING : FLOW_OPEN);
	return flow_use_transport(flow, transport_choose(flow));
}

static void
stop_watching(struct flow *flow)
{
	if (flow->watch_fd != -1)
		close(flow->watch_fd);
	flow->watch_fd = -1;
}

/* Closing it takes the kernel long, so not where it is wanted again. */
static bool
keeps_watch(const struct flow *flow)
{
	return flow->source_gone != NULL || flow->keep;
}

enum flow_awaits
flow_awaits(const struct flow *flow)
{
	if (flow->awaits != FLOW_AWAITS_NOTHING)
		return flow->awaits;
	return flow->state == FLOW_WAITING ? FLOW_AWAITS_WRITER :
	    FLOW_AWAITS_NOTHING;
}

void
flow_peer_came(struct flow *flow)
{
	if (flow->state != FLOW_WAITING)
		return;
	flow->moved_at = deadline_now();
	trace_event("%s: a writer has it open", trace_safe(flow->source.name));
	if (!keeps_watch(flow))
		stop_watching(flow);
	flow_set_state(flow, FLOW_OPEN);
}

int
flow_sink_opened(struct flow *flow)
{
	flow->sink_pending = false;
	flow->moved_at = deadline_now();
	flow_wake(flow);
	flow->wait_side = SIDE_SOURCE;
	return flow_use_transport(flow, transport_choose(flow));
}

void
flow_wake(struct flow *flow)
{
	if (flow->runnable)
		return;
	for (int side = SIDE_NONE; side < SIDE_COUNT; side++)
		flow->wait_ns[side] = flow_wait_ns(flow, (enum side)side);
	/* That the limiter held it back is nobody's idleness. */
	if (flow->resume_at != 0)
		flow->moved_at = deadline_now();
	flow->runnable = true;
}

void
flow_wake_trunk(struct flow *flow)
{
	if (flow->trunk != NULL && flow->trunk->wait_side == SIDE_OTHERS)
		flow_wake(flow->trunk);
}

bool
flow_waits_for(const struct flow *flow, enum side side)
{
	if (flow->resume_at != 0 && !flow->ahead)
		return side == SIDE_NONE;
	return flow->wait_side == side ||
	    (flow->wait_sink_too && side == SIDE_SINK);
}

int64_t
flow_wait_ns(const struct flow *flow, enum side side)
{
	int64_t ns = flow->wait_ns[side];

	if (!flow->runnable && !flow_is_over(flow) &&
	    flow_waits_for(flow, side))
		ns += deadline_now() - flow->blocked_at;
	return ns;
}

bool
flow_retry(struct flow *flow, uint64_t bytes)
{
	if (flow->runnable || flow->resume_at != 0 ||
	    flow_awaits(flow) != FLOW_AWAITS_NOTHING ||
	    flow->bytes_in - flow->retried_at < bytes)
		return false;
	flow->retried_at = flow->bytes_in;
	flow_wake(flow);
	/* Nothing was learned of the side that blocks it. */
	flow->moved = true;
	return true;
}

static void
raise_capacity(struct flow *flow, size_t size)
{
	/* A refusal changes nothing but speed. */
	if (flow->source.kind == ENDPOINT_PIPE)
		endpoint_raise_capacity(&flow->source, size);
	if (flow->sink.kind == ENDPOINT_PIPE)
		endpoint_raise_capacity(&flow->sink, size);
}

/* As the flow gets longer; not where the pipes shall stay as they are. */
static void
consider_capacity(struct flow *flow)
{
	if (flow->keep_capacity || flow->raised_more)
		return;
	if (!flow->raised && flow->bytes_in >= CAPACITY_FIRST_AFTER) {
		flow->raised = true;
		raise_capacity(flow, CAPACITY_FIRST);
	}
	if (flow->bytes_in >= CAPACITY_MORE_AFTER) {
		flow->raised_more = true;
		raise_capacity(flow, CAPACITY_MORE);
	}
}

void
flow_account(struct flow *flow, const struct move *move)
{
	if (move->in + move->out + move->dropped == 0)
		return;
	/* Before it is shown: who looks at it may hold us up for too long. */
	flow->moved_at = deadline_now();
	if (move->in > 0 && flow->transport->push != NULL) {
		flow->copied = true;
		show(flow, move->in);
	}
	flow->bytes_in += move->in;
	if (flow->sink_dropped)
		flow->discarded += move->out;
	else
		flow->bytes_out += move->out;
	flow->discarded += move->dropped;
	if (flow->tap && move->dropped > 0) {
		flow->skipped += move->dropped;
		flow->chunks_skipped++;
	}
	flow->moved = true;
	assert(flow->bytes_in + flow->bytes_added ==
	    flow->bytes_out + flow_held(flow) + flow->discarded);
	if (move->in > 0) {
		flow_peer_came(flow);
		flow_wake_trunk(flow);
	}
	consider_capacity(flow);
}

void
flow_discard_held(struct flow *flow)
{
	size_t held = (size_t)flow_held(flow);

	if (held == 0)
		return;
	buffer_emptied(flow->buffer, held);
	flow->discarded += held;
	flow->tail = 0;
}

enum flow_step
flow_over(struct flow *flow, enum flow_state state)
{
	if (flow->watch_fd != -1 && !keeps_watch(flow))
		stop_watching(flow);
	framing_stop(flow);
	flow->ended_at = deadline_now();
	flow_set_state(flow, state);
	/* It may be over as well, whatever it waits for. */
	if (flow->trunk != NULL)
		flow_wake(flow->trunk);
	if (flow->feeds != NULL)
		flow_wake(flow->feeds);
	return FLOW_ENDED;
}

int
flow_finish(struct flow *flow)
{
	int result;

	stop_watching(flow);
	endpoint_finish(&flow->source);
	result = endpoint_finish(&flow->sink);
	peek_close(&flow->peek);
	for (size_t i = 0; i < flow->nbranches; i++)
		branch_close(&flow->branches[i]);
	free(flow->branches);
	flow->branches = NULL;
	flow->nbranches = 0;
	buffer_free(flow->buffer);
	flow->buffer = NULL;
	return result;
}
