/*
 * pipeinfo - what pipes are: who holds their ends, who waits at them.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "doing.h"
#include "opened.h"
#include "pipeinfo.h"
#include "procfs.h"

#define BUCKETS_FIRST	1024
#define TAKE_TRIES	8	/* ends of a pipe whose owners we ask */
#define NAME_SIZE	8192	/* a directory and a path from there */

static const char deleted[] = " (deleted)";

/* One process, while we pass it. */
struct visit {
	struct pipe_look	*look;
	struct process_info	*process;
	struct procfs_call	*calls;		/* of its threads */
	struct pipe_end		**spare;	/* read as descriptors come */
	size_t			 opening;	/* threads that may open */
	bool			 listed;	/* it has any descriptor */
	bool			 denied;	/* we may not look at them */
};

static int
fail(struct pipe_look *look)
{
	look->errnum = errno;
	return -1;
}

/*
 * Room for one more in an array that doubles: full at 0, 1, 2, 4, 8 ... so
 * that no capacity has to be kept.
 */
static void *
make_room(struct pipe_look *look, void *array, size_t n, size_t size)
{
	void *larger;

	if ((n & (n - 1)) != 0)
		return array;
	larger = reallocarray(array, n == 0 ? 1 : 2 * n, size);
	if (larger == NULL)
		fail(look);
	return larger;
}

int
pipeinfo_begin(struct pipe_look *look)
{
	memset(look, 0, sizeof(*look));
	procfs_forget_failure();
	look->proc = procfs_open();
	if (look->proc == -1)
		return -1;
	look->nbuckets = BUCKETS_FIRST;
	look->buckets = calloc(look->nbuckets, sizeof(struct pipe_info *));
	if (look->buckets == NULL) {
		close(look->proc);
		return -1;
	}
	return 0;
}

static struct pipe_info **
bucket(const struct pipe_look *look, dev_t dev, ino_t ino)
{
	uint64_t hash = ((uint64_t)ino ^ ((uint64_t)dev << 40)) *
	    UINT64_C(0x9e3779b97f4a7c15);

	return &look->buckets[(hash >> 32) & (look->nbuckets - 1)];
}

static struct pipe_info *
find_pipe(const struct pipe_look *look, dev_t dev, ino_t ino)
{
	struct pipe_info *pipe = *bucket(look, dev, ino);

	while (pipe != NULL && (pipe->ino != ino || pipe->dev != dev))
		pipe = pipe->next;
	return pipe;
}

static void
grow_buckets(struct pipe_look *look)
{
	struct pipe_info **buckets, **at;
	size_t n = 4 * look->nbuckets;

	buckets = calloc(n, sizeof(struct pipe_info *));
	if (buckets == NULL)
		return;		/* slower, no more */
	free(look->buckets);
	look->buckets = buckets;
	look->nbuckets = n;
	for (size_t i = 0; i < look->npipes; i++) {
		if (look->pipes[i]->lost)
			continue;
		at = bucket(look, look->pipes[i]->dev, look->pipes[i]->ino);
		look->pipes[i]->next = *at;
		*at = look->pipes[i];
	}
}

/* A pipe that was not known; st is NULL when only a name is left of it. */
static struct pipe_info *
add_pipe(struct pipe_look *look, const struct stat *st, const char *name)
{
	struct pipe_info **pipes, **at, *pipe;

	pipes = make_room(look, look->pipes, look->npipes,
	    sizeof(struct pipe_info *));
	if (pipes == NULL)
		return NULL;
	look->pipes = pipes;
	pipe = calloc(1, sizeof(*pipe));
	if (pipe != NULL)
		pipe->name = strdup(name);
	if (pipe == NULL || pipe->name == NULL) {
		fail(look);
		free(pipe);
		return NULL;
	}
	pipe->capacity = pipe->unread = PIPE_UNKNOWN;
	pipe->lost = pipe->unlinked = st == NULL;
	look->pipes[look->npipes++] = pipe;
	if (st == NULL)
		return pipe;
	pipe->dev = st->st_dev;
	pipe->ino = st->st_ino;
	pipe->mode = st->st_mode;
	pipe->uid = st->st_uid;
	pipe->gid = st->st_gid;
	at = bucket(look, pipe->dev, pipe->ino);
	pipe->next = *at;
	*at = pipe;
	if (look->npipes > look->nbuckets)
		grow_buckets(look);
	return pipe;
}

struct pipe_info *
pipeinfo_want(struct pipe_look *look, const struct stat *st, const char *name)
{
	struct pipe_info *pipe = find_pipe(look, st->st_dev, st->st_ino);

	if (pipe == NULL)
		pipe = add_pipe(look, st, name);
	if (pipe == NULL)
		return NULL;
	pipe->wanted = true;
	pipe->unlinked = st->st_nlink == 0;
	return pipe;
}

/* The name of a pipe that was found as a descriptor of somebody. */
static struct pipe_info *
add_found(struct pipe_look *look, const struct stat *st, pid_t task, int fd)
{
	static const char anonymous[] = "pipe:[";
	char path[64], name[NAME_SIZE];
	struct pipe_info *pipe;
	size_t length;

	snprintf(path, sizeof(path), "%d/fd/%d", task, fd);
	if (procfs_read_link(look->proc, path, name, sizeof(name)) == -1)
		strlcpy(name, "?", sizeof(name));
	length = strlen(name);
	if (st->st_nlink == 0 && length > strlen(deleted) &&
	    strcmp(name + length - strlen(deleted), deleted) == 0)
		name[length - strlen(deleted)] = '\0';
	pipe = add_pipe(look, st, name);
	if (pipe == NULL)
		return NULL;
	pipe->anonymous = strncmp(name, anonymous, strlen(anonymous)) == 0;
	pipe->unlinked = !pipe->anonymous && st->st_nlink == 0;
	return pipe;
}

struct want {
	struct pipe_look	*look;
	pid_t			 task;
	int			 fd;		/* -1: all */
	int			 found;
	int			 errnum;	/* of the last stat(2) */
};

static int
want_one(void *arg, int fd, int dir)
{
	struct want *want = arg;
	struct pipe_info *pipe;
	char name[16];
	struct stat st;

	if (want->fd != -1 && want->fd != fd)
		return 0;
	snprintf(name, sizeof(name), "%d", fd);
	if (procfs_stat_link(dir, name, &st) == -1)
		return 0;
	if (!S_ISFIFO(st.st_mode)) {
		want->errnum = EPIPE;
		return 0;
	}
	pipe = find_pipe(want->look, st.st_dev, st.st_ino);
	if (pipe == NULL)
		pipe = add_found(want->look, &st, want->task, fd);
	if (pipe == NULL)
		return -1;
	pipe->wanted = true;
	want->found++;
	return 0;
}

int
pipeinfo_want_fd(struct pipe_look *look, pid_t pid, int fd)
{
	struct want want = {
		.look = look, .fd = fd, .errnum = EBADF,
		.task = procfs_living_thread(look->proc, pid),
	};
	char path[64];

	snprintf(path, sizeof(path), "%d/fd", want.task);
	if (procfs_each(look->proc, path, want_one, &want) == -1)
		return -1;
	if (want.found == 0 && fd != -1) {
		errno = want.errnum;
		return -1;
	}
	return want.found;
}

/* The pass: threads first, so that what opens meanwhile is seen twice. */

/*
 * A thread that may open files though its call does not say so: it is not
 * shown, as by the Yama module, or is that which started it for an io_uring.
 */
static bool
may_open_unsaid(const struct procfs_call *call)
{
	switch (call->number) {
	case PROCFS_HIDDEN:
#ifdef SYS_io_uring_setup
	case SYS_io_uring_setup:
	case SYS_io_uring_enter:
#endif
		return true;
	default:
		return false;
	}
}

static int
visit_thread(void *arg, int tid, int dir)
{
	struct visit *visit = arg;
	struct process_info *process = visit->process;
	struct thread_info *threads;
	struct procfs_call call;

	(void)dir;
	threads = make_room(visit->look, process->threads, process->nthreads,
	    sizeof(*threads));
	if (threads == NULL)
		return -1;
	process->threads = threads;
	if (procfs_get_call(visit->look->proc, process->pid, tid, &call) ==
	    -1) {
		if (errno == ENOENT || errno == ESRCH)
			return 0;
		call.number = PROCFS_HIDDEN;
	}
	threads += process->nthreads++;
	memset(threads, 0, sizeof(*threads));
	threads->tid = tid;
	threads->fd = -1;
	threads->call = call;
	if (doing_may_open(&call) || may_open_unsaid(&call))
		visit->opening++;
	return 0;
}

static int
visit_threads(struct visit *visit)
{
	pid_t pid = visit->process->pid;
	unsigned int n;
	char path[64];

	if (procfs_count_threads(visit->look->proc, pid, &n) == -1)
		return 0;
	if (n <= 1)
		return visit_thread(visit, pid, -1);
	snprintf(path, sizeof(path), "%d/task", pid);
	procfs_each(visit->look->proc, path, visit_thread, visit);
	return visit->look->errnum == 0 ? 0 : -1;
}

static struct pipe_end *
add_end(struct pipe_look *look, struct process_info *process,
    struct pipe_info *pipe)
{
	struct pipe_end **ends, *end;

	ends = make_room(look, process->ends, process->nends,
	    sizeof(struct pipe_end *));
	if (ends == NULL)
		return NULL;
	process->ends = ends;
	ends = make_room(look, pipe->ends, pipe->nends,
	    sizeof(struct pipe_end *));
	if (ends == NULL)
		return NULL;
	pipe->ends = ends;
	end = calloc(1, sizeof(*end));
	if (end == NULL) {
		fail(look);
		return NULL;
	}
	end->pipe = pipe;
	end->process = process;
	process->ends[process->nends++] = end;
	pipe->ends[pipe->nends++] = end;
	return end;
}

static int
visit_fd(void *arg, int fd, int dir)
{
	static const enum pipe_access access[] = {
		[O_RDONLY] = PIPE_READ,
		[O_WRONLY] = PIPE_WRITE,
		[O_RDWR] = PIPE_BOTH,
	};
	struct visit *visit = arg;
	struct process_info *process = visit->process;
	struct pipe_look *look = visit->look;
	struct pipe_info *pipe;
	struct pipe_end *end;
	char name[16];
	struct stat st;
	int flags;

	visit->listed = true;
	snprintf(name, sizeof(name), "%d", fd);
	if (procfs_stat_link(dir, name, &st) == -1 || !S_ISFIFO(st.st_mode))
		return 0;
	pipe = find_pipe(look, st.st_dev, st.st_ino);
	/* One without a name may have had that of a pipe that is wanted. */
	if (pipe == NULL && !look->all && st.st_nlink != 0)
		return 0;
	/* O_PATH is no end: it neither reads nor writes. */
	if (procfs_get_flags(look->proc, process->task, fd, &flags) == -1 ||
	    (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_ACCMODE)
		return 0;
	if (pipe == NULL)
		pipe = add_found(look, &st, process->task, fd);
	if (pipe == NULL)
		return -1;
	if (process->pid == getpid()) {
		pipe->ours |= access[flags & O_ACCMODE];
		pipe->our_output = pipe->our_output ||
		    fd == STDOUT_FILENO || fd == STDERR_FILENO;
		return 0;
	}
	end = add_end(look, process, pipe);
	if (end == NULL)
		return -1;
	end->fd = fd;
	end->access = access[flags & O_ACCMODE];
	end->nonblock = (flags & O_NONBLOCK) != 0;
	return 0;
}

/*
 * The FIFO that a thread is blocked on in open(2).  Its name is all there
 * is: when that is gone, or names something else by now, the FIFO is lost;
 * but for a thread that is not for sure blocked on one.
 */
static struct pipe_info *
find_opened(struct pipe_look *look, const struct thread_info *thread,
    const struct doing_open *wanted, bool sure)
{
	char name[NAME_SIZE];
	struct opened opened;
	struct pipe_info *pipe;

	opened_find(look->proc, thread->tid, wanted, &opened, name,
	    sizeof(name));
	if (opened.no_fifo && !sure)
		return NULL;
	pipe = opened.found ? find_pipe(look, opened.st.st_dev,
	    opened.st.st_ino) : NULL;
	if (pipe == NULL && !look->all) {
		/* It may be one that is wanted, under its old name. */
		look->lost_openers += !opened.found;
		return NULL;
	}
	if (pipe != NULL)
		return pipe;
	pipe = add_pipe(look, opened.found ? &opened.st : NULL, name);
	if (pipe != NULL)
		pipe->unlinked = opened.found ? opened.st.st_nlink == 0 :
		    opened.vanished;
	return pipe;
}

static int
add_opener(struct pipe_look *look, struct process_info *process,
    struct thread_info *thread, struct pipe_info *pipe, int flags)
{
	struct pipe_opener *openers;

	openers = make_room(look, pipe->openers, pipe->nopeners,
	    sizeof(*openers));
	if (openers == NULL)
		return -1;
	pipe->openers = openers;
	openers[pipe->nopeners].process = process;
	openers[pipe->nopeners++].thread = thread;
	thread->doing = DOING_OPENING;
	thread->pipe = pipe;
	thread->fd = -1;
	thread->access = (flags & O_ACCMODE) == O_RDONLY ? PIPE_READ :
	    PIPE_WRITE;
	return 0;
}

/* What opens no FIFO is through with it in no time. */
static bool
is_still_there(const struct pipe_look *look,
    const struct process_info *process, const struct thread_info *thread)
{
	struct procfs_call call;

	return procfs_get_call(look->proc, process->pid, thread->tid,
	    &call) == 0 && memcmp(&call, &thread->call, sizeof(call)) == 0;
}

/*
 * A thread that is in a call that opens files.  The function that it sleeps
 * in says whether it is blocked on a FIFO; where that is kept secret, the
 * file says it.
 */
static int
visit_opener(struct visit *visit, struct thread_info *thread)
{
	static struct doing_open wanted;
	struct pipe_look *look = visit->look;
	struct process_info *process = visit->process;
	char wchan[PROCFS_WCHAN];
	struct pipe_info *pipe;
	bool sure;

	if (procfs_get_wchan(look->proc, process->pid, thread->tid, wchan) ==
	    -1)
		return 0;
	sure = strcmp(wchan, "wait_for_partner") == 0;
	if (!sure && strcmp(wchan, "0") != 0)
		return 0;
	if (doing_get_open(thread->tid, &thread->call, &wanted) == -1) {
		look->lost_openers += sure;
		return 0;
	}
	if ((wanted.flags & O_ACCMODE) == O_RDWR ||
	    (wanted.flags & (O_NONBLOCK | O_PATH)) != 0)
		return 0;
	if (!sure && !is_still_there(look, process, thread))
		return 0;
	pipe = find_opened(look, thread, &wanted, sure);
	if (pipe == NULL)
		return look->errnum == 0 ? 0 : -1;
	return add_opener(look, process, thread, pipe, wanted.flags);
}

/* One of which there is no telling what it opens. */
static void
count_lost(struct visit *visit, const struct thread_info *thread)
{
	char wchan[PROCFS_WCHAN];

	if (procfs_get_wchan(visit->look->proc, visit->process->pid,
	    thread->tid, wchan) == 0 && strcmp(wchan, "wait_for_partner") == 0)
		visit->look->lost_openers++;
}

static int
visit_openers(struct visit *visit)
{
	struct process_info *process = visit->process;
	struct thread_info *thread;

	for (size_t i = 0; visit->opening > 0 && i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (doing_may_open(&thread->call)) {
			if (visit_opener(visit, thread) == -1)
				return -1;
		} else if (!visit->denied && may_open_unsaid(&thread->call))
			count_lost(visit, thread);
	}
	return 0;
}

static bool
is_opener(const struct process_info *process)
{
	for (size_t i = 0; i < process->nthreads; i++)
		if (process->threads[i].doing == DOING_OPENING)
			return true;
	return false;
}

/* Everything about a process that matters. */
static void
describe(struct pipe_look *look, struct process_info *process)
{
	struct procfs_stat stat = { .state = 'X' };
	struct procfs_status status;
	struct thread_info *thread;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%d", process->pid);
	if (procfs_note(fstatat(look->proc, path, &st, 0)) == 0)
		process->uid = st.st_uid;
	if (procfs_get_stat(look->proc, process->pid, process->pid, &stat) ==
	    0) {
		process->parent = stat.parent;
		process->started_ns = stat.started_ns;
		memcpy(process->comm, stat.comm, sizeof(process->comm));
	}
	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (process->nthreads > 1 && procfs_get_stat(look->proc,
		    process->pid, thread->tid, &stat) == -1)
			stat.state = 'X';
		thread->cpu = stat.cpu;
		if (look->everybody && procfs_get_status(look->proc,
		    process->pid, thread->tid, &status) == 0)
			thread->tracer = status.tracer;
		if (thread->doing != DOING_OPENING)
			doing_classify(look->proc, process, thread,
			    stat.state);
	}
}

static void
free_process(struct process_info *process)
{
	for (size_t i = 0; i < process->nthreads; i++)
		free(process->threads[i].polled);
	for (size_t i = 0; i < process->nends; i++)
		free(process->ends[i]);
	free(process->threads);
	free(process->ends);
	free(process);
}

static int
keep(struct pipe_look *look, struct process_info *process)
{
	struct process_info **processes;

	processes = make_room(look, look->processes, look->nprocesses,
	    sizeof(struct process_info *));
	if (processes == NULL) {
		free_process(process);
		return -1;
	}
	look->processes = processes;
	processes[look->nprocesses++] = process;
	describe(look, process);
	return 0;
}

/*
 * Threads of the kernel have nothing that could be hidden; with hidepid=1 of
 * proc(5) they cannot be told from the others.
 */
static void
count_hidden(struct pipe_look *look, pid_t pid)
{
	pid_t task = procfs_living_thread(look->proc, pid);
	struct procfs_stat stat;

	if (procfs_get_stat(look->proc, pid, task, &stat) == -1)
		look->hidden_more = look->hidden_more || errno == EPERM ||
		    errno == EACCES;
	else if (!stat.kernel && stat.state != 'Z' && stat.state != 'X')
		look->hidden++;
}

static int
visit_fds(struct visit *visit)
{
	struct pipe_look *look = visit->look;
	char path[64];

	snprintf(path, sizeof(path), "%d/fd", visit->process->task);
	visit->denied = procfs_each(look->proc, path, visit_fd, visit) == -1 &&
	    look->errnum == 0 && (errno == EACCES || errno == EPERM);
	return look->errnum == 0 ? 0 : -1;
}

/*
 * The descriptors are those of any thread; one that has ended has none, and
 * shows them to nobody but root.
 */
static int
visit_ends(struct visit *visit)
{
	struct process_info *process = visit->process;
	int result = visit_fds(visit);

	if (result == 0 && !visit->listed && process->nthreads > 1) {
		process->task = procfs_living_thread(visit->look->proc,
		    process->pid);
		if (process->task != process->pid)
			result = visit_fds(visit);
	}
	if (visit->denied)
		count_hidden(visit->look, process->pid);
	return result;
}

static int
visit_process(void *arg, int pid, int dir)
{
	struct pipe_look *look = arg;
	struct visit visit = { .look = look };
	int result = 0;

	(void)dir;
	visit.process = calloc(1, sizeof(*visit.process));
	if (visit.process == NULL)
		return fail(look);
	visit.process->pid = visit.process->task = pid;
	if (visit_threads(&visit) == -1 || visit_ends(&visit) == -1 ||
	    visit_openers(&visit) == -1)
		result = -1;
	if ((look->everybody && pid != getpid()) ||
	    visit.process->nends > 0 || is_opener(visit.process))
		return keep(look, visit.process) == -1 ? -1 : result;
	free_process(visit.process);
	return result;
}

/* Where others are not even listed (hidepid), there is no process 1. */
static bool
lists_nobody_else(int proc)
{
	struct stat st;

	return fstatat(proc, "1", &st, 0) == -1;
}

/*
 * Whether there may be processes above us, in another PID name space: of the
 * first one, the kernel fixes the number.
 */
static bool
is_inner(int proc)
{
	char name[64];

	return procfs_read_link(proc, "self/ns/pid", name, sizeof(name)) ==
	    0 && strcmp(name, "pid:[4026531836]") != 0;
}

static int
compare_pids(const void *a, const void *b)
{
	const struct process_info *const *p = a, *const *q = b;

	return ((*p)->pid > (*q)->pid) - ((*p)->pid < (*q)->pid);
}

int
pipeinfo_take(const struct pipe_info *pipe, enum pipe_access access)
{
	const struct process_info *last = NULL;
	const struct pipe_end *end;
	int fd, tries = 0, errnum = ENOENT;
	struct stat st;

	for (size_t i = 0; i < pipe->nends && tries < TAKE_TRIES; i++) {
		end = pipe->ends[i];
		if ((end->access & access) == 0 || end->process == last)
			continue;
		last = end->process;
		tries++;
		fd = procfs_take_fd(end->process->task, end->fd);
		if (fd == -1) {
			errnum = errno;
			continue;
		}
		/* It may be another file by now, or another process. */
		if (procfs_note(fstat(fd, &st)) == 0 &&
		    st.st_ino == pipe->ino &&
		    st.st_dev == pipe->dev)
			return fd;
		close(fd);
	}
	errno = errnum;
	return -1;
}

/*
 * Whether a read end has writers: tee(2), which consumes nothing, fails
 * where it would have to wait for one.
 */
static enum pipe_unseen
ask_for_writers(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int copy[2];
	ssize_t n;
	int errnum;

	if (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLHUP) != 0)
		return UNSEEN_NONE;
	if (procfs_note(pipe2(copy, O_CLOEXEC)) == -1)
		return UNSEEN_MAYBE;
	n = tee(fd, copy[1], 1, SPLICE_F_NONBLOCK);
	errnum = errno;
	close(copy[0]);
	close(copy[1]);
	if (n == 0)
		return UNSEEN_NONE;
	return n == -1 && errnum == EAGAIN ? UNSEEN_SOME : UNSEEN_MAYBE;
}

static enum pipe_unseen
ask_for_readers(int fd)
{
	struct pollfd poll_fd = { .fd = fd };

	if (procfs_note(poll(&poll_fd, 1, 0)) == -1)
		return UNSEEN_MAYBE;
	return (poll_fd.revents & POLLERR) != 0 ? UNSEEN_NONE : UNSEEN_SOME;
}

/*
 * With EPOLLET of epoll_ctl(2) a thread waits for more room than there is:
 * only the write end says whether there is any.
 */
static bool
has_room(const struct pipe_info *pipe)
{
	struct pollfd poll_fd = { .events = POLLOUT };
	bool result;

	poll_fd.fd = pipeinfo_take(pipe, PIPE_WRITE);
	if (poll_fd.fd == -1)
		return false;
	result = poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0;
	close(poll_fd.fd);
	return result;
}

/* Its own size, how much is in it, and who is not in sight. */
void
pipeinfo_measure(const struct pipe_look *look, struct pipe_info *pipe)
{
	int fd, unread;

	if (pipe->measured)
		return;
	pipe->measured = true;
	/* The kernel keeps nothing of a FIFO that nobody has open. */
	if (pipe->nends == 0) {
		if (pipe->ours == 0 && !pipeinfo_misses(look))
			pipe->unread = 0;
		return;
	}
	fd = pipeinfo_take(pipe, PIPE_BOTH);
	if (fd == -1)
		return;
	pipe->capacity = procfs_note(fcntl(fd, F_GETPIPE_SZ));
	if (procfs_note(ioctl(fd, FIONREAD, &unread)) == 0)
		pipe->unread = unread;
	if (pipe->writers == 0 && pipe->unseen_writers == UNSEEN_MAYBE)
		pipe->unseen_writers = ask_for_writers(fd);
	if (pipe->readers == 0 && pipe->unseen_readers == UNSEEN_MAYBE)
		pipe->unseen_readers = ask_for_readers(fd);
	close(fd);
	pipe->roomy = pipe->writing > 0 && has_room(pipe);
}

bool
pipeinfo_waits_at(const struct thread_info *thread,
    const struct pipe_end *end)
{
	if (thread->pipe == end->pipe && thread->fd == end->fd)
		return true;
	for (size_t i = 0; i < thread->npolled; i++)
		if (thread->polled[i].end == end &&
		    !thread->polled[i].only_hangup)
			return true;
	return false;
}

static void
add_waiter(struct pipe_end *end, const struct thread_info *thread)
{
	if (end == NULL)
		return;
	if (end->waiter == NULL)
		end->waiter = thread;
	end->nwaiting++;
}

/* One for each thread that waits, not for each of its descriptors. */
static void
count_waiting(struct process_info *process)
{
	const struct thread_info *thread;
	const struct pipe_polled *polled;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		/* A blocked one proves that there is the other end. */
		if (thread->doing == DOING_READING) {
			thread->pipe->reading++;
			thread->pipe->unseen_writers = UNSEEN_SOME;
		} else if (thread->doing == DOING_WRITING) {
			thread->pipe->writing++;
			thread->pipe->unseen_readers = UNSEEN_SOME;
		} else if (thread->doing == DOING_OPENING) {
			thread->pipe->opening_read +=
			    thread->access == PIPE_READ;
			thread->pipe->opening_write +=
			    thread->access == PIPE_WRITE;
		}
		if (thread->pipe != NULL && thread->fd != -1)
			add_waiter(pipeinfo_end_of(process, thread->fd),
			    thread);
		for (size_t j = 0; j < thread->npolled; j++) {
			polled = &thread->polled[j];
			if (polled->only_hangup)
				continue;
			add_waiter(polled->end, thread);
			polled->end->pipe->reading +=
			    (polled->access & PIPE_READ) != 0;
			polled->end->pipe->writing +=
			    (polled->access & PIPE_WRITE) != 0;
		}
	}
}

static unsigned int
count_ends(const struct pipe_info *pipe, enum pipe_access access,
    const struct process_info **only)
{
	const struct pipe_end *end;
	unsigned int n = 0;

	for (size_t i = 0; i < pipe->nends; i++) {
		end = pipe->ends[i];
		if ((end->access & access) == 0)
			continue;
		if (n++ == 0)
			*only = end->process;
		else if (*only != end->process)
			*only = NULL;
	}
	return n;
}

static void
count(struct pipe_info *pipe)
{
	const struct process_info *only_reader;

	pipe->readers = count_ends(pipe, PIPE_READ, &only_reader);
	pipe->writers = count_ends(pipe, PIPE_WRITE, &pipe->only_writer);
}

int
pipeinfo_scan(struct pipe_look *look)
{
	look->hidden_more = lists_nobody_else(look->proc);
	look->inner = is_inner(look->proc);
	if (procfs_each(look->proc, ".", visit_process, look) == -1) {
		if (look->errnum != 0)
			errno = look->errnum;
		return -1;
	}
	if (look->nprocesses > 0)
		qsort(look->processes, look->nprocesses,
		    sizeof(struct process_info *), compare_pids);
	for (size_t i = 0; i < look->npipes; i++)
		count(look->pipes[i]);
	for (size_t i = 0; i < look->nprocesses; i++)
		count_waiting(look->processes[i]);
	return 0;
}

void
pipeinfo_end(struct pipe_look *look)
{
	for (size_t i = 0; i < look->npipes; i++) {
		free(look->pipes[i]->name);
		free(look->pipes[i]->path);
		free(look->pipes[i]->ends);
		free(look->pipes[i]->openers);
		free(look->pipes[i]);
	}
	for (size_t i = 0; i < look->nprocesses; i++)
		free_process(look->processes[i]);
	free(look->pipes);
	free(look->processes);
	free(look->buckets);
	close(look->proc);
	procfs_clock_end();
}

bool
pipeinfo_misses(const struct pipe_look *look)
{
	return look->hidden > 0 || look->hidden_more ||
	    procfs_failure() != 0;
}

const struct thread_info *
pipeinfo_thread(const struct process_info *process)
{
	for (size_t i = 0; i < process->nthreads; i++)
		if (process->threads[i].doing != DOING_DEAD)
			return &process->threads[i];
	return process->nthreads == 0 ? NULL : process->threads;
}

struct process_info *
pipeinfo_process(const struct pipe_look *look, pid_t pid)
{
	struct process_info key = { .pid = pid }, *pointer = &key, **found;

	if (look->nprocesses == 0)
		return NULL;
	found = bsearch(&pointer, look->processes, look->nprocesses,
	    sizeof(struct process_info *), compare_pids);
	return found == NULL ? NULL : *found;
}

/* Descriptors come in ascending order, and so do ends. */
struct pipe_end *
pipeinfo_end_of(const struct process_info *process, int fd)
{
	size_t low = 0, high = process->nends, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (process->ends[middle]->fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	return low < process->nends && process->ends[low]->fd == fd ?
	    process->ends[low] : NULL;
}

int64_t
pipeinfo_waited(const struct pipe_look *look,
    const struct process_info *process, const struct thread_info *thread)
{
	struct timespec now;
	int64_t idle, age;

	if (procfs_get_idle(look->proc, process->pid, thread->tid,
	    thread->cpu, &idle) == -1)
		return -1;
	clock_gettime(CLOCK_BOOTTIME, &now);
	age = (int64_t)now.tv_sec * NS_PER_SEC + now.tv_nsec -
	    process->started_ns;
	return deadline_min(idle, age);
}

static bool
only_held(const struct pipe_info *pipe)
{
	for (size_t i = 0; i < pipe->nends; i++)
		if (pipe->ends[i]->access != PIPE_BOTH)
			return false;
	return pipe->nends > 0;
}

static enum pipe_state
state_of_both(const struct pipe_info *pipe)
{
	if (pipe->writing > 0 && !pipe->roomy &&
	    (pipe->unread > 0 || pipe->reading == 0))
		return PIPE_STATE_WRITING;
	if (pipe->unread > 0 && pipe->unread == pipe->capacity)
		return PIPE_STATE_FULL;
	if (pipe->unread > 0)
		return PIPE_STATE_DATA;
	if (pipe->reading > 0)
		return PIPE_STATE_READING;
	if (only_held(pipe))
		return PIPE_STATE_HELD;
	return pipe->unread == 0 ? PIPE_STATE_IDLE : PIPE_STATE_OPEN;
}

enum pipe_state
pipeinfo_state(const struct pipe_look *look, const struct pipe_info *pipe)
{
	bool hidden = pipeinfo_misses(look);
	bool no_reader = pipe->readers == 0 &&
	    pipe->unseen_readers != UNSEEN_SOME;
	bool no_writer = pipe->writers == 0 &&
	    pipe->unseen_writers != UNSEEN_SOME;

	/* Blocked in open(2), they prove that the other end is missing. */
	if (pipe->opening_read > 0 && pipe->writers == 0)
		return PIPE_STATE_OPENING_READ;
	if (pipe->opening_write > 0 && pipe->readers == 0)
		return PIPE_STATE_OPENING_WRITE;
	if (pipe->nends == 0)
		return hidden ? PIPE_STATE_HIDDEN : PIPE_STATE_UNUSED;
	if (no_writer && hidden && pipe->unseen_writers == UNSEEN_MAYBE)
		return PIPE_STATE_WRITER_HIDDEN;
	if (no_reader && hidden && pipe->unseen_readers == UNSEEN_MAYBE)
		return PIPE_STATE_READER_HIDDEN;
	if (no_writer)
		return pipe->unread > 0 ? PIPE_STATE_LEFT_OVER :
		    PIPE_STATE_NO_WRITER;
	if (no_reader)
		return pipe->unread > 0 ? PIPE_STATE_UNREACHED :
		    PIPE_STATE_NO_READER;
	return state_of_both(pipe);
}

const char *
pipeinfo_state_name(enum pipe_state state)
{
	static const char *const names[] = {
		[PIPE_STATE_HIDDEN] = "not-visible",
		[PIPE_STATE_READER_HIDDEN] = "reader-not-visible",
		[PIPE_STATE_WRITER_HIDDEN] = "writer-not-visible",
		[PIPE_STATE_UNUSED] = "unused",
		[PIPE_STATE_OPENING_READ] = "opening-read",
		[PIPE_STATE_OPENING_WRITE] = "opening-write",
		[PIPE_STATE_HELD] = "held",
		[PIPE_STATE_NO_WRITER] = "no-writer",
		[PIPE_STATE_LEFT_OVER] = "left-over",
		[PIPE_STATE_NO_READER] = "no-reader",
		[PIPE_STATE_UNREACHED] = "unreached",
		[PIPE_STATE_READING] = "reading",
		[PIPE_STATE_WRITING] = "writing",
		[PIPE_STATE_FULL] = "full",
		[PIPE_STATE_DATA] = "data",
		[PIPE_STATE_IDLE] = "idle",
		[PIPE_STATE_OPEN] = "open",
	};

	return names[state];
}

const char *
pipeinfo_doing_name(enum doing doing)
{
	static const char *const names[] = {
		[DOING_UNKNOWN] = "not-visible",
		[DOING_RUNNING] = "running",
		[DOING_OPENING] = "opening",
		[DOING_READING] = "reading",
		[DOING_WRITING] = "writing",
		[DOING_POLLING] = "polling",
		[DOING_SLEEPING] = "sleeping",
		[DOING_CHILD] = "child",
		[DOING_THREAD] = "thread",
		[DOING_STOPPED] = "stopped",
		[DOING_TRACED] = "traced",
		[DOING_FROZEN] = "frozen",
		[DOING_DEAD] = "dead",
		[DOING_DISK] = "disk",
		[DOING_OTHER] = "other",
	};

	return names[doing];
}
