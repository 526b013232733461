/*
 * flow - one direction: one source, one sink, and what became of the bytes.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "branch.h"
#include "buffer.h"
#include "compat.h"
#include "deadline.h"
#include "fifo.h"
#include "flow.h"
#include "framing.h"
#include "limiter.h"
#include "quota.h"
#include "trace.h"
#include "transport.h"

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

/* From the leaving of the last reader to that of the last writer. */
#define EOF_GRACE_MS		100

/* Fruitless tries before a transport is given up; two are usual. */
#define DRY_TRIES		8

/* As cat(1)'s; 64 K to 512 K did not differ in the same measurement. */
#define BUFFER_SIZE		((size_t)128 << 10)

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

/* The one door for every change of state. */
static void
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
	flow->watch_fd = -1;
}

bool
flow_feeds_itself(const struct flow *flow)
{
	const struct endpoint *source = flow->trunk != NULL ?
	    &flow->trunk->source : &flow->source;
	const struct endpoint *sink = &flow->sink;

	return source->kind == ENDPOINT_PIPE && sink->kind == ENDPOINT_PIPE &&
	    source->fd != -1 && sink->fd != -1 && source->dev == sink->dev &&
	    source->ino == sink->ino;
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
	    BUFFER_SIZE;
}

static int
use_transport(struct flow *flow, const struct transport *transport)
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
	return use_transport(flow, transport_choose(flow));
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
	    use_transport(flow, flow_held(flow) > 0 ? &transport_copy :
	    transport_choose(flow));
}

int
flow_hold(struct flow *flow, const void *data, size_t n)
{
	if (n == 0)
		return 0;
	if (need_buffer(flow, n > flow->memory ? n : flow->memory) == -1)
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
	return use_transport(flow, transport_choose(flow));
}

int
flow_next_source(struct flow *flow)
{
	begin(flow);
	flow_set_state(flow, flow->source.fifo ? FLOW_WAITING : FLOW_OPEN);
	return use_transport(flow, transport_choose(flow));
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
	return use_transport(flow, transport_choose(flow));
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

/* A flow whose branch we are may wait until we have emptied it. */
static void
wake_trunk(struct flow *flow)
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

/* The one place where bytes are counted. */
static void
account(struct flow *flow, const struct move *move)
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
	flow->moved = true;
	assert(flow->bytes_in + flow->bytes_added ==
	    flow->bytes_out + flow_held(flow) + flow->discarded);
	if (move->in > 0) {
		flow_peer_came(flow);
		wake_trunk(flow);
	}
	consider_capacity(flow);
}

static void
discard_held(struct flow *flow)
{
	size_t held = (size_t)flow_held(flow);

	if (held == 0)
		return;
	buffer_emptied(flow->buffer, held);
	flow->discarded += held;
}

static enum flow_step
over(struct flow *flow, enum flow_state state)
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

/*
 * Whether there is nothing more to come from a source.  splice(2) looks at
 * the sink first, so that a reader that took everything and left can hide
 * the EOF.
 */
static bool
at_eof(const struct endpoint *ep)
{
	struct stat st;
	int unread;

	if (ep->kind == ENDPOINT_FILE)
		return fstat(ep->fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    lseek(ep->fd, 0, SEEK_CUR) >= st.st_size;
	if (ep->kind == ENDPOINT_SOCKET)
		return recv(ep->fd, &(char){ 0 }, 1,
		    MSG_PEEK | MSG_DONTWAIT) == 0;
	return ep->kind == ENDPOINT_PIPE &&
	    ioctl(ep->fd, FIONREAD, &unread) == 0 && unread == 0 &&
	    endpoint_ready(ep, POLLIN, 0) == POLLHUP;
}

static bool
is_hang_up(int errnum)
{
	return errnum == EPIPE || errnum == ECONNRESET;
}

int
flow_sink_failed(struct flow *flow, struct outcome *outcome)
{
	if (flow->sink_failed == NULL || flow->sink_failed(flow, outcome) == -1)
		return -1;
	outcome_set(outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
	return 0;
}

/* What is held and what is in our private pipe, where a tap is too late. */
static void
skip_rest(struct flow *flow)
{
	static unsigned char rest[PIPE_BUF];
	uint64_t before = flow->skipped;
	ssize_t n;

	flow->skipped += flow_held(flow);
	discard_held(flow);
	for (;;) {
		n = read(flow->source.fd, rest, sizeof(rest));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		flow->bytes_in += (uint64_t)n;
		flow->discarded += (uint64_t)n;
		flow->skipped += (uint64_t)n;
	}
	flow->chunks_skipped += flow->skipped > before;
}

bool
flow_sink_is_absent(const struct flow *flow)
{
	return flow->sink_absent != NULL && flow->sink.fd == -1;
}

/* Until somebody reads it again, or nothing can come any more. */
static enum flow_step
wait_for_sink(struct flow *flow)
{
	skip_rest(flow);
	if (flow->source_hup)
		return over(flow, FLOW_BROKEN);
	wake_trunk(flow);
	flow->wait_side = SIDE_NONE;
	flow->wait_sink_too = false;
	flow->runnable = false;
	flow->blocked_at = deadline_now();
	return FLOW_BLOCKED;
}

static enum flow_step
sink_went_away(struct flow *flow)
{
	const char *name = flow->sink.name;

	endpoint_finish(&flow->sink);
	endpoint_init_none(&flow->sink, name);
	flow->sink_gone = false;
	return wait_for_sink(flow);
}

int
flow_tap_opened(struct flow *flow)
{
	trace_event("%s: a reader came", trace_safe(flow->sink.name));
	flow_wake(flow);
	return use_transport(flow, transport_choose(flow));
}

void
flow_end_tap(struct flow *flow)
{
	flow_wake(flow);
	skip_rest(flow);
	over(flow, FLOW_BROKEN);
}

/* The sink takes no more, as the outcome says, or without any failure. */
static enum flow_step
lose_sink(struct flow *flow, bool failed, struct outcome *outcome)
{
	if (flow->sink_absent != NULL) {
		outcome_set(outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
		return sink_went_away(flow);
	}
	if (failed && flow_sink_failed(flow, outcome) == 0)
		failed = false;
	if (!failed && flow->nbranches > 0) {
		if (flow_drop_sink(flow) == 0)
			return FLOW_MOVED;
		outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    flow->sink.name);
		failed = true;
	}
	discard_held(flow);
	over(flow, FLOW_BROKEN);
	return failed ? FLOW_FAILED : FLOW_ENDED;
}

static enum flow_step
source_at_end(struct flow *flow, const char *how)
{
	trace_event("%s: %s after %ju bytes", trace_safe(flow->source.name),
	    how, (uintmax_t)flow->bytes_in);
	framing_end(flow);
	if (flow->turn != NULL)
		flow->in_record = false;
	flow_set_state(flow, FLOW_DRAINING);
	return FLOW_MOVED;
}

static enum flow_step
stay_blocked(struct flow *flow, enum side side)
{
	flow->wait_side = side;
	flow->wait_sink_too = false;
	flow->runnable = false;
	flow->blocked_at = deadline_now();
	return FLOW_BLOCKED;
}

/* --keep: what is in the pipe stays there for the next reader. */
static enum flow_step
await_reader(struct flow *flow)
{
	flow->sink_gone = false;
	if (flow->state == FLOW_OPEN && flow_held(flow) == 0 &&
	    at_eof(&flow->source))
		return source_at_end(flow, "end of file");
	if (flow->awaits != FLOW_AWAITS_READER) {
		flow->awaits = FLOW_AWAITS_READER;
		flow->waiting_since = flow->look_at = deadline_now();
	}
	return stay_blocked(flow, SIDE_SINK);
}

void
flow_reader_came(struct flow *flow)
{
	trace_event("%s: a reader has it open", trace_safe(flow->sink.name));
	flow->awaits = FLOW_AWAITS_NOTHING;
	flow->moved_at = deadline_now();
	flow_wake(flow);
}

static enum flow_step
sink_left(struct flow *flow, struct outcome *outcome)
{
	trace_event("%s: the reader left after %ju bytes",
	    trace_safe(flow->sink.name), (uintmax_t)flow->bytes_out);
	if (flow->drop) {		/* until the next record comes */
		transport_drop_sink_left(flow);
		return FLOW_MOVED;
	}
	if (flow->keep)
		return await_reader(flow);
	if (flow->sink_may_leave)
		return lose_sink(flow, false, outcome);
	outcome->drained = false;
	outcome->bytes = flow->bytes_out;
	outcome->standard = flow->sink.standard;
	outcome_set(outcome, OUTCOME_PEER_LEFT, SIDE_SINK, EPIPE,
	    flow->sink.name);
	return lose_sink(flow, true, outcome);
}

int
flow_source_failed(struct flow *flow, struct outcome *outcome)
{
	if (flow->source_failed != NULL) {
		flow->source_failed(flow, outcome);
		flow->source_lost = true;
	} else if (flow_held(flow) > 0)	/* delivered before it is told */
		flow->late = *outcome;
	else
		return -1;
	outcome_set(outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
	source_at_end(flow, "given up");
	flow_wake(flow);
	return 0;
}

int
flow_give_up_sink(struct flow *flow, struct outcome *outcome)
{
	if (lose_sink(flow, true, outcome) == FLOW_FAILED)
		return -1;
	flow_finish(flow);
	return 0;
}

static enum flow_step
source_failed(struct flow *flow, struct outcome *outcome)
{
	return flow_source_failed(flow, outcome) == 0 ? FLOW_MOVED :
	    FLOW_FAILED;
}

/* -n: the source has nothing now; that is its end if it had something. */
static enum flow_step
source_is_dry(struct flow *flow, enum outcome_why why, struct outcome *outcome)
{
	if (flow->bytes_in > flow->source_start)
		return source_at_end(flow, "nothing more queued");
	outcome_set(outcome, why, SIDE_SOURCE, EAGAIN, flow->source.name);
	return source_failed(flow, outcome);
}

/*
 * Whether somebody reads the sink who can leave; the reader of a pipe of our
 * own is a flow, and /dev/null has none.
 */
static bool
has_peer(const struct flow *flow)
{
	return !flow->sink_dropped &&
	    (flow->feeds == NULL || flow_is_over(flow->feeds));
}

static enum flow_step
move_failed(struct flow *flow, const struct move *move,
    struct outcome *outcome)
{
	if (move->side == SIDE_SINK && is_hang_up(move->errnum) &&
	    has_peer(flow)) {
		/* Nobody reads, but nothing was left to be read either. */
		if (flow->state == FLOW_OPEN && flow_held(flow) == 0 &&
		    at_eof(&flow->source))
			return source_at_end(flow, "end of file");
		return sink_left(flow, outcome);
	}
	outcome->bytes = flow->bytes_out;
	outcome_set(outcome, move->errnum == EMSGSIZE && flow->atomic ?
	    OUTCOME_TOO_LONG : OUTCOME_ERROR, move->side, move->errnum,
	    move->side == SIDE_SINK ? flow->sink.name : flow->source.name);
	return move->side == SIDE_SOURCE ? source_failed(flow, outcome) :
	    lose_sink(flow, true, outcome);
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
		if (at_eof(&flow->source))
			return source_at_end(flow, "end of file");
		if (!source_is_ready(flow))
			side = SIDE_SOURCE;
		else if (!sink_is_ready(flow))
			side = SIDE_SINK;
		else	/* something came just now */
			return FLOW_MOVED;
	}
	flow->wait_side = side;
	if (side == SIDE_SOURCE && flow->source_now)
		return source_is_dry(flow, OUTCOME_WOULD_BLOCK, outcome);
	if (side == SIDE_SOURCE || side == SIDE_OTHERS || !flow->sink_now)
		return FLOW_BLOCKED;
	outcome->bytes = flow->bytes_out;
	outcome_set(outcome, side == SIDE_LOCK ? OUTCOME_LOCKED :
	    OUTCOME_WOULD_BLOCK, SIDE_SINK, EAGAIN, flow->sink.name);
	return lose_sink(flow, true, outcome);
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
	if (use_transport(flow, &transport_copy) == 0)
		return FLOW_MOVED;
	outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno, NULL);
	return FLOW_FAILED;
}

/*
 * The reader left while the source says nothing.  It may have known that all
 * was there, and the writer be about to close: what comes next tells, data
 * or the end.
 */
static enum flow_step
sink_is_gone(struct flow *flow, struct outcome *outcome)
{
	if (flow->state == FLOW_OPEN && flow_held(flow) == 0 &&
	    !flow->sink_may_leave && !flow->keep && !flow->drop &&
	    !flow->had_grace && flow->trunk == NULL) {
		flow->had_grace = true;
		if (endpoint_ready(&flow->source, POLLIN, EOF_GRACE_MS) != 0)
			return FLOW_MOVED;
	}
	return sink_left(flow, outcome);
}

/*
 * Whether we have taken all that another flow of ours will ever have given
 * us: no need to ask the kernel.
 */
static bool
has_all(const struct flow *flow)
{
	if (flow->trunk != NULL)
		return flow->fed_up && flow->bytes_in == flow->fed;
	return flow->feeder != NULL && flow_is_over(flow->feeder) &&
	    flow->bytes_in == flow->feeder->bytes_out;
}

/* What poll(2) saw may have ended it.  FLOW_BLOCKED if not. */
static enum flow_step
ended_meanwhile(struct flow *flow, struct outcome *outcome)
{
	if (flow->sink_gone)
		return sink_is_gone(flow, outcome);
	if (flow->state == FLOW_OPEN && flow_held(flow) == 0 &&
	    has_all(flow))
		return source_at_end(flow, "end of file");
	/* splice(2) into a full pipe does not tell the end of the source. */
	if (flow->source_hup && flow->state == FLOW_OPEN &&
	    flow_held(flow) == 0 && at_eof(&flow->source))
		return source_at_end(flow, "end of file");
	return FLOW_BLOCKED;
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

/* How much the limiter lets go now. */
static size_t
allowance(const struct flow *flow)
{
	return flow->limiter == NULL ? SIZE_MAX :
	    limiter_allows(flow->limiter, deadline_now());
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
	account(flow, move);
	if (flow->quota != NULL)
		quota_took(flow, move->in);
	return result;
}

static enum flow_step
pull(struct flow *flow, struct outcome *outcome)
{
	uint64_t left = flow->limit - flow->bytes_in;
	size_t max = left < SIZE_MAX ? (size_t)left : SIZE_MAX;
	struct move move = { 0 };
	enum move_result result;

	if (left == 0 || quota_is_used(flow))
		return source_at_end(flow, "limit reached");
	if (flow->source.fd == -1)	/* its name is not there yet */
		return blocked(flow, SIDE_SOURCE, outcome);
	/* A large ring is not filled at a stretch while its sink waits. */
	if (flow->memory > 0)
		max = MIN(max, BUFFER_SIZE);
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
			return source_is_dry(flow, OUTCOME_NO_PEER, outcome);
		if (flow->state == FLOW_WAITING)
			return blocked(flow, SIDE_SOURCE, outcome);
		return source_at_end(flow, "end of file");
	case MOVE_REFUSED:
		return refused(flow, strerror(errno), outcome);
	case MOVE_FAILED:
		break;
	}
	return move_failed(flow, &move, outcome);
}

/* All is written, and the last reader left without reading all. */
static enum flow_step
left_unread(struct flow *flow, struct outcome *outcome)
{
	if (flow->keep)
		return await_reader(flow);
	outcome->drained = true;
	outcome->bytes = flow->bytes_out;
	outcome->unread = (uint64_t)flow->unread.unread;
	outcome_set(outcome, drain_is_ambiguous(&flow->unread) ?
	    OUTCOME_UNCONFIRMED : OUTCOME_PEER_LEFT, SIDE_SINK, EPIPE,
	    flow->sink.name);
	return lose_sink(flow, true, outcome);
}

/*
 * --drain, and --keep at its end: wait until readers have taken everything.
 * The watch comes before the first look, so that nobody's write is missed.
 */
static enum flow_step
settle(struct flow *flow, struct outcome *outcome)
{
	int fd, state = DRAIN_SAME;

	if (flow->bytes_out == 0)	/* nothing of ours is in it */
		return over(flow, FLOW_CLOSED);
	if (!flow->drains) {
		flow->drains = true;
		fd = fifo_watch(flow->watch_fd, &flow->sink, FIFO_WATCH_DRAIN);
		if (fd != -1) {
			flow->watch_fd = fd;
			fifo_watch_drain(fd);
		}
		state = drain_begin(&flow->unread, &flow->sink,
		    flow->bytes_out) == -1 ? -1 : DRAIN_SAME;
		trace_event("%s: all is written, %d bytes are unread",
		    trace_safe(flow->sink.name), flow->unread.unread);
	}
	if (state != -1)
		state = drain_look(&flow->unread, &flow->sink);
	if (state == -1) {
		outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    flow->sink.name);
		return lose_sink(flow, true, outcome);
	}
	if (state == DRAIN_DONE)
		return over(flow, FLOW_CLOSED);
	if (state == DRAIN_LESS)
		flow->moved_at = deadline_now();
	if ((endpoint_ready(&flow->sink, 0, 0) & POLLERR) != 0)
		return left_unread(flow, outcome);
	flow->awaits = FLOW_AWAITS_DRAIN;
	return stay_blocked(flow, SIDE_SINK);
}

/* The source ended and nothing is held: is there another one? */
static enum flow_step
next_or_over(struct flow *flow, struct outcome *outcome)
{
	int more = 0;

	if (flow->late.why != OUTCOME_DONE) {
		*outcome = flow->late;
		return FLOW_FAILED;
	}
	if (flow->drains)
		return settle(flow, outcome);
	if (flow->source_ended != NULL && flow->bytes_in < flow->limit &&
	    !quota_is_used(flow))
		more = flow->source_ended(flow, outcome);
	if (more == -1)
		return FLOW_FAILED;
	if (more == 1)
		return FLOW_MOVED;
	if (flow->drain || flow->keep)
		return settle(flow, outcome);
	return over(flow, FLOW_CLOSED);
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
		account(flow, &move);
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
	return move_failed(flow, &move, outcome);
}

enum flow_step
flow_step(struct flow *flow, struct outcome *outcome)
{
	enum flow_step step;

	if (flow->nbranches > 0 && branch_close_dead(flow) == 0 &&
	    flow->sink_dropped) {
		discard_held(flow);
		return over(flow, FLOW_BROKEN);
	}
	if (flow_sink_is_absent(flow))
		return wait_for_sink(flow);
	flow->ahead = false;
	flow->resume_at = 0;
	/* What is held goes first. */
	if (flow_held(flow) > 0) {
		step = push(flow, outcome);
		if (step != FLOW_BLOCKED || !flow->runnable)
			return step;
	}
	if (flow->state == FLOW_DRAINING)
		return next_or_over(flow, outcome);
	return pull(flow, outcome);
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
