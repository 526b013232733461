/*
 * fifo-read - copy what arrives in FIFOs to standard output.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "fifo.h"
#include "flow.h"
#include "framing.h"
#include "options.h"
#include "place.h"
#include "quota.h"
#include "run.h"
#include "status.h"
#include "trace.h"

struct fifo_read_options {
	bool		 follow;	/* -f: go on across writers */
	bool		 follow_name;	/* -F: and across the FIFO's renewal */
	bool		 limited;	/* -c, -l: stop after so much */
	struct quota	 quota;
	unsigned char	 delimiter;	/* -d, -z: records end so */
	bool		 lock;		/* --lock: be the only reader */
	bool		 create;	/* -C: make it if it is missing */
	const char	*owner_name;	/* --require-owner */
	struct fifo_owner owner;
	char		**paths;
	size_t		 npaths;
};

/* One FIFO that is read, or standard input. */
struct reader {
	struct fifo_read *fr;
	struct place	 place;		/* -C: what we made */
	bool		 made;
	int		 lock_fd;	/* --lock: -1: none */
};

struct fifo_read {
	struct fifo_read_options *opt;
	struct run	 run;
	struct flow	*flows;		/* those that were opened */
	struct reader	*readers;	/* beside them */
	size_t		 n;
	struct turn	 turn;		/* of several */
	struct outcome	 dry;		/* -n: the first that had nothing */
	int		 status;	/* of those that were passed over */
};

enum {
	KEY_LOCK = OPTION_LONG,
	KEY_REQUIRE_OWNER
};

static const struct option_spec options[] = {
	{ 'f', "follow", NULL, "go on across writers, for ever" },
	{ 'F', NULL, NULL, "the same, also when the FIFO is made anew" },
	{ 'c', "bytes", "N", "stop after N bytes and consume no more" },
	{ 'l', "lines", "N", "stop after N records and consume no more" },
	{ 'd', "delimiter", "C", "records end in C instead of newline" },
	{ 'z', "zero-terminated", NULL, "records end in NUL" },
	{ KEY_LOCK, "lock", NULL, "be the only reader among those that lock" },
	{ KEY_REQUIRE_OWNER, "require-owner", "USER",
	    "the FIFO must belong to USER" },
	{ 'C', "create", NULL, "make a missing FIFO; remove it at the end" },
	{ 0 },
};

static bool
is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

static bool
is_missing(const struct outcome *outcome)
{
	return outcome->why == OUTCOME_ERROR && outcome->errnum == ENOENT;
}

static const struct fifo_owner *
required_owner(const struct fifo_read_options *opt)
{
	return opt->owner_name == NULL ? NULL : &opt->owner;
}

/* One of several cannot be read: the others are. */
static void
pass_over(struct flow *flow, const struct outcome *why)
{
	struct reader *reader = flow->arg;
	struct fifo_read *fr = reader->fr;

	/* -n: that matters only if the others have nothing, either. */
	if (why->why == OUTCOME_NO_PEER || why->why == OUTCOME_WOULD_BLOCK) {
		if (fr->dry.why == OUTCOME_DONE)
			fr->dry = *why;
		return;
	}
	fr->status = status_join(fr->status, run_explain(&fr->run, why));
}

/* -f: all writers left; be there for the next. */
static int
follow(struct flow *flow, struct outcome *outcome)
{
	if (flow->source_lost)
		return 0;
	if (fifo_reopen_read(&flow->source) == -1 ||
	    flow_next_source(flow) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    flow->source.name);
	/* Its name may stand for another one by now. */
	if (flow->source_gone != NULL)
		flow->look_at = 0;
	return 1;
}

/* Its read end would look like a reader to writers who come later. */
static void
unlock(struct flow *flow)
{
	struct reader *reader = flow->arg;

	if (reader->lock_fd != -1)
		close(reader->lock_fd);
	reader->lock_fd = -1;
}

static int
take_lock(struct reader *reader, const struct endpoint *source,
    const struct limits *limits, struct outcome *outcome)
{
	int fd;

	if (!reader->fr->opt->lock)
		return 0;
	fd = fifo_lock_readers(source, limits, outcome);
	if (fd == -1)
		return -1;
	if (reader->lock_fd != -1)
		close(reader->lock_fd);
	reader->lock_fd = fd;
	return 0;
}

/*
 * The next FIFO is ours if nobody else has its lock, and nobody has come to
 * the old one meanwhile; otherwise it will be looked at again.  1, 0, or -1
 * with the outcome.
 */
static int
may_change(struct flow *flow, const struct endpoint *next,
    struct outcome *outcome)
{
	struct reader *reader = flow->arg;
	struct limits now = reader->fr->run.limits;
	enum fifo_peer peer;

	now.nonblock = true;
	if (take_lock(reader, next, &now, outcome) == -1)
		return outcome->why == OUTCOME_LOCKED ? 0 : -1;
	if (flow->source.fd == -1)
		return 1;
	peer = fifo_probe_writer(&flow->source);
	return peer != FIFO_WRITER && peer != FIFO_DATA;
}

/* -C.  If another process was faster, its FIFO will do. */
static int
create(struct reader *reader, const char *path, struct outcome *outcome)
{
	static const struct place_wish wish = {
		.uid = (uid_t)PLACE_ID_NONE,
		.gid = (gid_t)PLACE_ID_NONE,
		.pin = true
	};

	struct fifo_read *fr = reader->fr;
	enum place_result result;

	/* One that we made before has been removed. */
	if (reader->made)
		place_close(&reader->place);
	reader->made = false;
	result = place_make(&reader->place, path, &wish);
	fr->status = status_join(fr->status, run_say_left(&reader->place));
	switch (result) {
	case PLACE_MADE:
		trace_event("%s: created", trace_safe(path));
		reader->made = true;
		return 0;
	case PLACE_FAILED:
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    path);
	default:
		return 0;
	}
}

/* again: it was open before, and its name is gone. */
static int
open_or_create(struct reader *reader, const char *path, bool again,
    struct endpoint *end, struct outcome *outcome)
{
	const struct fifo_read *fr = reader->fr;
	const struct fifo_owner *owner = required_owner(fr->opt);

	if (fifo_open_read_of(end, path, owner, outcome) == 0)
		return 0;
	if (!fr->opt->create || !is_missing(outcome))
		return -1;
	if (create(reader, path, outcome) == -1)
		return -1;
	if (again && reader->made && !fr->run.common->quiet)
		warnx("%s: was removed; made anew", trace_name(path));
	return fifo_open_read_of(end, path, owner, outcome);
}

/*
 * -F: nobody writes to the FIFO that we have, and its name is gone.  What
 * has the name now has to pass the same checks as the first did.
 */
static int
renew(struct flow *flow, struct outcome *outcome)
{
	struct reader *reader = flow->arg;
	struct outcome why = { 0 };
	struct endpoint next;
	int result;

	if (open_or_create(reader, flow->source.path, true, &next, &why) ==
	    -1) {
		if (is_missing(&why))
			return 0;
		*outcome = why;
		return -1;
	}
	result = may_change(flow, &next, &why);
	if (result != 1) {
		endpoint_finish(&next);
		if (result == -1)
			*outcome = why;
		return result;
	}
	trace_event("%s: another FIFO has this name now",
	    trace_safe(next.name));
	endpoint_finish(&flow->source);
	flow->source = next;
	if (flow_renew_source(flow) == 0)
		return 1;
	return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno, NULL);
}

/* -F: it need not be there yet. */
static void
await_name(struct fifo_read *fr, struct flow *flow, const char *path)
{
	if (!fr->run.common->quiet)
		warnx("%s: does not exist yet", trace_name(path));
	endpoint_init_none(&flow->source, path);
	flow->source.kind = ENDPOINT_PIPE;
	flow->source.fifo = true;
	flow->source.path = path;
}

static int
open_fifo(struct fifo_read *fr, struct flow *flow, const char *path,
    struct outcome *outcome)
{
	const struct fifo_read_options *opt = fr->opt;

	if (open_or_create(flow->arg, path, false, &flow->source, outcome) ==
	    -1) {
		if (!opt->follow_name || !is_missing(outcome))
			return -1;
		await_name(fr, flow, path);
	}
	if (opt->follow)
		flow->source_ended = follow;
	if (opt->follow_name)
		flow->source_gone = renew;
	flow->over = unlock;
	return 0;
}

static int
take_stdout(struct fifo_read *fr, struct flow *flow, struct outcome *outcome)
{
	int result = run_take_stdout(&flow->sink, outcome);

	/* The others need it until the end, when main.c closes it. */
	flow->sink.shared = fr->opt->npaths > 1;
	return result;
}

static int
open_source(struct fifo_read *fr, struct flow *flow, const char *path,
    struct outcome *outcome)
{
	struct fifo_read_options *opt = fr->opt;

	flow->keep_capacity = fr->run.limits.nonblock;
	flow->source_now = fr->run.limits.nonblock;
	flow->delimiter = opt->delimiter;
	if (opt->limited) {
		flow->quota = &opt->quota;
		flow->counts_records = opt->quota.records != QUOTA_NONE;
	}
	if (opt->npaths > 1) {
		flow->turn = &fr->turn;
		flow->source_failed = pass_over;
	}
	if (is_stdin(path))
		return run_take_stdin(&flow->source, outcome);
	return open_fifo(fr, flow, path, outcome);
}

/* The next place among those that are open. */
static struct flow *
next_place(struct fifo_read *fr, const char *path)
{
	struct flow *flow = &fr->flows[fr->n];
	struct reader *reader = &fr->readers[fr->n];

	flow_init(flow);
	endpoint_init_none(&flow->source, path);
	*reader = (struct reader){ .fr = fr, .lock_fd = -1 };
	flow->arg = reader;
	return flow;
}

static void
unmake(struct fifo_read *fr, struct reader *reader)
{
	if (reader->lock_fd != -1)
		close(reader->lock_fd);
	if (!reader->made)
		return;
	reader->made = false;
	fr->status = status_join(fr->status, run_remove_place(&reader->place));
}

/* Of several, those that cannot be opened are passed over. */
static int
open_all(struct fifo_read *fr)
{
	struct outcome *outcome = &fr->run.outcome;
	struct flow *flow;

	for (size_t i = 0; i < fr->opt->npaths; i++) {
		flow = next_place(fr, fr->opt->paths[i]);
		/* Without an output nothing may be taken. */
		if (take_stdout(fr, flow, outcome) == -1) {
			fr->n++;
			return -1;
		}
		if (open_source(fr, flow, fr->opt->paths[i], outcome) == 0) {
			fr->n++;
			continue;
		}
		if (fr->opt->npaths == 1) {
			fr->n++;
			return -1;
		}
		pass_over(flow, outcome);
		flow_finish(flow);
		unmake(fr, &fr->readers[fr->n]);
	}
	outcome_set(outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
	return fr->n == 0 ? -1 : 0;
}

static bool
comes_before(const struct endpoint *a, const struct endpoint *b)
{
	return a->dev != b->dev ? a->dev < b->dev : a->ino < b->ino;
}

/* The FIFO after a given one, NULL for the first, in the order of locking. */
static struct flow *
next_to_lock(struct fifo_read *fr, const struct flow *after)
{
	struct flow *flow, *next = NULL;

	for (flow = fr->flows; flow < fr->flows + fr->n; flow++)
		if (flow->source.fifo && flow->source.fd != -1 &&
		    (after == NULL || comes_before(&after->source,
		    &flow->source)) && (next == NULL ||
		    comes_before(&flow->source, &next->source)))
			next = flow;
	return next;
}

/*
 * All of them in one order, whatever that of the operands, so that two
 * readers of the same FIFOs never wait for each other.
 */
static int
lock_all(struct fifo_read *fr)
{
	struct flow *flow = NULL;

	if (!fr->opt->lock)
		return 0;
	while ((flow = next_to_lock(fr, flow)) != NULL)
		if (take_lock(flow->arg, &flow->source, &fr->run.limits,
		    &fr->run.outcome) == -1)
			return -1;
	return 0;
}

/* -n: a writer that was waiting for a reader may write now. */
static int
give_grace(struct fifo_read *fr)
{
	struct fifo_source *sources;
	size_t n = 0;

	if (!fr->run.limits.nonblock)
		return 0;
	sources = calloc(fr->n, sizeof(*sources));
	if (sources == NULL)
		return outcome_set(&fr->run.outcome, OUTCOME_ERROR, SIDE_NONE,
		    errno, NULL);
	for (size_t i = 0; i < fr->n; i++)
		if (fr->flows[i].source.fifo)
			sources[n++].end = &fr->flows[i].source;
	fifo_give_grace(sources, n);
	free(sources);
	return 0;
}

/* -n, several FIFOs: it is enough when one of them had something. */
static int
explain_dry(struct fifo_read *fr)
{
	if (fr->dry.why == OUTCOME_DONE)
		return STATUS_OK;
	for (size_t i = 0; i < fr->n; i++)
		if (fr->flows[i].bytes_in > 0)
			return STATUS_OK;
	return run_explain(&fr->run, &fr->dry);
}

static int
read_all(struct fifo_read *fr, const struct options *parsed)
{
	size_t places = fr->opt->npaths;
	int status;

	fr->flows = calloc(places + 1, sizeof(*fr->flows));
	fr->readers = calloc(places + 1, sizeof(*fr->readers));
	if (fr->flows == NULL || fr->readers == NULL)
		err(STATUS_ERROR, NULL);
	run_init(&fr->run, parsed, fr->flows, 0);
	fr->run.owner = fr->opt->owner_name;
	status = open_all(fr);
	fr->run.nflows = fr->n;
	if (status == 0 && lock_all(fr) == 0 && give_grace(fr) == 0)
		status = run_flows(&fr->run);
	else
		status = run_conclude(&fr->run);
	for (size_t i = 0; i < fr->n; i++)
		unmake(fr, &fr->readers[i]);
	status = status_join(status_join(fr->status, status),
	    explain_dry(fr));
	run_stats(&fr->run, status);
	return status;
}

static int
take_option(struct fifo_read_options *opt, int key, const char *arg)
{
	switch (key) {
	case 'F':
		opt->follow = opt->follow_name = true;
		break;
	case 'f':
		opt->follow = true;
		break;
	case 'c':
		opt->limited = true;
		return options_size("number of bytes", arg, &opt->quota.bytes);
	case 'l':
		opt->limited = true;
		return options_size("number of records", arg,
		    &opt->quota.records);
	case 'd':
	case 'z':
		return options_delimiter(arg, &opt->delimiter);
	case KEY_LOCK:
		opt->lock = true;
		break;
	case KEY_REQUIRE_OWNER:
		opt->owner_name = arg;
		return options_user(arg, &opt->owner.uid);
	case 'C':
		opt->create = true;
		break;
	}
	return STATUS_OK;
}

static int
check(const struct options *parsed, const struct fifo_read_options *opt)
{
	size_t inputs = 0;

	if (parsed->common.nonblock && opt->follow)
		return options_usage("--nonblock does not wait: "
		    "it excludes --follow");
	if (opt->npaths == 0)
		return options_usage("no FIFO was given");
	for (size_t i = 0; i < opt->npaths; i++)
		inputs += is_stdin(opt->paths[i]);
	if (inputs > 1)
		return options_usage("'-' was given more than once");
	return STATUS_OK;
}

static int
parse(struct options *parsed, struct fifo_read_options *opt)
{
	const char *arg;
	int key, status;

	while ((key = options_next(parsed, &arg)) > 0) {
		status = take_option(opt, key, arg);
		if (status != STATUS_OK)
			return status;
	}
	if (key == OPTIONS_STOP)
		return parsed->status;
	opt->paths = parsed->argv + optind;
	opt->npaths = (size_t)(parsed->argc - optind);
	return check(parsed, opt);
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct fifo_read_options opt = {
		.delimiter = '\n',
		.quota = { .bytes = QUOTA_NONE, .records = QUOTA_NONE }
	};
	struct fifo_read fr = { .opt = &opt };
	struct options parsed;
	int status;

	options_init(&parsed, command, argc, argv, false);
	status = parse(&parsed, &opt);
	if (status == STATUS_OK && !parsed.stopped)
		status = read_all(&fr, &parsed);
	free(fr.flows);
	free(fr.readers);
	return status;
}

const struct command cmd_fifo_read = {
	.name = "fifo-read",
	.summary = "copy what arrives in FIFOs to standard output",
	.usage = "[OPTION]... FIFO...",
	.options = options,
	.run = run,
};
