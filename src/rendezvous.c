/*
 * rendezvous - wait inside open(2) until FIFOs have readers.
 *
 * One is waited for by the process itself, with a timer that interrupts it.
 * Several are waited for by a thread each, since only a blocked open(2)
 * meets a reader, and one that waits for the second FIFO would never get to
 * the first.  The threads do nothing else, and see no signal but the one
 * that ends their wait.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "fifo.h"
#include "rendezvous.h"
#include "signals.h"
#include "transient.h"

/* An interruption that came just before the open(2) is repeated so soon. */
#define INTERRUPT_NS	(5 * NS_PER_MS)

struct helper {
	pthread_t	 thread;
	bool		 started;
	struct rendezvous *rendezvous;
	int		 tell;		/* a byte goes here at the end */
	int		 fd, errnum;	/* what came of it, when done */
	atomic_bool	 stop, done;
};

static int
open_end(const struct rendezvous *r)
{
	return fifo_open_same(r->pinned, r->dev, r->ino, r->path, O_WRONLY);
}

/* What ends the wait before the readers have come. */
static int
check(const struct rendezvous *r, size_t n, const struct limits *limits,
    int64_t open_by, struct outcome *outcome)
{
	int64_t now = deadline_now();

	for (; n > 1 && r->fd != -1; n--)
		r++;		/* whose name is told */
	if (limit_check(limits, now, SIDE_SINK, r->path, outcome) == -1)
		return -1;
	if (now >= open_by)
		return outcome_set(outcome, OUTCOME_OPEN_TIMEOUT, SIDE_SINK,
		    0, r->path);
	for (; n > 0; n--, r++)
		if (r->fd == -1 && !fifo_path_is(r->path, r->dev, r->ino))
			return outcome_set(outcome, OUTCOME_REMOVED,
			    SIDE_SINK, 0, r->path);
	return 0;
}

static int
failed(const struct rendezvous *r, int errnum, struct outcome *outcome)
{
	return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errnum, r->path);
}

/* When to look next whether everything is as it was. */
static int64_t
next_look(const struct limits *limits, int64_t open_by)
{
	return deadline_min(deadline_min(open_by, limits->deadline),
	    deadline_now() + LIMIT_LOOK_NS);
}

static int
wait_for_one(struct rendezvous *r, const struct limits *limits,
    int64_t open_by, struct outcome *outcome)
{
	int errnum = EINTR;

	while (errnum == EINTR) {
		if (check(r, 1, limits, open_by, outcome) == -1)
			return -1;
		if (signals_guard_begin(next_look(limits, open_by)) == -1)
			return failed(r, errno, outcome);
		/* Signals that were pending are in by now. */
		if (signals_fatal() == 0) {
			r->fd = open_end(r);
			errnum = r->fd == -1 ? errno : 0;
		}
		signals_guard_end();
	}
	return errnum == 0 ? 0 : failed(r, errnum, outcome);
}

static void *
help(void *arg)
{
	struct helper *helper = arg;

	signals_helper_begin();
	helper->fd = -1;
	helper->errnum = EINTR;
	while (helper->errnum == EINTR && !atomic_load(&helper->stop)) {
		helper->fd = open_end(helper->rendezvous);
		helper->errnum = helper->fd == -1 ? errno : 0;
	}
	atomic_store(&helper->done, true);
	/* A full pipe has told already. */
	while (write(helper->tell, "", 1) == -1 && errno == EINTR)
		continue;
	return NULL;
}

/* Take what a helper has; it is done. */
static void
collect(struct helper *helper)
{
	pthread_join(helper->thread, NULL);
	helper->started = false;
	helper->rendezvous->fd = helper->fd;
}

/* How many of them are still in open(2); they are interrupted. */
static size_t
interrupt_all(struct helper *helpers, size_t n)
{
	struct helper *helper;
	size_t waiting = 0;

	for (helper = helpers; helper < helpers + n; helper++) {
		if (!helper->started)
			continue;
		atomic_store(&helper->stop, true);
		if (atomic_load(&helper->done))
			continue;
		signals_helper_interrupt(helper->thread);
		waiting++;
	}
	return waiting;
}

/* End the helpers, whether they are done or not, and take what they have. */
static void
collect_all(struct helper *helpers, size_t n)
{
	struct timespec pause = { .tv_nsec = INTERRUPT_NS };

	while (interrupt_all(helpers, n) > 0)
		nanosleep(&pause, NULL);
	for (size_t i = 0; i < n; i++)
		if (helpers[i].started)
			collect(&helpers[i]);
}

static int
start(struct helper *helper, struct rendezvous *r, int tell)
{
	int errnum;

	helper->rendezvous = r;
	helper->tell = tell;
	atomic_init(&helper->stop, false);
	atomic_init(&helper->done, false);
	errnum = signals_helper_start(&helper->thread, help, helper);
	helper->started = errnum == 0;
	return errnum;
}

/* Take in who is done.  Returns how many are not, or -1 with the outcome. */
static int
look_at_helpers(struct helper *helpers, size_t n, struct outcome *outcome)
{
	struct helper *helper;
	int waiting = 0;

	for (helper = helpers; helper < helpers + n; helper++) {
		if (!helper->started)
			continue;
		if (!atomic_load(&helper->done)) {
			waiting++;
			continue;
		}
		collect(helper);
		if (helper->fd == -1)
			return failed(helper->rendezvous, helper->errnum,
			    outcome);
	}
	return waiting;
}

static int
wait_for_helpers(struct helper *helpers, struct rendezvous *all, size_t n,
    int told, const struct limits *limits, int64_t open_by,
    struct outcome *outcome)
{
	struct pollfd pfd = { .fd = told, .events = POLLIN };
	struct timespec ts;
	int64_t now, until;
	char bytes[64];
	int waiting;

	for (;;) {
		waiting = look_at_helpers(helpers, n, outcome);
		if (waiting <= 0)
			return waiting;
		if (check(all, n, limits, open_by, outcome) == -1)
			return -1;
		now = deadline_now();
		until = signals_arrived() ? now : next_look(limits, open_by);
		if (transient_ppoll(&pfd, 1, deadline_left(until, now, &ts),
		    signals_wait_mask()) == 1 &&
		    read(told, bytes, sizeof(bytes)) == -1 && errno != EINTR &&
		    errno != EAGAIN)
			return failed(all, errno, outcome);
	}
}

static int
wait_for_several(struct rendezvous *all, size_t n, const struct limits *limits,
    int64_t open_by, struct outcome *outcome)
{
	struct helper *helpers = calloc(n, sizeof(*helpers));
	int tell[2], errnum = 0, result;

	if (helpers == NULL)
		return failed(all, errno, outcome);
	if (transient_pipe2(tell, O_CLOEXEC | O_NONBLOCK) == -1) {
		free(helpers);
		return failed(all, errno, outcome);
	}
	for (size_t i = 0; i < n && errnum == 0; i++)
		if (all[i].fd == -1)
			errnum = start(&helpers[i], &all[i], tell[1]);
	result = errnum != 0 ? failed(all, errnum, outcome) :
	    wait_for_helpers(helpers, all, n, tell[0], limits, open_by,
	    outcome);
	collect_all(helpers, n);
	close(tell[0]);
	close(tell[1]);
	free(helpers);
	return result;
}

int
rendezvous_wait(struct rendezvous *all, size_t n, const struct limits *limits,
    struct outcome *outcome)
{
	int64_t open_by = deadline_after(deadline_now(), limits->open_timeout);
	struct rendezvous *last = NULL;
	size_t waiting = 0;
	int result = 0;

	for (size_t i = 0; i < n; i++) {
		if (all[i].fd != -1)
			continue;
		last = &all[i];
		waiting++;
	}
	if (waiting == 1)
		result = wait_for_one(last, limits, open_by, outcome);
	else if (waiting > 1)
		result = wait_for_several(all, n, limits, open_by, outcome);
	/* These open file descriptions are ours alone. */
	for (size_t i = 0; result == 0 && i < n; i++)
		if (fcntl(all[i].fd, F_SETFL, O_NONBLOCK) == -1)
			result = failed(&all[i], errno, outcome);
	return result;
}
