/*
 * duplex - two-way communication between two commands, a command and us, or
 * through a pair of FIFOs.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"
#include "command.h"
#include "compat.h"
#include "deadlock.h"
#include "dump.h"
#include "options.h"
#include "parse.h"
#include "partner.h"
#include "path.h"
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
	int64_t		 deadlock;	/* --deadlock, ns; 0: never */
	const char	*deadlock_text;
	bool		 dump;		/* -x */
	const char	*dump_file;	/* NULL: standard error */
	struct quota	 quota;		/* -c, -l */
	struct channel_options channel;	/* --fds, --status, -d, -z, -m */
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
	KEY_DEADLOCK,
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
	{ 'm', "memory", "SIZE", "a buffer in each direction" },
	{ KEY_DEADLOCK, "deadlock", "DURATION",
	    "end when both directions are stuck for so long" },
	{ 'x', "dump", "[FILE]", "show the traffic, in hex and as text" },
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
		return options_size("number of bytes", arg, &opt->quota.bytes);
	case 'l':
		opt->channel.quota = &opt->quota;
		return options_size("number of lines", arg,
		    &opt->quota.records);
	case 'd':
	case 'z':
		return options_delimiter(arg, &opt->channel.delimiter);
	case 'm':
		if (parse_memory(arg, &opt->channel.memory) == -1)
			return options_bad_argument("size of memory", arg);
		return STATUS_OK;
	case 'x':
		opt->dump = true;
		opt->dump_file = arg;
		return STATUS_OK;
	case KEY_DEADLOCK:
		opt->deadlock_text = arg;
		opt->channel.keep_capacity = true;
		if (parse_duration(arg, &opt->deadlock) == -1)
			return options_bad_argument("duration", arg);
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
	return has_fifos(opt) || opt->half_close != 0 || opt->dump ||
	    opt->channel.memory != 0 || opt->deadlock != 0 ||
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
	return channel_run(channel, true);
}

/* Then what our input holds would be lost, or its end would never come. */
static bool
is_our_input(const struct channel *channel, const struct duplex_options *opt,
    const struct endpoint *end)
{
	return channel->nchildren + has_fifos(opt) < SIDES &&
	    run_stdin_feeds(end);
}

/* -x: returns STATUS_OK with *name, or the status. */
static int
open_dump(struct channel *channel, const struct duplex_options *opt,
    const char **name)
{
	struct outcome *outcome = &channel->run.outcome;
	const char *path = opt->dump_file;
	struct endpoint end;

	if (path_open_output(&end, path == NULL ? "/dev/stderr" : path, false,
	    &channel->run.limits, outcome) == -1)
		return run_explain(&channel->run, outcome);
	*name = end.name;
	if (is_our_input(channel, opt, &end))
		outcome_set(outcome, OUTCOME_SAME_FILE, SIDE_SOURCE, 0,
		    end.name);
	else if (path_truncate(&end, outcome) == 0) {
		channel->dump = dump_new(&end, &channel->run.limits);
		if (channel->dump != NULL)
			return STATUS_OK;
		outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    end.name);
	}
	endpoint_finish(&end);
	return run_explain(&channel->run, outcome);
}

static int
close_dump(struct channel *channel, const char *name, int status)
{
	if (channel->dump == NULL || dump_finish(channel->dump) == 0 ||
	    errno == EINTR)
		return status;
	warn("%s", trace_safe(name));
	return status_join(status, STATUS_ERROR);
}

static int
run_kind(struct channel *channel, const struct duplex_options *opt,
    bool relayed)
{
	struct partner partner;

	if (opt->server.name != NULL)
		return server_run(channel, &opt->server);
	if (opt->connect != NULL)
		return server_connect(channel, opt->connect);
	if (!has_partner(opt))
		return channel_run(channel, relayed);
	partner_init(&partner, opt->from, opt->to);
	return run_with_partner(channel, &partner);
}

static int
run_all(struct channel *channel, const struct duplex_options *opt,
    struct deadlock *deadlock, bool relayed)
{
	const char *dump_name = NULL;
	int status;

	if (opt->dump) {
		status = open_dump(channel, opt, &dump_name);
		if (status != STATUS_OK)
			return status == STATUS_ERROR &&
			    channel->nchildren > 0 ? STATUS_FAILED : status;
	}
	if (opt->deadlock != 0) {
		deadlock_watch(deadlock, channel, opt->deadlock,
		    opt->deadlock_text);
		channel->deadlock = &deadlock->chore;
	}
	status = run_kind(channel, opt, relayed);
	return close_dump(channel, dump_name, status);
}

static int
parse(struct duplex_options *opt, struct channel *channel,
    struct options *parsed)
{
	const char *arg;
	int key, status;

	while ((key = options_next(parsed, &arg)) > 0) {
		status = parse_option(opt, key, arg);
		if (status != STATUS_OK)
			return status;
	}
	if (key == OPTIONS_STOP)
		return parsed->status;
	status = check_options(opt, &parsed->common);
	return status != STATUS_OK ? status :
	    parse_sides(channel, parsed->argv + optind, opt);
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
	struct deadlock deadlock;
	struct options parsed;
	bool relayed;
	int status;

	options_init(&parsed, command, argc, argv, true);
	status = parse(&opt, &channel, &parsed);
	if (status != STATUS_OK || parsed.stopped)
		return status;
	if (ready_check(opt.server.ready_fd) != STATUS_OK)
		return STATUS_ERROR;
	relayed = needs_relay(&opt, &parsed.common);
	run_init(&channel.run, &parsed, channel.flows, relayed ? SIDES : 0);
	channel.run.limits.half_close = opt.half_close;
	status = run_all(&channel, &opt, &deadlock, relayed);
	run_stats(&channel.run, status);
	for (int i = 0; i < SIDES; i++)
		free(channel.names[i]);
	return status;
}

const struct command cmd_duplex = {
	.name = "duplex",
	.summary = "join two commands in both directions",
	.usage = "[OPTION]... SIDE [:: SIDE]\n"
	    "[OPTION]... --from=FIFO --to=FIFO [SIDE]\n"
	    "[OPTION]... --listen=NAME "
	    "[-k | --persist] [SIDE]\n"
	    "[OPTION]... --connect=NAME [SIDE]",
	.options = options,
	.run = run,
};
