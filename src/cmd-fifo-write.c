/*
 * fifo-write - copy standard input, or messages, into a FIFO.
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
#include "parse.h"
#include "run.h"
#include "status.h"

struct fifo_write_options {
	const char	**messages;	/* -m: instead of standard input */
	size_t		 nmessages;
	size_t		 next;		/* the message that comes next */
	unsigned char	 delimiter;	/* -d, -z: records end so */
};

static const struct option_spec options[] = {
	{ 'm', "message", "TEXT", "write TEXT instead of standard input" },
	{ 'd', "delimiter", "C", "records end in C instead of newline" },
	{ 'z', "zero-terminated", NULL, "records end in NUL" },
	{ 0 },
};

/* The next message, with its delimiter, as one record. */
static int
next_message(struct flow *flow, struct outcome *outcome)
{
	struct fifo_write_options *opt = flow->arg;
	const char *text;
	size_t length;
	char *record;
	int result;

	if (opt->next == opt->nmessages)
		return 0;
	text = opt->messages[opt->next++];
	length = strlen(text);
	record = malloc(length + 1);
	if (record == NULL)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    NULL);
	memcpy(record, text, length);
	if (length == 0 || (unsigned char)text[length - 1] != opt->delimiter)
		record[length++] = (char)opt->delimiter;
	result = flow_hold(flow, record, length);
	free(record);
	if (result == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    NULL);
	return 1;
}

static int
open_ends(struct flow *flow, const char *path, struct fifo_write_options *opt,
    struct run *run)
{
	bool nonblock = run->limits.nonblock;

	endpoint_init_none(&flow->sink, path);
	if (opt->nmessages > 0) {
		endpoint_init_none(&flow->source, "messages");
		flow->source_ended = next_message;
		flow->arg = opt;
	} else if (run_take_stdin(&flow->source, &run->outcome) == -1)
		return -1;
	flow->whole_records = nonblock || opt->nmessages > 0;
	flow->keep_capacity = flow->whole_records;
	flow->delimiter = opt->delimiter;
	flow->sink_now = nonblock;
	return fifo_open_write(&flow->sink, path, &run->limits, &run->outcome);
}

static int
parse(struct options *parsed, struct fifo_write_options *opt)
{
	const char *arg;
	int key;

	while ((key = options_next(parsed, &arg)) > 0) {
		switch (key) {
		case 'm':
			opt->messages[opt->nmessages++] = arg;
			break;
		case 'd':
			if (parse_delimiter(arg, &opt->delimiter) == -1)
				return options_bad_argument("delimiter", arg);
			break;
		case 'z':
			opt->delimiter = '\0';
			break;
		}
	}
	if (key == OPTIONS_STOP)
		return parsed->status;
	if (optind != parsed->argc - 1)
		return options_usage(optind == parsed->argc ?
		    "no FIFO was given" : "more than one FIFO was given");
	return STATUS_OK;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct fifo_write_options opt = { .delimiter = '\n' };
	struct options parsed;
	struct flow flow;
	struct run run;
	int status;

	options_init(&parsed, command, argc, argv, false);
	/* There cannot be more messages than words. */
	opt.messages = calloc((size_t)argc + 1, sizeof(*opt.messages));
	if (opt.messages == NULL)
		err(STATUS_ERROR, NULL);
	status = parse(&parsed, &opt);
	if (status != STATUS_OK || parsed.stopped)
		goto out;

	run_init(&run, &parsed, &flow, 1);
	status = run_whole(&run, open_ends(&flow, argv[optind], &opt,
	    &run) == 0, NULL);
out:
	free(opt.messages);
	return status;
}

const struct command cmd_fifo_write = {
	.name = "fifo-write",
	.summary = "copy standard input into a FIFO",
	.usage = "[OPTION]... FIFO",
	.options = options,
	.run = run,
};
