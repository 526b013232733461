/*
 * child - commands that we run: start, reap, end.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "compat.h"
#include "deadline.h"
#include "kin.h"
#include "signals.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"
#include "transient.h"

#define GRACE_NS (2 * NS_PER_SEC)	/* from TERM to KILL */

/*
 * Whoever was killed may have started another one just before.  Nothing more
 * can be done for what does not die of that for two seconds.
 */
#define KILL_AGAIN_NS	(20 * NS_PER_MS)
#define KILL_TRIES	100

/*
 * Put fd, which is above 2, at number to.  -1 leaves what we inherited,
 * which may be nothing at all.
 */
static int
place(int fd, int to)
{
	if (fd != -1)
		return dup2(fd, to);
	if (stdfds_was_closed(to))
		close(to);
	return 0;
}

/* The same number, above those that are given to the command. */
static int
out_of_the_way(int fd, int top)
{
	return fd == -1 || fd > top ? fd : fcntl(fd, F_DUPFD_CLOEXEC, top + 1);
}

/* What it reads and writes under other numbers than 0 and 1. */
static int
place_numbered(const struct child *child, int *report)
{
	const struct child_fds *to = child->fds;
	int top = to->in > to->out ? to->in : to->out;
	int in = out_of_the_way(child->in == -1 ? STDIN_FILENO : child->in,
	    top);
	int out = out_of_the_way(child->out == -1 ? STDOUT_FILENO : child->out,
	    top);
	int fd = out_of_the_way(*report, top);

	if (fd == -1)
		return -1;
	*report = fd;
	if (in == -1 || out == -1)
		return -1;
	/* What was inherited closed stays closed, unless it is one of them. */
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (stdfds_was_closed(fd))
			close(fd);
	if (dup2(in, to->in) == -1 || dup2(out, to->out) == -1)
		return -1;
	return 0;
}

static int
place_ends(const struct child *child, int *report)
{
	if (child->fds != NULL)
		return place_numbered(child, report);
	if (place(child->in, STDIN_FILENO) == -1 ||
	    place(child->out, STDOUT_FILENO) == -1)
		return -1;
	return place(-1, STDERR_FILENO);
}

/*
 * Whether the parent has died: only the parent reads from the report pipe.
 * getppid(2) cannot tell, as it always returns 0 in a new PID name space.
 */
static bool
is_orphan(int report)
{
	struct pollfd pfd = { .fd = report };

	return poll(&pfd, 1, 0) == 1;
}

static _Noreturn void
become(const struct child *child, int report[2])
{
	int errnum, end = report[1];

	/*
	 * KILL, since TERM may be ignored and nothing may outlive us.  The
	 * request is too late if the parent is already gone.
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(report[0]);
	if (is_orphan(end)) {
		coverage_write();
		_exit(STATUS_FAILED);
	}
	if (place_ends(child, &end) == -1)
		goto fail;
	signals_give_back();
	execvp(child->argv[0], child->argv);
fail:
	errnum = errno;
	(void)!write(end, &errnum, sizeof(errnum));
	coverage_write();
	_exit(STATUS_NOT_FOUND);
}

static pid_t
reap_one(pid_t pid, int *wstatus, int flags)
{
	pid_t got;

	do {
		got = waitpid(pid, wstatus, flags);
	} while (got == -1 && errno == EINTR);
	return got;
}

/*
 * Whether a command without a slash is in PATH at all.  execvp(3) says
 * EACCES also when it is nowhere, but one directory may not be searched.
 */
static bool
is_in_path(const char *name)
{
	const char *dir = getenv("PATH");
	char path[PATH_MAX];
	size_t length;

	for (; dir != NULL; dir = dir[length] == ':' ? dir + length + 1 :
	    NULL) {
		length = strcspn(dir, ":");
		snprintf(path, sizeof(path), "%.*s%s%s", (int)length, dir,
		    length == 0 ? "" : "/", name);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static int
exec_failed(struct child *child, int errnum)
{
	if (errnum == EACCES && strchr(child->argv[0], '/') == NULL &&
	    !is_in_path(child->argv[0]))
		errnum = ENOENT;
	child->status = errnum == ENOENT || errnum == ENOTDIR ?
	    STATUS_NOT_FOUND : STATUS_CANNOT_EXEC;
	errno = errnum;
	return -1;
}

static int
start_failed(struct child *child, int status)
{
	child->status = status;
	return -1;
}

int
child_start(struct child *child)
{
	int report[2], errnum = 0, wstatus;
	unsigned tries = 0;
	ssize_t n;

	if (transient_pipe2(report, O_CLOEXEC) == -1)
		return start_failed(child, STATUS_FAILED);
	do {
		child->pid = fork();
	} while (child->pid == -1 && transient_again(errno, &tries));
	if (child->pid == 0)
		become(child, report);
	errnum = errno;
	close(report[1]);
	if (child->pid == -1) {
		close(report[0]);
		child->pid = 0;
		errno = errnum;
		return start_failed(child, STATUS_FAILED);
	}
	/* EOF: exec(3) succeeded and closed the other end. */
	tries = 0;
	do {
		n = read(report[0], &errnum, sizeof(errnum));
	} while (n == -1 && (errno == EINTR ||
	    transient_again(errno, &tries)));
	close(report[0]);
	if (n == -1) {
		/* Whether it runs is not known: then it must not. */
		errnum = errno;
		kill(child->pid, SIGKILL);
		reap_one(child->pid, &wstatus, 0);
		child->pid = 0;
		errno = errnum;
		return start_failed(child, STATUS_FAILED);
	}
	if (n > 0) {
		reap_one(child->pid, &wstatus, 0);
		child->pid = 0;
		return exec_failed(child, n == (ssize_t)sizeof(errnum) ?
		    errnum : EIO);
	}
	trace_event("%s: started, process %d", trace_safe(child->argv[0]),
	    (int)child->pid);
	return 0;
}

static void
note_end(struct child *child, pid_t got, int wstatus)
{
	child->lost = got == -1;
	if (child->lost)
		child->status = STATUS_FAILED;
	else if (WIFSIGNALED(wstatus))
		child->status = STATUS_SIGNAL + WTERMSIG(wstatus);
	else
		child->status = WEXITSTATUS(wstatus);
	trace_event("%s: process %d ended, status %d",
	    trace_safe(child->argv[0]), (int)child->pid, child->status);
	child->pid = 0;
	child->ended_ns = deadline_now();
}

void
child_wait(struct child *child)
{
	int wstatus = 0;
	pid_t got = reap_one(child->pid, &wstatus, 0);

	note_end(child, got, wstatus);
}

/* Returns whether it still runs. */
static bool
is_running(struct child *child)
{
	int wstatus = 0;
	pid_t got;

	if (child->pid == 0)
		return false;
	got = reap_one(child->pid, &wstatus, WNOHANG);
	if (got != 0)
		note_end(child, got, wstatus);
	return got == 0;
}

/* Orphans that have become ours, kin.h: nobody else reaps them. */
static void
reap_orphans(struct child *children, size_t n)
{
	int wstatus = 0;
	pid_t got;
	size_t i;

	while ((got = reap_one(-1, &wstatus, WNOHANG)) > 0) {
		for (i = 0; i < n && children[i].pid != got; i++)
			continue;
		if (i < n)	/* it ended just now */
			note_end(&children[i], got, wstatus);
		else
			trace_debug(TRACE_CHILD, "process %d reaped",
			    (int)got);
	}
}

size_t
child_reap(struct child *children, size_t n)
{
	pid_t first = signals_take_child();
	size_t running = 0;

	/* In the order in which they ended, as far as that is known. */
	for (size_t i = 0; i < n; i++)
		if (first != 0 && children[i].pid == first)
			is_running(&children[i]);
	for (size_t i = 0; i < n; i++)
		is_running(&children[i]);
	if (kin_adopts())
		reap_orphans(children, n);
	for (size_t i = 0; i < n; i++)
		running += children[i].pid != 0;
	return running;
}

static void
signal_all(struct child *children, size_t n, int signo)
{
	for (size_t i = 0; i < n; i++) {
		if (children[i].pid == 0)
			continue;
		trace_debug(TRACE_CHILD, "signal %d to process %d", signo,
		    (int)children[i].pid);
		kill(children[i].pid, signo);
		/* A stopped process acts on TERM only once it goes on. */
		kill(children[i].pid, SIGCONT);
	}
}

/* Signal 0 only counts.  Returns how many there are. */
static size_t
signal_everyone(struct child *children, size_t n, int signo, bool with_kin)
{
	size_t running = child_reap(children, n);

	if (signo != 0)
		signal_all(children, n, signo);
	return with_kin ? running + kin_signal(children, n, signo) : running;
}

static void
end_everyone(struct child *children, size_t n, bool with_kin)
{
	int64_t now = deadline_now(), kill_at = now + GRACE_NS;
	struct timespec ts;
	int tries = 0;

	if (signal_everyone(children, n, SIGTERM, with_kin) == 0)
		return;
	while (signal_everyone(children, n, 0, with_kin) > 0) {
		now = deadline_now();
		if (now >= kill_at) {
			signal_everyone(children, n, SIGKILL, with_kin);
			if (with_kin && tries++ == KILL_TRIES)
				with_kin = false;
			kill_at = with_kin ? now + KILL_AGAIN_NS :
			    DEADLINE_NEVER;
		}
		transient_ppoll(NULL, 0, deadline_left(signals_has_child() ?
		    now : kill_at, now, &ts), signals_wait_mask());
	}
}

void
child_end_all(struct child *children, size_t n, bool by_itself)
{
	if (!by_itself)
		end_everyone(children, n, true);
	else if (child_reap(children, n) > 0)
		end_everyone(children, n, false);
}
