/*
 * fifo-stat --why - the chain of who waits for whom, down to its root.
 */
#include "config.h"

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "compat.h"
#include "deadline.h"
#include "fifo-stat.h"
#include "pipewait.h"
#include "status.h"
#include "trace.h"
#include "wakeup.h"

#define MANY_ENDS	32	/* of one pipe */
#define MANY_THREADS	16	/* of one process, that do different things */

struct why {
	const struct fifo_stat	*fs;
	struct pipe_look	*look;
	struct pipewait		 wait;
	struct table		 table;
	struct text	 roots;		/* said below the chain */
	unsigned int		 nroots;
	unsigned int		 operand;	/* from 1 */
	bool			 deadlock;
};

/* A line of the chain. */
struct step {
	const struct process_info	*process;
	const struct thread_info	*thread;
	const char			*cause;	/* of a root; else NULL */
	const char			*sentence;
	bool				 partly;	/* as others above */
};

static struct libscols_line *
print_step(struct why *why, const struct step *step,
    struct libscols_line *above)
{
	const struct thread_info *thread = step->thread;
	struct libscols_line *line;
	char number[24], wait[STAT_TIME];
	int64_t ns = -1;

	if (thread != NULL && thread->doing != DOING_RUNNING &&
	    thread->doing != DOING_DEAD)
		ns = pipeinfo_waited(why->look, step->process, thread);
	line = table_add_line(&why->table, above);
	table_add_cell(&why->table, trace_safe(step->process->comm));
	snprintf(number, sizeof(number), "%d", step->process->pid);
	table_add_cell(&why->table, number);
	table_add_cell(&why->table, pipeinfo_doing_name(thread == NULL ?
	    DOING_UNKNOWN : thread->doing));
	if (why->fs->opt.json || why->fs->opt.raw)
		snprintf(wait, sizeof(wait), "%.3f",
		    (double)ns / (double)NS_PER_SEC);
	else
		stat_time(ns, wait);
	table_add_cell(&why->table, ns == -1 ? NULL : wait);
	table_add_cell(&why->table, thread == NULL || thread->pipe == NULL ?
	    NULL : stat_pipe_name(thread->pipe));
	table_add_cell(&why->table, step->cause);
	table_add_cell(&why->table, step->sentence);
	return line;
}

struct full_disk {
	struct why	*why;
	pid_t		 task;
	char		 name[4096];
};

/* A dead server would hang whoever asks how much room it has. */
static bool
has_server(const struct full_disk *full, int fd)
{
	static const char *const servers[] = {
		"nfs", "fuse", "cifs", "smb", "9p", "ceph", "afs", "virtiofs",
		"lustre", "pvfs2", "coda", "gfs2", "ocfs2",
	};
	char type[PROCFS_TYPE];

	if (procfs_get_type(full->why->look->proc, full->task, fd, type) == -1)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		if (strncmp(type, servers[i], strlen(servers[i])) == 0)
			return true;
	return false;
}

/* A regular file that is open for writing where there is no room. */
static int
is_on_full_disk(void *arg, int fd, int dir)
{
	struct full_disk *full = arg;
	char name[16], path[64];
	struct statfs fs;
	struct stat st;
	int flags;

	snprintf(name, sizeof(name), "%d", fd);
	if (procfs_stat_link(dir, name, &st) == -1 || !S_ISREG(st.st_mode))
		return 0;
	if (procfs_get_flags(full->why->look->proc, full->task, fd, &flags) ==
	    -1 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0)
		return 0;
	if (has_server(full, fd))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", full->task, fd);
	if (statfs(path, &fs) == -1 || fs.f_blocks == 0 || fs.f_bavail > 0)
		return 0;
	snprintf(path, sizeof(path), "%d/fd/%d", full->task, fd);
	return procfs_read_link(full->why->look->proc, path, full->name,
	    sizeof(full->name)) == 0;
}

/* in_sight: a process that could end the wait was found before. */
static const char *
say_waiting_root(const struct why *why, const struct thread_info *thread,
    bool in_sight, FILE *f)
{
	if (!in_sight) {
		fprintf(f, "; nobody in sight can end that%s",
		    thread->timed ? " sooner" :
		    thread->polls_others ? " through a pipe" : "");
		stat_say_hidden(f, why->look, "; not visible: ");
	}
	return thread->timed ? "time-out" : thread->polls_others ?
	    pipeinfo_doing_name(thread->doing) : "not-visible";
}

/* What is at the bottom of it, as a word and a sentence. */
static const char *
say_root(struct why *why, const struct process_info *process,
    const struct thread_info *thread, bool in_sight, FILE *f)
{
	struct full_disk full = { .why = why, .task = process->task };
	char path[64];

	if (thread == NULL) {
		fputs("has gone", f);
		return "gone";
	}
	stat_say_doing(f, why->look, process, thread);
	if (pipewait_waits(thread))
		return say_waiting_root(why, thread, in_sight, f);
	snprintf(path, sizeof(path), "%d/fd", process->task);
	if (procfs_each(why->look->proc, path, is_on_full_disk, &full) > 0) {
		fprintf(f, "; its file %s is on a full disk",
		    trace_safe(full.name));
		return "full-disk";
	}
	return pipeinfo_doing_name(thread->doing);
}

/* Once for each, wherever the chain comes upon it. */
static void
say_cycle(struct why *why, struct process_info *process)
{
	struct process_info **cycle;
	size_t n;

	cycle = pipewait_cycle(&why->wait, process, &n);
	if (cycle == NULL)
		return;
	fputs("deadlock: ", why->roots.f);
	for (size_t i = 0; i < n; i++) {
		stat_say_process(why->roots.f, cycle[i]);
		fputs(" waits for ", why->roots.f);
	}
	stat_say_process(why->roots.f, cycle[0]);
	stat_say_hidden(why->roots.f, why->look,
	    ", as far as can be seen; not visible: ");
	if (why->look->inner)
		fputs(", as far as can be seen from this PID name space",
		    why->roots.f);
	fputc('\n', why->roots.f);
	free(cycle);
}

/* Of its own accord a process goes on, though a thread of it waits. */
static const char *
say_acts(struct why *why, const struct step *step, FILE *f)
{
	switch (step->process->acts) {
	case ACTS_SIGNAL:
		fprintf(f, "catches %s, which may end its wait",
		    wakeup_signal_name(step->process->signal));
		return "signal";
	case ACTS_CHILD:
		fputs("catches SIGCHLD, which comes when a child of it ends",
		    f);
		return "signal";
	case ACTS_TIMER:
		fputs("has a timer, which may end its wait", f);
		return "timer";
	case ACTS_RING:
		fputs("has an io_uring, which may end its wait", f);
		return "io_uring";
	case ACTS_MOVED:
		fputs("went on while we looked", f);
		return "moving";
	case ACTS_OURS:
		fputs("waits for fifo-stat itself", f);
		return "fifo-stat";
	default:
		return say_root(why, step->process, step->thread,
		    step->process->acts != ACTS_UNSEEN, f);
	}
}

/* The same root is told once, wherever chains come upon it. */
static void
print_root(struct why *why, struct step *step, bool by_itself,
    struct libscols_line *above)
{
	struct text said;
	char *sentence;

	stat_text_begin(&said);
	step->cause = by_itself ? say_acts(why, step, said.f) :
	    say_root(why, step->process, step->thread, false, said.f);
	step->sentence = sentence = stat_text_end(&said);
	fputs("root cause: ", why->roots.f);
	stat_say_process(why->roots.f, step->process);
	fprintf(why->roots.f, " %s\n", sentence);
	why->nroots++;
	print_step(why, step, above);
	free(sentence);
}

static void
print_chain(struct why *, struct process_info *, const struct thread_info *,
    struct libscols_line *above);

/*
 * Whether the chain below a process leads to nothing but back to it, though
 * it goes on by itself.
 */
static void
print_what_acts(struct why *why, struct process_info *process,
    struct libscols_line *above)
{
	struct step step = { .process = process };

	step.thread = pipewait_acting(process);
	if (step.thread == NULL)
		step.thread = pipewait_thread(process);
	if (!process->told)
		print_root(why, &step, true, above);
	process->told = true;
}

/* What it waits for, and below it those that it waits for. */
static void
print_waiting(struct why *why, const struct step *step,
    struct process_info *process, struct process_info *const *list, size_t n,
    struct libscols_line *above)
{
	unsigned int nroots = why->nroots;
	struct process_info **copy;
	struct libscols_line *line;
	struct step said = *step;
	struct text doing;
	bool itself = false;
	char *sentence;

	copy = calloc(n, sizeof(struct process_info *));
	if (copy == NULL)
		err(STATUS_ERROR, NULL);
	memcpy(copy, list, n * sizeof(struct process_info *));
	stat_text_begin(&doing);
	stat_say_doing(doing.f, why->look, step->process, step->thread);
	if (step->partly)
		fputs("; in part as others above", doing.f);
	said.sentence = sentence = stat_text_end(&doing);
	line = print_step(why, &said, above);
	free(sentence);
	for (size_t i = 0; i < n; i++) {
		if (copy[i] == process && process->acts != ACTS_NOT)
			itself = true;
		else
			print_chain(why, copy[i], NULL, line);
	}
	if (process->acts != ACTS_NOT && (itself || why->nroots == nroots))
		print_what_acts(why, process, line);
	free(copy);
}

/*
 * At the pipe of a job server hundreds wait for hundreds: once these are
 * shown, it is enough to say so.
 */
static bool
waits_as_others(struct pipe_info *pipe, enum pipe_access access)
{
	bool before = true;

	if (pipe->nends <= MANY_ENDS)
		return false;
	if ((access & PIPE_READ) != 0) {
		before = before && pipe->writers_shown;
		pipe->writers_shown = true;
	}
	if ((access & PIPE_WRITE) != 0) {
		before = before && pipe->readers_shown;
		pipe->readers_shown = true;
	}
	return before;
}

/*
 * The thread without what it waits for as others above do; its polled is the
 * caller's to free.
 */
static struct thread_info
leave_out_shown(const struct thread_info *thread)
{
	struct thread_info rest = *thread;
	const struct pipe_polled *polled;

	if (thread->pipe != NULL && thread->doing != DOING_OPENING &&
	    waits_as_others(thread->pipe, thread->access))
		rest.doing = DOING_UNKNOWN;
	rest.polled = calloc(thread->npolled + 1, sizeof(*rest.polled));
	if (rest.polled == NULL)
		err(STATUS_ERROR, NULL);
	rest.npolled = 0;
	for (size_t i = 0; i < thread->npolled; i++) {
		polled = &thread->polled[i];
		if (!waits_as_others(polled->end->pipe, polled->access))
			rest.polled[rest.npolled++] = *polled;
	}
	if (rest.npolled == 0 && thread->npolled > 0)
		rest.doing = DOING_UNKNOWN;
	return rest;
}

static void
print_thread(struct why *why, struct process_info *process,
    const struct thread_info *thread, struct libscols_line *above)
{
	struct step step = { .process = process, .thread = thread };
	struct process_info *const *list;
	struct thread_info rest;
	size_t n;

	if (thread == NULL) {
		print_root(why, &step, false, above);
		return;
	}
	process->threads[thread - process->threads].told = why->operand;
	rest = leave_out_shown(thread);
	step.partly = rest.npolled < thread->npolled;
	n = pipewait_releasers(&why->wait, process, &rest, &list);
	if (rest.doing != thread->doing) {
		step.sentence = "waits as others above";
		print_step(why, &step, above);
	} else if (n == 0)
		print_root(why, &step, process->acts == ACTS_OURS, above);
	else
		print_waiting(why, &step, process, list, n, above);
	free(rest.polled);
}

static bool
waits_alike(const struct thread_info *one, const struct thread_info *other)
{
	return one->doing == other->doing && one->pipe == other->pipe &&
	    one->access == other->access && one->doing != DOING_POLLING;
}

/* All threads of which there is something to tell; or else one. */
static void
print_threads(struct why *why, struct process_info *process,
    struct libscols_line *above)
{
	const struct thread_info *told[MANY_THREADS], *thread;
	size_t n = 0, same;

	for (size_t i = 0; i < process->nthreads && n < MANY_THREADS; i++) {
		thread = &process->threads[i];
		if (!pipewait_waits(thread) && thread->doing != DOING_OPENING)
			continue;
		same = 0;
		while (same < n && !waits_alike(told[same], thread))
			same++;
		if (same < n)
			continue;
		told[n++] = thread;
		print_thread(why, process, thread, above);
	}
	if (n == 0)
		print_thread(why, process, pipewait_thread(process), above);
}

/* Of one thread, or of all with NULL. */
static void
print_chain(struct why *why, struct process_info *process,
    const struct thread_info *thread, struct libscols_line *above)
{
	struct step step = {
		.process = process, .thread = pipewait_thread(process),
	};

	if (process->in_chain || process->shown) {
		step.sentence = "see above";
		if (process->in_chain && process->stuck) {
			step.sentence = "waits, and the circle is closed";
			step.cause = "deadlock";
		}
		print_step(why, &step, above);
		return;
	}
	process->shown = process->in_chain = true;
	if (process->stuck) {
		why->deadlock = true;
		say_cycle(why, process);
	}
	if (thread == NULL)
		print_threads(why, process, above);
	else
		print_thread(why, process, thread, above);
	process->in_chain = false;
}

static void
print_see_above(struct why *why, const struct process_info *process,
    const struct thread_info *thread)
{
	struct step step = {
		.process = process, .sentence = "see above",
		.thread = thread == NULL ? pipewait_thread(process) : thread,
	};

	print_step(why, &step, NULL);
}

/* For which operand a thread, or one that waits alike, was told of, or 0. */
static unsigned int
told_for(const struct process_info *process, const struct thread_info *thread)
{
	unsigned int told = 0;

	for (size_t i = 0; i < process->nthreads; i++)
		if (process->threads[i].told > told &&
		    (&process->threads[i] == thread ||
		    waits_alike(&process->threads[i], thread)))
			told = process->threads[i].told;
	return told;
}

/*
 * A chain of an operand: every one is answered, if only by where the answer
 * stands.
 */
static void
begin_chain(struct why *why, struct process_info *process,
    const struct thread_info *thread)
{
	unsigned int told;

	if (!process->shown) {
		print_chain(why, process, thread, NULL);
		return;
	}
	told = told_for(process, thread);
	if (told == 0) {
		process->in_chain = true;
		print_thread(why, process, thread, NULL);
		process->in_chain = false;
	} else if (told != why->operand) {
		print_see_above(why, process, thread);
		process->threads[thread - process->threads].told =
		    why->operand;
	}
}

/* The same of all threads of a process. */
static void
begin_chains(struct why *why, struct process_info *process)
{
	const struct thread_info *thread;
	bool answered = false;

	if (!process->shown) {
		print_chain(why, process, NULL, NULL);
		return;
	}
	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if ((!pipewait_waits(thread) &&
		    thread->doing != DOING_OPENING) ||
		    told_for(process, thread) != 0)
			continue;
		begin_chain(why, process, thread);
		answered = true;
	}
	if (!answered)
		print_see_above(why, process, NULL);
}

/* Where the chains begin: with all that wait at a pipe. */
static void
print_pipe(struct why *why, const struct pipe_info *pipe)
{
	for (size_t i = 0; i < pipe->nopeners; i++)
		begin_chain(why, pipe->openers[i].process,
		    pipe->openers[i].thread);
	for (size_t i = 0; i < pipe->nends; i++)
		if (pipe->ends[i]->waiter != NULL)
			begin_chain(why, pipe->ends[i]->process,
			    pipe->ends[i]->waiter);
}

/* What is gone by now has no chain. */
static int
say_gone(const struct stat_target *target)
{
	warnx("%s: no such process", trace_safe(target->name));
	return STATUS_ERROR;
}

static int
print_process(struct why *why, const struct stat_target *target)
{
	const struct thread_info *thread = NULL;
	struct process_info *process = stat_process_of(why->look, target);

	if (process == NULL)
		return say_gone(target);
	/* A thread that was named, unless it stands for them all. */
	for (size_t i = 0; target->pid != process->pid &&
	    i < process->nthreads; i++)
		if (process->threads[i].tid == target->pid)
			thread = &process->threads[i];
	if (thread != NULL)
		begin_chain(why, process, thread);
	else
		begin_chains(why, process);
	return STATUS_OK;
}

static int
print_target(struct why *why, const struct stat_target *target)
{
	const struct process_info *process;
	const struct pipe_end *end;
	struct pipe_info *pipe;
	struct stat st;

	if (target->pid == 0) {
		pipe = fstat(target->pinned, &st) == -1 ? NULL :
		    pipeinfo_want(why->look, &st, target->name);
		if (pipe != NULL)
			print_pipe(why, pipe);
		return STATUS_OK;
	}
	if (target->fd == -1)
		return print_process(why, target);
	process = stat_process_of(why->look, target);
	end = process == NULL ? NULL : pipeinfo_end_of(process, target->fd);
	if (process == NULL)
		return say_gone(target);
	if (end != NULL)
		print_pipe(why, end->pipe);
	return STATUS_OK;
}

/* A pipe at which nobody waits has no chain, but a state. */
static void
say_quiet_pipes(const struct why *why, FILE *f)
{
	const struct pipe_info *pipe;
	char *verdict;

	for (size_t i = 0; i < why->look->npipes; i++) {
		pipe = why->look->pipes[i];
		if (!pipe->wanted || why->fs->opt.all || pipe->reading > 0 ||
		    pipe->writing > 0 || pipe->nopeners > 0)
			continue;
		verdict = stat_verdict(why->look, pipe);
		fprintf(f, "%s: %s\n", stat_pipe_name(pipe), verdict);
		free(verdict);
	}
}

static void
add_columns(struct table *table)
{
	table_add_column(table, "COMMAND", TABLE_STRING, TABLE_TREE);
	table_add_column(table, "PID", TABLE_NUMBER, TABLE_RIGHT);
	table_add_column(table, "DOING", TABLE_STRING, 0);
	table_add_column(table, "WAIT", TABLE_NUMBER, TABLE_RIGHT);
	table_add_column(table, "NAME", TABLE_STRING, 0);
	table_add_column(table, "CAUSE", TABLE_STRING, 0);
	table_add_column(table, "WHY", TABLE_STRING, 0);
}

static int
print_all(struct why *why, FILE *f)
{
	int status = STATUS_OK;

	if (!stat_begin_table(why->fs, &why->table, f))
		return STATUS_ERROR;
	add_columns(&why->table);
	for (size_t i = 0; i < why->fs->ntargets; i++) {
		why->operand++;
		status = status_join(status, print_target(why,
		    &why->fs->targets[i]));
	}
	why->operand++;
	for (size_t i = 0; why->fs->opt.all && i < why->look->npipes; i++)
		print_pipe(why, why->look->pipes[i]);
	if (table_end(&why->table) == -1)
		return STATUS_ERROR;
	return status_join(status, why->deadlock ? STATUS_DEADLOCK :
	    STATUS_OK);
}

/* What seems to be stuck is so only if it is in a second look as well. */
static void
find_stuck(struct why *why, const struct fifo_stat *fs)
{
	struct pipe_look before;

	if (pipewait_begin(&why->wait, why->look, NULL) == -1)
		err(STATUS_ERROR, NULL);
	if (why->wait.nstuck == 0)
		return;
	pipewait_end(&why->wait);
	before = *why->look;
	stat_look(fs, why->look, true);
	if (pipewait_begin(&why->wait, why->look, &before) == -1)
		err(STATUS_ERROR, NULL);
	pipeinfo_end(&before);
}

int
stat_print_why(const struct fifo_stat *fs, struct pipe_look *look, FILE *f)
{
	struct why why = { .fs = fs, .look = look };
	char *roots;
	int status;

	stat_text_begin(&why.roots);
	find_stuck(&why, fs);
	status = print_all(&why, f);
	roots = stat_text_end(&why.roots);
	if (!fs->opt.json && !fs->opt.raw) {
		fputs(roots, f);
		say_quiet_pipes(&why, f);
	}
	free(roots);
	pipewait_end(&why.wait);
	return status;
}
