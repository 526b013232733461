/*
 * pipe-relay - copy standard input to standard output, or other ends; or
 * run commands in a pipeline and watch it.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "flow.h"
#include "options.h"
#include "parse.h"
#include "path.h"
#include "pipe-relay.h"
#include "run.h"
#include "sides.h"
#include "status.h"
#include "trace.h"

enum {
	KEY_TAP = OPTION_LONG,
	KEY_TAP_MEMORY,
	KEY_NO_SPLICE,
	KEY_PIPE_SIZE,
	KEY_SEPARATOR
};

static const struct option_spec options[] = {
	{ 'i', "input", "INPUT", "read INPUT instead of standard input" },
	{ 'o', "output", "OUTPUT", "write OUTPUT instead of standard output" },
	{ 'a', "append", NULL, "append to OUTPUT" },
	{ 'p', "output-error", "[MODE]",
	    "go on when an output breaks" },
	{ KEY_TAP, "tap", "FILE", "a copy that never holds the others up" },
	{ KEY_TAP_MEMORY, "tap-memory", "SIZE",
	    "a buffer before each tap" },
	{ 'd', "delimiter", "C", "taps get whole records that end in C" },
	{ 'z', "zero-terminated", NULL, "taps get whole records, with NUL" },
	{ 'x', "dump", "[FILE]", "show the traffic, in hex and as text" },
	{ 'L', "rate-limit", "SIZE", "at most so many bytes a second" },
	{ 'm', "memory", "SIZE", "a buffer between reading and writing" },
	{ 'c', "bytes", "N", "stop after N bytes" },
	{ 'P', "progress", NULL, "a meter on the terminal" },
	{ 's', "size", "SIZE", "of all, for the meter" },
	{ KEY_NO_SPLICE, "no-splice", NULL, "copy through memory" },
	{ KEY_PIPE_SIZE, "pipe-size", "SIZE|max|keep",
	    "capacity of the pipes at both ends" },
	{ KEY_SEPARATOR, "separator", "STR",
	    "between commands, instead of ::" },
	{ 0 },
};

/* As cat(1) does: what cannot be read is reported and passed over. */
static void
pass_over(struct flow *flow, const struct outcome *why)
{
	struct pipe_relay *pr = flow->arg;

	pr->status = status_join(pr->status, run_explain(&pr->run, why));
}

/* The next input that can be opened.  Returns whether there is one. */
static bool
open_next_input(struct flow *flow, struct pipe_relay *pr)
{
	struct outcome why;

	while (pr->next_input < pr->opt.ninputs) {
		endpoint_finish(&flow->source);
		if (path_open_input(&flow->source,
		    pr->opt.inputs[pr->next_input++], &pr->run.limits,
		    &why) == -1) {
			endpoint_init_none(&flow->source, "inputs");
			pass_over(flow, &why);
			continue;
		}
		if (outlet_feeds(pr, &flow->source)) {
			outcome_set(&why, OUTCOME_SAME_FILE, SIDE_SOURCE, 0,
			    flow->source.name);
			pass_over(flow, &why);
			continue;
		}
		outlet_set_capacity(pr, &flow->source);
		flow->source_now = pr->run.limits.nonblock &&
		    flow->source.fifo;
		return true;
	}
	return false;
}

static int
next_input(struct flow *flow, struct outcome *outcome)
{
	struct pipe_relay *pr = flow->arg;

	if (!open_next_input(flow, pr))
		return 0;
	if (flow_next_source(flow) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    NULL);
	return 1;
}

/*
 * The read end first: it opens at once, and a partner that opens the two
 * FIFOs in the other order would wait for us as we wait for it.
 */
static int
open_source(struct pipe_relay *pr)
{
	struct flow *flow = pr->head;

	endpoint_init_none(&flow->source, "inputs");
	flow->arg = pr;
	if (pr->opt.ninputs > 0) {
		flow->source_ended = next_input;
		flow->source_failed = pass_over;
		open_next_input(flow, pr);
		return 0;
	}
	if (run_take_stdin(&flow->source, &pr->run.outcome) == -1)
		return -1;
	/* The others get what was read before it failed. */
	if (pr->opt.noutputs > 1 || pr->opt.ntaps > 0)
		flow->source_failed = pass_over;
	return 0;
}

/* What a regular file has left; 0 for others. */
static uint64_t
file_size(const char *path)
{
	struct stat st;
	off_t at = 0;

	if (path == NULL || strcmp(path, "-") == 0) {
		if (fstat(STDIN_FILENO, &st) == -1)
			return 0;
		at = lseek(STDIN_FILENO, 0, SEEK_CUR);
	} else if (stat(path, &st) == -1)
		return 0;
	return S_ISREG(st.st_mode) && st.st_size > at && at >= 0 ?
	    (uint64_t)(st.st_size - at) : 0;
}

/* How much there will be, 0 if that is not known. */
static uint64_t
whole_size(const struct pipe_relay_options *opt)
{
	uint64_t sum = 0, one;

	if (opt->size != 0)
		return opt->size;
	if (opt->ninputs == 0)
		sum = file_size(NULL);
	for (size_t i = 0; i < opt->ninputs; i++) {
		one = file_size(opt->inputs[i]);
		if (one == 0) {
			sum = 0;
			break;
		}
		sum += one;
	}
	if (opt->limit == FLOW_NO_LIMIT)
		return sum;
	return sum == 0 ? opt->limit : MIN(sum, opt->limit);
}

static void
show(struct flow *flow, const struct iovec *iov, int n, uint64_t offset)
{
	const struct pipe_relay *pr = flow->arg;

	dump_bytes(pr->dump, ">", offset, iov, n);
}

static int
open_dump(struct pipe_relay *pr)
{
	if (!pr->opt.dump)
		return 0;
	pr->head->observe = show;
	return outlet_open_dump(pr);
}

static int
relay(struct pipe_relay *pr)
{
	bool opened;
	int status;

	pr->run.nflows = 1;
	endpoint_init_none(&pr->flows[0].sink, pr->opt.noutputs == 0 ?
	    "standard output" : pr->opt.outputs[0]);
	opened = open_source(pr) == 0 && outlet_open(pr) == 0 &&
	    open_dump(pr) == 0;
	/* Each -i gets it when it is opened. */
	if (opened && pr->opt.ninputs == 0)
		outlet_set_capacity(pr, &pr->head->source);
	if (opened)
		outlet_equip(pr, whole_size(&pr->opt));
	status = opened ? run_flows(&pr->run) : run_conclude(&pr->run);
	status = outlet_finish(pr, status_join(pr->status, status));
	run_stats(&pr->run, status);
	return status;
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
parse_output_error(struct pipe_relay_options *opt, const char *arg)
{
	static const char *const modes[] = {
		[OUTPUT_ERROR_WARN] = "warn",
		[OUTPUT_ERROR_WARN_NOPIPE] = "warn-nopipe",
		[OUTPUT_ERROR_EXIT] = "exit",
		[OUTPUT_ERROR_EXIT_NOPIPE] = "exit-nopipe",
	};
	int matches = 0;

	opt->output_error = OUTPUT_ERROR_WARN_NOPIPE;
	if (arg == NULL)
		return STATUS_OK;
	/* As with tee(1), a beginning that only one mode has is enough. */
	for (int i = OUTPUT_ERROR_WARN; i <= OUTPUT_ERROR_EXIT_NOPIPE; i++) {
		if (strncmp(arg, modes[i], strlen(arg)) != 0)
			continue;
		opt->output_error = (enum output_error)i;
		matches++;
		if (strcmp(arg, modes[i]) == 0)
			return STATUS_OK;
	}
	if (matches == 1)
		return STATUS_OK;
	errno = EINVAL;
	return options_bad_argument("mode of --output-error", arg);
}

/* A number of bytes that makes sense from `least` on. */
static int
parse_bytes(const char *what, const char *arg, uint64_t least, uint64_t *bytes)
{
	if (parse_size(arg, bytes) == -1)
		return options_bad_argument(what, arg);
	if (*bytes >= least)
		return STATUS_OK;
	errno = EINVAL;
	return options_bad_argument(what, arg);
}

/* One option of our own.  Returns STATUS_OK or STATUS_USAGE. */
static int
take_option(struct pipe_relay_options *opt, int key, const char *arg)
{
	switch (key) {
	case 'i':
		opt->inputs[opt->ninputs++] = arg;
		break;
	case 'o':
		opt->outputs[opt->noutputs++] = arg;
		break;
	case 'a':
		opt->append = true;
		break;
	case 'p':
		return parse_output_error(opt, arg);
	case KEY_TAP:
		opt->taps[opt->ntaps++] = arg;
		break;
	case KEY_TAP_MEMORY:
		if (parse_memory(arg, &opt->tap_memory) == -1)
			return options_bad_argument("size of memory", arg);
		return STATUS_OK;
	case 'd':
		if (parse_delimiter(arg, &opt->delimiter) == -1)
			return options_bad_argument("delimiter", arg);
		opt->records = true;
		break;
	case 'z':
		opt->delimiter = '\0';
		opt->records = true;
		break;
	case 'x':
		opt->dump = true;
		opt->dump_file = arg;
		break;
	case 'L':
		return parse_bytes("rate", arg, 1, &opt->rate);
	case 'm':
		if (parse_memory(arg, &opt->memory) == -1)
			return options_bad_argument("size of memory", arg);
		return STATUS_OK;
	case 'c':
		return parse_bytes("number of bytes", arg, 0, &opt->limit);
	case 'P':
		opt->progress = true;
		break;
	case 's':
		return parse_bytes("size", arg, 1, &opt->size);
	case KEY_NO_SPLICE:
		opt->no_splice = true;
		break;
	case KEY_PIPE_SIZE:
		return parse_pipe_size(opt, arg);
	case KEY_SEPARATOR:
		opt->separator = arg;
		return sides_check_separator(arg);
	}
	return STATUS_OK;
}

static bool
has_separator(const struct pipe_relay *pr)
{
	char **word;

	for (word = pr->parsed.argv + optind; *word != NULL; word++)
		if (strcmp(*word, pr->opt.separator) == 0)
			return true;
	return false;
}

/* Operands are commands where a separator or `--' says so. */
static int
check_operands(const struct pipe_relay *pr, const char *last)
{
	const char *before = pr->parsed.argv[optind - 1];

	if (optind == pr->parsed.argc)
		return STATUS_OK;
	if (!has_separator(pr) && (strcmp(before, "--") != 0 ||
	    before == last))
		return options_usage("unexpected operand '%s'; "
		    "for a file to read use -i",
		    trace_safe(pr->parsed.argv[optind]));
	if (pr->opt.ninputs > 0 || pr->opt.noutputs > 0 || pr->opt.append)
		return options_usage("commands have standard input and output; "
		    "-i, -o and -a are for files");
	return STATUS_OK;
}

static int
parse(struct pipe_relay *pr)
{
	const char *arg, *last = NULL;
	int key, status;

	while ((key = options_next(&pr->parsed, &arg)) > 0) {
		last = arg;
		status = take_option(&pr->opt, key, arg);
		if (status != STATUS_OK)
			return status;
	}
	if (key == OPTIONS_STOP)
		return pr->parsed.status;
	return check_operands(pr, last);
}

/* There cannot be more of anything than words. */
static void
make_room(struct pipe_relay *pr, size_t words)
{
	pr->opt.inputs = calloc(words, sizeof(*pr->opt.inputs));
	pr->opt.outputs = calloc(words, sizeof(*pr->opt.outputs));
	pr->opt.taps = calloc(words, sizeof(*pr->opt.taps));
	if (pr->opt.inputs == NULL || pr->opt.outputs == NULL ||
	    pr->opt.taps == NULL)
		err(STATUS_ERROR, NULL);
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct pipe_relay pr = {
		.opt.limit = FLOW_NO_LIMIT,
		.opt.separator = SIDES_SEPARATOR
	};
	int status;

	options_init(&pr.parsed, command, argc, argv, true);
	make_room(&pr, (size_t)argc + 1);
	status = parse(&pr);
	if (status != STATUS_OK || pr.parsed.stopped)
		goto out;
	if (optind < argc) {
		status = pipeline_run(&pr, argv + optind);
		goto out;
	}
	pr.flows = calloc(outlet_flows(&pr.opt), sizeof(*pr.flows));
	if (pr.flows == NULL)
		err(STATUS_ERROR, NULL);
	pr.head = &pr.flows[0];
	run_init(&pr.run, &pr.parsed, pr.flows, outlet_flows(&pr.opt));
	status = relay(&pr);
out:
	free(pr.flows);
	free(pr.opt.inputs);
	free(pr.opt.outputs);
	free(pr.opt.taps);
	return status;
}

const struct command cmd_pipe_relay = {
	.name = "pipe-relay",
	.summary = "copy input to outputs, at once, or run a pipeline",
	.usage = "[OPTION]... [-i INPUT]... [-o OUTPUT]...\n"
	    "[OPTION]... [--] COMMAND [ARG]... "
	    "[:: COMMAND [ARG]...]...",
	.options = options,
	.run = run,
};
