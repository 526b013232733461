/*
 * fifo-stat - its sentences: the vocabulary of the manual page.
 */
#include "config.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compat.h"
#include "deadline.h"
#include "doing.h"
#include "fifo-stat.h"
#include "status.h"
#include "trace.h"

#define NAMES_MAX	3	/* processes that a sentence names */

void
stat_say_count(FILE *f, uint64_t n, const char *thing)
{
	const char *plural = thing[strlen(thing) - 1] == 's' ? "es" : "s";

	fprintf(f, "%" PRIu64 " %s%s", n, thing, n == 1 ? "" : plural);
}

void
stat_say_process(FILE *f, const struct process_info *process)
{
	fprintf(f, "%s (%d)", trace_safe(process->comm), process->pid);
}

const char *
stat_pipe_name(const struct pipe_info *pipe)
{
	return trace_name(pipe->name);
}

const char *
stat_time(int64_t ns, char text[STAT_TIME])
{
	int64_t s = ns / NS_PER_SEC;

	if (ns < NS_PER_SEC)
		snprintf(text, STAT_TIME, "%" PRId64 "ms", ns / NS_PER_MS);
	else if (s < 60)
		snprintf(text, STAT_TIME, "%" PRId64 ".%" PRId64 "s", s,
		    ns % NS_PER_SEC / (100 * NS_PER_MS));
	else if (s < 3600)
		snprintf(text, STAT_TIME, "%" PRId64 "m%02" PRId64 "s",
		    s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, STAT_TIME, "%" PRId64 "h%02" PRId64 "m",
		    s / 3600, s % 3600 / 60);
	else
		snprintf(text, STAT_TIME, "%" PRId64 "d%02" PRId64 "h",
		    s / 86400, s % 86400 / 3600);
	return text;
}

void
stat_say_hidden(FILE *f, const struct pipe_look *look, const char *before)
{
	if (!pipeinfo_misses(look))
		return;
	fputs(before, f);
	if (look->hidden_more)
		fputs("other users' processes", f);
	else if (look->hidden > 0)
		stat_say_count(f, look->hidden, "process");
	if (procfs_failure() == 0)
		return;
	fprintf(f, "%swhat could not be read (%s)",
	    look->hidden_more || look->hidden > 0 ? ", " : "",
	    strerror(procfs_failure()));
}

/* Several processes in a sentence, each once. */
struct names {
	FILE				*f;
	const struct process_info	*last;
	size_t				 n;
};

static void
say_name(struct names *names, const struct process_info *process)
{
	if (process == names->last)
		return;
	names->last = process;
	if (names->n < NAMES_MAX) {
		if (names->n > 0)
			fputs(", ", names->f);
		stat_say_process(names->f, process);
	}
	names->n++;
}

static void
end_names(struct names *names, bool ours)
{
	if (names->n == 0)
		fputs(ours ? "fifo-stat itself" :
		    "a process that is not in sight", names->f);
	else if (names->n > NAMES_MAX)
		fprintf(names->f, " and %zu more", names->n - NAMES_MAX);
}

static size_t
say_holders(FILE *f, const struct pipe_info *pipe, enum pipe_access access)
{
	struct names names = { .f = f };

	for (size_t i = 0; i < pipe->nends; i++)
		if ((pipe->ends[i]->access & access) != 0)
			say_name(&names, pipe->ends[i]->process);
	end_names(&names, (pipe->ours & access) != 0);
	return names.n;
}

/* How many of those who hold it do nothing, since they are stopped. */
static size_t
count_stopped(const struct pipe_info *pipe, enum pipe_access access)
{
	const struct process_info *process = NULL;
	const struct thread_info *thread;
	size_t n = 0;

	for (size_t i = 0; i < pipe->nends; i++) {
		if ((pipe->ends[i]->access & access) == 0 ||
		    pipe->ends[i]->process == process)
			continue;
		process = pipe->ends[i]->process;
		thread = pipeinfo_thread(process);
		n += thread != NULL && (thread->doing == DOING_STOPPED ||
		    thread->doing == DOING_TRACED ||
		    thread->doing == DOING_FROZEN);
	}
	return n;
}

static size_t
say_openers(FILE *f, const struct pipe_info *pipe, enum pipe_access access)
{
	struct names names = { .f = f };

	for (size_t i = 0; i < pipe->nopeners; i++)
		if (pipe->openers[i].thread->access == access)
			say_name(&names, pipe->openers[i].process);
	end_names(&names, false);
	return names.n;
}

static bool
waits(const struct pipe_end *end, enum pipe_access access)
{
	const struct thread_info *thread = end->waiter;

	return thread != NULL && (end->access & access) != 0 &&
	    (thread->doing == DOING_POLLING || thread->access == access);
}

static size_t
say_waiting(FILE *f, const struct pipe_info *pipe, enum pipe_access access)
{
	struct names names = { .f = f };

	for (size_t i = 0; i < pipe->nends; i++)
		if (waits(pipe->ends[i], access))
			say_name(&names, pipe->ends[i]->process);
	end_names(&names, false);
	return names.n;
}

/* Whether all that have the other end are one process, which waits itself. */
static bool
only_itself(const struct pipe_info *pipe, enum pipe_access waiting,
    enum pipe_access other)
{
	const struct process_info *waiter = NULL, *holder = NULL;
	bool result = true;

	for (size_t i = 0; i < pipe->nends; i++) {
		if (waits(pipe->ends[i], waiting))
			waiter = pipe->ends[i]->process;
		if ((pipe->ends[i]->access & other) == 0)
			continue;
		result = result && (holder == NULL ||
		    holder == pipe->ends[i]->process);
		holder = pipe->ends[i]->process;
	}
	return result && holder != NULL && holder == waiter;
}

static const char *
verb(size_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

static void
say_stopped(FILE *f, const struct pipe_info *pipe, enum pipe_access access,
    size_t holders)
{
	size_t stopped = count_stopped(pipe, access);

	if (stopped == 0)
		return;
	if (holders == 1)
		fputs(", but is stopped", f);
	else if (stopped == holders)
		fputs(", but all are stopped", f);
	else
		fprintf(f, ", but %zu of them %s stopped", stopped,
		    verb(stopped, "is", "are"));
}

/* Who can do it, and whether they are stopped. */
static void
say_able(FILE *f, const struct pipe_info *pipe, enum pipe_access access,
    const char *what)
{
	size_t holders = say_holders(f, pipe, access);

	fprintf(f, " can %s", what);
	say_stopped(f, pipe, access, holders);
}

static void
say_unread(FILE *f, const struct pipe_info *pipe)
{
	stat_say_count(f, (uint64_t)pipe->unread, "byte");
	fputs(" unread", f);
}

static void
say_opening(FILE *f, const struct pipe_info *pipe, enum pipe_access access)
{
	const char *peer = access == PIPE_READ ? "writer" : "reader";
	size_t n = say_openers(f, pipe, access);

	fprintf(f, " %s in open for a %s; ", verb(n, "waits", "wait"), peer);
	if (pipe->unlinked)
		fprintf(f, "its name is gone, so that no %s can come", peer);
	else
		fprintf(f, "a process that opens it for %s ends that",
		    access == PIPE_READ ? "writing" : "reading");
}

static void
say_one_end(FILE *f, const struct pipe_info *pipe, enum pipe_access missing)
{
	bool reader = missing == PIPE_READ;

	if (pipe->unread > 0) {
		say_unread(f, pipe);
		fputs(", and ", f);
	}
	fprintf(f, "no %s%s; ", reader ? "reader" : "writer",
	    !reader && pipe->unread > 0 ? " any more" : "");
	if (!reader && pipe->reading > 0) {
		say_waiting(f, pipe, PIPE_READ);
		fputs(" polls; ", f);
	}
	if (reader)
		fputs("a write fails with EPIPE", f);
	else if (pipe->unread > 0)
		fputs("a read gets them, and then end of file", f);
	else
		fputs("a read gets end of file", f);
	if (pipe->anonymous || pipe->unlinked)
		fprintf(f, ", and no %s can come any more",
		    reader ? "reader" : "writer");
	else
		fprintf(f, ", until a process opens it for %s",
		    reader ? "reading" : "writing");
}

static void
say_one_end_hidden(FILE *f, const struct pipe_look *look,
    const struct pipe_info *pipe, bool reader)
{
	fprintf(f, "no %s is visible", reader ? "reader" : "writer");
	stat_say_hidden(f, look, "; not visible: ");
	if (pipe->unread > 0) {
		fputs("; ", f);
		say_unread(f, pipe);
	}
}

static void
say_reading(FILE *f, const struct pipe_info *pipe)
{
	size_t n;

	fputs("empty; ", f);
	n = say_waiting(f, pipe, PIPE_READ);
	fprintf(f, " %s for data; ", verb(n, "waits", "wait"));
	if (only_itself(pipe, PIPE_READ, PIPE_WRITE)) {
		fputs("the only writer is the same process", f);
		return;
	}
	say_able(f, pipe, PIPE_WRITE, "write, or close it");
}

static void
say_writing(FILE *f, const struct pipe_info *pipe)
{
	size_t n;

	if (pipe->unread == PIPE_UNKNOWN)
		fputs("no room; ", f);
	else if (pipe->unread == pipe->capacity)
		fputs("full; ", f);
	else	/* It holds pages, not bytes. */
		fprintf(f, "no room for more than the %" PRId64 " of %" PRId64
		    " bytes in it; ", pipe->unread, pipe->capacity);
	n = say_waiting(f, pipe, PIPE_WRITE);
	fprintf(f, " %s for room; ", verb(n, "waits", "wait"));
	if (only_itself(pipe, PIPE_WRITE, PIPE_READ)) {
		fputs("the only reader is the same process", f);
		return;
	}
	say_able(f, pipe, PIPE_READ, "read");
}

/*
 * Or only for more room than there is.  Of an end that the kernel alone knows
 * of, nobody knows what its holder does.
 */
static void
say_nobody_waits(FILE *f, const struct pipe_look *look,
    const struct pipe_info *pipe)
{
	if (pipe->writing == 0 && (pipe->readers == 0 || pipe->writers == 0)) {
		fputs("nobody in sight waits", f);
		stat_say_hidden(f, look, "; not visible: ");
		return;
	}
	if (pipe->writing == 0) {
		fputs("nobody waits", f);
		return;
	}
	fprintf(f, " %s, though there is room", verb(say_waiting(f, pipe,
	    PIPE_WRITE), "polls", "poll"));
}

/* What a pipe with both ends does, of which nobody waits. */
static void
say_quiet(FILE *f, const struct pipe_look *look, const struct pipe_info *pipe,
    enum pipe_state state)
{
	if (state == PIPE_STATE_FULL) {
		fputs("full; the next write waits until it is read by ", f);
		say_stopped(f, pipe, PIPE_READ,
		    say_holders(f, pipe, PIPE_READ));
	} else if (state == PIPE_STATE_DATA) {
		say_unread(f, pipe);
		fputs("; ", f);
		say_able(f, pipe, PIPE_READ, "read");
		fputs(", and ", f);
		say_nobody_waits(f, look, pipe);
	} else if (state == PIPE_STATE_IDLE) {
		fputs("empty; both ends are open, and ", f);
		say_nobody_waits(f, look, pipe);
	} else {
		fputs("both ends are open, and ", f);
		say_nobody_waits(f, look, pipe);
		fputs("; how much is in it is not visible", f);
	}
}

static void
say_held(FILE *f, const struct pipe_info *pipe)
{
	size_t n;

	fputs("empty; ", f);
	n = say_holders(f, pipe, PIPE_BOTH);
	fprintf(f, " %s it open for reading and writing, so that nobody "
	    "waits in open", verb(n, "holds", "hold"));
}

static void
say_state(FILE *f, const struct pipe_look *look,
    const struct pipe_info *pipe, enum pipe_state state)
{
	switch (state) {
	case PIPE_STATE_HIDDEN:
		fputs("no process in sight has it open", f);
		stat_say_hidden(f, look, "; not visible: ");
		break;
	case PIPE_STATE_UNUSED:
		fprintf(f, "nobody%s %s it open; who opens it waits until the "
		    "other end is opened, too",
		    look->inner ? " in this PID name space" : "",
		    look->lost_openers > 0 ? "is seen to have" : "has");
		break;
	case PIPE_STATE_OPENING_READ:
		say_opening(f, pipe, PIPE_READ);
		break;
	case PIPE_STATE_OPENING_WRITE:
		say_opening(f, pipe, PIPE_WRITE);
		break;
	case PIPE_STATE_READER_HIDDEN:
	case PIPE_STATE_WRITER_HIDDEN:
		say_one_end_hidden(f, look, pipe,
		    state == PIPE_STATE_READER_HIDDEN);
		break;
	case PIPE_STATE_NO_WRITER:
	case PIPE_STATE_LEFT_OVER:
		say_one_end(f, pipe, PIPE_WRITE);
		break;
	case PIPE_STATE_NO_READER:
	case PIPE_STATE_UNREACHED:
		say_one_end(f, pipe, PIPE_READ);
		break;
	case PIPE_STATE_READING:
		say_reading(f, pipe);
		break;
	case PIPE_STATE_WRITING:
		say_writing(f, pipe);
		break;
	case PIPE_STATE_HELD:
		say_held(f, pipe);
		break;
	case PIPE_STATE_FULL:
	case PIPE_STATE_DATA:
	case PIPE_STATE_IDLE:
	case PIPE_STATE_OPEN:
		say_quiet(f, look, pipe, state);
		break;
	}
}

/* Others may have a FIFO open that had this name before. */
static void
say_older(FILE *f, const struct pipe_look *look, const struct pipe_info *pipe)
{
	const struct pipe_info *older;

	for (size_t i = 0; i < look->npipes; i++) {
		older = look->pipes[i];
		if (!older->unlinked || older->nends == 0 ||
		    strcmp(older->name, pipe->path) != 0)
			continue;
		fputs("; ", f);
		fprintf(f, " %s a FIFO open that had this name before",
		    verb(say_holders(f, older, PIPE_BOTH), "has", "have"));
	}
}

/* Not opened, and so not disturbed. */
static bool
is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

void
stat_text_begin(struct text *text)
{
	if (text_begin(text) == -1)
		err(STATUS_ERROR, NULL);
}

char *
stat_text_end(struct text *text)
{
	char *bytes = text_end(text);

	if (bytes == NULL)
		err(STATUS_ERROR, NULL);
	return bytes;
}

char *
stat_verdict(const struct pipe_look *look, const struct pipe_info *pipe)
{
	enum pipe_state state = pipeinfo_state(look, pipe);
	struct text verdict;

	stat_text_begin(&verdict);
	say_state(verdict.f, look, pipe, state);
	if (pipe->unlinked && state != PIPE_STATE_OPENING_READ &&
	    state != PIPE_STATE_OPENING_WRITE)
		fputs(is_fifo(pipe->name) ?
		    "; its name stands for another FIFO by now" :
		    "; its name is gone", verdict.f);
	if (pipe->path != NULL)
		say_older(verdict.f, look, pipe);
	return stat_text_end(&verdict);
}

/* What the descriptor of a call is for: a terminal, a socket, a file. */
static void
say_file(FILE *f, const struct pipe_look *look,
    const struct process_info *process, int fd)
{
	char path[64], name[4096];

	snprintf(path, sizeof(path), "%d/fd/%d", process->task, fd);
	if (procfs_read_link(look->proc, path, name, sizeof(name)) == -1)
		fprintf(f, " of descriptor %d", fd);
	else if (strncmp(name, "socket:", strlen("socket:")) == 0)
		fputs(" of a socket", f);
	else if (strncmp(name, "/dev/pts/", strlen("/dev/pts/")) == 0 ||
	    strncmp(name, "/dev/tty", strlen("/dev/tty")) == 0)
		fprintf(f, " of the terminal %s", trace_safe(name));
	else
		fprintf(f, " of %s", trace_safe(name));
}

static void
say_call(FILE *f, const struct pipe_look *look,
    const struct process_info *process, const struct thread_info *thread)
{
	fputs(doing_call_name(thread), f);
	if (thread->fd != -1)
		say_file(f, look, process, thread->fd);
}

/* What it polls, if that is pipes. */
static void
say_polling(FILE *f, const struct thread_info *thread)
{
	const struct pipe_polled *polled;
	size_t n = 0;

	fprintf(f, "waits in %s for ", doing_call_name(thread));
	for (size_t i = 0; i < thread->npolled; i++) {
		polled = &thread->polled[i];
		if (polled->only_hangup)
			continue;
		fprintf(f, "%s%s %s", n++ > 0 ? ", " : "",
		    polled->access == PIPE_READ ? "data in" :
		    polled->access == PIPE_WRITE ? "room in" : "an event of",
		    stat_pipe_name(polled->end->pipe));
	}
	if (n == 0)
		fputs("events", f);
	else if (thread->polls_others)
		fputs(" and others", f);
	if (thread->timed)
		fputs(", or until a time-out", f);
}

void
stat_say_doing(FILE *f, const struct pipe_look *look,
    const struct process_info *process, const struct thread_info *thread)
{
	switch (thread->doing) {
	case DOING_UNKNOWN:
		fputs("does what we may not see", f);
		break;
	case DOING_RUNNING:
		fputs("computes", f);
		break;
	case DOING_OPENING:
		fprintf(f, "waits in open of %s for a %s",
		    stat_pipe_name(thread->pipe),
		    thread->access == PIPE_READ ? "writer" : "reader");
		break;
	case DOING_READING:
		fprintf(f, "waits for data in %s",
		    stat_pipe_name(thread->pipe));
		break;
	case DOING_WRITING:
		fprintf(f, "waits for room in %s",
		    stat_pipe_name(thread->pipe));
		break;
	case DOING_POLLING:
		say_polling(f, thread);
		break;
	case DOING_SLEEPING:
		fprintf(f, "sleeps for a time, in %s",
		    doing_call_name(thread));
		break;
	case DOING_CHILD:
		fputs(thread->vforked ? "waits for a child to run its "
		    "program, or to end" : "waits for a child to end", f);
		break;
	case DOING_THREAD:
		fprintf(f, "waits for another thread of its own%s",
		    thread->timed ? ", or until a time-out" : "");
		break;
	case DOING_STOPPED:
		fprintf(f, "is stopped; kill -CONT %d lets it go on",
		    process->pid);
		break;
	case DOING_TRACED:
		fputs("is stopped by a debugger", f);
		break;
	case DOING_FROZEN:
		fputs("is frozen by its cgroup", f);
		break;
	case DOING_DEAD:
		fputs("has ended, and its parent has not waited for it", f);
		break;
	case DOING_DISK:
		fputs("waits where no signal reaches it, in ", f);
		say_call(f, look, process, thread);
		break;
	case DOING_OTHER:
		fputs("waits in ", f);
		say_call(f, look, process, thread);
		break;
	}
	if ((thread->doing == DOING_OTHER || thread->doing == DOING_DISK) &&
	    thread->wchan[0] != '\0' && strcmp(thread->wchan, "0") != 0)
		fprintf(f, " (%s)", trace_safe(thread->wchan));
}
