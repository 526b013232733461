/*
 * fifo-create - make FIFOs, and hold or remove them.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "compat.h"
#include "deadline.h"
#include "endpoint.h"
#include "fifo.h"
#include "kin.h"
#include "options.h"
#include "parse.h"
#include "place.h"
#include "print.h"
#include "ready.h"
#include "report.h"
#include "run.h"
#include "signals.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"

#define SEPARATOR	"::"
#define PLACEHOLDER	"{}"	/* in COMMAND: the first NAME */
#define VARIABLE	"FIFO"	/* in COMMAND's environment: the same */

/* How often what exists may vanish when -e looks at it. */
#define ACCEPT_TRIES	100

enum hold {
	HOLD_NONE,
	HOLD_READ,
	HOLD_WRITE,
	HOLD_BOTH
};

struct fifo_create_options {
	struct place_wish wish;		/* -m, -o, -g, -f */
	bool		 parents;	/* -p */
	bool		 exist_ok;	/* -e */
	bool		 temp;		/* --temp */
	bool		 unlink;	/* -u */
	enum hold	 hold;		/* --hold */
	size_t		 pipe_size;	/* --pipe-size; 0: leave it alone */
	int		 ready_fd;	/* --ready-fd; -1: none */
	char		**command;	/* COMMAND, NULL: none */
};

/* What has been made, and what is to be undone. */
struct fifo_create {
	const struct fifo_create_options *opt;
	struct run	 run;
	struct place	*places;	/* pinned, for -u and --hold */
	size_t		 nplaces;
	struct endpoint	*held;		/* ends, for --hold */
	struct child	 child;		/* COMMAND */
	size_t		 nheld;
	char		*temp_dir;	/* --temp: made, and ours */
	char		*temp_name;	/* of the FIFO in it */
	unsigned int	 created, existed;
	int		 left;		/* STATUS_ERROR: a directory of ours */
	bool		 verbose;
};

enum {
	KEY_TEMP = OPTION_LONG,
	KEY_HOLD,
	KEY_PIPE_SIZE,
	KEY_READY_FD
};

static const struct option_spec options[] = {
	{ 'm', "mode", "MODE", "set the permissions, exactly; as chmod" },
	{ 'o', "owner", "USER", "give it to USER" },
	{ 'g', "group", "GROUP", "give it to GROUP" },
	{ 'p', "parents", NULL, "make missing parent directories" },
	{ 'e', "exist-ok", NULL, "an existing FIFO is fine if it is ours" },
	{ 'f', "force", NULL, "replace an existing FIFO" },
	{ KEY_TEMP, "temp", NULL, "make one in a new private directory" },
	{ 'u', "unlink", NULL, "remove at the end what was made" },
	{ KEY_HOLD, "hold", "[r|w|rw]", "keep that end open; rw if not said" },
	{ KEY_PIPE_SIZE, "pipe-size", "SIZE|max", "its capacity, with --hold" },
	{ KEY_READY_FD, "ready-fd", "N", "a newline to N when it stands" },
	{ 'v', "verbose", NULL, "show each path created" },
	{ 0 },
};

static int
parse_mode_option(struct place_wish *wish, const char *text)
{
	if (parse_mode(text, &wish->mode) == -1)
		return options_bad_mode(text);
	wish->has_mode = true;
	return STATUS_OK;
}

static int
parse_owner_group(struct place_wish *wish, const char *text)
{
	return parse_group(text, &wish->gid) == 0 ? STATUS_OK :
	    options_usage("invalid group '%s'", trace_safe(text));
}

static int
parse_hold(struct fifo_create_options *opt, const char *arg)
{
	if (arg == NULL || strcmp(arg, "rw") == 0)
		opt->hold = HOLD_BOTH;
	else if (strcmp(arg, "r") == 0)
		opt->hold = HOLD_READ;
	else if (strcmp(arg, "w") == 0)
		opt->hold = HOLD_WRITE;
	else
		return options_usage("invalid end to hold '%s'",
		    trace_safe(arg));
	return STATUS_OK;
}

static int
parse_option(struct fifo_create_options *opt, int key, const char *arg)
{
	switch (key) {
	case 'm':
		return parse_mode_option(&opt->wish, arg);
	case 'o':
		return options_user(arg, &opt->wish.uid);
	case 'g':
		return parse_owner_group(&opt->wish, arg);
	case 'p':
		opt->parents = true;
		return STATUS_OK;
	case 'e':
		opt->exist_ok = true;
		return STATUS_OK;
	case 'f':
		opt->wish.replace = true;
		return STATUS_OK;
	case KEY_TEMP:
		opt->temp = true;
		return STATUS_OK;
	case 'u':
		opt->unlink = true;
		return STATUS_OK;
	case KEY_HOLD:
		return parse_hold(opt, arg);
	case KEY_PIPE_SIZE:
		if (parse_capacity(arg, &opt->pipe_size) == -1)
			return options_bad_argument("pipe size", arg);
		return STATUS_OK;
	default:
		return ready_parse(arg, &opt->ready_fd);
	}
}

/* Options that make no sense together, once all are known. */
static int
check_options(struct fifo_create_options *opt, size_t nnames)
{
	if (opt->temp && nnames > 0)
		return options_usage("--temp takes no NAME");
	if (!opt->temp && nnames == 0)
		return options_usage("no NAME was given");
	if (opt->command != NULL && opt->command[0] == NULL)
		return options_usage("no COMMAND after '" SEPARATOR "'");
	if (opt->exist_ok && opt->wish.replace)
		return options_usage("--exist-ok and --force exclude each "
		    "other");
	if (opt->unlink && opt->command == NULL && opt->hold == HOLD_NONE)
		return options_usage("--unlink needs COMMAND or --hold");
	if (opt->pipe_size != 0 && opt->hold == HOLD_NONE)
		return options_usage("--pipe-size needs --hold");
	/* Whoever made a private directory for a while removes it. */
	opt->unlink = opt->unlink || (opt->temp && (opt->command != NULL ||
	    opt->hold != HOLD_NONE));
	opt->wish.pin = opt->unlink || opt->temp || opt->hold != HOLD_NONE;
	return STATUS_OK;
}

/*
 * Whether there is something to undo, or to wait for.  A plain creation is
 * one system call and wants neither signals nor limits.
 */
static bool
needs_care(const struct fifo_create_options *opt)
{
	return opt->wish.pin || opt->wish.replace || opt->command != NULL ||
	    opt->ready_fd != -1 ||
	    opt->wish.uid != (uid_t)PLACE_ID_NONE ||
	    opt->wish.gid != (gid_t)PLACE_ID_NONE;
}

/*
 * Each path on a line of its own, safe for a terminal.  That of --temp is
 * printed as it is, since it is what somebody waits for.
 */
static void
say_created(const struct fifo_create *fc, const char *path)
{
	if (fc->opt->temp && fc->opt->command == NULL)
		print("%s\n", path);
	else if (fc->verbose)
		print("%s\n", trace_safe(path));
}

static bool
is_directory(const char *path)
{
	struct stat st;
	int saved = errno;
	bool result = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	errno = saved;
	return result;
}

/* The directories above path, as mkdir -p makes them. */
static int
make_parents(const struct fifo_create *fc, const char *path)
{
	char *copy = strdup(path), *slash;
	mode_t mask;
	int result = 0;

	if (copy == NULL)
		return -1;
	/* What ends in a slash is no FIFO's name; mkfifo(3) will say it. */
	slash = copy + strlen(copy);
	while (slash > copy && slash[-1] == '/')
		*--slash = '\0';
	mask = umask(0);
	umask(mask & ~(mode_t)(S_IWUSR | S_IXUSR));
	slash = copy + strspn(copy, "/");
	while (result == 0 && (slash = strchr(slash, '/')) != NULL) {
		*slash = '\0';
		if (mkdir(copy, S_IRWXU | S_IRWXG | S_IRWXO) == 0)
			say_created(fc, copy);
		else if (errno != EEXIST && !is_directory(copy))
			result = -1;
		*slash = '/';
		slash += strspn(slash, "/");
	}
	umask(mask);
	free(copy);
	return result;
}

static const char *
owner_name(uid_t uid)
{
	static char number[24];
	struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		return trace_safe(pw->pw_name);
	snprintf(number, sizeof(number), "%ju", (uintmax_t)uid);
	return number;
}

static const char *
group_name(gid_t gid)
{
	static char number[24];
	struct group *gr = getgrgid(gid);

	if (gr != NULL)
		return trace_safe(gr->gr_name);
	snprintf(number, sizeof(number), "%ju", (uintmax_t)gid);
	return number;
}

/* Only a FIFO of ours with what was asked for will do. */
static int
check_existing(const struct place_wish *wish, const char *path,
    const struct stat *st)
{
	uid_t owner = wish->uid == (uid_t)PLACE_ID_NONE ? geteuid() :
	    wish->uid;

	if (!S_ISFIFO(st->st_mode)) {
		warnx("%s: exists, but is not a FIFO", trace_safe(path));
		return STATUS_NOT_FIFO;
	}
	if (st->st_uid != owner) {
		warnx("%s: exists, but belongs to %s", trace_safe(path),
		    owner_name(st->st_uid));
		return STATUS_ERROR;
	}
	if (wish->gid != (gid_t)PLACE_ID_NONE && st->st_gid != wish->gid) {
		warnx("%s: exists, but belongs to group %s", trace_safe(path),
		    group_name(st->st_gid));
		return STATUS_ERROR;
	}
	if (wish->has_mode && (st->st_mode & ALLPERMS) != wish->mode) {
		warnx("%s: exists with mode %04o, not %04o", trace_safe(path),
		    (unsigned int)(st->st_mode & ALLPERMS),
		    (unsigned int)wish->mode);
		return STATUS_ERROR;
	}
	return STATUS_OK;
}

/*
 * -e: something is there, and stays as it is.  It is pinned, so that --hold
 * opens what was looked at.  Returns -1 when it is gone again.
 */
static int
accept_existing(struct fifo_create *fc, struct place *place, const char *path)
{
	struct stat st;
	int status;

	if (place_adopt(place, path, &st) == -1) {
		if (errno == ENOENT)
			return -1;
		warn("%s", trace_safe(path));
		return STATUS_ERROR;
	}
	status = check_existing(&fc->opt->wish, path, &st);
	if (status == STATUS_OK)
		fc->existed++;
	if (status == STATUS_OK && fc->opt->wish.pin)
		fc->nplaces++;
	else
		place_close(place);
	return status;
}

static int
explain(const struct place *place, enum place_result result)
{
	const char *path = trace_name(place->path);
	int errnum = errno;

	switch (result) {
	case PLACE_NOT_FIFO:
		warnx("%s: exists, but is not a FIFO", path);
		return STATUS_NOT_FIFO;
	case PLACE_FOREIGN:
		warnx("%s: exists, but belongs to %s", path,
		    owner_name(place->uid));
		break;
	case PLACE_EXISTS:
		warnc(EEXIST, "%s", path);
		break;
	default:
		warnc(errnum, "%s", path);
		break;
	}
	return STATUS_ERROR;
}

static int
create(struct fifo_create *fc, const char *path)
{
	struct place *place = &fc->places[fc->nplaces];
	enum place_result result = PLACE_FAILED;
	int status;

	if (fc->opt->parents && make_parents(fc, path) == -1) {
		warn("%s", trace_safe(path));
		return STATUS_ERROR;
	}
	for (int i = 0; i < ACCEPT_TRIES; i++) {
		result = place_make(place, path, &fc->opt->wish);
		fc->left = status_join(fc->left, run_say_left(place));
		if (result != PLACE_EXISTS || !fc->opt->exist_ok)
			break;
		status = accept_existing(fc, place, path);
		if (status != -1)
			return status;
	}
	if (result != PLACE_MADE)
		return explain(place, result);
	if (fc->opt->wish.pin)
		fc->nplaces++;
	fc->created++;
	say_created(fc, path);
	return STATUS_OK;
}

static int
create_all(struct fifo_create *fc, char **names, size_t nnames)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < nnames; i++)
		status = status_join(status, create(fc, names[i]));
	return status;
}

/* Where private things of a user go while they last, and who cleans up. */
static const char *
temp_parent(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (dir == NULL || *dir != '/' || access(dir, W_OK | X_OK) == -1)
		dir = getenv("TMPDIR");
	return dir == NULL || *dir == '\0' ? "/tmp" : dir;
}

/* --temp: a private directory, whatever the umask, and a name in it. */
static int
make_temp(struct fifo_create *fc)
{
	mode_t mask;
	char *dir;

	if (asprintf(&dir, "%s/ipctool.XXXXXX", temp_parent()) == -1)
		err(STATUS_ERROR, NULL);
	mask = umask(0);
	if (mkdtemp(dir) != NULL)
		fc->temp_dir = dir;
	umask(mask);
	if (fc->temp_dir == NULL) {
		warn("%s", trace_safe(dir));
		free(dir);
		return -1;
	}
	if (asprintf(&fc->temp_name, "%s/fifo", dir) == -1)
		fc->temp_name = NULL;
	if (fc->temp_name == NULL) {
		warn("%s", trace_safe(dir));
		return -1;
	}
	return 0;
}

/* Read ends, or both ends at a time: each opens at once. */
static int
open_ends(struct fifo_create *fc)
{
	int access = fc->opt->hold == HOLD_READ ? O_RDONLY : O_RDWR;

	for (; fc->nheld < fc->nplaces; fc->nheld++)
		if (fifo_open_pinned(&fc->held[fc->nheld],
		    fc->places[fc->nheld].fd, access,
		    fc->places[fc->nheld].path, &fc->run.outcome) == -1)
			return -1;
	return 0;
}

/* Write ends, which wait for readers; for all of them at the same time. */
static int
open_write_ends(struct fifo_create *fc)
{
	struct fifo_sink *sinks = calloc(fc->nplaces, sizeof(*sinks));
	int result;

	if (sinks == NULL)
		return outcome_set(&fc->run.outcome, OUTCOME_ERROR, SIDE_NONE,
		    errno, NULL);
	for (size_t i = 0; i < fc->nplaces; i++)
		sinks[i] = (struct fifo_sink){
			.path = fc->places[i].path,
			.pinned = fc->places[i].fd,
			.end = &fc->held[i]
		};
	result = fifo_open_write_all(sinks, fc->nplaces, NULL,
	    &fc->run.limits, &fc->run.outcome);
	if (result == 0)
		fc->nheld = fc->nplaces;
	free(sinks);
	return result;
}

/* --hold: what was pinned, whatever its name stands for by now. */
static int
hold_all(struct fifo_create *fc)
{
	if (fc->opt->hold == HOLD_NONE || fc->nplaces == 0)
		return STATUS_OK;
	if ((fc->opt->hold == HOLD_WRITE ? open_write_ends(fc) :
	    open_ends(fc)) == -1)
		return run_explain(&fc->run, &fc->run.outcome);
	for (size_t i = 0; fc->opt->pipe_size != 0 && i < fc->nheld; i++)
		if (endpoint_set_capacity(&fc->held[i],
		    fc->opt->pipe_size) == -1 && !fc->run.common->quiet)
			warn("%s: capacity not changed",
			    trace_safe(fc->held[i].name));
	return STATUS_OK;
}

/* An argument with each {} replaced; NULL and errno. */
static char *
substitute(const char *arg, const char *name)
{
	size_t count = 0, marker = strlen(PLACEHOLDER);
	const char *from, *at;
	char *result, *to;

	for (at = arg; (at = strstr(at, PLACEHOLDER)) != NULL; at += marker)
		count++;
	result = malloc(strlen(arg) + count * strlen(name) + 1);
	if (result == NULL)
		return NULL;
	to = result;
	for (from = arg; (at = strstr(from, PLACEHOLDER)) != NULL;
	    from = at + marker) {
		to = mempcpy(to, from, (size_t)(at - from));
		to = stpcpy(to, name);
	}
	memcpy(to, from, strlen(from) + 1);
	return result;
}

static void
free_argv(char **argv)
{
	for (size_t i = 0; argv != NULL && argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
}

/* argv for COMMAND; for free_argv(). */
static char **
command_argv(char **words, const char *name)
{
	size_t n = 0;
	char **argv;

	while (words[n] != NULL)
		n++;
	argv = calloc(n + 1, sizeof(*argv));
	for (size_t i = 0; argv != NULL && i < n; i++) {
		argv[i] = substitute(words[i], name);
		if (argv[i] == NULL) {
			free_argv(argv);
			return NULL;
		}
	}
	return argv;
}

/* COMMAND may be the reader that a write end waits for. */
static bool
holds_beside_command(const struct fifo_create *fc)
{
	return fc->opt->hold == HOLD_WRITE && fc->opt->command != NULL &&
	    !fc->run.limits.nonblock;
}

static bool
command_has_ended(void *arg)
{
	struct fifo_create *fc = arg;

	return child_reap(&fc->child, 1) == 0;
}

/* Until it has ended, or something ends that. */
static int
wait_for_command(struct fifo_create *fc)
{
	int status = STATUS_OK;

	if (holds_beside_command(fc)) {
		fc->run.limits.over = command_has_ended;
		status = hold_all(fc);
		fc->run.limits.over = NULL;
	}
	return status != STATUS_OK ? status : run_wait(&fc->run, &fc->child,
	    1, false, DEADLINE_NEVER);
}

static int
run_command(struct fifo_create *fc, const char *name)
{
	struct child *child = &fc->child;
	int status;

	*child = (struct child){ .in = -1, .out = -1 };
	child->argv = command_argv(fc->opt->command, name);
	if (child->argv == NULL || setenv(VARIABLE, name, 1) == -1) {
		warn("%s", trace_safe(fc->opt->command[0]));
		free_argv(child->argv);
		return STATUS_FAILED;
	}
	kin_adopt();
	if (child_start(child) == -1) {
		warn("%s", trace_safe(child->argv[0]));
		free_argv(child->argv);
		return child->status;
	}
	status = wait_for_command(fc);
	child_end_all(child, 1, status == STATUS_OK);
	run_say_lost(child, 1);
	free_argv(child->argv);
	return status == STATUS_OK ? child->status : status;
}

/* All that has to stand before COMMAND runs, or others use the FIFOs. */
static int
prepare(struct fifo_create *fc, char **names, size_t nnames)
{
	int status;

	status = create_all(fc, names, nnames);
	if (status == STATUS_OK && !holds_beside_command(fc))
		status = hold_all(fc);
	/* Whoever reads the paths shall not wait as long as we do. */
	if (status == STATUS_OK && print_flush() == -1)
		status = STATUS_ERROR;	/* main.c says why */
	if (status == STATUS_OK)
		status = ready_say(fc->opt->ready_fd);
	if (status == STATUS_ERROR && fc->opt->command != NULL)
		status = STATUS_FAILED;
	return status;
}

/* Until COMMAND has ended, or something ends our holding. */
static int
use(struct fifo_create *fc, const char *name)
{
	if (fc->opt->command != NULL)
		return run_command(fc, name);
	if (fc->opt->hold == HOLD_NONE)
		return STATUS_OK;
	/* $(ipctool fifo-create --temp --hold &) is to have its end. */
	stdfds_drop(STDOUT_FILENO);
	return run_wait(&fc->run, NULL, 0, true, DEADLINE_NEVER);
}

static void
remove_all(struct fifo_create *fc, int *status)
{
	struct place *place;

	for (place = fc->places; place < fc->places + fc->nplaces; place++)
		*status = status_join(*status, run_remove_place(place));
	/* What others put there is theirs. */
	if (fc->temp_dir != NULL && rmdir(fc->temp_dir) == -1 &&
	    errno != ENOENT) {
		warn("%s: not removed", trace_safe(fc->temp_dir));
		*status = status_join(*status, STATUS_ERROR);
	}
}

/* Nobody has got a path of --temp from a run that failed. */
static int
clean_up(struct fifo_create *fc, int status)
{
	for (size_t i = 0; i < fc->nheld; i++)
		endpoint_finish(&fc->held[i]);
	if (fc->opt->unlink || (fc->opt->temp && status != STATUS_OK))
		remove_all(fc, &status);
	for (size_t i = 0; i < fc->nplaces; i++)
		place_close(&fc->places[i]);
	free(fc->temp_dir);
	free(fc->temp_name);
	return status_join(fc->left, status);
}

/* A signal that came while nothing waited, if any. */
static int
take_signal(int status)
{
	signals_poll();
	if (signals_fatal() == 0)
		return status;
	signals_condemn(signals_fatal());
	return STATUS_SIGNAL + signals_fatal();
}

static int
create_and_use(struct fifo_create *fc, char **names, size_t nnames)
{
	int status;

	if (fc->opt->temp) {
		if (make_temp(fc) == -1)
			return clean_up(fc, take_signal(
			    fc->opt->command == NULL ? STATUS_ERROR :
			    STATUS_FAILED));
		names = &fc->temp_name;
		nnames = 1;
	}
	status = prepare(fc, names, nnames);
	status = take_signal(status);
	if (status == STATUS_OK)
		status = take_signal(use(fc, names[0]));
	return clean_up(fc, status);
}

static void
report(void *arg)
{
	const struct fifo_create *fc = arg;
	struct report report = {
		.command = fc->run.command->name,
		.elapsed_ns = deadline_now() - fc->run.started_at,
		.status = REPORT_STATUS_NONE,
	};

	report_created(&report, fc->run.common->stats, fc->created,
	    fc->existed);
}

/*
 * Where COMMAND may stand without a `::' before it, options end at the first
 * operand.
 */
static bool
has_temp(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0 &&
	    strcmp(argv[i], SEPARATOR) != 0; i++)
		if (strcmp(argv[i], "--temp") == 0)
			return true;
	return false;
}

/* COMMAND stands behind `::', which is cut off; options are never in it. */
static char **
cut_command(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], SEPARATOR) != 0)
			continue;
		argv[i] = NULL;
		*argc = i;
		return argv + i + 1;
	}
	return NULL;
}

/*
 * The command line.  Returns OPTIONS_END with the options and, from optind
 * to *argc, the NAMEs; or OPTIONS_STOP with parsed->status.
 */
static int
parse(struct fifo_create_options *opt, struct options *parsed,
    const struct command *command, int *argc, char **argv)
{
	bool temp = has_temp(*argc, argv);
	const char *arg;
	int key;

	if (!temp)
		opt->command = cut_command(argc, argv);
	options_init(parsed, command, *argc, argv, temp);
	while ((key = options_next(parsed, &arg)) > 0) {
		parsed->status = parse_option(opt, key, arg);
		if (parsed->status != STATUS_OK)
			return OPTIONS_STOP;
	}
	if (key == OPTIONS_STOP)
		return OPTIONS_STOP;
	if (opt->temp && optind < *argc) {
		opt->command = argv + optind;
		if (strcmp(opt->command[0], SEPARATOR) == 0)
			opt->command++;
		*argc = optind;
	} else if (temp && !opt->temp) {
		parsed->status = options_usage("--temp takes no NAME");
		return OPTIONS_STOP;
	}
	parsed->status = check_options(opt, (size_t)(*argc - optind));
	return parsed->status == STATUS_OK ? OPTIONS_END : OPTIONS_STOP;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct fifo_create_options opt = {
		.wish.uid = (uid_t)PLACE_ID_NONE,
		.wish.gid = (gid_t)PLACE_ID_NONE,
		.ready_fd = -1,
	};
	struct fifo_create fc = { .opt = &opt };
	struct report counters = { .command = command->name };
	struct options parsed;
	size_t nnames;
	int status;

	if (parse(&opt, &parsed, command, &argc, argv) == OPTIONS_STOP)
		return parsed.status;
	if (opt.ready_fd != -1 && ready_check(opt.ready_fd) != STATUS_OK)
		return opt.command == NULL ? STATUS_ERROR : STATUS_FAILED;

	nnames = (size_t)(argc - optind);
	fc.verbose = parsed.common.verbose;
	fc.places = calloc(nnames + 1, sizeof(*fc.places));
	fc.held = calloc(nnames + 1, sizeof(*fc.held));
	if (fc.places == NULL || fc.held == NULL)
		err(STATUS_ERROR, NULL);
	if (needs_care(&opt)) {
		run_init(&fc.run, &parsed, NULL, 0);
		fc.run.limits.report = report;
		fc.run.limits.arg = &fc;
		status = create_and_use(&fc, argv + optind, nnames);
	} else
		status = create_all(&fc, argv + optind, nnames);
	if (parsed.common.stats != STATS_NONE) {
		counters.elapsed_ns = deadline_now() - trace_start();
		counters.status = status;
		report_created(&counters, parsed.common.stats, fc.created,
		    fc.existed);
	}
	free(fc.places);
	free(fc.held);
	return status;
}

const struct command cmd_fifo_create = {
	.name = "fifo-create",
	.summary = "make FIFOs",
	.usage = "[OPTION]... NAME... [:: COMMAND [ARG]...]\n"
	    "--temp [OPTION]... "
	    "[COMMAND [ARG]...]",
	.options = options,
	.run = run,
};
