/*
 * pipewait - who waits for whom.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "pipewait.h"
#include "wakeup.h"

/* Processes that are not stuck, and how many of them it was told of. */
struct acting {
	struct process_info	**list;
	size_t			 n;
	size_t			 told;
};

static int
compare_parents(const void *a, const void *b)
{
	const struct process_info *const *p = a, *const *q = b;

	return ((*p)->parent > (*q)->parent) - ((*p)->parent < (*q)->parent);
}

/* The first of the children of a process, which stand side by side. */
static size_t
first_child(const struct pipewait *wait, pid_t parent)
{
	size_t low = 0, high = wait->look->nprocesses, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (wait->by_parent[middle]->parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Without a limit, for what others do. */
static bool
waits_for_others(const struct thread_info *thread)
{
	switch (thread->doing) {
	case DOING_READING:
	case DOING_WRITING:
	case DOING_CHILD:
		return true;
	case DOING_POLLING:
		return !thread->timed && !thread->polls_others &&
		    thread->npolled > 0;
	default:
		return false;
	}
}

bool
pipewait_waits(const struct thread_info *thread)
{
	return thread->doing == DOING_READING ||
	    thread->doing == DOING_WRITING || thread->doing == DOING_CHILD ||
	    (thread->doing == DOING_POLLING && thread->npolled > 0);
}

const struct thread_info *
pipewait_acting(const struct process_info *process)
{
	const struct thread_info *thread;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (!waits_for_others(thread) &&
		    thread->doing != DOING_DEAD &&
		    (thread->doing != DOING_THREAD || thread->timed))
			return thread;
	}
	return NULL;
}

static bool
may_be_stuck(const struct process_info *process)
{
	bool waits = false;

	for (size_t i = 0; i < process->nthreads; i++)
		waits = waits || waits_for_others(&process->threads[i]);
	return waits && pipewait_acting(process) == NULL;
}

static void
add(struct pipewait *wait, struct process_info *process, size_t *n)
{
	if (process->mark == wait->mark)
		return;
	process->mark = wait->mark;
	wait->list[(*n)++] = process;
}

/* All that have the other end of what is waited at. */
static void
add_others(struct pipewait *wait, const struct pipe_info *pipe,
    enum pipe_access access, size_t *n)
{
	enum pipe_access other = 0;

	if ((access & PIPE_READ) != 0)
		other |= PIPE_WRITE;
	if ((access & PIPE_WRITE) != 0)
		other |= PIPE_READ;
	for (size_t i = 0; i < pipe->nends; i++)
		if ((pipe->ends[i]->access & other) != 0)
			add(wait, pipe->ends[i]->process, n);
}

/* After vfork(2) it is a child in the same memory, and no other one. */
static bool
is_child_of(const struct process_info *child,
    const struct process_info *process, const struct thread_info *thread)
{
	if (child->parent != process->pid ||
	    (thread->child != 0 && thread->child != child->pid))
		return false;
	return !thread->vforked ||
	    procfs_share_memory(process->pid, child->pid) != 0;
}

static bool
is_tracee_of(const struct pipe_tracee *tracee,
    const struct process_info *process, const struct thread_info *thread)
{
	return tracee->tracer == process && !thread->vforked &&
	    (thread->child == 0 || thread->child == tracee->tid);
}

static void
add_children(struct pipewait *wait, const struct process_info *process,
    const struct thread_info *thread, size_t *n)
{
	struct process_info *child;

	for (size_t i = first_child(wait, process->pid);
	    i < wait->look->nprocesses; i++) {
		child = wait->by_parent[i];
		if (child->parent != process->pid)
			break;
		if (is_child_of(child, process, thread))
			add(wait, child, n);
	}
	for (size_t i = 0; i < wait->ntracees; i++)
		if (is_tracee_of(&wait->tracees[i], process, thread))
			add(wait, wait->tracees[i].process, n);
}

size_t
pipewait_releasers(struct pipewait *wait, const struct process_info *process,
    const struct thread_info *thread, struct process_info *const **list)
{
	size_t n = 0;

	wait->mark++;
	*list = wait->list;
	switch (thread->doing) {
	case DOING_READING:
	case DOING_WRITING:
		add_others(wait, thread->pipe, thread->access, &n);
		break;
	case DOING_POLLING:
		for (size_t i = 0; i < thread->npolled; i++)
			add_others(wait, thread->polled[i].end->pipe,
			    thread->polled[i].access, &n);
		break;
	case DOING_CHILD:
		add_children(wait, process, thread, &n);
		break;
	default:
		break;
	}
	return n;
}

static void
set_acting(struct acting *acting, struct process_info *process)
{
	if (!process->stuck)
		return;
	process->stuck = false;
	acting->list[acting->n++] = process;
}

/* Whether any thread of a process waits at a pipe in that way. */
static bool
waits_at(const struct process_info *process, const struct pipe_info *pipe,
    enum pipe_access access)
{
	const struct thread_info *thread;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->pipe == pipe && (thread->access & access) != 0)
			return true;
		for (size_t j = 0; j < thread->npolled; j++)
			if (thread->polled[j].end->pipe == pipe &&
			    (thread->polled[j].access & access) != 0)
				return true;
	}
	return false;
}

/* One of a pipe's writers, or readers, acts: what waits for it is free. */
static void
free_side(struct acting *acting, struct pipe_info *pipe,
    enum pipe_access acts)
{
	bool *known = acts == PIPE_WRITE ? &pipe->writer_acts :
	    &pipe->reader_acts;
	enum pipe_access waiting = acts == PIPE_WRITE ? PIPE_READ : PIPE_WRITE;

	if (*known)
		return;		/* told before: once a pipe is enough */
	*known = true;
	for (size_t i = 0; i < pipe->nends; i++)
		if (pipe->ends[i]->process->stuck &&
		    waits_at(pipe->ends[i]->process, pipe, waiting))
			set_acting(acting, pipe->ends[i]->process);
}

static bool
waits_for_child(const struct process_info *process,
    const struct process_info *child)
{
	const struct thread_info *thread;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->doing == DOING_CHILD &&
		    is_child_of(child, process, thread))
			return true;
	}
	return false;
}

/* Its end may come, and then that of what its parent waits for. */
static void
free_parent(const struct pipe_look *look, struct acting *acting,
    const struct process_info *process)
{
	struct process_info *parent = pipeinfo_process(look, process->parent);
	const struct thread_info *thread = pipeinfo_thread(process);

	if (parent == NULL || !parent->stuck)
		return;
	if (waits_for_child(parent, process))
		set_acting(acting, parent);
	else if (parent->heeds_children && thread != NULL &&
	    thread->doing != DOING_DEAD) {
		parent->acts = ACTS_CHILD;
		set_acting(acting, parent);
	}
}

static bool
waits_for_tracee(const struct pipe_tracee *tracee)
{
	const struct process_info *process = tracee->tracer;
	const struct thread_info *thread;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->doing == DOING_CHILD &&
		    is_tracee_of(tracee, process, thread))
			return true;
	}
	return false;
}

/* The next call of what it traces ends such a wait. */
static void
free_tracers(const struct pipewait *wait, struct acting *acting,
    const struct process_info *process)
{
	for (size_t i = 0; i < wait->ntracees; i++)
		if (wait->tracees[i].process == process &&
		    waits_for_tracee(&wait->tracees[i]))
			set_acting(acting, wait->tracees[i].tracer);
}

static void
free_waiters(const struct pipewait *wait, struct acting *acting,
    const struct process_info *process)
{
	for (size_t i = 0; i < process->nends; i++) {
		if ((process->ends[i]->access & PIPE_READ) != 0)
			free_side(acting, process->ends[i]->pipe, PIPE_READ);
		if ((process->ends[i]->access & PIPE_WRITE) != 0)
			free_side(acting, process->ends[i]->pipe, PIPE_WRITE);
	}
	free_parent(wait->look, acting, process);
	free_tracers(wait, acting, process);
}

static bool
has_other(const struct pipe_info *pipe, enum pipe_access access)
{
	return ((access & PIPE_READ) != 0 && pipe->writers > 0) ||
	    ((access & PIPE_WRITE) != 0 && pipe->readers > 0);
}

static bool
has_child(const struct pipewait *wait, const struct process_info *process,
    const struct thread_info *thread)
{
	const struct process_info *child;

	for (size_t i = first_child(wait, process->pid);
	    i < wait->look->nprocesses; i++) {
		child = wait->by_parent[i];
		if (child->parent != process->pid)
			break;
		if (is_child_of(child, process, thread))
			return true;
	}
	for (size_t i = 0; i < wait->ntracees; i++)
		if (is_tracee_of(&wait->tracees[i], process, thread))
			return true;
	return false;
}

/* Nobody in sight can end this wait: who knows then. */
static bool
has_releaser(const struct pipewait *wait, const struct process_info *process,
    const struct thread_info *thread)
{
	switch (thread->doing) {
	case DOING_READING:
	case DOING_WRITING:
		return has_other(thread->pipe, thread->access);
	case DOING_POLLING:
		for (size_t i = 0; i < thread->npolled; i++)
			if (has_other(thread->polled[i].end->pipe,
			    thread->polled[i].access))
				return true;
		return false;
	case DOING_CHILD:
		return has_child(wait, process, thread);
	default:
		return true;
	}
}

static bool
has_releasers(const struct pipewait *wait, const struct process_info *process)
{
	for (size_t i = 0; i < process->nthreads; i++)
		if (!has_releaser(wait, process, &process->threads[i]))
			return false;
	return true;
}

/* A reader of ours waits for what we say, a writer for us to leave. */
static bool
is_at_us(const struct pipe_info *pipe, enum pipe_access access)
{
	return ((access & PIPE_READ) != 0 && pipe->our_output) ||
	    ((access & PIPE_WRITE) != 0 && pipe->readers == 0 &&
	    (pipe->ours & PIPE_READ) != 0);
}

/* The same of all its threads; and our parent waits for us as well. */
static bool
waits_for_us(const struct process_info *process)
{
	const struct thread_info *thread;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->doing == DOING_CHILD &&
		    process->pid == getppid() && !thread->vforked &&
		    (thread->child == 0 || thread->child == getpid()))
			return true;
		if (thread->pipe != NULL && thread->fd != -1 &&
		    is_at_us(thread->pipe, thread->access))
			return true;
		for (size_t j = 0; j < thread->npolled; j++)
			if (is_at_us(thread->polled[j].end->pipe,
			    thread->polled[j].access))
				return true;
	}
	return false;
}

static bool
reads_own(const struct process_info *process, const struct pipe_info *pipe,
    enum pipe_access access)
{
	return (access & PIPE_READ) != 0 && pipe->only_writer == process;
}

/* For data in a pipe to which it alone can write: from its own handlers. */
static bool
waits_for_itself(const struct process_info *process)
{
	const struct thread_info *thread;

	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->fd != -1 && thread->pipe != NULL &&
		    reads_own(process, thread->pipe, thread->access))
			return true;
		for (size_t j = 0; j < thread->npolled; j++)
			if (reads_own(process, thread->polled[j].end->pipe,
			    thread->polled[j].access))
				return true;
	}
	return false;
}

/* It was stuck before, and has not run since. */
static bool
is_as_before(const struct pipe_look *before,
    const struct process_info *process)
{
	const struct process_info *then = pipeinfo_process(before,
	    process->pid);

	return then != NULL && then->stuck &&
	    then->started_ns == process->started_ns &&
	    then->turns == process->turns;
}

/* Whether a process goes on whatever others do. */
static enum process_acts
find_acts(const struct pipewait *wait, struct process_info *process)
{
	if (!may_be_stuck(process))
		return ACTS_THREAD;
	if (waits_for_us(process))
		return ACTS_OURS;
	if (!has_releasers(wait, process))
		return ACTS_UNSEEN;
	process->acts = ACTS_NOT;
	wakeup_find(wait->look->proc, process, waits_for_itself(process));
	return process->acts;
}

/* Those that wait for somebody who acts are taken out, and so on. */
static void
free_all(const struct pipewait *wait, struct acting *acting)
{
	/* The list grows while it is told. */
	for (; acting->told < acting->n; acting->told++)
		free_waiters(wait, acting, acting->list[acting->told]);
}

/* Everybody is stuck who only waits for others that are. */
static int
find_stuck(struct pipewait *wait, const struct pipe_look *before)
{
	const struct pipe_look *look = wait->look;
	struct process_info *process;
	struct acting acting = { 0 };

	acting.list = calloc(look->nprocesses + 1,
	    sizeof(struct process_info *));
	if (acting.list == NULL)
		return -1;
	for (size_t i = 0; i < look->nprocesses; i++)
		look->processes[i]->stuck = true;
	for (size_t i = 0; i < look->nprocesses; i++) {
		process = look->processes[i];
		process->acts = find_acts(wait, process);
		if (process->acts != ACTS_NOT)
			set_acting(&acting, process);
	}
	free_all(wait, &acting);
	for (size_t i = 0; before != NULL && i < look->nprocesses; i++) {
		process = look->processes[i];
		if (!process->stuck || is_as_before(before, process))
			continue;
		process->acts = ACTS_MOVED;
		set_acting(&acting, process);
	}
	free_all(wait, &acting);
	wait->nstuck = look->nprocesses - acting.n;
	free(acting.list);
	return 0;
}

/* The process that a thread is of; only of the first one is that its number. */
static struct process_info *
process_of_thread(const struct pipe_look *look, pid_t tid)
{
	struct process_info *process = pipeinfo_process(look, tid);
	struct procfs_status status;

	if (process == NULL &&
	    procfs_get_status(look->proc, tid, tid, &status) == 0)
		process = pipeinfo_process(look, status.group);
	return process;
}

static int
add_tracee(struct pipewait *wait, struct process_info *process,
    const struct thread_info *thread)
{
	struct pipe_tracee *tracees;

	tracees = reallocarray(wait->tracees, wait->ntracees + 1,
	    sizeof(*tracees));
	if (tracees == NULL)
		return -1;
	wait->tracees = tracees;
	tracees[wait->ntracees].process = process;
	tracees[wait->ntracees].tid = thread->tid;
	tracees[wait->ntracees].tracer = process_of_thread(wait->look,
	    thread->tracer);
	if (tracees[wait->ntracees].tracer != NULL)
		wait->ntracees++;
	return 0;
}

static int
find_tracees(struct pipewait *wait)
{
	struct process_info *process;

	for (size_t i = 0; i < wait->look->nprocesses; i++) {
		process = wait->look->processes[i];
		for (size_t j = 0; j < process->nthreads; j++)
			if (process->threads[j].tracer != 0 && add_tracee(wait,
			    process, &process->threads[j]) == -1)
				return -1;
	}
	return 0;
}

int
pipewait_begin(struct pipewait *wait, const struct pipe_look *look,
    const struct pipe_look *before)
{
	size_t size = look->nprocesses * sizeof(struct process_info *);

	memset(wait, 0, sizeof(*wait));
	wait->look = look;
	wait->by_parent = malloc(size + 1);
	wait->list = malloc(size + 1);
	if (wait->by_parent == NULL || wait->list == NULL) {
		pipewait_end(wait);
		return -1;
	}
	if (size > 0)
		memcpy(wait->by_parent, look->processes, size);
	if (size > 0)
		qsort(wait->by_parent, look->nprocesses,
		    sizeof(struct process_info *), compare_parents);
	if (find_tracees(wait) == -1 || find_stuck(wait, before) == -1) {
		pipewait_end(wait);
		return -1;
	}
	return 0;
}

void
pipewait_end(struct pipewait *wait)
{
	free(wait->by_parent);
	free(wait->list);
	free(wait->tracees);
	wait->by_parent = wait->list = NULL;
	wait->tracees = NULL;
	wait->ntracees = 0;
}

/* What waits for another thread says nothing: take that other. */
static int
tells(const struct thread_info *thread)
{
	if (thread->doing == DOING_DEAD)
		return 0;
	if (thread->doing == DOING_THREAD)
		return 1;
	return pipewait_waits(thread) || thread->doing == DOING_OPENING ?
	    3 : 2;
}

const struct thread_info *
pipewait_thread(const struct process_info *process)
{
	const struct thread_info *best = NULL;

	for (size_t i = 0; i < process->nthreads; i++)
		if (best == NULL || tells(&process->threads[i]) > tells(best))
			best = &process->threads[i];
	return best;
}

/*
 * One that it waits for and that is stuck, too: rather another than itself,
 * which has both ends, as that other one is to be named.
 */
static struct process_info *
next_stuck(struct pipewait *wait, struct process_info *process)
{
	struct process_info *const *list;
	bool itself = false;
	size_t n;

	for (size_t i = 0; i < process->nthreads; i++) {
		n = pipewait_releasers(wait, process, &process->threads[i],
		    &list);
		for (size_t j = 0; j < n; j++) {
			if (list[j]->stuck && list[j] != process)
				return list[j];
			itself = itself || list[j] == process;
		}
	}
	return itself ? process : NULL;
}

struct process_info **
pipewait_cycle(struct pipewait *wait, struct process_info *process,
    size_t *n)
{
	struct process_info **cycle, *at = process;

	/* Where an earlier walk came by, the way leads to what that found. */
	wait->walk++;
	while (at != NULL && at->walk == 0) {
		at->walk = wait->walk;
		at = next_stuck(wait, at);
	}
	if (at == NULL || at->walk != wait->walk)
		return NULL;
	cycle = calloc(wait->look->nprocesses + 1,
	    sizeof(struct process_info *));
	if (cycle == NULL)
		return NULL;
	*n = 0;
	process = at;
	do {
		cycle[(*n)++] = at;
		at = next_stuck(wait, at);
	} while (at != NULL && at != process && *n < wait->look->nprocesses);
	return cycle;
}
