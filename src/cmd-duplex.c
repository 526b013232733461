/*
 * duplex - two-way communication between two commands, a command and us, or
 * through a pair of FIFOs.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"
#include "command.h"
#include "compat.h"
#include "options.h"
#include "parse.h"
#include "partner.h"
#include "ready.h"
#include "run.h"
#include "server.h"
#include "sides.h"
#include "status.h"
#include "trace.h"

/* Descriptors that a command needs besides those that --fds names. */
#define FDS_SPARE 16

struct duplex_options {
	const char	*separator;	/* --separator */
	const char	*from, *to;	/* --from, --to */
	const char	*connect;	/* --connect */
	struct server_options server;	/* --listen, -k, --persist ... */
	bool		 has_mode;	/* --mode */
	int64_t		 half_close;	/* --half-close, ns; 0: no limit */
	struct quota	 quota;		/* -c, -l */
	struct channel_options channel;	/* --fds, --status, -d, -z */
};

enum {
	KEY_LISTEN = OPTION_LONG,
	KEY_PERSIST,
	KEY_MODE,
	KEY_READY_FD,
	KEY_CONNECT,
	KEY_FROM,
	KEY_TO,
	KEY_FDS,
	KEY_HALF_CLOSE,
	KEY_STATUS,
	KEY_SEPARATOR
};

static const struct option_spec options[] = {
	{ KEY_LISTEN, "listen", "NAME", "serve behind NAME.in and NAME.out" },
	{ 'k', "keep", NULL, "one client after another, COMMAND anew" },
	{ KEY_PERSIST, "persist", NULL, "the same, one COMMAND for all" },
	{ KEY_MODE, "mode", "MODE", "permissions of these, 0600 if not said" },
	{ KEY_READY_FD, "ready-fd", "N", "a newline to N when they stand" },
	{ KEY_CONNECT, "connect", "NAME", "be a client of such a server" },
	{ KEY_FROM, "from", "FIFO", "the other side is FIFOs: read this one" },
	{ KEY_TO, "to", "FIFO", "and write to this one" },
	{ 'l', "lines", "N", "end after so many lines of an answer" },
	{ 'd', "delimiter", "C", "lines end in C instead of newline" },
	{ 'z', "zero-terminated", NULL, "lines end in NUL" },
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
	case KEY_LISTEN:
		opt->server.name = arg;
		return STATUS_OK;
	case 'k':
		opt->server.keep = true;
		return STATUS_OK;
	case KEY_PERSIST:
		opt->server.persist = true;
		return STATUS_OK;
	case KEY_MODE:
		opt->has_mode = true;
		return parse_mode(arg, &opt->server.mode) == -1 ?
		    options_bad_mode(arg) : STATUS_OK;
	case KEY_READY_FD:
		return ready_parse(arg, &opt->server.ready_fd);
	case KEY_CONNECT:
		opt->connect = arg;
		return STATUS_OK;
	case KEY_FROM:
		opt->from = arg;
		return STATUS_OK;
	case KEY_TO:
		opt->to = arg;
		return STATUS_OK;
	case 'c':
		opt->channel.quota = &opt->quota;
		if (parse_size(arg, &opt->quota.bytes) == -1)
			return options_bad_argument("number of bytes", arg);
		return STATUS_OK;
	case 'l':
		opt->channel.quota = &opt->quota;
		if (parse_size(arg, &opt->quota.records) == -1)
			return options_bad_argument("number of lines", arg);
		return STATUS_OK;
	case 'd':
		if (parse_delimiter(arg, &opt->channel.delimiter) == -1)
			return options_bad_argument("delimiter", arg);
		return STATUS_OK;
	case 'z':
		opt->channel.delimiter = '\0';
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

/* Whether the other side is FIFOs that exist. */
static bool
has_partner(const struct duplex_options *opt)
{
	return opt->from != NULL || opt->to != NULL || opt->connect != NULL;
}

static bool
has_fifos(const struct duplex_options *opt)
{
	return has_partner(opt) || opt->server.name != NULL;
}

static int
check_server(const struct duplex_options *opt,
    const struct common_options *common)
{
	const struct server_options *server = &opt->server;

	if (server->name == NULL)
		return server->keep || server->persist || opt->has_mode ||
		    server->ready_fd != -1 ?
		    options_usage("--keep, --persist, --mode and --ready-fd "
		    "need --listen") : STATUS_OK;
	if (server->keep && server->persist)
		return options_usage("--keep and --persist exclude each "
		    "other");
	if (common->nonblock)
		return options_usage("--nonblock does not wait: it excludes "
		    "--listen");
	return STATUS_OK;
}

static int
check_options(const struct duplex_options *opt,
    const struct common_options *common)
{
	if ((opt->from == NULL) != (opt->to == NULL))
		return options_usage("--from and --to belong together");
	if ((opt->from != NULL) + (opt->connect != NULL) +
	    (opt->server.name != NULL) > 1)
		return options_usage("--listen, --connect and --from exclude "
		    "each other");
	if (opt->channel.quota != NULL && !has_partner(opt))
		return options_usage("--bytes and --lines need --connect, or "
		    "--from and --to");
	return check_server(opt, common);
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
	size_t max = has_fifos(opt) ? 1 : SIDES;
	int status;

	if (*argv == NULL && !has_fifos(opt))
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
	if (channel->nchildren == 0 && !has_fifos(opt))
		return options_usage("at least one side must be a command");
	if (channel->nchildren == 0 &&
	    (opt->server.keep || opt->server.persist))
		return options_usage("--keep and --persist need a command");
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
	return has_fifos(opt) || opt->half_close != 0 ||
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
		.server = { .mode = S_IRUSR | S_IWUSR, .ready_fd = -1 },
		.separator = SIDES_SEPARATOR,
		.quota = { .bytes = QUOTA_NONE, .records = QUOTA_NONE },
		.channel.delimiter = '\n',
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
	status = check_options(&opt, &parsed.common);
	if (status == STATUS_OK)
		status = parse_sides(&channel, argv + optind, &opt);
	if (status != STATUS_OK)
		return status;

	if (ready_check(opt.server.ready_fd) != STATUS_OK)
		return STATUS_ERROR;
	relayed = needs_relay(&opt, &parsed.common);
	run_init(&channel.run, &parsed, channel.flows, relayed ? SIDES : 0);
	channel.run.limits.half_close = opt.half_close;
	channel.run.limits.chores = &channel.kin_chore;
	channel.kin_chore.fd = -1;
	channel.kin_chore.at = INT64_MAX;
	if (opt.server.name != NULL)
		return server_run(&channel, &opt.server);
	if (opt.connect != NULL)
		return server_connect(&channel, opt.connect);
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
	.usage = "[OPTION]... SIDE [:: SIDE]\n"
	    "       ipctool duplex [OPTION]... --from=FIFO --to=FIFO [SIDE]\n"
	    "       ipctool duplex [OPTION]... --listen=NAME "
	    "[-k | --persist] [SIDE]\n"
	    "       ipctool duplex [OPTION]... --connect=NAME [SIDE]",
	.options = options,
	.run = run,
};
