/*
 * rest - whether a command has done with all that it was told.
 */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pipeinfo.h"
#include "procfs.h"
#include "rest.h"
#include "wakeup.h"

static bool
is_input(int proc, pid_t pid, uint64_t fd, const struct endpoint *input)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%d/fd/%d", (int)pid, (int)fd);
	return procfs_stat_link(proc, path, &st) == 0 &&
	    st.st_dev == input->dev && st.st_ino == input->ino;
}

static bool
has_children(int proc, pid_t pid)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "%d/task/%d/children", (int)pid,
	    (int)pid);
	return procfs_read(proc, path, text, sizeof(text)) != 0;
}

/*
 * The usual case, at the cost of a few calls: one process, which is blocked in
 * read(2) of its input.
 */
static bool
just_reads(const struct endpoint *input, pid_t pid)
{
	struct procfs_call call;
	int proc = procfs_open();
	bool result;

	if (proc == -1)
		return false;
	result = procfs_get_call(proc, pid, pid, &call) == 0 &&
	    call.number == SYS_read && is_input(proc, pid, call.args[0],
	    input) && !has_children(proc, pid);
	close(proc);
	return result;
}

/* Whether it is this process, or was started by it or its children. */
static bool
is_family(const struct pipe_look *look, const struct process_info *process,
    pid_t pid)
{
	/* Numbers may be used again while we look: no more than there are. */
	for (size_t i = 0; i < look->nprocesses && process != NULL; i++) {
		if (process->pid == pid)
			return true;
		process = pipeinfo_process(look, process->parent);
	}
	return false;
}

/* Whether it waits there itself, whatever its other threads do. */
static bool
waits_at(const struct pipe_info *pipe, const struct process_info *process)
{
	for (size_t i = 0; i < pipe->nends; i++)
		if (pipe->ends[i]->process == process &&
		    (pipe->ends[i]->access & PIPE_READ) != 0 &&
		    pipe->ends[i]->nwaiting > 0)
			return true;
	return false;
}

/* What was read may be on its way through a pipeline. */
static bool
somebody_works(const struct pipe_look *look, const struct pipe_info *pipe,
    pid_t pid)
{
	const struct process_info *process;
	enum doing doing;

	for (size_t i = 0; i < look->nprocesses; i++) {
		process = look->processes[i];
		if (waits_at(pipe, process) || !is_family(look, process, pid))
			continue;
		for (size_t j = 0; j < process->nthreads; j++) {
			doing = process->threads[j].doing;
			/* Who writes has more to say, perhaps to us. */
			if (doing == DOING_RUNNING || doing == DOING_DISK ||
			    doing == DOING_WRITING)
				return true;
		}
	}
	return false;
}

/* Whether it cannot be seen what a process does. */
static bool
is_veiled(const struct process_info *process)
{
	const struct thread_info *thread;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->doing == DOING_UNKNOWN)
			return true;
#ifdef SYS_io_uring_enter
		if (thread->call.number == SYS_io_uring_enter)
			return true;
#endif
	}
	return process->nthreads == 0;
}

/* Whether nobody in sight can tell that it waits for more. */
static bool
is_hidden(const struct pipe_look *look, const struct pipe_info *pipe,
    pid_t pid)
{
	const struct process_info *process;

	for (size_t i = 0; i < pipe->nends; i++)
		if (is_veiled(pipe->ends[i]->process))
			return true;
	for (size_t i = 0; i < look->nprocesses; i++) {
		process = look->processes[i];
		if (is_veiled(process) && is_family(look, process, pid))
			return true;
	}
	return pipe->readers == 0;
}

/*
 * How often they have been given a processor, all together.  Who waits for
 * more itself may do so with a time-out, again and again.
 */
static uint64_t
count_turns(const struct pipe_look *look, const struct pipe_info *pipe,
    pid_t pid)
{
	struct process_info *process;
	uint64_t turns = 0;

	for (size_t i = 0; i < look->nprocesses; i++) {
		process = look->processes[i];
		if (!is_family(look, process, pid) || waits_at(pipe, process))
			continue;
		wakeup_find(look->proc, process, false);
		turns += process->turns + 1;
	}
	return turns;
}

static enum rest
look_once(const struct endpoint *input, pid_t pid, uint64_t *turns)
{
	struct stat st = { .st_dev = input->dev, .st_ino = input->ino };
	enum rest result = REST_UNKNOWN;
	const struct pipe_info *pipe;
	struct pipe_look look;

	if (pipeinfo_begin(&look) == -1)
		return REST_UNKNOWN;
	look.everybody = true;
	look.all = true;		/* for who writes to any */
	pipe = pipeinfo_want(&look, &st, "");
	if (pipe == NULL || pipeinfo_scan(&look) == -1)
		result = REST_UNKNOWN;
	else if (pipe->reading > 0)
		result = somebody_works(&look, pipe, pid) ? REST_WORKS :
		    REST_YES;
	else if (!is_hidden(&look, pipe, pid))
		result = REST_NOT;
	*turns = result == REST_YES ? count_turns(&look, pipe, pid) : 0;
	pipeinfo_end(&look);
	return result;
}

/*
 * One is seen after the other, and meanwhile a line may go from one that has
 * not been seen to one that has.  If none has run between two looks, then all
 * of them were waiting at the same time.
 */
static enum rest
look_at_all(const struct endpoint *input, pid_t pid)
{
	uint64_t before = 0, after = 0;
	enum rest rest = look_once(input, pid, &before);

	if (rest != REST_YES)
		return rest;
	rest = look_once(input, pid, &after);
	return rest == REST_YES && before != after ? REST_MOVED : rest;
}

enum rest
rest_look(const struct endpoint *input, const struct child *child, int *unread)
{
	enum rest rest;

	*unread = 0;
	/* Nobody reads it any more. */
	if ((endpoint_ready(input, 0, 0) & POLLERR) != 0)
		return REST_YES;
	if (ioctl(input->fd, FIONREAD, unread) == -1)
		return REST_UNKNOWN;
	if (*unread > 0)
		return REST_NOT;
	if (just_reads(input, child->pid))
		return REST_YES;
	rest = look_at_all(input, child->pid);
	if (ioctl(input->fd, FIONREAD, unread) == 0 && *unread > 0)
		return REST_NOT;
	return rest;
}

void
rest_take_away(const struct endpoint *input)
{
	int fd = endpoint_open_again(input->fd, O_RDONLY | O_NONBLOCK);
	char buffer[4096];

	if (fd == -1)
		return;
	while (read(fd, buffer, sizeof(buffer)) > 0)
		continue;
	close(fd);
}
