/*
 * flow-end - what the end of a source or of a sink means: the next one, a
 * wait for it, or the end of the flow; and who is told.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "deadline.h"
#include "drain.h"
#include "fifo.h"
#include "flow-private.h"
#include "framing.h"
#include "quota.h"
#include "trace.h"

/* From the leaving of the last reader to that of the last writer. */
#define EOF_GRACE_MS		100

bool
flow_at_eof(const struct endpoint *ep)
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

/* All that a tap was given is gone, and what it held. */
static void
note_gap(struct flow *flow)
{
	/* Of a record that has begun, nothing more shall go to anybody. */
	framing_stop(flow);
	if (flow->gaps[0].at == flow->bytes_in)
		return;
	flow->gaps[0] = flow->gaps[1];
	flow->gaps[1].at = FLOW_NO_LIMIT;
	if (flow->gaps[0].at != flow->bytes_in)
		flow->gaps[0] = (struct gap){
			flow->bytes_in, flow->in_record
		};
}

/* What is held and what is in our private pipe, where a tap is too late. */
static void
skip_rest(struct flow *flow)
{
	static unsigned char rest[PIPE_BUF];
	uint64_t before = flow->skipped;
	ssize_t n;

	flow->skipped += flow_held(flow);
	flow_discard_held(flow);
	for (;;) {
		n = read(flow->source.fd, rest, sizeof(rest));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		flow->bytes_in += (uint64_t)n;
		flow->discarded += (uint64_t)n;
		flow->skipped += (uint64_t)n;
		flow->in_record = rest[n - 1] != flow->delimiter;
	}
	flow->chunks_skipped += flow->skipped > before;
	note_gap(flow);
}

bool
flow_sink_is_absent(const struct flow *flow)
{
	return flow->sink_absent != NULL && flow->sink.fd == -1;
}

/* Until somebody reads it again, or nothing can come any more. */
enum flow_step
flow_wait_for_sink(struct flow *flow)
{
	skip_rest(flow);
	if (flow->source_hup)
		return flow_over(flow, FLOW_BROKEN);
	flow_wake_trunk(flow);
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
	flow->awaits = FLOW_AWAITS_NOTHING;
	return flow_wait_for_sink(flow);
}

int
flow_tap_opened(struct flow *flow)
{
	trace_event("%s: a reader came", trace_safe(flow->sink.name));
	flow_wake(flow);
	return flow_use_transport(flow, transport_choose(flow));
}

void
flow_hurry_tap(struct flow *flow, bool now)
{
	flow->room_look_ns = 0;
	if (now)
		flow_wake(flow);
}

void
flow_end_tap(struct flow *flow)
{
	flow_wake(flow);
	skip_rest(flow);
	flow_over(flow, FLOW_BROKEN);
}

enum flow_step
flow_lose_sink(struct flow *flow, bool failed, struct outcome *outcome)
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
	flow_discard_held(flow);
	flow_over(flow, FLOW_BROKEN);
	return failed ? FLOW_FAILED : FLOW_ENDED;
}

enum flow_step
flow_source_at_end(struct flow *flow, const char *how)
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
	    flow_at_eof(&flow->source))
		return flow_source_at_end(flow, "end of file");
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
		return flow_lose_sink(flow, false, outcome);
	outcome->drained = false;
	outcome->bytes = flow->bytes_out;
	outcome->standard = flow->sink.standard;
	outcome_set(outcome, OUTCOME_PEER_LEFT, SIDE_SINK, EPIPE,
	    flow->sink.name);
	return flow_lose_sink(flow, true, outcome);
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
	flow_source_at_end(flow, "given up");
	flow_wake(flow);
	return 0;
}

int
flow_give_up_sink(struct flow *flow, struct outcome *outcome)
{
	if (flow_lose_sink(flow, true, outcome) == FLOW_FAILED)
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

enum flow_step
flow_source_is_dry(struct flow *flow, enum outcome_why why,
    struct outcome *outcome)
{
	if (flow->bytes_in > flow->source_start)
		return flow_source_at_end(flow, "nothing more queued");
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

enum flow_step
flow_move_failed(struct flow *flow, const struct move *move,
    struct outcome *outcome)
{
	if (move->side == SIDE_SINK && is_hang_up(move->errnum) &&
	    has_peer(flow)) {
		/* Nobody reads, but nothing was left to be read either. */
		if (flow->state == FLOW_OPEN && flow_held(flow) == 0 &&
		    flow_at_eof(&flow->source))
			return flow_source_at_end(flow, "end of file");
		return sink_left(flow, outcome);
	}
	outcome->bytes = flow->bytes_out;
	outcome_set(outcome, move->why != OUTCOME_DONE ? move->why :
	    OUTCOME_ERROR, move->side, move->errnum,
	    move->side == SIDE_SINK ? flow->sink.name : flow->source.name);
	return move->side == SIDE_SOURCE ? source_failed(flow, outcome) :
	    flow_lose_sink(flow, true, outcome);
}

/*
 * The reader left while the source says nothing.  It may have known that all
 * was there, and the writer be about to close: what comes next tells, data
 * or the end.
 */
enum flow_step
flow_sink_is_gone(struct flow *flow, struct outcome *outcome)
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
	return flow_lose_sink(flow, true, outcome);
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
		return flow_over(flow, FLOW_CLOSED);
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
		return flow_lose_sink(flow, true, outcome);
	}
	if (state == DRAIN_DONE)
		return flow_over(flow, FLOW_CLOSED);
	if (state == DRAIN_LESS)
		flow->moved_at = deadline_now();
	if ((endpoint_ready(&flow->sink, 0, 0) & POLLERR) != 0)
		return left_unread(flow, outcome);
	flow->awaits = FLOW_AWAITS_DRAIN;
	return stay_blocked(flow, SIDE_SINK);
}

enum flow_step
flow_next_or_over(struct flow *flow, struct outcome *outcome)
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
	return flow_over(flow, FLOW_CLOSED);
}
