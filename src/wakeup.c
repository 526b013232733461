/*
 * wakeup - what may end the waits of a process though no other one does
 * anything.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "compat.h"
#include "procfs.h"
#include "wakeup.h"

#define SIGNALS		64	/* bits of a set in /proc */

/*
 * Those that come by themselves: of timers, of descriptors with O_ASYNC, and
 * of timer_create(2), mq_notify(3) and aio(7), which choose them.
 */
static const struct {
	int		 number;
	bool		 by_itself;
	const char	*name;
} signals[] = {
	{ SIGALRM, true, "SIGALRM" },
	{ SIGIO, true, "SIGIO" },
	{ SIGURG, true, "SIGURG" },
	{ SIGTERM, false, "SIGTERM" },
	{ SIGINT, false, "SIGINT" },
	{ SIGHUP, false, "SIGHUP" },
	{ SIGUSR1, false, "SIGUSR1" },
	{ SIGUSR2, false, "SIGUSR2" },
	{ SIGQUIT, false, "SIGQUIT" },
	{ SIGWINCH, false, "SIGWINCH" },
	{ SIGCONT, false, "SIGCONT" },
	{ SIGTSTP, false, "SIGTSTP" },
	{ SIGTTIN, false, "SIGTTIN" },
	{ SIGTTOU, false, "SIGTTOU" },
#ifdef SIGPWR
	{ SIGPWR, false, "SIGPWR" },
#endif
};

const char *
wakeup_signal_name(int number)
{
	static char other[32];

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i].number == number)
			return signals[i].name;
	snprintf(other, sizeof(other), "signal %d", number);
	return other;
}

static bool
has(uint64_t set, int number)
{
	return (set >> (number - 1) & 1) != 0;
}

static int
find_signal(uint64_t handled, bool itself)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if ((itself || signals[i].by_itself) &&
		    has(handled, signals[i].number))
			return signals[i].number;
	for (int number = SIGRTMIN; number <= SIGNALS; number++)
		if (has(handled, number))
			return number;
	return 0;
}

/*
 * What a handler runs for in one of its threads.  The digest of how often
 * each of them has run is the same as long as none of them has.
 */
static int
read_threads(int proc, struct process_info *process, uint64_t *handled)
{
	const struct thread_info *thread;
	struct procfs_status status;

	*handled = 0;
	process->turns = process->nthreads;
	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->doing == DOING_DEAD)
			continue;
		if (procfs_get_status(proc, process->pid, thread->tid,
		    &status) == -1)
			return -1;
		process->turns += ((uint64_t)thread->tid << 32) +
		    status.turns * UINT64_C(0x9e3779b97f4a7c15);
		if (!thread->vforked)
			*handled |= status.caught & ~status.blocked;
	}
	return 0;
}

static int
is_ring(void *arg, int fd, int dir)
{
	char name[16], link[64];

	(void)arg;
	snprintf(name, sizeof(name), "%d", fd);
	return procfs_read_link(dir, name, link, sizeof(link)) == 0 &&
	    strcmp(link, "anon_inode:[io_uring]") == 0;
}

static bool
has_ring(int proc, const struct process_info *process)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/fd", process->task);
	return procfs_each(proc, path, is_ring, NULL) == 1;
}

void
wakeup_find(int proc, struct process_info *process, bool itself)
{
	uint64_t handled;

	if (read_threads(proc, process, &handled) == -1) {
		process->acts = ACTS_MOVED;
		return;
	}
	process->heeds_children = has(handled, SIGCHLD);
	process->signal = find_signal(handled, itself);
	if (process->signal != 0)
		process->acts = ACTS_SIGNAL;
	else if (procfs_has_timers(proc, process->pid))
		process->acts = ACTS_TIMER;
	else if (has_ring(proc, process))
		process->acts = ACTS_RING;
}
