/*
 * partner - the other end of a pair of FIFOs.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "fifo.h"
#include "partner.h"
#include "signals.h"
#include "trace.h"

/* An interruption that came just before the open(2) is repeated so soon. */
#define INTERRUPT_NS	(2 * NS_PER_MS)

void
partner_init(struct partner *partner, const char *from, const char *to)
{
	memset(partner, 0, sizeof(*partner));
	partner->from_path = from;
	partner->to_path = to;
	endpoint_init_none(&partner->from, from);
	endpoint_init_none(&partner->to, to);
	partner->from_pinned = partner->to_pinned = -1;
	partner->pinned = partner->done_fd = partner->fd = -1;
	partner->chore.fd = -1;
	partner->chore.at = DEADLINE_NEVER;
}

/* What to_path names, pinned; and not the FIFO that we read. */
static int
pin_sink(struct partner *partner, struct outcome *outcome)
{
	struct stat st;

	if (partner->to_pinned != -1) {
		partner->pinned = fcntl(partner->to_pinned, F_DUPFD_CLOEXEC, 3);
		if (partner->pinned == -1)
			return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK,
			    errno, partner->to_path);
	} else {
		partner->pinned = fifo_pin(partner->to_path, SIDE_SINK,
		    outcome);
		if (partner->pinned == -1)
			return -1;
	}
	if (fstat(partner->pinned, &st) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    partner->to_path);
	partner->dev = st.st_dev;
	partner->ino = st.st_ino;
	if (st.st_dev == partner->from.dev && st.st_ino == partner->from.ino)
		return outcome_set(outcome, OUTCOME_SAME_FILE, SIDE_SOURCE, 0,
		    partner->from_path);
	return 0;
}

int
partner_open(struct partner *partner, const struct limits *limits,
    struct outcome *outcome)
{
	struct fifo_sink sink = { .path = partner->to_path };
	struct limits at_once = *limits;

	if ((partner->from_pinned == -1 ? fifo_open_read(&partner->from,
	    partner->from_path, outcome) : fifo_open_pinned(&partner->from,
	    partner->from_pinned, O_RDONLY, partner->from_path,
	    outcome)) == -1)
		return -1;
	if (pin_sink(partner, outcome) == -1)
		return -1;
	sink.pinned = partner->pinned;
	sink.end = &partner->to;
	partner->limits = limits;
	at_once.nonblock = true;
	if (fifo_open_write_all(&sink, 1, NULL, &at_once, outcome) == 0)
		return 0;
	if (outcome->why != OUTCOME_NO_PEER || limits->nonblock)
		return -1;
	endpoint_init_none(&partner->to, partner->to_path);
	partner->pending = true;
	return 0;
}

/* The thread.  An interruption ends its wait, see end_thread(). */
static void *
wait_for_reader(void *arg)
{
	struct partner *partner = arg;
	uint64_t one = 1;

	signals_helper_begin();
	partner->errnum = EINTR;
	while (partner->errnum == EINTR && !atomic_load(&partner->stop)) {
		partner->fd = fifo_open_same(partner->pinned, partner->dev,
		    partner->ino, partner->to_path, O_WRONLY);
		partner->errnum = partner->fd == -1 ? errno : 0;
	}
	atomic_store(&partner->done, true);
	(void)!write(partner->done_fd, &one, sizeof(one));
	return NULL;
}

static void
end_thread(struct partner *partner)
{
	struct timespec pause = { .tv_nsec = INTERRUPT_NS };

	if (!partner->started)
		return;
	atomic_store(&partner->stop, true);
	while (!atomic_load(&partner->done)) {
		signals_helper_interrupt(partner->thread);
		nanosleep(&pause, NULL);
	}
	pthread_join(partner->thread, NULL);
	partner->started = false;
}

static int
start_thread(struct partner *partner)
{
	int errnum;

	partner->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (partner->done_fd == -1)
		return -1;
	atomic_init(&partner->stop, false);
	atomic_init(&partner->done, false);
	errnum = signals_helper_start(&partner->thread, wait_for_reader,
	    partner);
	partner->started = errnum == 0;
	errno = errnum;
	return errnum == 0 ? 0 : -1;
}

static int
adopt(struct partner *partner, struct endpoint *end)
{
	/* This open file description is ours alone. */
	if (fcntl(partner->fd, F_SETFL, O_NONBLOCK) == -1 ||
	    endpoint_init(end, partner->fd, O_WRONLY, partner->to_path) == -1)
		return -1;
	trace_event("%s: opened for writing", trace_safe(partner->to_path));
	partner->fd = -1;
	end->fifo = true;
	end->nonblock = true;
	end->path = partner->to_path;
	return 0;
}

/* The thread has opened the write end, or failed to. */
static int
reader_came(struct partner *partner, struct outcome *outcome)
{
	struct flow *flow = partner->flow;

	end_thread(partner);
	partner->pending = false;
	partner->chore.fd = -1;
	partner->chore.at = DEADLINE_NEVER;
	if (partner->fd == -1)
		errno = partner->errnum;
	else if (flow == NULL && adopt(partner, &partner->to) == 0)
		return 0;
	else if (flow != NULL && adopt(partner, &flow->sink) == 0 &&
	    flow_sink_opened(flow) == 0)
		return 0;
	return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
	    partner->to_path);
}

static int
look(struct chore *chore, int64_t now, struct outcome *outcome)
{
	struct partner *partner = chore->arg;
	uint64_t count;

	/* It only wakes us: should that fail, we look all the same. */
	(void)!read(partner->done_fd, &count, sizeof(count));
	if (atomic_load(&partner->done))
		return reader_came(partner, outcome);
	if (now >= partner->open_by)
		return outcome_set(outcome, OUTCOME_OPEN_TIMEOUT, SIDE_SINK, 0,
		    partner->to_path);
	/* Who waits in open(2) of a FIFO without a name waits for ever. */
	if (!fifo_path_is(partner->to_path, partner->dev, partner->ino))
		return outcome_set(outcome, OUTCOME_REMOVED, SIDE_SINK, 0,
		    partner->to_path);
	chore->at = deadline_min(partner->open_by, now + LIMIT_LOOK_NS);
	return 0;
}

int
partner_wait(struct partner *partner, struct outcome *outcome)
{
	int64_t now = deadline_now();

	if (!partner->pending || partner->started)
		return 0;
	trace_event("%s: waiting for a reader", trace_safe(partner->to_path));
	if (start_thread(partner) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    partner->to_path);
	partner->open_by = deadline_after(now, partner->limits->open_timeout);
	partner->chore.fd = partner->done_fd;
	partner->chore.at = deadline_min(partner->open_by,
	    now + LIMIT_LOOK_NS);
	partner->chore.call = look;
	partner->chore.arg = partner;
	return 0;
}

int
partner_give(struct partner *partner, struct flow *in, struct flow *out,
    struct outcome *outcome)
{
	in->source = partner->from;
	endpoint_init_none(&partner->from, partner->from_path);
	out->sink = partner->to;
	endpoint_init_none(&partner->to, partner->to_path);
	out->sink_pending = partner->pending;
	partner->flow = partner->pending ? out : NULL;
	return partner_wait(partner, outcome);
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
partner_close(struct partner *partner)
{
	end_thread(partner);
	endpoint_finish(&partner->from);
	endpoint_finish(&partner->to);
	close_fd(&partner->pinned);
	close_fd(&partner->done_fd);
	close_fd(&partner->fd);
	partner->pending = false;
	partner->flow = NULL;
	partner->chore.fd = -1;
	partner->chore.at = DEADLINE_NEVER;
}
