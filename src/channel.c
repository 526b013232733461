/*
 * channel - a duplex channel: two sides and the two directions between them.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"
#include "deadline.h"
#include "dump.h"
#include "kin.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"
#include "transient.h"

/*
 * A command that ends and what it has started usually end together; what
 * still has a pipe of it after so long is named.
 */
#define KIN_GRACE_NS NS_PER_SEC

/* For a writer that has more to say, or its end, as EOF_GRACE_MS. */
#define MORE_GRACE_MS 100

void
channel_set_command(struct channel *channel, int side, char **argv)
{
	struct child *child = &channel->children[channel->nchildren++];

	*child = (struct child){ .argv = argv, .in = -1, .out = -1 };
	if (channel->opt->has_fds)
		child->fds = &channel->opt->fds[side];
	channel->sides[side] = (struct channel_side){
		.kind = CHANNEL_COMMAND, .name = argv[0], .child = child
	};
}

void
channel_reset_command(struct child *child)
{
	child->pid = 0;
	child->in = child->out = -1;
	child->status = 0;
	child->lost = false;
	child->ended_ns = 0;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static ino_t
inode_of(int fd, dev_t *dev)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return 0;
	*dev = st.st_dev;
	return st.st_ino;
}

static int
make_pipe(int *read_end, int *write_end)
{
	int fds[2];

	if (transient_pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	*read_end = fds[0];
	*write_end = fds[1];
	return 0;
}

/* Kernel pipes alone: each command's output is the other one's input. */
static int
join_directly(struct channel *channel)
{
	struct channel_side *left = &channel->sides[LEFT];
	struct channel_side *right = &channel->sides[RIGHT];

	trace_event("joined directly");
	/* The other side is us: the command has our own input and output. */
	if (left->child == NULL || right->child == NULL)
		return 0;
	if (make_pipe(&right->child->in, &left->child->out) == -1 ||
	    make_pipe(&left->child->in, &right->child->out) == -1)
		return -1;
	left->from_ino = right->to_ino = inode_of(left->child->out,
	    &left->dev);
	right->from_ino = left->to_ino = inode_of(right->child->out,
	    &right->dev);
	return 0;
}

static const char *
name_of(const struct channel_side *side, bool reading)
{
	switch (side->kind) {
	case CHANNEL_COMMAND:
		return side->name;
	case CHANNEL_PARTNER:
		return reading ? side->partner->from_path :
		    side->partner->to_path;
	case CHANNEL_ENDS:
		return reading ? side->from.name : side->to.name;
	case CHANNEL_US:
		break;
	}
	return reading ? "standard input" : "standard output";
}

/* Two pipes for a command, whose other ends we hold. */
static int
make_pipes(struct channel_side *side)
{
	struct child *child = side->child;
	int from, to;

	if (make_pipe(&child->in, &to) == -1)
		return -1;
	if (endpoint_init(&side->to, to, O_WRONLY, side->name) == -1)
		return -1;
	if (make_pipe(&from, &child->out) == -1)
		return -1;
	if (endpoint_init(&side->from, from, O_RDONLY, side->name) == -1)
		return -1;
	side->from_ino = inode_of(from, &side->dev);
	side->to_ino = inode_of(to, &side->dev);
	return 0;
}

static int
join_by_relay(struct channel *channel)
{
	struct channel_side *side;
	struct flow *flow;

	trace_event("joined by a relay");
	for (int i = 0; i < SIDES; i++) {
		/* The names of the ends, for a run that stops before them. */
		side = &channel->sides[i];
		flow = &channel->flows[i];
		endpoint_init_none(&flow->source, name_of(side, true));
		endpoint_init_none(&flow->sink,
		    name_of(&channel->sides[SIDES - 1 - i], false));
		if (side->kind == CHANNEL_ENDS)
			continue;
		endpoint_init_none(&side->from, name_of(side, true));
		endpoint_init_none(&side->to, name_of(side, false));
	}
	for (side = channel->sides; side < channel->sides + SIDES; side++)
		if (side->kind == CHANNEL_COMMAND && make_pipes(side) == -1)
			return -1;
	return 0;
}

static void
close_children_ends(struct channel *channel)
{
	for (size_t i = 0; i < channel->nchildren; i++) {
		close_fd(&channel->children[i].in);
		close_fd(&channel->children[i].out);
	}
}

static void
close_sides(struct channel *channel)
{
	struct channel_side *side;

	for (side = channel->sides; side < channel->sides + SIDES; side++) {
		if (side->kind == CHANNEL_PARTNER)
			partner_close(side->partner);
		if (side->kind != CHANNEL_COMMAND && side->kind != CHANNEL_ENDS)
			continue;
		endpoint_finish(&side->from);
		endpoint_finish(&side->to);
	}
}

static int
start_all(struct channel *channel)
{
	struct child *child;

	for (size_t i = 0; i < channel->nchildren; i++) {
		child = &channel->children[i];
		if (child_start(child) == 0)
			continue;
		warn("%s", trace_safe(child->argv[0]));
		return child->status;
	}
	return STATUS_OK;
}

/* Bytes that nobody will take any more, or that are just about to come. */
static bool
has_more(const struct endpoint *ep)
{
	int unread;

	return ep->fd != -1 && endpoint_ready(ep, POLLIN, MORE_GRACE_MS) != 0 &&
	    ioctl(ep->fd, FIONREAD, &unread) == 0 && unread > 0;
}

/*
 * A direction has ended.  To close our standard output does not tell so
 * where standard input is the same socket and stays open: shutdown(2) does.
 */
static void
direction_over(struct flow *flow)
{
	struct channel *channel = flow->arg;
	size_t to = flow == &channel->flows[LEFT] ? RIGHT : LEFT;
	const struct flow *back = &channel->flows[to];

	if (flow->sink.standard && flow->sink.kind == ENDPOINT_SOCKET &&
	    !flow_is_over(back) && back->source.dev == flow->sink.dev &&
	    back->source.ino == flow->sink.ino)
		shutdown(flow->sink.fd, SHUT_WR);
	/* A command's status tells whether it has stopped too early. */
	if (channel->sides[to].kind == CHANNEL_PARTNER &&
	    channel->owner == NULL &&
	    flow->state == FLOW_BROKEN &&
	    (flow->discarded > 0 || has_more(&flow->source)))
		channel->undelivered = flow;
	if (channel->over != NULL)
		channel->over(channel, flow);
}

static int
take_source(struct flow *flow, struct channel_side *from,
    struct outcome *outcome)
{
	if (from->kind == CHANNEL_US)
		return run_take_stdin(&flow->source, outcome);
	flow->source = from->from;
	endpoint_init_none(&from->from, flow->source.name);
	return 0;
}

static int
take_sink(struct flow *flow, struct channel_side *to, struct outcome *outcome)
{
	if (to->kind == CHANNEL_US)
		return run_take_stdout(&flow->sink, outcome);
	/* It may stop reading; that shows in its status, or is looked at. */
	flow->sink_may_leave = true;
	flow->sink = to->to;
	endpoint_init_none(&to->to, flow->sink.name);
	return 0;
}

/* Before the other side can have seen it: so what it answers comes later. */
static void
show(struct flow *flow, const struct iovec *iov, int n, uint64_t offset)
{
	const struct channel *channel = flow->arg;

	dump_bytes(channel->dump, flow == &channel->flows[LEFT] ? ">" : "<",
	    offset, iov, n);
}

/* All that each side has becomes the ends of the flows. */
static int
make_flows(struct channel *channel, struct outcome *outcome)
{
	struct flow *flow;

	for (int i = 0; i < SIDES; i++) {
		flow = &channel->flows[i];
		flow->over = direction_over;
		flow->arg = channel;
		flow->memory = channel->opt->memory;
		flow->keep_capacity = channel->opt->keep_capacity;
		if (channel->dump != NULL)
			flow->observe = show;
		if (take_source(flow, &channel->sides[i], outcome) == -1 ||
		    take_sink(flow, &channel->sides[SIDES - 1 - i],
		    outcome) == -1)
			return -1;
	}
	for (int i = 0; i < SIDES; i++)
		if (channel->sides[i].kind == CHANNEL_PARTNER &&
		    partner_give(channel->sides[i].partner,
		    &channel->flows[i], &channel->flows[SIDES - 1 - i],
		    outcome) == -1)
			return -1;
	flow = &channel->flows[RIGHT];
	flow->quota = channel->opt->quota;
	flow->decides = flow->quota != NULL;
	flow->counts_records = flow->decides &&
	    flow->quota->records != QUOTA_NONE;
	flow->delimiter = channel->opt->delimiter;
	return 0;
}

/* The partner stopped reading while there was more to say. */
static int
explain_undelivered(struct channel *channel)
{
	struct outcome outcome = { .bytes = 0 };

	if (channel->undelivered == NULL)
		return STATUS_OK;
	outcome_set(&outcome, OUTCOME_PEER_LEFT, SIDE_SINK, EPIPE,
	    channel->undelivered->sink.name);
	outcome.bytes = channel->undelivered->bytes_out;
	return run_explain(&channel->run, &outcome);
}

static int
relay_sides(struct channel *channel)
{
	struct run *run = &channel->run;
	int status;

	if (make_flows(channel, &run->outcome) == -1)
		return run_conclude(run);
	status = run_flows(run);
	return status == STATUS_OK ? explain_undelivered(channel) : status;
}

/* Whether the status is also that of the command on this side. */
static bool
counts(const struct channel *channel, int side)
{
	return channel->opt->whose !=
	    (side == LEFT ? CHANNEL_LAST : CHANNEL_FIRST);
}

/* Of the commands that count and have failed, the first in time. */
static int
first_failure(const struct channel *channel)
{
	const struct child *child, *first = NULL;

	for (int i = 0; i < SIDES; i++) {
		child = channel->sides[i].child;
		if (child == NULL || child->pid != 0 || child->status == 0 ||
		    !counts(channel, i))
			continue;
		if (first == NULL || child->ended_ns < first->ended_ns)
			first = child;
	}
	return first == NULL ? STATUS_OK : first->status;
}

/* What somebody has from a command that has ended, if anybody has. */
static void
name_kin(const struct channel *channel, const struct channel_side *side)
{
	const char *what = NULL;
	struct kin kin;

	if (side->from_ino != 0 && kin_holding(channel->children,
	    channel->nchildren, side->dev, side->from_ino, O_WRONLY, &kin))
		what = "output";
	else if (side->to_ino != 0 && kin_holding(channel->children,
	    channel->nchildren, side->dev, side->to_ino, O_RDONLY, &kin))
		what = "input";
	if (what != NULL)
		warnx("%s has ended, but process %d (%s) keeps its %s open",
		    trace_name(side->name), (int)kin.pid,
		    trace_safe(kin.name), what);
}

static void
schedule_kin(struct channel *channel)
{
	struct channel_side *side;

	channel->kin_chore.at = DEADLINE_NEVER;
	for (side = channel->sides; side < channel->sides + SIDES; side++)
		if (side->child != NULL && side->child->pid == 0 &&
		    side->child->ended_ns != 0 && !side->kin_named)
			channel->kin_chore.at = deadline_min(
			    channel->kin_chore.at,
			    side->child->ended_ns + KIN_GRACE_NS);
}

static int
look_for_kin(struct chore *chore, int64_t now, struct outcome *outcome)
{
	struct channel *channel = chore->arg;
	struct channel_side *side;

	(void)outcome;
	for (side = channel->sides; side < channel->sides + SIDES; side++) {
		if (side->child == NULL || side->child->pid != 0 ||
		    side->kin_named ||
		    now < side->child->ended_ns + KIN_GRACE_NS)
			continue;
		side->kin_named = true;
		if (!channel->run.common->quiet)
			name_kin(channel, side);
	}
	schedule_kin(channel);
	return 0;
}

/* Reap what has ended, and remember which failed first. */
static void
reap(void *arg)
{
	struct run *run = arg;
	struct channel *channel = (struct channel *)((char *)run -
	    offsetof(struct channel, run));

	child_reap(channel->children, channel->nchildren);
	if (channel->failure == STATUS_OK)
		channel->failure = first_failure(channel);
	schedule_kin(channel);
}

static int
half_closed(struct chore *chore, int64_t now, struct outcome *outcome)
{
	(void)chore;
	(void)now;
	return outcome_set(outcome, OUTCOME_HALF_CLOSED, SIDE_NONE, 0, NULL);
}

/*
 * What is left once nothing can move any more: that the commands end.  Those
 * that go on although nobody hears them are silent.
 */
static int
wait_all(struct channel *channel)
{
	channel->silence = (struct chore){
		.next = channel->run.limits.chores,
		.fd = -1,
		.at = deadline_after(deadline_now(),
		    channel->run.limits.half_close),
		.call = half_closed,
	};
	channel->run.limits.chores = &channel->silence;
	return run_wait(&channel->run, channel->children, channel->nchildren,
	    false, deadline_after(deadline_now(),
	    channel->run.limits.idle_timeout));
}

/*
 * Joined directly to us, a command has our input and output; that it has
 * closed them is seen outside only if we have not got them, too.
 */
static void
drop_our_ends(const struct channel *channel)
{
	if (channel->nchildren == SIDES)
		return;
	stdfds_drop(STDIN_FILENO);
	stdfds_drop(STDOUT_FILENO);
}

/* --half-close: who has not come to an end is named, and then ended. */
static int
cut_off(struct channel *channel)
{
	int status = STATUS_OK;
	struct child *child;

	child_reap(channel->children, channel->nchildren);
	for (int i = 0; i < SIDES; i++) {
		child = channel->sides[i].child;
		if (child == NULL || child->pid == 0)
			continue;
		warnx("%s: cut off after a silence (--half-close)",
		    trace_safe(child->argv[0]));
		if (counts(channel, i))
			status = STATUS_TIMEOUT;
	}
	return status;
}

/* All have been started.  What is left running afterwards is ended. */
static int
talk(struct channel *channel, bool relayed)
{
	struct run *run = &channel->run;
	int status = STATUS_OK;
	bool over = true;

	if (channel->keep_commands) {
		status = relay_sides(channel);
		reap(run);
		return status;
	}
	if (relayed) {
		status = relay_sides(channel);
		over = run->outcome.why == OUTCOME_DONE;
	} else
		drop_our_ends(channel);
	if (over) {
		status = status_join(status, wait_all(channel));
		over = run->outcome.why == OUTCOME_DONE;
		reap(run);
	}
	if (run->outcome.why == OUTCOME_HALF_CLOSED)
		status = status_join(status, cut_off(channel));
	child_end_all(channel->children, channel->nchildren, over);
	return status;
}

static int
fail(struct channel *channel, int status)
{
	close_children_ends(channel);
	close_sides(channel);
	return status;
}

static int
start(struct channel *channel, bool relayed)
{
	int status;

	kin_adopt();
	if ((relayed ? join_by_relay(channel) : join_directly(channel)) == -1) {
		warn("pipe");
		return fail(channel, STATUS_FAILED);
	}
	if (channel->keep_commands)
		return STATUS_OK;
	status = start_all(channel);
	if (status != STATUS_OK) {
		child_end_all(channel->children, channel->nchildren, false);
		return fail(channel, status);
	}
	close_children_ends(channel);
	return STATUS_OK;
}

int
channel_start(struct channel *channel)
{
	channel->run.limits.reap = reap;
	return start(channel, true);
}

static void
add_chore(struct channel *channel, struct chore *chore)
{
	chore->next = channel->run.limits.chores;
	channel->run.limits.chores = chore;
}

/* What this run has to look after, besides what its owner has put there. */
static void
gather_chores(struct channel *channel)
{
	struct channel_side *side;

	channel->kin_chore = (struct chore){
		.fd = -1,
		.at = DEADLINE_NEVER,
		.call = look_for_kin,
		.arg = channel,
	};
	add_chore(channel, &channel->kin_chore);
	if (channel->deadlock != NULL)
		add_chore(channel, channel->deadlock);
	for (side = channel->sides; side < channel->sides + SIDES; side++)
		if (side->kind == CHANNEL_PARTNER)
			add_chore(channel, &side->partner->chore);
}

int
channel_run(struct channel *channel, bool relayed)
{
	int status;

	channel->failure = STATUS_OK;
	channel->undelivered = NULL;
	gather_chores(channel);
	channel->run.limits.reap = reap;
	status = start(channel, relayed);
	if (status != STATUS_OK)
		return status;
	status = talk(channel, relayed);
	close_sides(channel);
	run_say_lost(channel->children, channel->nchildren);
	/* What was noted failed before we closed or ended anything. */
	return status_join(channel->failure, status);
}
