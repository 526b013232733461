/*
 * deadlock - whether both directions of a channel are stuck for good.
 */
#include "config.h"

#include <ctype.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deadline.h"
#include "deadlock.h"
#include "pipeinfo.h"
#include "trace.h"
#include "wakeup.h"

/*
 * Processes are looked at one after the other.  What is the same in a second
 * look, so much later and with nothing moved in between, is so in truth.
 */
#define SECOND_LOOK_NS	(100 * NS_PER_MS)

/* Where somebody still acts: a look takes milliseconds, and so does no harm. */
#define LOOK_MOST_NS	NS_PER_SEC

enum {
	OUTPUT,			/* of a side: what we read */
	INPUT,			/* what we write */
	PIPES
};

/* One look at both sides. */
struct sight {
	struct pipe_look look;
	int		 fds[SIDES][PIPES];
	struct pipe_info *pipes[SIDES][PIPES];	/* NULL: no pipe */
};

static bool
is_stopped(const struct flow *flow)
{
	return !flow_is_over(flow) && !flow->runnable && !flow->sink_pending &&
	    flow->state != FLOW_WAITING;
}

static struct pipe_info *
want(struct sight *sight, int fd)
{
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISFIFO(st.st_mode))
		return NULL;
	return pipeinfo_want(&sight->look, &st, "");
}

static int
look_around(struct sight *sight, const struct channel *channel)
{
	if (pipeinfo_begin(&sight->look) == -1)
		return -1;
	sight->look.all = true;
	sight->look.everybody = true;
	for (int side = 0; side < SIDES; side++) {
		sight->fds[side][OUTPUT] = channel->flows[side].source.fd;
		sight->fds[side][INPUT] =
		    channel->flows[SIDES - 1 - side].sink.fd;
		for (int i = 0; i < PIPES; i++)
			sight->pipes[side][i] = want(sight,
			    sight->fds[side][i]);
	}
	return pipeinfo_scan(&sight->look);
}

static bool
is_wanted(const struct sight *sight, const struct pipe_info *pipe)
{
	for (int side = 0; side < SIDES; side++)
		for (int i = 0; i < PIPES; i++)
			if (pipe != NULL && sight->pipes[side][i] == pipe)
				return true;
	return false;
}

static bool
is_at_side(const struct sight *sight, const struct process_info *process,
    int side)
{
	for (size_t i = 0; i < process->nends; i++)
		for (int j = 0; j < PIPES; j++)
			if (sight->pipes[side][j] != NULL &&
			    process->ends[i]->pipe == sight->pipes[side][j])
				return true;
	return false;
}

static bool
is_concerned(const struct sight *sight, const struct process_info *process)
{
	return is_at_side(sight, process, LEFT) ||
	    is_at_side(sight, process, RIGHT);
}

/* Whether nobody but those concerned has the other end of a pipe. */
static bool
is_among_them(const struct sight *sight, const struct pipe_info *pipe,
    enum pipe_access access)
{
	enum pipe_access other = access == PIPE_READ ? PIPE_WRITE : PIPE_READ;
	bool any = false;

	if (is_wanted(sight, pipe))
		return true;
	for (size_t i = 0; i < pipe->nends; i++) {
		if ((pipe->ends[i]->access & other) == 0)
			continue;
		any = true;
		if (!is_concerned(sight, pipe->ends[i]->process))
			return false;
	}
	return any;
}

static bool
children_are_among_them(const struct sight *sight, pid_t parent)
{
	const struct process_info *process;
	bool any = false;

	for (size_t i = 0; i < sight->look.nprocesses; i++) {
		process = sight->look.processes[i];
		if (process->parent != parent)
			continue;
		any = true;
		if (!is_concerned(sight, process))
			return false;
	}
	return any;
}

/* Whether it waits, without a limit, for one of the others only. */
static bool
is_blocked(const struct sight *sight, const struct process_info *process,
    const struct thread_info *thread)
{
	if (thread->timed)
		return false;
	switch (thread->doing) {
	case DOING_READING:
	case DOING_WRITING:
		return thread->pipe != NULL && is_among_them(sight,
		    thread->pipe, thread->access);
	case DOING_POLLING:
		for (size_t i = 0; i < thread->npolled; i++)
			if (!is_wanted(sight, thread->polled[i].end->pipe))
				return false;
		return thread->npolled > 0 && !thread->polls_others;
	case DOING_CHILD:
		return children_are_among_them(sight, process->pid);
	case DOING_THREAD:
		return true;
	default:
		return false;
	}
}

static bool
all_are_blocked(const struct sight *sight)
{
	struct process_info *process;
	bool seen[SIDES] = { false, false };

	for (size_t i = 0; i < sight->look.nprocesses; i++) {
		process = sight->look.processes[i];
		if (!is_concerned(sight, process) || process->nthreads == 0)
			continue;
		for (size_t j = 0; j < process->nthreads; j++)
			if (process->threads[j].doing != DOING_DEAD &&
			    !is_blocked(sight, process, &process->threads[j]))
				return false;
		/* An alarm may be set. */
		wakeup_find(sight->look.proc, process, false);
		if (process->acts != ACTS_NOT)
			return false;
		for (int side = 0; side < SIDES; side++)
			seen[side] = seen[side] ||
			    is_at_side(sight, process, side);
	}
	/* Who is hidden may do anything. */
	return seen[LEFT] && seen[RIGHT];
}

/* "its output holds 65536 of 65536 bytes" */
static const char *
fullness(const struct sight *sight, int side, int which, char *text,
    size_t size)
{
	int unread = 0, fd = sight->fds[side][which];

	if (sight->pipes[side][which] == NULL ||
	    ioctl(fd, FIONREAD, &unread) == -1)
		snprintf(text, size, "?");
	else
		snprintf(text, size, "%d of %d", unread,
		    fcntl(fd, F_GETPIPE_SZ));
	return text;
}

static const char *
call_of(const struct process_info *process)
{
	for (size_t i = 0; i < process->nthreads; i++)
		switch (process->threads[i].doing) {
		case DOING_READING:
			return "reading";
		case DOING_WRITING:
			return "writing";
		case DOING_POLLING:
			return "poll";
		default:
			break;
		}
	return NULL;
}

static void
tell(const struct deadlock *deadlock, const struct sight *sight)
{
	const char *after = deadlock->after_text, *call;
	const struct process_info *process;
	char output[32], input[32];
	size_t length = strlen(after);

	warnx("deadlock: both directions have been stuck for %s%s", after,
	    length > 0 && isalpha((unsigned char)after[length - 1]) ? "" : "s");
	for (int side = 0; side < SIDES; side++)
		for (size_t i = 0; i < sight->look.nprocesses; i++) {
			process = sight->look.processes[i];
			call = call_of(process);
			if (call == NULL || !is_at_side(sight, process, side))
				continue;
			warnx("process %d (%s) is blocked in %s: its output "
			    "has %s bytes, its input %s", (int)process->pid,
			    trace_safe(process->comm), call,
			    fullness(sight, side, OUTPUT, output,
			    sizeof(output)), fullness(sight, side, INPUT,
			    input, sizeof(input)));
		}
}

static int
check(struct chore *chore, int64_t now, struct outcome *outcome)
{
	struct deadlock *deadlock = chore->arg;
	const struct flow *flows = deadlock->channel->flows;
	int64_t moved_at = MAX(flows[LEFT].moved_at, flows[RIGHT].moved_at);
	struct sight sight = { .look = { .proc = -1 } };
	bool blocked;

	chore->at = moved_at + deadlock->after_ns;
	if (now < chore->at) {
		deadlock->suspected = 0;
		return 0;
	}
	chore->at = now + MIN(deadlock->after_ns, LOOK_MOST_NS);
	if (!is_stopped(&flows[LEFT]) || !is_stopped(&flows[RIGHT])) {
		deadlock->suspected = 0;
		return 0;
	}
	blocked = look_around(&sight, deadlock->channel) == 0 &&
	    all_are_blocked(&sight);
	if (blocked && deadlock->suspected >= moved_at &&
	    deadlock->suspected != 0) {
		tell(deadlock, &sight);
		outcome_set(outcome, OUTCOME_DEADLOCK, SIDE_NONE, 0, NULL);
	}
	pipeinfo_end(&sight.look);
	if (outcome->why == OUTCOME_DEADLOCK)
		return -1;
	deadlock->suspected = blocked ? now : 0;
	if (blocked)
		chore->at = now + SECOND_LOOK_NS;
	return 0;
}

void
deadlock_watch(struct deadlock *deadlock, const struct channel *channel,
    int64_t after_ns, const char *after_text)
{
	*deadlock = (struct deadlock){
		.chore = {
			.fd = -1,
			.at = deadline_after(deadline_now(), after_ns),
			.call = check,
			.arg = deadlock,
		},
		.channel = channel,
		.after_ns = after_ns,
		.after_text = after_text,
	};
}
