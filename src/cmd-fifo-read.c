/*
 * fifo-read - copy what arrives in a FIFO to standard output.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "command.h"
#include "fifo.h"
#include "flow.h"
#include "options.h"
#include "parse.h"
#include "run.h"
#include "status.h"

struct fifo_read_options {
	bool		 follow;	/* -f: go on across writers */
	uint64_t	 bytes;		/* -c: stop after so many */
};

static const struct option_spec options[] = {
	{ 'f', "follow", NULL, "go on across writers, for ever" },
	{ 'c', "bytes", "N", "stop after N bytes and consume no more" },
	{ 0 },
};

/* -f: all writers left; be there for the next. */
static int
follow(struct flow *flow, struct outcome *outcome)
{
	if (fifo_reopen_read(&flow->source) == -1 ||
	    flow_next_source(flow) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    flow->source.name);
	return 1;
}

static int
open_ends(struct flow *flow, const char *path,
    const struct fifo_read_options *opt, bool nonblock,
    struct outcome *outcome)
{
	endpoint_init_none(&flow->source, path);
	if (run_take_stdout(&flow->sink, outcome) == -1)
		return -1;
	if (strcmp(path, "-") == 0) {
		if (run_take_stdin(&flow->source, outcome) == -1)
			return -1;
	} else {
		if (fifo_open_read(&flow->source, path, outcome) == -1)
			return -1;
		if (nonblock)
			fifo_give_grace(&flow->source);
		if (opt->follow)
			flow->source_ended = follow;
		flow->source_now = nonblock;
	}
	flow->keep_capacity = nonblock;
	flow->limit = opt->bytes;
	return 0;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct fifo_read_options opt = { .bytes = FLOW_NO_LIMIT };
	struct options parsed;
	struct flow flow;
	struct run run;
	const char *arg;
	int key;

	options_init(&parsed, command, argc, argv, false);
	while ((key = options_next(&parsed, &arg)) > 0) {
		switch (key) {
		case 'f':
			opt.follow = true;
			break;
		case 'c':
			if (parse_size(arg, &opt.bytes) == -1)
				return options_bad_argument("number of bytes",
				    arg);
			break;
		}
	}
	if (key == OPTIONS_STOP)
		return parsed.status;
	if (parsed.common.nonblock && opt.follow)
		return options_usage("--nonblock does not wait: "
		    "it excludes --follow");
	if (optind != argc - 1)
		return options_usage(optind == argc ? "no FIFO was given" :
		    "more than one FIFO was given");

	run_init(&run, &parsed, &flow, 1);
	return run_whole(&run, open_ends(&flow, argv[optind], &opt,
	    parsed.common.nonblock, &run.outcome) == 0, NULL);
}

const struct command cmd_fifo_read = {
	.name = "fifo-read",
	.summary = "copy what arrives in a FIFO to standard output",
	.usage = "[OPTION]... FIFO",
	.options = options,
	.run = run,
};
