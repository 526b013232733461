/*
 * fifo-stat --wait-for - wait until something happens to FIFOs.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "fifo-stat.h"
#include "signals.h"
#include "status.h"
#include "trace.h"

/*
 * Blocked in open(2) raises no event, and a path can be moved away above its
 * last name: so there is a look a second.  A busy FIFO raises events without
 * end: looks take at most a tenth of the time.
 */
#define LOOK_NS		NS_PER_SEC
#define REST_FACTOR	10

static const struct event {
	const char	*late;		/* after a time-out */
	uint32_t	 mask;		/* for inotify(7) */
} events[] = {
	[EVENT_READER] = { "no reader", IN_OPEN },
	[EVENT_WRITER] = { "no writer", IN_OPEN },
	[EVENT_DATA] = { "no data", IN_OPEN | IN_MODIFY },
	[EVENT_EMPTY] = { "not seen to be empty", IN_ACCESS | IN_CLOSE },
	[EVENT_GONE] = { "not gone",
	    IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF },
};

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_UNKNOWN		/* it is there, but may not be looked into */
};

struct wait {
	const struct fifo_stat	*fs;
	int			 inotify;	/* -1: none */
	int64_t			 deadline;
	/* What is not yet as it shall be, and what the latest look missed. */
	const struct stat_target *missing;
	char			*hidden;	/* owned, or NULL */
};

/*
 * Its name is gone, or stands for something else.  What we may not, or cannot
 * look at is neither.
 */
static bool
is_gone(const struct stat_target *target)
{
	struct stat pinned, named;

	if (fstat(target->pinned, &pinned) == -1)
		return false;
	if (pinned.st_nlink == 0)
		return true;
	if (stat(target->name, &named) == -1)
		return errno == ENOENT || errno == ENOTDIR;
	return pinned.st_dev != named.st_dev || pinned.st_ino != named.st_ino;
}

static enum answer
ask_unread(const struct pipe_info *pipe, bool empty)
{
	if (pipe->unread != PIPE_UNKNOWN)
		return (pipe->unread == 0) == empty ? ANSWER_YES : ANSWER_NO;
	/* Who may be looked into may still come. */
	return pipe->nends == 0 ? ANSWER_NO : ANSWER_UNKNOWN;
}

static enum answer
ask(enum stat_event event, const struct pipe_info *pipe)
{
	bool result;

	switch (event) {
	case EVENT_READER:
		result = pipe->readers > 0 || pipe->opening_read > 0 ||
		    pipe->unseen_readers == UNSEEN_SOME;
		break;
	case EVENT_WRITER:
		result = pipe->writers > 0 || pipe->opening_write > 0 ||
		    pipe->unseen_writers == UNSEEN_SOME;
		break;
	default:
		return ask_unread(pipe, event == EVENT_EMPTY);
	}
	return result ? ANSWER_YES : ANSWER_NO;
}

static enum answer
ask_target(const struct wait *wait, struct pipe_look *look,
    const struct stat_target *target)
{
	const struct pipe_info *pipe;
	struct stat st;

	if (wait->fs->opt.event == EVENT_GONE)
		return is_gone(target) ? ANSWER_YES : ANSWER_NO;
	if (fstat(target->pinned, &st) == -1)
		return ANSWER_UNKNOWN;
	pipe = pipeinfo_want(look, &st, target->name);
	return pipe == NULL ? ANSWER_UNKNOWN : ask(wait->fs->opt.event, pipe);
}

/* For the message after a time-out: it may have come unseen. */
static void
note_hidden(struct wait *wait, const struct pipe_look *look)
{
	struct text hidden;

	free(wait->hidden);
	stat_text_begin(&hidden);
	stat_say_hidden(hidden.f, look, "; not visible: ");
	wait->hidden = stat_text_end(&hidden);
}

/* Whether all of them are as they shall be. */
static enum answer
look_at_all(struct wait *wait)
{
	const struct fifo_stat *fs = wait->fs;
	enum answer answer = ANSWER_YES;
	struct pipe_look look;
	bool needs_look = fs->opt.event != EVENT_GONE;

	if (needs_look)
		stat_look(fs, &look, true);
	for (size_t i = 0; answer == ANSWER_YES && i < fs->ntargets; i++) {
		wait->missing = &fs->targets[i];
		answer = ask_target(wait, &look, wait->missing);
	}
	if (needs_look) {
		note_hidden(wait, &look);
		pipeinfo_end(&look);
	}
	return answer;
}

/* The pinned FIFOs, whatever their names stand for by now. */
static void
watch_all(struct wait *wait)
{
	char path[64];

	wait->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (size_t i = 0; wait->inotify != -1 && i < wait->fs->ntargets;
	    i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d",
		    wait->fs->targets[i].pinned);
		inotify_add_watch(wait->inotify, path,
		    events[wait->fs->opt.event].mask);
	}
}

static void
drain(int fd)
{
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		continue;
}

/* Until an event, or a moment.  Returns whether to go on. */
static bool
sleep_until(const struct wait *wait, int64_t until, bool events_too)
{
	struct pollfd poll_fd = {
		.fd = events_too ? wait->inotify : -1, .events = POLLIN,
	};
	struct timespec ts;

	until = deadline_min(until, wait->deadline);
	signals_poll();
	if (signals_fatal() == 0 &&
	    ppoll(&poll_fd, 1, deadline_left(until, deadline_now(), &ts),
	    signals_wait_mask()) == 1)
		drain(wait->inotify);
	if (signals_fatal() == 0)
		return true;
	signals_condemn(signals_fatal());
	return false;
}

static int
wait_for_all(struct wait *wait)
{
	const struct stat_options *opt = &wait->fs->opt;
	int64_t begin, end;

	for (;;) {
		begin = deadline_now();
		switch (look_at_all(wait)) {
		case ANSWER_YES:
			return STATUS_OK;
		case ANSWER_UNKNOWN:
			warnx("%s: how much is in it is not visible",
			    trace_name(wait->missing->name));
			return STATUS_ERROR;
		case ANSWER_NO:
			break;
		}
		end = deadline_now();
		if (end >= wait->deadline) {
			warnx("%s: %s within %s%s",
			    trace_name(wait->missing->name),
			    events[opt->event].late, opt->timeout_text,
			    wait->hidden == NULL ? "" : wait->hidden);
			return STATUS_TIMEOUT;
		}
		if (!sleep_until(wait, end + REST_FACTOR * (end - begin),
		    false) || !sleep_until(wait, end + LOOK_NS, true))
			return STATUS_SIGNAL + signals_fatal();
	}
}

int
stat_wait(struct fifo_stat *fs)
{
	struct wait wait = {
		.fs = fs,
		.deadline = deadline_after(trace_start(), fs->opt.timeout_ns),
	};
	int status;

	signals_start();
	watch_all(&wait);
	status = wait_for_all(&wait);
	if (wait.inotify != -1)
		close(wait.inotify);
	free(wait.hidden);
	return status;
}
