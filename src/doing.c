/*
 * doing - what a thread of another process does.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>

#include "calls.h"
#include "compat.h"
#include "doing.h"

#define POLLED_MAX	1024	/* descriptors of one poll(2) that we read */
#define EPOLL_TEXT	65536	/* of its fdinfo */

const char *
doing_call_name(const struct thread_info *thread)
{
	static char number[32];
	const struct call *call = calls_find(thread->call.number);

	if (thread->call.number < 0)
		return "no system call";
	if (call->name != NULL)
		return call->name;
	snprintf(number, sizeof(number), "system call %ld",
	    thread->call.number);
	return number;
}

bool
doing_may_open(const struct procfs_call *call)
{
	switch (calls_find(call->number)->kind) {
	case CALL_OPEN:
	case CALL_CREAT:
	case CALL_OPENAT:
	case CALL_OPENAT2:
		return true;
	default:
		return false;
	}
}

int
doing_get_open(pid_t pid, const struct procfs_call *call,
    struct doing_open *wanted)
{
	enum call_kind kind = calls_find(call->number)->kind;
	const uint64_t *args = call->args;
	struct open_how how;

	if (kind == CALL_OPEN || kind == CALL_CREAT) {
		wanted->dir = AT_FDCWD;
		wanted->flags = kind == CALL_OPEN ? (int)args[1] :
		    O_CREAT | O_WRONLY | O_TRUNC;
		return procfs_get_string(pid, args[0], wanted->path,
		    sizeof(wanted->path));
	}
	wanted->dir = (int)args[0];
	wanted->flags = (int)args[2];
	if (kind == CALL_OPENAT2) {
		if (procfs_get_memory(pid, args[2], &how, sizeof(how)) == -1)
			return -1;
		wanted->flags = (int)how.flags;
	}
	return procfs_get_string(pid, args[1], wanted->path,
	    sizeof(wanted->path));
}

/* Blocked at a descriptor, if it is one of a pipe. */
static bool
waits_at(const struct process_info *process, struct thread_info *thread,
    int fd, enum pipe_access access)
{
	const struct pipe_end *end = pipeinfo_end_of(process, fd);

	thread->fd = fd;
	if (end == NULL || (end->access & access) == 0)
		return false;
	thread->doing = access == PIPE_READ ? DOING_READING : DOING_WRITING;
	thread->pipe = end->pipe;
	thread->access = access;
	return true;
}

/* splice(2) may wait at either side; the kernel's function says which. */
static bool
moves(const struct process_info *process, struct thread_info *thread,
    int in, int out)
{
	if (strstr(thread->wchan, "writ") != NULL)
		return waits_at(process, thread, out, PIPE_WRITE);
	if (strstr(thread->wchan, "read") != NULL)
		return waits_at(process, thread, in, PIPE_READ);
	/* Not said: where only one side is a pipe, it is that. */
	if (pipeinfo_end_of(process, in) == NULL)
		return waits_at(process, thread, out, PIPE_WRITE);
	if (pipeinfo_end_of(process, out) == NULL)
		return waits_at(process, thread, in, PIPE_READ);
	return false;
}

static void
add_polled(const struct process_info *process, struct thread_info *thread,
    int fd, bool in, bool out)
{
	struct pipe_end *end = pipeinfo_end_of(process, fd);
	struct pipe_polled *polled;

	if (end == NULL) {
		thread->polls_others = true;
		return;
	}
	/* Full at 0, 1, 2, 4, 8 ... */
	if ((thread->npolled & (thread->npolled - 1)) == 0) {
		polled = reallocarray(thread->polled, thread->npolled == 0 ?
		    1 : 2 * thread->npolled, sizeof(*polled));
		if (polled == NULL) {
			thread->polls_others = true;
			return;
		}
		thread->polled = polled;
	}
	polled = &thread->polled[thread->npolled++];
	polled->end = end;
	polled->only_hangup = !in && !out;
	polled->access = end->access;
	/* What was not asked for does not wake it, but for a hang-up. */
	if (in && !out)
		polled->access = PIPE_READ;
	else if (out && !in)
		polled->access = PIPE_WRITE;
}

static void
polls(const struct process_info *process, struct thread_info *thread,
    bool timed)
{
	static struct pollfd fds[POLLED_MAX];
	const uint64_t *args = thread->call.args;
	size_t n = args[1] < POLLED_MAX ? (size_t)args[1] : POLLED_MAX;

	thread->doing = DOING_POLLING;
	thread->timed = timed;
	thread->polls_others = n < args[1];
	if (n > 0 && procfs_get_memory(thread->tid, args[0], fds,
	    n * sizeof(fds[0])) == -1) {
		thread->polls_others = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (fds[i].fd >= 0)
			add_polled(process, thread, fds[i].fd,
			    (fds[i].events & (POLLIN | POLLRDNORM)) != 0,
			    (fds[i].events & (POLLOUT | POLLWRNORM)) != 0);
}

static bool
get_set(const struct thread_info *thread, uint64_t address, size_t n,
    fd_set *set)
{
	/* The kernel's words are as long as ours. */
	size_t size = (n + NFDBITS - 1) / NFDBITS * sizeof(fd_mask);

	FD_ZERO(set);
	return address == 0 ||
	    procfs_get_memory(thread->tid, address, set, size) == 0;
}

static void
selects(const struct process_info *process, struct thread_info *thread)
{
	const uint64_t *args = thread->call.args;
	size_t n = args[0] < FD_SETSIZE ? (size_t)args[0] : FD_SETSIZE;
	fd_set in, out, other;

	thread->doing = DOING_POLLING;
	thread->timed = args[4] != 0;
	thread->polls_others = n < args[0];
	if (!get_set(thread, args[1], n, &in) ||
	    !get_set(thread, args[2], n, &out) ||
	    !get_set(thread, args[3], n, &other)) {
		thread->polls_others = true;
		return;
	}
	for (int fd = 0; fd < (int)n; fd++)
		if (FD_ISSET(fd, &in) || FD_ISSET(fd, &out) ||
		    FD_ISSET(fd, &other))
			add_polled(process, thread, fd,
			    FD_ISSET(fd, &in) != 0, FD_ISSET(fd, &out) != 0);
}

/*
 * A line a descriptor in fdinfo: "tfd: 3 events: 19 data: 0 pos:0 ino:a1
 * sdev:f".  The number is that of the time when it was added: what has it
 * now may be another file, or the list another process' own.
 */
static void
epolls_one(const struct process_info *process, struct thread_info *thread,
    const char *line)
{
	const char *at = line + strlen("tfd:"), *ino;
	const struct pipe_end *pipe_end;
	unsigned long events;
	char *end;
	int fd;

	fd = (int)strtoul(at, &end, 10);
	end += strspn(end, " ");
	if (strncmp(end, "events:", strlen("events:")) != 0) {
		thread->polls_others = true;
		return;
	}
	events = strtoul(end + strlen("events:"), NULL, 16);
	pipe_end = pipeinfo_end_of(process, fd);
	ino = strstr(line, "ino:");
	if (pipe_end != NULL && ino != NULL && ino < strchrnul(line, '\n') &&
	    strtoull(ino + strlen("ino:"), NULL, 16) != pipe_end->pipe->ino)
		thread->polls_others = true;
	else
		add_polled(process, thread, fd,
		    (events & (EPOLLIN | EPOLLRDNORM)) != 0,
		    (events & (EPOLLOUT | EPOLLWRNORM)) != 0);
}

static void
epolls(int proc, const struct process_info *process,
    struct thread_info *thread, bool timed)
{
	static char text[EPOLL_TEXT];
	const uint64_t *args = thread->call.args;
	const char *at = text;
	char path[64];

	thread->doing = DOING_POLLING;
	thread->timed = timed;
	snprintf(path, sizeof(path), "%d/fdinfo/%d", process->task,
	    (int)args[0]);
	text[0] = '\0';
	if (procfs_read(proc, path, text, sizeof(text)) >=
	    (ssize_t)sizeof(text) - 1)
		thread->polls_others = true;
	else if (strstr(text, "tfd:") == NULL)
		thread->polls_others = true;
	for (; (at = strstr(at, "tfd:")) != NULL; at++)
		epolls_one(process, thread, at);
}

/*
 * In memory of one process alone it is the other threads that have to do
 * something.  What the kernel clears when a thread ends, for
 * pthread_join(3), is not marked as private.
 */
static void
waits_for_thread(int proc, const struct process_info *process,
    struct thread_info *thread)
{
	const uint64_t *args = thread->call.args;

	thread->timed = args[3] != 0;
	if (process->nthreads > 1 && ((args[1] & FUTEX_PRIVATE_FLAG) != 0 ||
	    procfs_is_private(proc, process->task, args[0])))
		thread->doing = DOING_THREAD;
}

/*
 * What had a time-out, and poll(2) in any case, goes on so after a stop, with
 * the arguments of that call.  The kernel's function says which it was; that
 * of what sleeps has no name of its own on every machine.
 */
static enum call_kind
restarted(const struct thread_info *thread)
{
	if (strstr(thread->wchan, "poll") != NULL)
		return CALL_POLL;
	if (strstr(thread->wchan, "futex") != NULL)
		return CALL_FUTEX;
	return thread->wchan[0] == '\0' || strcmp(thread->wchan, "0") == 0 ?
	    CALL_OTHER : CALL_SLEEP;
}

static void
classify_call(int proc, const struct process_info *process,
    struct thread_info *thread)
{
	enum call_kind kind = calls_find(thread->call.number)->kind;
	const uint64_t *args = thread->call.args;

	thread->doing = DOING_OTHER;
	if (kind == CALL_RESTART)
		kind = restarted(thread);
	switch (kind) {
	case CALL_READ:
		waits_at(process, thread, (int)args[0], PIPE_READ);
		break;
	case CALL_WRITE:
		waits_at(process, thread, (int)args[0], PIPE_WRITE);
		break;
	case CALL_TEE:
		moves(process, thread, (int)args[0], (int)args[1]);
		break;
	case CALL_SPLICE:
		moves(process, thread, (int)args[0], (int)args[2]);
		break;
	case CALL_SENDFILE:
		moves(process, thread, (int)args[1], (int)args[0]);
		break;
	case CALL_POLL:
		polls(process, thread, (int)args[2] >= 0);
		break;
	case CALL_PPOLL:
		polls(process, thread, args[2] != 0);
		break;
	case CALL_SELECT:
		selects(process, thread);
		break;
	case CALL_EPOLL:
		epolls(proc, process, thread, (int)args[3] >= 0);
		break;
	case CALL_EPOLL2:
		epolls(proc, process, thread, args[3] != 0);
		break;
	case CALL_SLEEP:
		thread->doing = DOING_SLEEPING;
		thread->timed = true;
		break;
	case CALL_WAIT:
		thread->doing = DOING_CHILD;
		thread->child = (int)args[0] > 0 ? (pid_t)args[0] : 0;
		break;
	case CALL_WAITID:
		/* Of some children: of any. */
		thread->doing = DOING_CHILD;
		if (args[0] == P_PID)
			thread->child = (pid_t)args[1];
		break;
	case CALL_VFORK:
		thread->doing = DOING_CHILD;
		thread->vforked = true;
		break;
	case CALL_FUTEX:
		waits_for_thread(proc, process, thread);
		break;
	case CALL_FD:
		thread->fd = (int)args[0];
		break;
	case CALL_OPEN:
	case CALL_CREAT:
	case CALL_OPENAT:
	case CALL_OPENAT2:
	case CALL_OTHER:
	case CALL_RESTART:
		break;
	}
}

/* Only KILL ends that wait, which is shown as one that no signal ends. */
static bool
is_vfork(const struct thread_info *thread)
{
	return calls_find(thread->call.number)->kind == CALL_VFORK;
}

void
doing_classify(int proc, const struct process_info *process,
    struct thread_info *thread, char state)
{
	thread->fd = -1;
	switch (state) {
	case 'T':
		thread->doing = DOING_STOPPED;
		return;
	case 't':
		thread->doing = DOING_TRACED;
		return;
	case 'Z':
	case 'X':
		thread->doing = DOING_DEAD;
		return;
	case 'R':
		thread->doing = DOING_RUNNING;
		return;
	default:
		break;
	}
	if (thread->call.number == PROCFS_RUNNING) {
		thread->doing = DOING_RUNNING;
		return;
	}
	if (procfs_get_wchan(proc, process->pid, thread->tid,
	    thread->wchan) == -1)
		thread->wchan[0] = '\0';
	/* In cgroup v2 it sleeps there, though its call seems to go on. */
	if (strcmp(thread->wchan, "do_freezer_trap") == 0 ||
	    strcmp(thread->wchan, "get_signal") == 0)
		thread->doing = DOING_FROZEN;
	else if (state == 'D' && !is_vfork(thread))
		thread->doing = DOING_DISK;
	else if (thread->call.number == PROCFS_HIDDEN)
		thread->doing = DOING_UNKNOWN;
	else if (thread->call.number != PROCFS_NO_CALL)
		classify_call(proc, process, thread);
	else
		thread->doing = DOING_OTHER;
}
