/*
 * options - the command line, and the options that every command has.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "compat.h"
#include "installed.h"
#include "options.h"
#include "parse.h"
#include "print.h"
#include "status.h"
#include "trace.h"

enum {
	KEY_STATS = OPTION_LONG + 1000,
	KEY_HELP,
	KEY_VERSION
};

static const struct option_spec common_specs[] = {
	{ 'n', "nonblock", NULL, "never wait for a FIFO; the status says so" },
	{ 'w', "open-timeout", "DURATION", "limit the wait for a peer" },
	{ 'T', "idle-timeout", "DURATION", "limit how long nothing moves" },
	{ 't', "timeout", "DURATION", "limit the whole run" },
	{ KEY_STATS, "stats", "[json]",
	    "counters on standard error at the end" },
	{ 'q', "quiet", NULL, "no diagnostics but errors" },
	{ 'v', "verbose", NULL, "say every open, EOF and hang-up" },
	{ 0 },
};

static const struct option_spec last_specs[] = {
	{ KEY_HELP, "help", NULL, "show this help and exit" },
	{ KEY_VERSION, "version", NULL, "show the version and exit" },
	{ 0 },
};

static const struct option_spec *
find_spec(const struct option_spec *specs, int key)
{
	for (; specs->key != 0; specs++)
		if (specs->key == key)
			return specs;
	return NULL;
}

/*
 * Those that a command shares with others, and those that all have; in the
 * order of --help.
 */
static size_t
get_tables(const struct command *command,
    const struct option_spec *tables[3])
{
	size_t n = 0;

	tables[n++] = command->options;
	if (!command->own_letters)
		tables[n++] = common_specs;
	tables[n++] = last_specs;
	return n;
}

/* A command may word a common option differently; its own row wins. */
static bool
is_overridden(const struct command *command, const struct option_spec *table,
    const struct option_spec *spec)
{
	return table != command->options &&
	    find_spec(command->options, spec->key) != NULL;
}

static void
add_specs(struct options *options, const struct option_spec *table, size_t *n)
{
	char *shorts = options->shorts + strlen(options->shorts);
	const struct option_spec *spec;
	int has_arg;

	for (spec = table; spec->key != 0; spec++) {
		if (is_overridden(options->command, table, spec))
			continue;
		has_arg = spec->arg == NULL ? no_argument :
		    spec->arg[0] == '[' ? optional_argument :
		    required_argument;
		if (spec->name != NULL)
			options->longs[(*n)++] = (struct option){
				spec->name, has_arg, NULL, spec->key
			};
		if (spec->key >= OPTION_LONG)
			continue;
		*shorts++ = (char)spec->key;
		/* As tee(1) -p: only the long name may have an argument. */
		if (has_arg == required_argument)
			*shorts++ = ':';
	}
}

void
options_init(struct options *options, const struct command *command, int argc,
    char **argv, bool at_operand)
{
	const struct option_spec *tables[3];
	size_t n = 0, ntables = get_tables(command, tables);

	memset(options, 0, sizeof(*options));
	options->command = command;
	options->argc = argc;
	options->argv = argv;
	/* `:' tells a missing argument apart. */
	strlcpy(options->shorts, at_operand ? "+:" : ":",
	    sizeof(options->shorts));
	for (size_t i = 0; i < ntables; i++)
		add_specs(options, tables[i], &n);
	opterr = 0;
	optind = 0;		/* GNU: start over, reading the `+' anew */
}

int
options_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarnx(fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help' for more information.\n",
	    getprogname());
	return STATUS_USAGE;
}

int
options_bad_argument(const char *option, const char *arg)
{
	return options_usage("invalid %s '%s'%s", option, trace_safe(arg),
	    errno == ERANGE ? ": too large" : "");
}

int
options_delimiter(const char *arg, unsigned char *delimiter)
{
	if (arg == NULL) {
		*delimiter = '\0';
		return STATUS_OK;
	}
	return parse_delimiter(arg, delimiter) == 0 ? STATUS_OK :
	    options_bad_argument("delimiter", arg);
}

int
options_size(const char *what, const char *arg, uint64_t *size)
{
	return parse_size(arg, size) == 0 ? STATUS_OK :
	    options_bad_argument(what, arg);
}

int
options_user(const char *arg, uid_t *uid)
{
	return parse_user(arg, uid) == 0 ? STATUS_OK :
	    options_usage("invalid user '%s'", trace_safe(arg));
}

int
options_bad_mode(const char *arg)
{
	return options_usage("invalid mode '%s'%s", trace_safe(arg),
	    errno == EPERM ? ": only permission bits can be set" : "");
}

static int
unknown_long(const struct options *options, const char *word)
{
	const char *names[OPTIONS_MAX + 1];
	char typed[64];
	const char *meant;
	size_t n = 0;

	for (; options->longs[n].name != NULL; n++)
		names[n] = options->longs[n].name;
	names[n] = NULL;
	strlcpy(typed, word + 2, sizeof(typed));
	typed[strcspn(typed, "=")] = '\0';
	meant = parse_suggest(typed, names);
	if (meant == NULL)
		return options_usage("unrecognized option '--%s'",
		    trace_safe(typed));
	return options_usage("unrecognized option '--%s'; did you mean '--%s'?",
	    trace_safe(typed), meant);
}

static bool
knows(const struct command *command, int key)
{
	const struct option_spec *tables[3];
	size_t ntables = get_tables(command, tables);

	for (size_t i = 0; i < ntables; i++)
		if (find_spec(tables[i], key) != NULL)
			return true;
	return false;
}

/*
 * What getopt_long(3) did not take.  optopt is 0 for a long option that it
 * does not know, the key of one that got an argument for nothing, or a
 * letter, whose word may have more letters to come.
 */
static int
complain(const struct options *options, int what)
{
	const char *word = options->argv[optind - 1];
	const char letter[2] = { (char)optopt, '\0' };

	if (what == ':' && strncmp(word, "--", 2) == 0)
		return options_usage("option '%s' needs an argument", word);
	if (what == ':')
		return options_usage("option '-%s' needs an argument", letter);
	if (optopt == 0)
		return unknown_long(options, word);
	if (knows(options->command, optopt))
		return options_usage("option '%.*s' takes no argument",
		    (int)strcspn(word, "="), word);
	return options_usage("invalid option '-%s'", trace_safe(letter));
}

/*
 * The word of argv that an option came from.  Its argument may be a word of
 * its own.
 */
static const char *
option_word(const struct options *options)
{
	const char *last = options->argv[optind - 1];

	if (optarg != NULL && optarg == last && optind >= 2)
		return options->argv[optind - 2];
	return last;
}

/* getopt_long(3) takes abbreviations; scripts shall not depend on them. */
static bool
is_abbreviated(const char *word, const char *name)
{
	return strncmp(word, "--", 2) == 0 &&
	    strcspn(word + 2, "=") != strlen(name);
}

static int
parse_stats(struct common_options *common, const char *arg)
{
	if (arg == NULL)
		common->stats = STATS_TEXT;
	else if (strcmp(arg, "json") == 0)
		common->stats = STATS_JSON;
	else {
		errno = EINVAL;
		return options_bad_argument("form of --stats", arg);
	}
	return STATUS_OK;
}

static int
parse_timeout(const char *what, int64_t *timeout, const char **text)
{
	*text = optarg;
	if (parse_duration(optarg, timeout) == -1)
		return options_bad_argument(what, optarg);
	return STATUS_OK;
}

static int
stop(struct options *options, int status)
{
	options->stopped = true;
	options->status = status;
	return OPTIONS_STOP;
}

/* One of the common options.  Returns its status, 0 to go on. */
static int
take_common(struct common_options *common, int key)
{
	switch (key) {
	case 'n':
		common->nonblock = true;
		return STATUS_OK;
	case 'w':
		return parse_timeout("open time-out", &common->open_timeout,
		    &common->open_timeout_text);
	case 'T':
		return parse_timeout("idle time-out", &common->idle_timeout,
		    &common->idle_timeout_text);
	case 't':
		return parse_timeout("time-out", &common->timeout,
		    &common->timeout_text);
	case 'q':
		common->quiet = true;
		return STATUS_OK;
	case 'v':
		common->verbose = true;
		return STATUS_OK;
	default:
		return parse_stats(common, optarg);
	}
}

static int
check_common(const struct common_options *common)
{
	if (common->nonblock && common->open_timeout_text != NULL)
		return options_usage("--nonblock does not wait: "
		    "it excludes --open-timeout");
	return STATUS_OK;
}

int
options_next(struct options *options, const char **arg)
{
	int key, index, status;

	for (;;) {
		index = -1;
		key = getopt_long(options->argc, options->argv,
		    options->shorts, options->longs, &index);
		if (key == -1) {
			status = check_common(&options->common);
			return status == STATUS_OK ? OPTIONS_END :
			    stop(options, status);
		}
		if (key == '?' || key == ':')
			return stop(options, complain(options, key));
		if (index != -1 && is_abbreviated(option_word(options),
		    options->longs[index].name))
			return stop(options, unknown_long(options,
			    option_word(options)));
		*arg = optarg;
		if (key == KEY_HELP) {
			options_print_help(options->command);
			return stop(options, STATUS_OK);
		}
		if (key == KEY_VERSION) {
			print("%s\n", PACKAGE_STRING);
			return stop(options, STATUS_OK);
		}
		if (options->command->own_letters ||
		    find_spec(common_specs, key) == NULL)
			return key;
		status = take_common(&options->common, key);
		if (status != STATUS_OK)
			return stop(options, status);
	}
}

static void
print_specs(const struct command *command, const struct option_spec *table)
{
	const struct option_spec *spec;
	char left[64];

	for (spec = table; spec->key != 0; spec++) {
		if (is_overridden(command, table, spec))
			continue;
		if (spec->name == NULL) {
			print("  -%c  %-26s %s\n", spec->key, "", spec->help);
			continue;
		}
		if (spec->arg == NULL)
			strlcpy(left, spec->name, sizeof(left));
		else if (spec->arg[0] == '[')
			snprintf(left, sizeof(left), "%s[=%s", spec->name,
			    spec->arg + 1);
		else
			snprintf(left, sizeof(left), "%s=%s", spec->name,
			    spec->arg);
		if (spec->key < OPTION_LONG)
			print("  -%c, ", spec->key);
		else
			print("      ");
		print("--%-24s %s\n", left, spec->help);
	}
}

static void
print_usage(const struct command *command)
{
	const char *me = installed_name(PACKAGE_NAME), *begin = "Usage:";
	const char *line, *next;

	for (line = command->usage; *line != '\0'; line = next) {
		next = strchrnul(line, '\n');
		print("%-6s %s %s %.*s\n", begin, me, command->name,
		    (int)(next - line), line);
		begin = "";
		next += *next == '\n';
	}
	print("%s %s: %s.\n\n", me, command->name, command->summary);
}

void
options_print_help(const struct command *command)
{
	const struct option_spec *tables[3];
	size_t ntables = get_tables(command, tables);

	print_usage(command);
	for (size_t i = 0; i < ntables; i++)
		print_specs(command, tables[i]);
	if (command->help != NULL)
		command->help(print_stream());
	print("\nDURATION is a number with s, m, h, d, ms or us (s if none), "
	    "SIZE a number\nwith k, M, G or T (powers of 1024).  "
	    "The manual page has the rest: man %s\n",
	    installed_name(command->name));
}
