/*
 * fifo-write - copy standard input, or messages, into FIFOs.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "fifo.h"
#include "flow.h"
#include "options.h"
#include "run.h"
#include "status.h"

struct fifo_write_options {
	const char	**messages;	/* -m: instead of standard input */
	size_t		 nmessages;
	bool		 no_delimiter;	/* --no-delimiter: not after these */
	unsigned char	 delimiter;	/* -d, -z: records end so */
	bool		 drop;		/* --drop: what cannot go now */
	bool		 atomic;	/* -A: a write each, never mixed */
	bool		 lock;		/* --lock: the same, of any size */
	bool		 keep;		/* -k: outlive readers */
	bool		 drain;		/* -D: wait until all is read */
	const char	*owner_name;	/* --require-owner */
	struct fifo_owner owner;
	char		**paths;
	size_t		 npaths;
};

/* One FIFO that is written to. */
struct writer {
	struct fifo_write *fw;
	size_t		 next;		/* the message that comes next */
};

struct fifo_write {
	const struct fifo_write_options *opt;
	struct run	 run;
	struct flow	*flows;		/* one for each FIFO, and the one
					   that feeds them if several */
	struct writer	*writers;
	int		 status;	/* of FIFOs that were given up */
};

enum {
	KEY_NO_DELIMITER = OPTION_LONG,
	KEY_DROP,
	KEY_LOCK,
	KEY_REQUIRE_OWNER
};

static const struct option_spec options[] = {
	{ 'm', "message", "TEXT", "write TEXT instead of standard input" },
	{ KEY_NO_DELIMITER, "no-delimiter", NULL,
	    "add no delimiter to messages" },
	{ 'd', "delimiter", "C", "records end in C instead of newline" },
	{ 'z', "zero-terminated", NULL, "records end in NUL" },
	{ KEY_DROP, "drop", NULL, "drop records that cannot go now" },
	{ 'A', "atomic", NULL, "write each record at once, or fail" },
	{ KEY_LOCK, "lock", NULL, "lock out other writers that lock" },
	{ 'k', "keep", NULL, "outlive readers, and wait for the next" },
	{ 'D', "drain", NULL, "succeed only when all has been read" },
	{ KEY_REQUIRE_OWNER, "require-owner", "USER",
	    "the FIFO must belong to USER" },
	{ 0 },
};

/* A message, with its delimiter unless it is there or not wanted. */
static int
hold_message(struct flow *flow, const struct fifo_write_options *opt,
    const char *text)
{
	size_t length = strlen(text);
	char *record = malloc(length + 1);
	int result;

	if (record == NULL)
		return -1;
	memcpy(record, text, length + 1);
	if (!opt->no_delimiter && (length == 0 ||
	    (unsigned char)text[length - 1] != opt->delimiter))
		record[length++] = (char)opt->delimiter;
	result = flow_hold(flow, record, length);
	free(record);
	return result;
}

static int
next_message(struct flow *flow, struct outcome *outcome)
{
	struct writer *writer = flow->arg;
	const struct fifo_write_options *opt = writer->fw->opt;

	if (writer->next == opt->nmessages)
		return 0;
	if (hold_message(flow, opt, opt->messages[writer->next++]) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    NULL);
	return 1;
}

/* Of several FIFOs one fails: the others go on. */
static int
give_up(struct flow *flow, struct outcome *why)
{
	struct writer *writer = flow->arg;
	struct fifo_write *fw = writer->fw;

	switch (why->why) {
	case OUTCOME_PEER_LEFT:
	case OUTCOME_ERROR:
	case OUTCOME_REMOVED:
	case OUTCOME_NOT_FIFO:
	case OUTCOME_FOREIGN:
	case OUTCOME_OPEN_TIMEOUT:
	case OUTCOME_UNCONFIRMED:
		break;
	default:
		return -1;
	}
	run_explain(&fw->run, why);
	/* As tee(1) says it. */
	fw->status = STATUS_ERROR;
	return 0;
}

static void
set_up_sink(struct fifo_write *fw, size_t i)
{
	const struct fifo_write_options *opt = fw->opt;
	struct flow *flow = &fw->flows[i];
	bool nonblock = fw->run.limits.nonblock;

	endpoint_init_none(&flow->sink, opt->paths[i]);
	fw->writers[i].fw = fw;
	flow->arg = &fw->writers[i];
	if (opt->npaths > 1)
		flow->sink_failed = give_up;
	flow->delimiter = opt->delimiter;
	flow->whole_records = nonblock || opt->nmessages > 0 || opt->atomic ||
	    opt->lock || opt->drop;
	flow->keep_capacity = flow->whole_records;
	flow->sink_now = nonblock && !opt->drop;
	flow->atomic = opt->atomic;
	flow->lock = opt->lock;
	flow->drop = opt->drop;
	flow->keep = opt->keep;
	flow->drain = opt->drain;
	if (opt->owner_name != NULL)
		flow->sink_owner = &opt->owner;
	if (opt->nmessages > 0) {
		endpoint_init_none(&flow->source, "messages");
		flow->source_ended = next_message;
	}
}

/* Standard input goes to one FIFO directly, to several by branches. */
static int
set_up_source(struct fifo_write *fw)
{
	const struct fifo_write_options *opt = fw->opt;
	struct outcome *outcome = &fw->run.outcome;
	struct flow *trunk = &fw->flows[opt->npaths];

	if (opt->nmessages > 0)
		return 0;
	if (opt->npaths == 1)
		return run_take_stdin(&fw->flows[0].source, outcome);
	endpoint_init_none(&trunk->sink, "FIFOs");
	if (run_take_stdin(&trunk->source, outcome) == -1)
		return -1;
	for (size_t i = 0; i < opt->npaths; i++)
		if (flow_add_branch(trunk, &fw->flows[i], false) == -1)
			return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE,
			    errno, NULL);
	if (flow_drop_sink(trunk) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    "/dev/null");
	return 0;
}

/*
 * --drop: without a reader it is opened when a record comes, but it must be
 * a FIFO from the start.
 */
static int
open_or_leave(struct flow *flow, const char *path, struct outcome *outcome)
{
	struct limits now = { .nonblock = true, .deadline = DEADLINE_NEVER };
	struct fifo_sink sink = {
		.path = path, .pinned = -1, .end = &flow->sink
	};

	if (fifo_open_write_all(&sink, 1, flow->sink_owner, &now,
	    outcome) == 0)
		return 0;
	if (outcome->why != OUTCOME_NO_PEER)
		return -1;
	flow->sink.kind = ENDPOINT_PIPE;
	flow->sink.fifo = true;
	flow->sink.path = path;
	return 0;
}

static int
open_sinks(struct fifo_write *fw)
{
	const struct fifo_write_options *opt = fw->opt;
	struct outcome *outcome = &fw->run.outcome;
	struct fifo_sink *sinks;
	int result;

	for (size_t i = 0; opt->drop && i < opt->npaths; i++)
		if (open_or_leave(&fw->flows[i], opt->paths[i],
		    outcome) == -1)
			return -1;
	if (opt->drop)
		return 0;
	sinks = calloc(opt->npaths, sizeof(*sinks));
	if (sinks == NULL)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    NULL);
	for (size_t i = 0; i < opt->npaths; i++)
		sinks[i] = (struct fifo_sink){
			.path = opt->paths[i],
			.pinned = -1,
			.end = &fw->flows[i].sink
		};
	result = fifo_open_write_all(sinks, opt->npaths,
	    opt->owner_name == NULL ? NULL : &opt->owner, &fw->run.limits,
	    outcome);
	free(sinks);
	return result;
}

static int
write_all(struct fifo_write *fw, const struct options *parsed)
{
	const struct fifo_write_options *opt = fw->opt;
	size_t nflows = opt->npaths;
	bool opened;

	if (opt->nmessages == 0 && nflows > 1)
		nflows++;		/* what feeds the others */
	fw->flows = calloc(opt->npaths + 1, sizeof(*fw->flows));
	fw->writers = calloc(opt->npaths + 1, sizeof(*fw->writers));
	if (fw->flows == NULL || fw->writers == NULL)
		err(STATUS_ERROR, NULL);
	run_init(&fw->run, parsed, fw->flows, nflows);
	fw->run.owner = opt->owner_name;
	fw->run.tells_accepted = true;
	for (size_t i = 0; i < opt->npaths; i++)
		set_up_sink(fw, i);
	opened = set_up_source(fw) == 0 && open_sinks(fw) == 0;
	return run_whole(&fw->run, opened, &fw->status);
}

static int
take_option(struct fifo_write_options *opt, int key, const char *arg)
{
	switch (key) {
	case 'm':
		opt->messages[opt->nmessages++] = arg;
		break;
	case KEY_NO_DELIMITER:
		opt->no_delimiter = true;
		break;
	case 'd':
	case 'z':
		return options_delimiter(arg, &opt->delimiter);
	case KEY_DROP:
		opt->drop = true;
		break;
	case 'A':
		opt->atomic = true;
		break;
	case KEY_LOCK:
		opt->lock = true;
		break;
	case 'k':
		opt->keep = true;
		break;
	case 'D':
		opt->drain = true;
		break;
	case KEY_REQUIRE_OWNER:
		opt->owner_name = arg;
		return options_user(arg, &opt->owner.uid);
	}
	return STATUS_OK;
}

/* What cannot be had together. */
static int
check(const struct options *parsed, const struct fifo_write_options *opt)
{
	const struct common_options *common = &parsed->common;
	const char *waits = opt->keep ? "--keep" : opt->drain ? "--drain" :
	    common->open_timeout_text != NULL ? "--open-timeout" : NULL;

	if (common->nonblock && waits != NULL)
		return options_usage("--nonblock does not wait: "
		    "it excludes %s", waits);
	if (opt->drop && waits != NULL)
		return options_usage("--drop does not wait: it excludes %s",
		    waits);
	if (opt->no_delimiter && opt->nmessages == 0)
		return options_usage("--no-delimiter needs --message");
	if (opt->npaths == 0)
		return options_usage("no FIFO was given");
	return STATUS_OK;
}

static int
parse(struct options *parsed, struct fifo_write_options *opt)
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
	struct fifo_write_options opt = { .delimiter = '\n' };
	struct fifo_write fw = { .opt = &opt };
	struct options parsed;
	int status;

	options_init(&parsed, command, argc, argv, false);
	/* There cannot be more messages than words. */
	opt.messages = calloc((size_t)argc + 1, sizeof(*opt.messages));
	if (opt.messages == NULL)
		err(STATUS_ERROR, NULL);
	status = parse(&parsed, &opt);
	if (status == STATUS_OK && !parsed.stopped)
		status = write_all(&fw, &parsed);
	free(fw.flows);
	free(fw.writers);
	free(opt.messages);
	return status;
}

const struct command cmd_fifo_write = {
	.name = "fifo-write",
	.summary = "copy standard input into FIFOs",
	.usage = "[OPTION]... FIFO...",
	.options = options,
	.run = run,
};
