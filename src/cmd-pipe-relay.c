/*
 * pipe-relay - copy standard input to standard output, or other ends.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "flow.h"
#include "options.h"
#include "parse.h"
#include "path.h"
#include "run.h"
#include "status.h"
#include "trace.h"

#define CAPACITY_AUTO	((size_t)0)

struct pipe_relay_options {
	const char	**inputs;	/* -i, one after the other */
	size_t		 ninputs;
	const char	*output;	/* -o; NULL: none was given */
	bool		 append;	/* -a */
	bool		 no_splice;	/* --no-splice */
	bool		 keep_capacity;	/* --pipe-size=keep */
	size_t		 capacity;	/* --pipe-size=SIZE|max, bytes */

	size_t		 next;		/* the input that comes next */
	struct run	*run;
	int		 status;	/* of inputs that were passed over */
};

enum {
	KEY_NO_SPLICE = OPTION_LONG,
	KEY_PIPE_SIZE
};

static const struct option_spec options[] = {
	{ 'i', "input", "INPUT", "read INPUT instead of standard input" },
	{ 'o', "output", "OUTPUT", "write OUTPUT instead of standard output" },
	{ 'a', "append", NULL, "append to OUTPUT" },
	{ KEY_NO_SPLICE, "no-splice", NULL, "copy through memory" },
	{ KEY_PIPE_SIZE, "pipe-size", "SIZE|max|keep",
	    "capacity of the pipes at both ends" },
	{ 0 },
};

/* A capacity that is refused makes it slower, but nothing is wrong. */
static void
set_capacity(struct endpoint *ep, const struct pipe_relay_options *opt)
{
	if (opt->capacity != CAPACITY_AUTO &&
	    endpoint_set_capacity(ep, opt->capacity) == -1 &&
	    !opt->run->common->quiet)
		warn("%s: capacity not changed", trace_safe(ep->name));
}

/* As cat(1) does: what cannot be read is reported and passed over. */
static void
pass_over(struct flow *flow, const struct outcome *why)
{
	struct pipe_relay_options *opt = flow->arg;

	opt->status = status_join(opt->status, run_explain(opt->run, why));
}

/* The next input that can be opened.  Returns whether there is one. */
static bool
open_next_input(struct flow *flow, struct pipe_relay_options *opt)
{
	struct outcome why;

	while (opt->next < opt->ninputs) {
		endpoint_finish(&flow->source);
		if (path_open_input(&flow->source, opt->inputs[opt->next++],
		    &opt->run->limits, &why) == -1) {
			endpoint_init_none(&flow->source, "inputs");
			pass_over(flow, &why);
			continue;
		}
		if (flow_feeds_itself(flow)) {
			outcome_set(&why, OUTCOME_SAME_FILE, SIDE_SOURCE, 0,
			    flow->source.name);
			pass_over(flow, &why);
			continue;
		}
		set_capacity(&flow->source, opt);
		flow->source_now = opt->run->limits.nonblock &&
		    flow->source.fifo;
		return true;
	}
	return false;
}

static int
next_input(struct flow *flow, struct outcome *outcome)
{
	struct pipe_relay_options *opt = flow->arg;

	if (!open_next_input(flow, opt))
		return 0;
	if (flow_next_source(flow) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    NULL);
	return 1;
}

/*
 * Whether a file that is the sink, too, has bytes to be read from offset on:
 * they would feed the flow for ever.  As cat(1) does, one that has none is
 * let pass.
 */
static bool
feeds_itself(const struct flow *flow, const struct stat *st, off_t offset)
{
	return st->st_dev == flow->sink.dev && st->st_ino == flow->sink.ino &&
	    offset < st->st_size;
}

static bool
stdin_feeds_itself(const struct flow *flow)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == 0 &&
	    feeds_itself(flow, &st, lseek(STDIN_FILENO, 0, SEEK_CUR));
}

/* No input may be the file at the output. */
static int
refuse_same_file(const struct flow *flow, const struct pipe_relay_options *opt,
    struct outcome *outcome)
{
	const char *name = NULL;
	struct stat st;

	if (flow->sink.kind != ENDPOINT_FILE)
		return 0;
	if (opt->ninputs == 0 && stdin_feeds_itself(flow))
		name = flow->source.name;
	for (size_t i = 0; i < opt->ninputs && name == NULL; i++) {
		if (strcmp(opt->inputs[i], "-") == 0 ?
		    stdin_feeds_itself(flow) :
		    stat(opt->inputs[i], &st) == 0 &&
		    feeds_itself(flow, &st, 0))
			name = opt->inputs[i];
	}
	if (name == NULL)
		return 0;
	return outcome_set(outcome, OUTCOME_SAME_FILE, SIDE_SOURCE, 0, name);
}

/* A file is truncated only when it is known to be no input. */
static int
open_output(struct flow *flow, const struct pipe_relay_options *opt,
    struct outcome *outcome)
{
	bool standard = opt->output == NULL || strcmp(opt->output, "-") == 0 ||
	    endpoint_fd_in_path(opt->output) == STDOUT_FILENO;

	if ((standard ? run_take_stdout(&flow->sink, outcome) :
	    path_open_output(&flow->sink, opt->output, opt->append,
	    &opt->run->limits, outcome)) == -1)
		return -1;
	if (refuse_same_file(flow, opt, outcome) == -1)
		return -1;
	return path_truncate(&flow->sink, outcome);
}

/*
 * The read end first: it opens at once, and a partner that opens the two
 * FIFOs in the other order would wait for us as we wait for it.
 */
static int
open_ends(struct flow *flow, struct pipe_relay_options *opt,
    struct outcome *outcome)
{
	endpoint_init_none(&flow->source, "inputs");
	endpoint_init_none(&flow->sink,
	    opt->output == NULL ? "standard output" : opt->output);
	if (opt->ninputs > 0) {
		flow->source_ended = next_input;
		flow->source_failed = pass_over;
		flow->arg = opt;
		open_next_input(flow, opt);
	} else if (run_take_stdin(&flow->source, outcome) == -1)
		return -1;
	if (open_output(flow, opt, outcome) == -1)
		return -1;
	flow->no_splice = opt->no_splice;
	flow->keep_capacity = opt->keep_capacity || opt->run->limits.nonblock ||
	    opt->capacity != CAPACITY_AUTO;
	flow->sink_now = opt->run->limits.nonblock && flow->sink.fifo;
	if (opt->ninputs == 0)
		set_capacity(&flow->source, opt);
	set_capacity(&flow->sink, opt);
	return 0;
}

static int
parse_pipe_size(struct pipe_relay_options *opt, const char *arg)
{
	opt->keep_capacity = strcmp(arg, "keep") == 0;
	opt->capacity = CAPACITY_AUTO;
	if (!opt->keep_capacity && parse_capacity(arg, &opt->capacity) == -1)
		return options_bad_argument("pipe size", arg);
	return STATUS_OK;
}

static int
parse(struct options *parsed, struct pipe_relay_options *opt)
{
	const char *arg;
	int key, status;

	while ((key = options_next(parsed, &arg)) > 0) {
		switch (key) {
		case 'i':
			opt->inputs[opt->ninputs++] = arg;
			break;
		case 'o':
			if (opt->output != NULL)
				return options_usage("more than one output "
				    "was given");
			opt->output = arg;
			break;
		case 'a':
			opt->append = true;
			break;
		case KEY_NO_SPLICE:
			opt->no_splice = true;
			break;
		case KEY_PIPE_SIZE:
			status = parse_pipe_size(opt, arg);
			if (status != STATUS_OK)
				return status;
			break;
		}
	}
	if (key == OPTIONS_STOP)
		return parsed->status;
	if (optind < parsed->argc)
		return options_usage("unexpected operand '%s'; "
		    "for a file to read use -i",
		    trace_safe(parsed->argv[optind]));
	return STATUS_OK;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct pipe_relay_options opt = { 0 };
	struct options parsed;
	struct flow flow;
	struct run run;
	int status;

	options_init(&parsed, command, argc, argv, false);
	/* There cannot be more inputs than words. */
	opt.inputs = calloc((size_t)argc + 1, sizeof(*opt.inputs));
	if (opt.inputs == NULL)
		err(STATUS_ERROR, NULL);
	status = parse(&parsed, &opt);
	if (status != STATUS_OK || parsed.stopped)
		goto out;

	run_init(&run, &parsed, &flow, 1);
	opt.run = &run;
	status = run_whole(&run, open_ends(&flow, &opt, &run.outcome) == 0,
	    &opt.status);
out:
	free(opt.inputs);
	return status;
}

const struct command cmd_pipe_relay = {
	.name = "pipe-relay",
	.summary = "copy standard input to standard output, at once",
	.usage = "[OPTION]... [-i INPUT]... [-o OUTPUT]",
	.options = options,
	.run = run,
};
