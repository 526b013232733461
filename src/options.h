/*
 * options - the command line: one table an option, from which getopt_long(3)
 * and --help are fed; and the options that every command has.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct command;

/* A row of a command's table; a table ends with a row of zeroes. */
struct option_spec {
	int		 key;	/* its letter, or above OPTION_LONG */
	const char	*name;	/* NULL: a letter only, without arg */
	const char	*arg;	/* NULL: none; "[X]": may be left out, and
				   belongs to the long name alone */
	const char	*help;	/* one line for --help */
};

#define OPTION_LONG	256	/* the first key without a letter */

enum stats_form {
	STATS_NONE,
	STATS_TEXT,
	STATS_JSON
};

/* What every command understands. */
struct common_options {
	bool		 nonblock;		/* -n */
	int64_t		 open_timeout;		/* -w, ns; 0: no limit */
	int64_t		 idle_timeout;		/* -T, ns; 0: no limit */
	int64_t		 timeout;		/* -t, ns; 0: no limit */
	const char	*open_timeout_text;	/* as they were given, */
	const char	*idle_timeout_text;	/* for messages */
	const char	*timeout_text;
	enum stats_form	 stats;			/* --stats[=json] */
	bool		 quiet;			/* -q */
	bool		 verbose;		/* -v */
};

#define OPTIONS_MAX 40		/* rows of both tables together */

struct options {
	const struct command	*command;
	struct common_options	 common;
	int			 argc;
	char			**argv;
	bool			 stopped;	/* OPTIONS_STOP was returned */
	int			 status;	/* of that */
	/* For getopt_long(3). */
	struct option		 longs[OPTIONS_MAX + 1];
	char			 shorts[3 * OPTIONS_MAX + 3];
};

enum {
	OPTIONS_END = -1,	/* operands are argv[optind] and on */
	OPTIONS_STOP = -2	/* return options->status */
};

/* With at_operand, options end at the first operand: a command follows. */
void	 options_init(struct options *, const struct command *, int argc,
	    char **argv, bool at_operand);

/*
 * The next option of the command's own, with its argument in *arg (borrowed
 * from argv); the common ones are taken in on the way.  OPTIONS_END after
 * the last, OPTIONS_STOP when the run is over: --help, --version, or an
 * error that has been reported.
 */
int	 options_next(struct options *, const char **arg);

/*
 * One line on standard error, and where to read more.  Returns
 * STATUS_USAGE.
 */
int	 options_usage(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));

/* The same for an operand or argument that was not understood. */
int	 options_bad_argument(const char *option, const char *arg);

/*
 * Each of these parses the argument of an option, and returns STATUS_OK, or
 * STATUS_USAGE once it has been reported.
 */

/* -d's, or NULL for -z, which is NUL. */
int	 options_delimiter(const char *arg, unsigned char *delimiter);
int	 options_size(const char *what, const char *arg, uint64_t *);
int	 options_user(const char *arg, uid_t *);

/* The same for what parse_mode() refused. */
int	 options_bad_mode(const char *arg);

/* --help, on standard output. */
void	 options_print_help(const struct command *);

#endif
