/*
 * duplex - two-way communication between two commands, a command and us, or
 * through a pair of FIFOs.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "channel.h"
#include "command.h"
#include "compat.h"
#include "options.h"
#include "parse.h"
#include "partner.h"
#include "run.h"
#include "sides.h"
#include "status.h"
#include "trace.h"

/* Descriptors that a command needs besides those that --fds names. */
#define FDS_SPARE 16

struct duplex_options {
	const char	*separator;	/* --separator */
	const char	*from, *to;	/* --from, --to */
	int64_t		 half_close;	/* --half-close, ns; 0: no limit */
	struct channel_options channel;	/* --fds, --status, -c */
};

enum {
	KEY_FROM = OPTION_LONG,
	KEY_TO,
	KEY_FDS,
	KEY_HALF_CLOSE,
	KEY_STATUS,
	KEY_SEPARATOR
};

static const struct option_spec options[] = {
	{ KEY_FROM, "from", "FIFO", "the other side is FIFOs: read this one" },
	{ KEY_TO, "to", "FIFO", "and write to this one" },
	{ 'c', "bytes", "SIZE", "end after so much of an answer" },
	{ KEY_HALF_CLOSE, "half-close", "DURATION",
	    "limit the silence after one direction ended" },
	{ KEY_FDS, "fds", "R,W[:R,W]", "numbers the sides use, not 0,1" },
	{ KEY_STATUS, "status", "first|last", "the status is this side's" },
	{ KEY_SEPARATOR, "separator", "STR", "use STR between the sides" },
	{ 0 },
};

static bool
parse_fd(const char **text, char end, int *fd)
{
	char word[16];
	uint64_t number;
	size_t length = strcspn(*text, ",:");

	if (length == 0 || length >= sizeof(word) || (*text)[length] != end)
		return false;
	memcpy(word, *text, length);
	word[length] = '\0';
	if (strspn(word, "0123456789") != length ||
	    parse_size(word, &number) == -1 || number > INT_MAX)
		return false;
	*fd = (int)number;
	*text += length + (end != '\0');
	return true;
}

/* R,W or R,W:R,W; one pair is for both sides. */
static int
parse_fds(struct channel_options *opt, const char *text)
{
	struct child_fds *fds = opt->fds;
	const char *at = text;
	struct rlimit limit;
	bool ok;

	ok = parse_fd(&at, ',', &fds[LEFT].in) &&
	    parse_fd(&at, strchr(at, ':') == NULL ? '\0' : ':', &fds[LEFT].out);
	if (ok && *at == '\0' && at[-1] != ':')
		fds[RIGHT] = fds[LEFT];
	else
		ok = ok && parse_fd(&at, ',', &fds[RIGHT].in) &&
		    parse_fd(&at, '\0', &fds[RIGHT].out);
	if (!ok)
		return options_usage("invalid descriptors '%s'",
		    trace_safe(text));
	for (int i = 0; i < SIDES; i++) {
		if (fds[i].in == fds[i].out)
			return options_usage("--fds=%s: a side needs two "
			    "descriptors", trace_safe(text));
		if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
		    ((rlim_t)fds[i].in + FDS_SPARE > limit.rlim_cur ||
		    (rlim_t)fds[i].out + FDS_SPARE > limit.rlim_cur))
			return options_usage("--fds=%s: more than the limit "
			    "of open files allows", trace_safe(text));
	}
	opt->has_fds = true;
	return STATUS_OK;
}

static int
parse_whose(struct channel_options *opt, const char *text)
{
	if (strcmp(text, "first") == 0)
		opt->whose = CHANNEL_FIRST;
	else if (strcmp(text, "last") == 0)
		opt->whose = CHANNEL_LAST;
	else
		return options_usage("invalid side '%s'", trace_safe(text));
	return STATUS_OK;
}

static int
parse_option(struct duplex_options *opt, int key, const char *arg)
{
	switch (key) {
	case KEY_FROM:
		opt->from = arg;
		return STATUS_OK;
	case KEY_TO:
		opt->to = arg;
		return STATUS_OK;
	case 'c':
		if (parse_size(arg, &opt->channel.limit) == -1)
			return options_bad_argument("number of bytes", arg);
		return STATUS_OK;
	case KEY_HALF_CLOSE:
		if (parse_duration(arg, &opt->half_close) == -1)
			return options_bad_argument("duration", arg);
		return STATUS_OK;
	case KEY_FDS:
		return parse_fds(&opt->channel, arg);
	case KEY_STATUS:
		return parse_whose(&opt->channel, arg);
	default:
		opt->separator = arg;
		return sides_check_separator(arg);
	}
}

/* Whether the other side is FIFOs. */
static bool
has_partner(const struct duplex_options *opt)
{
	return opt->from != NULL || opt->to != NULL;
}

static int
check_options(const struct duplex_options *opt)
{
	if ((opt->from == NULL) != (opt->to == NULL))
		return options_usage("--from and --to belong together");
	if (opt->channel.limit != FLOW_NO_LIMIT && !has_partner(opt))
		return options_usage("--bytes needs --from and --to");
	return STATUS_OK;
}

static int
set_side(struct channel *channel, int i, char **argv)
{
	if (argv[0] == NULL)
		return options_usage("a side without a command");
	if (strcmp(argv[0], "-") != 0)
		channel_set_command(channel, i, argv);
	else if (argv[1] != NULL)
		return options_usage("'-' takes no argument");
	return STATUS_OK;
}

/*
 * Cut argv at the separators.  An empty side is an error, a missing one is
 * us; FIFOs are the second.
 */
static int
parse_sides(struct channel *channel, char **argv,
    const struct duplex_options *opt)
{
	static char dash[] = "-";
	static char *us[] = { dash, NULL };
	char **starts[SIDES] = { us, us };
	size_t max = has_partner(opt) ? 1 : SIDES;
	int status;

	if (*argv == NULL && !has_partner(opt))
		return options_usage("no command was given");
	if (*argv != NULL &&
	    sides_split(argv, opt->separator, starts, max) > max)
		return options_usage(max == 1 ? "more than one side was given "
		    "besides the FIFOs" : "more than two sides were given");
	status = set_side(channel, LEFT, starts[LEFT]);
	if (status == STATUS_OK)
		status = set_side(channel, RIGHT, starts[RIGHT]);
	if (status != STATUS_OK)
		return status;
	if (channel->nchildren == 0 && !has_partner(opt))
		return options_usage("at least one side must be a command");
	if ((opt->channel.whose == CHANNEL_FIRST &&
	    channel->sides[LEFT].child == NULL) ||
	    (opt->channel.whose == CHANNEL_LAST &&
	    channel->sides[RIGHT].child == NULL))
		return options_usage("--status: that side is no command");
	return STATUS_OK;
}

/* Whether somebody has to see the bytes, or where they end. */
static bool
needs_relay(const struct duplex_options *opt,
    const struct common_options *common)
{
	return has_partner(opt) || opt->half_close != 0 ||
	    common->idle_timeout != 0;
}

/* The FIFOs are opened before any command is started. */
static int
run_with_partner(struct channel *channel, struct partner *partner)
{
	struct run *run = &channel->run;
	int status;

	channel->sides[RIGHT].kind = CHANNEL_PARTNER;
	channel->sides[RIGHT].partner = partner;
	if (partner_open(partner, &run->limits, &run->outcome) == -1) {
		status = run_conclude(run);
		partner_close(partner);
		return status == STATUS_ERROR && channel->nchildren > 0 ?
		    STATUS_FAILED : status;
	}
	partner->chore.next = run->limits.chores;
	run->limits.chores = &partner->chore;
	return channel_run(channel, true);
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct duplex_options opt = {
		.separator = SIDES_SEPARATOR,
		.channel.limit = FLOW_NO_LIMIT,
	};
	struct channel channel = { .opt = &opt.channel };
	struct options parsed;
	struct partner partner;
	const char *arg;
	bool relayed;
	int key, status;

	options_init(&parsed, command, argc, argv, true);
	while ((key = options_next(&parsed, &arg)) > 0) {
		status = parse_option(&opt, key, arg);
		if (status != STATUS_OK)
			return status;
	}
	if (key == OPTIONS_STOP)
		return parsed.status;
	status = check_options(&opt);
	if (status == STATUS_OK)
		status = parse_sides(&channel, argv + optind, &opt);
	if (status != STATUS_OK)
		return status;

	relayed = needs_relay(&opt, &parsed.common);
	run_init(&channel.run, &parsed, channel.flows, relayed ? SIDES : 0);
	channel.run.limits.half_close = opt.half_close;
	channel.run.limits.chores = &channel.kin_chore;
	channel.kin_chore.fd = -1;
	channel.kin_chore.at = INT64_MAX;
	if (has_partner(&opt)) {
		partner_init(&partner, opt.from, opt.to);
		status = run_with_partner(&channel, &partner);
	} else
		status = channel_run(&channel, relayed);
	run_stats(&channel.run, status);
	return status;
}

const struct command cmd_duplex = {
	.name = "duplex",
	.summary = "join two commands in both directions",
	.usage = "[OPTION]... SIDE [:: SIDE]",
	.options = options,
	.run = run,
};
