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
#include "signals.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"

#define GRACE_NS (2 * NS_PER_SEC)	/* from TERM to KILL */

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

static _Noreturn void
become(const struct child *child, pid_t parent, int report)
{
	int errnum;

	/*
	 * KILL, since TERM may be ignored and nothing may outlive us.  The
	 * request is too late if the parent is already gone.
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_FAILED);
	if (place(child->in, STDIN_FILENO) == -1 ||
	    place(child->out, STDOUT_FILENO) == -1 ||
	    place(-1, STDERR_FILENO) == -1)
		goto fail;
	signals_give_back();
	execvp(child->argv[0], child->argv);
fail:
	errnum = errno;
	(void)!write(report, &errnum, sizeof(errnum));
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
	pid_t parent = getpid();
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) == -1)
		return start_failed(child, STATUS_FAILED);
	child->pid = fork();
	if (child->pid == 0)
		become(child, parent, report[1]);
	errnum = errno;
	close(report[1]);
	if (child->pid == -1) {
		close(report[0]);
		child->pid = 0;
		errno = errnum;
		return start_failed(child, STATUS_FAILED);
	}
	/* EOF: exec(3) succeeded and closed the other end. */
	do {
		n = read(report[0], &errnum, sizeof(errnum));
	} while (n == -1 && errno == EINTR);
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
		running += is_running(&children[i]);
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

void
child_end_all(struct child *children, size_t n)
{
	int64_t now = deadline_now(), kill_at = now + GRACE_NS;
	struct timespec ts;

	if (child_reap(children, n) == 0)
		return;
	signal_all(children, n, SIGTERM);
	while (child_reap(children, n) > 0) {
		now = deadline_now();
		if (now >= kill_at) {
			signal_all(children, n, SIGKILL);
			kill_at = DEADLINE_NEVER;
		}
		ppoll(NULL, 0, deadline_left(signals_has_child() ? now :
		    kill_at, now, &ts), signals_wait_mask());
	}
}
