/*
 * fifo-stat - show what is going on in FIFOs and pipes.
 */
#include "config.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "command.h"
#include "compat.h"
#include "deadline.h"
#include "fifo-stat.h"
#include "options.h"
#include "parse.h"
#include "print.h"
#include "signals.h"
#include "status.h"
#include "trace.h"

#define WATCH_NS	(2 * NS_PER_SEC)	/* as watch(1) and top(1) */
#define PEEK_SIZE	256
#define PEEK_MAX	(1 << 20)	/* what a pipe of ours may hold */

/* How often a look is taken anew that somebody opened or closed under. */
#define LOOK_TRIES	3

enum {
	KEY_WATCH = OPTION_LONG,
	KEY_WHY,
	KEY_GRAPH,
	KEY_PEEK,
	KEY_WAIT_FOR
};

static const struct option_spec options[] = {
	{ 'a', "all", NULL, "every pipe and FIFO in sight" },
	{ 'o', "output", "COLUMNS", "show these columns" },
	{ 'J', "json", NULL, "as JSON, with all columns but for -o" },
	{ 'r', "raw", NULL, "one blank between columns, no tree" },
	{ 'n', "noheadings", NULL, "no line of headings" },
	{ KEY_WATCH, "watch", "[DURATION]", "look again every 2 s, or so" },
	{ KEY_WHY, "why", NULL, "who waits for whom, down to the cause" },
	{ KEY_GRAPH, "graph", "[dot]", "a picture, as text or for graphviz" },
	{ KEY_PEEK, "peek", "[SIZE]", "show bytes that wait, as --dump does" },
	{ KEY_WAIT_FOR, "wait-for", "EVENT",
	    "wait for reader, writer, data, empty or gone" },
	{ 'w', "open-timeout", "DURATION", "limit the wait of --wait-for" },
	{ 0 },
};

static int
parse_watch(struct stat_options *opt, const char *arg)
{
	opt->watch = true;
	opt->watch_ns = WATCH_NS;
	if (arg == NULL)
		return STATUS_OK;
	if (parse_duration(arg, &opt->watch_ns) == -1)
		return options_bad_argument("duration", arg);
	/* Faster than that nobody can look, and no look is finished. */
	if (opt->watch_ns < 10 * NS_PER_MS)
		opt->watch_ns = 10 * NS_PER_MS;
	return STATUS_OK;
}

static int
parse_peek(struct stat_options *opt, const char *arg)
{
	opt->peek = PEEK_SIZE;
	if (arg == NULL)
		return STATUS_OK;
	if (parse_size(arg, &opt->peek) == -1)
		return options_bad_argument("size", arg);
	if (opt->peek == 0 || opt->peek > PEEK_MAX) {
		errno = opt->peek == 0 ? EINVAL : ERANGE;
		return options_bad_argument("size", arg);
	}
	return STATUS_OK;
}

static int
parse_graph(struct stat_options *opt, const char *arg)
{
	opt->graph = GRAPH_TEXT;
	if (arg == NULL)
		return STATUS_OK;
	if (strcmp(arg, "dot") != 0)
		return options_usage("invalid form of --graph '%s'",
		    trace_safe(arg));
	opt->graph = GRAPH_DOT;
	return STATUS_OK;
}

static int
parse_event(struct stat_options *opt, const char *arg)
{
	static const char *const names[] = {
		[EVENT_NONE] = "",
		[EVENT_READER] = "reader",
		[EVENT_WRITER] = "writer",
		[EVENT_DATA] = "data",
		[EVENT_EMPTY] = "empty",
		[EVENT_GONE] = "gone",
	};

	for (size_t i = EVENT_NONE + 1; i < ARRAY_SIZE(names); i++)
		if (strcmp(arg, names[i]) == 0) {
			opt->event = (enum stat_event)i;
			return STATUS_OK;
		}
	return options_usage("invalid event '%s': it is reader, writer, data, "
	    "empty or gone", trace_safe(arg));
}

static int
parse_option(struct stat_options *opt, int key, const char *arg)
{
	switch (key) {
	case 'a':
		opt->all = true;
		return STATUS_OK;
	case 'o':
		opt->columns = arg;
		return STATUS_OK;
	case 'J':
		opt->json = true;
		return STATUS_OK;
	case 'r':
		opt->raw = true;
		return STATUS_OK;
	case 'n':
		opt->noheadings = true;
		return STATUS_OK;
	case KEY_WATCH:
		return parse_watch(opt, arg);
	case KEY_WHY:
		opt->why = true;
		return STATUS_OK;
	case KEY_GRAPH:
		return parse_graph(opt, arg);
	case KEY_PEEK:
		return parse_peek(opt, arg);
	case KEY_WAIT_FOR:
		return parse_event(opt, arg);
	default:
		opt->timeout_text = arg;
		if (parse_duration(arg, &opt->timeout_ns) == -1)
			return options_bad_argument("time-out", arg);
		return STATUS_OK;
	}
}

static bool
has_process(const struct fifo_stat *fs)
{
	for (size_t i = 0; i < fs->ntargets; i++)
		if (fs->targets[i].pid != 0)
			return true;
	return false;
}

/* Options that make no sense together, once all are known. */
static int
check_options(const struct fifo_stat *fs)
{
	const struct stat_options *opt = &fs->opt;
	int views = opt->why + (opt->graph != GRAPH_NONE) +
	    (opt->peek != 0) + (opt->event != EVENT_NONE);

	if (opt->all && fs->ntargets > 0)
		return options_usage("--all takes no operand");
	if (!opt->all && fs->ntargets == 0)
		return options_usage("no FIFO and no process was given; "
		    "--all shows every pipe");
	if (views > 1)
		return options_usage("--why, --graph, --peek and --wait-for "
		    "exclude each other");
	if (views > 0 && opt->columns != NULL)
		return options_usage("--output is for the table of pipes");
	if (opt->json && opt->raw)
		return options_usage("--json and --raw exclude each other");
	if ((opt->json || opt->raw) && (opt->graph != GRAPH_NONE ||
	    opt->peek != 0))
		return options_usage("--json and --raw are for tables");
	if (opt->watch && (opt->event != EVENT_NONE || opt->peek != 0))
		return options_usage("--watch does not go with --peek and "
		    "--wait-for");
	if (opt->timeout_text != NULL && opt->event == EVENT_NONE)
		return options_usage("--open-timeout needs --wait-for");
	if (opt->event != EVENT_NONE && (opt->all || has_process(fs)))
		return options_usage("--wait-for is for FIFOs");
	return STATUS_OK;
}

/* Decimal digits, up to the end given. */
static bool
parse_id(const char *text, char until, int *number)
{
	size_t length = strspn(text, "0123456789");
	long value;

	if (length == 0 || text[length] != until)
		return false;
	errno = 0;
	value = strtol(text, NULL, 10);
	if (errno != 0 || value > INT_MAX)
		return false;
	*number = (int)value;
	return true;
}

/* PID or PID:FD; what else there may be is a path. */
static bool
parse_process(struct stat_target *target)
{
	const char *colon = strchr(target->name, ':');

	target->fd = -1;
	if (colon == NULL)
		return parse_id(target->name, '\0', &target->pid) &&
		    target->pid > 0;
	return parse_id(target->name, ':', &target->pid) &&
	    target->pid > 0 && parse_id(colon + 1, '\0', &target->fd);
}

/*
 * O_PATH: neither a reader nor a writer, and nobody in open(2) is woken.
 * *gone is set for a name that is gone, which may be what is waited for.
 */
static int
pin(struct stat_target *target, bool *gone)
{
	const char *name = trace_name(target->name);
	struct stat st;

	target->pid = 0;
	target->pinned = open(target->name, O_PATH | O_CLOEXEC);
	*gone = target->pinned == -1 && (errno == ENOENT || errno == ENOTDIR);
	if (*gone)
		return STATUS_ERROR;
	if (target->pinned == -1 || fstat(target->pinned, &st) == -1) {
		warn("%s", name);
		return STATUS_ERROR;
	}
	if (S_ISFIFO(st.st_mode))
		return STATUS_OK;
	warnx("%s: not a FIFO", name);
	close(target->pinned);
	target->pinned = -1;
	return STATUS_NOT_FIFO;
}

/* Nothing has to be waited for once it is gone. */
static int
take_path(const struct fifo_stat *fs, struct stat_target *target)
{
	bool gone;
	int status = pin(target, &gone);

	if (!gone)
		return status;
	if (fs->opt.event == EVENT_GONE)
		return STATUS_OK;
	warn("%s", trace_name(target->name));
	return status;
}

/* The operands; those that will not do are said and left out. */
static int
take_targets(struct fifo_stat *fs, char **names, size_t n)
{
	struct stat_target *target;
	int status = STATUS_OK, one;

	fs->targets = calloc(n + 1, sizeof(*fs->targets));
	if (fs->targets == NULL)
		err(STATUS_ERROR, NULL);
	for (size_t i = 0; i < n; i++) {
		target = &fs->targets[fs->ntargets++];
		target->name = names[i];
		target->pinned = -1;
		if (!parse_process(target))
			target->pid = 0;
	}
	if (check_options(fs) != STATUS_OK)
		return STATUS_USAGE;
	fs->ntargets = 0;
	for (size_t i = 0; i < n; i++) {
		target = &fs->targets[i];
		one = target->pid != 0 ? STATUS_OK : take_path(fs, target);
		status = status_join(status, one);
		if (target->pid != 0 || target->pinned != -1)
			fs->targets[fs->ntargets++] = *target;
	}
	return status;
}

static void
complain(bool quiet, const char *name)
{
	if (quiet)
		return;
	if (errno == ENOENT || errno == ESRCH)
		warnx("%s: no such process", trace_safe(name));
	else
		warn("%s", trace_safe(name));
}

static int
want_path(const struct stat_target *target, struct pipe_look *look,
    bool quiet)
{
	char link[32], path[PATH_MAX];
	struct pipe_info *pipe;
	struct statfs fs;
	struct stat st;

	if (fstat(target->pinned, &st) == -1 ||
	    (pipe = pipeinfo_want(look, &st, target->name)) == NULL) {
		complain(quiet, target->name);
		return STATUS_ERROR;
	}
	snprintf(link, sizeof(link), "self/fd/%d", target->pinned);
	if (!pipe->unlinked && pipe->path == NULL &&
	    procfs_read_link(look->proc, link, path, sizeof(path)) == 0)
		pipe->path = strdup(path);
	/* /dev/stdin, or a link in /proc. */
	if (fstatfs(target->pinned, &fs) == 0 && fs.f_type == PIPEFS_MAGIC) {
		pipe->anonymous = true;
		pipe->unlinked = false;
	}
	return STATUS_OK;
}

static int
want_process(const struct stat_target *target, struct pipe_look *look,
    bool quiet)
{
	if (pipeinfo_want_fd(look, target->pid, target->fd) != -1)
		return STATUS_OK;
	if (errno == EPIPE) {
		if (!quiet)
			warnx("%s: not a FIFO", trace_safe(target->name));
		return STATUS_NOT_FIFO;
	}
	complain(quiet, target->name);
	return STATUS_ERROR;
}

struct process_info *
stat_process_of(const struct pipe_look *look,
    const struct stat_target *target)
{
	struct process_info *process = pipeinfo_process(look, target->pid);
	struct procfs_status status;

	if (process == NULL && procfs_get_status(look->proc, target->pid,
	    target->pid, &status) == 0)
		process = pipeinfo_process(look, status.group);
	return process;
}

/* What a process waits for in open(2) is one of its pipes, too. */
static void
want_opened(const struct fifo_stat *fs, const struct pipe_look *look)
{
	const struct process_info *process;

	for (size_t i = 0; i < fs->ntargets; i++) {
		if (fs->targets[i].pid == 0 || fs->targets[i].fd != -1)
			continue;
		process = stat_process_of(look, &fs->targets[i]);
		for (size_t j = 0; process != NULL && j < process->nthreads;
		    j++)
			if (process->threads[j].doing == DOING_OPENING)
				process->threads[j].pipe->wanted = true;
	}
}

/* Somebody opened or closed it in the course of the look. */
static bool
is_torn(const struct pipe_look *look)
{
	const struct pipe_info *pipe;

	for (size_t i = 0; i < look->npipes; i++) {
		pipe = look->pipes[i];
		if (pipe->wanted &&
		    ((pipe->opening_read > 0 && (pipe->writers > 0 ||
		    pipe->opening_write > 0)) ||
		    (pipe->opening_write > 0 && pipe->readers > 0)))
			return true;
	}
	return false;
}

static int
look_once(const struct fifo_stat *fs, struct pipe_look *look, bool quiet)
{
	const struct stat_target *target;
	int status = STATUS_OK;

	if (pipeinfo_begin(look) == -1) {
		if (errno == ENODEV)
			errx(STATUS_ERROR, "/proc: not mounted");
		err(STATUS_ERROR, "/proc");
	}
	look->everybody = fs->opt.why;
	look->all = fs->opt.all || fs->opt.why ||
	    fs->opt.graph != GRAPH_NONE || has_process(fs);
	for (size_t i = 0; i < fs->ntargets; i++) {
		target = &fs->targets[i];
		status = status_join(status, target->pid == 0 ?
		    want_path(target, look, quiet) :
		    want_process(target, look, quiet));
	}
	if (pipeinfo_scan(look) == -1)
		err(STATUS_ERROR, "/proc");
	for (size_t i = 0; fs->opt.all && i < look->npipes; i++)
		look->pipes[i]->wanted = true;
	want_opened(fs, look);
	return status;
}

int
stat_look(const struct fifo_stat *fs, struct pipe_look *look, bool quiet)
{
	int status = look_once(fs, look, quiet);

	/* What failed was said, but for what fails only now. */
	for (int i = 1; i < LOOK_TRIES && is_torn(look); i++) {
		pipeinfo_end(look);
		status = look_once(fs, look, quiet || status != STATUS_OK);
	}
	for (size_t i = 0; i < look->npipes; i++)
		if (look->pipes[i]->wanted)
			pipeinfo_measure(look, look->pipes[i]);
	return status;
}

/*
 * Somebody who is blocked at an unknown FIFO makes a difference only where
 * nobody is seen.
 */
static bool
has_unused(const struct pipe_look *look)
{
	for (size_t i = 0; i < look->npipes; i++)
		if (look->pipes[i]->wanted && look->pipes[i]->nends == 0 &&
		    look->pipes[i]->nopeners == 0)
			return true;
	return false;
}

/* What could not be seen. */
static void
say_limits(const struct pipe_look *look, FILE *f, const char *prefix)
{
	if (pipeinfo_misses(look)) {
		fputs(prefix, f);
		stat_say_hidden(f, look, "not visible: ");
		fputc('\n', f);
	}
	if (look->lost_openers > 0 && (look->all || has_unused(look))) {
		fputs(prefix, f);
		stat_say_count(f, look->lost_openers, "thread");
		fputs(" blocked in open of a FIFO that cannot be told\n", f);
	}
}

int
stat_show(struct fifo_stat *fs, struct pipe_look *look, FILE *f)
{
	char prefix[64];
	int status;

	if (fs->opt.why)
		status = stat_print_why(fs, look, f);
	else if (fs->opt.graph != GRAPH_NONE)
		status = stat_print_graph(fs, look, f);
	else if (fs->opt.peek != 0)
		status = stat_print_peek(fs, look, f);
	else
		status = stat_print_table(fs, look, f);
	if (procfs_failure() != 0)
		status = status_join(status, STATUS_ERROR);
	if (fs->opt.watch) {
		say_limits(look, f, "");
		return status;
	}
	snprintf(prefix, sizeof(prefix), "%s: ", getprogname());
	say_limits(look, stderr, prefix);
	return status;
}

static int
look_and_show(struct fifo_stat *fs)
{
	struct pipe_look look;
	int status;

	status = stat_look(fs, &look, false);
	status = status_join(status, stat_show(fs, &look, print_stream()));
	pipeinfo_end(&look);
	return status;
}

static int
work(struct fifo_stat *fs, char **names, size_t n)
{
	int status = take_targets(fs, names, n);

	/* When nothing is left, all was said. */
	if (status == STATUS_USAGE || (fs->ntargets == 0 && !fs->opt.all))
		return status;
	if (stat_parse_columns(fs) != STATUS_OK)
		return STATUS_USAGE;
	if (fs->opt.event != EVENT_NONE)
		return status_join(status, stat_wait(fs));
	if (fs->opt.watch)
		return status_join(status, stat_watch(fs));
	return status_join(status, look_and_show(fs));
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct fifo_stat fs = { .ntargets = 0 };
	struct options parsed;
	const char *arg;
	int key, status;

	options_init(&parsed, command, argc, argv, false);
	while ((key = options_next(&parsed, &arg)) > 0) {
		status = parse_option(&fs.opt, key, arg);
		if (status != STATUS_OK)
			return status;
	}
	if (key == OPTIONS_STOP)
		return parsed.status;
	status = work(&fs, argv + optind, (size_t)(argc - optind));
	for (size_t i = 0; i < fs.ntargets; i++)
		if (fs.targets[i].pinned != -1)
			close(fs.targets[i].pinned);
	free(fs.targets);
	free(fs.flows);
	return status;
}

const struct command cmd_fifo_stat = {
	.name = "fifo-stat",
	.summary = "show what is going on in FIFOs and pipes",
	.usage = "[OPTION]... [FIFO | PID | PID:FD]...",
	.options = options,
	.own_letters = true,
	.help = stat_list_columns,
	.run = run,
};
