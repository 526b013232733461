/*
 * fifo-create - make FIFOs.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "deadline.h"
#include "endpoint.h"
#include "options.h"
#include "report.h"
#include "status.h"
#include "trace.h"

#define MODE_DEFAULT	(S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | \
			 S_IROTH | S_IWOTH)
#define MODE_BITS	(S_IRWXU | S_IRWXG | S_IRWXO)

struct fifo_create_options {
	bool		 has_mode;	/* -m was given */
	mode_t		 mode;		/* -m: exactly this */
	bool		 parents;	/* -p */
	bool		 exist_ok;	/* -e */
	bool		 verbose;	/* -v */
	unsigned int	 created, existed;
};

static const struct option_spec options[] = {
	{ 'm', "mode", "MODE", "set the permissions, exactly; as chmod" },
	{ 'p', "parents", NULL, "make missing parent directories" },
	{ 'e', "exist-ok", NULL, "an existing FIFO is fine if it is ours" },
	{ 'v', "verbose", NULL, "show each path created" },
	{ 0 },
};

/* As mkfifo(1): a=rw is what symbolic modes start from. */
static int
parse_mode(struct fifo_create_options *opt, const char *text)
{
	mode_t mode;
	void *set;

	set = setmode(text);
	if (set == NULL)
		return options_usage("invalid mode '%s'", trace_safe(text));
	mode = getmode(set, MODE_DEFAULT);
	free(set);
	if ((mode & ~(mode_t)MODE_BITS) != 0)
		return options_usage("invalid mode '%s': only permission bits "
		    "can be set", trace_safe(text));
	opt->mode = mode;
	opt->has_mode = true;
	return STATUS_OK;
}

/* Each path on a line of its own, safe for a terminal. */
static void
say_created(const struct fifo_create_options *opt, const char *path)
{
	if (opt->verbose)
		puts(trace_safe(path));
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
make_parents(const struct fifo_create_options *opt, const char *path)
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
			say_created(opt, copy);
		else if (errno != EEXIST && !is_directory(copy))
			result = -1;
		*slash = '/';
		slash += strspn(slash, "/");
	}
	umask(mask);
	free(copy);
	return result;
}

/*
 * A default ACL of the directory takes permissions away, whatever the umask
 * (acl(5)); give those back that -m wants.  The name may stand for something
 * else by now: only a FIFO of ours is touched, through a pinned descriptor.
 */
static int
insist_on_mode(const struct fifo_create_options *opt, const char *path)
{
	char proc_path[ENDPOINT_PROC_PATH];
	struct stat st;
	int fd, result = 0;

	do {
		fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	} while (fd == -1 && errno == EINTR);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & ALLPERMS) != opt->mode) {
		endpoint_proc_path(proc_path, fd);
		result = chmod(proc_path, opt->mode);
	}
	close(fd);
	return result;
}

/*
 * With -m the mode is exact from the first instant, but for what a default
 * ACL takes away.
 */
static int
make_fifo(const struct fifo_create_options *opt, const char *path)
{
	mode_t mask;
	int result;

	if (!opt->has_mode)
		return mkfifo(path, MODE_DEFAULT);
	mask = umask(0);
	result = mkfifo(path, opt->mode);
	umask(mask);
	return result == -1 ? -1 : insist_on_mode(opt, path);
}

static const char *
owner_name(uid_t uid)
{
	static char number[24];
	struct passwd *pw = getpwuid(uid);

	if (pw != NULL)
		return trace_safe(pw->pw_name);
	snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
	return number;
}

/* -e: something is there; only a FIFO of ours with our mode will do. */
static int
accept_existing(struct fifo_create_options *opt, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1) {
		warn("%s", trace_safe(path));
		return STATUS_ERROR;
	}
	if (!S_ISFIFO(st.st_mode)) {
		warnx("%s: exists, but is not a FIFO", trace_safe(path));
		return STATUS_NOT_FIFO;
	}
	if (st.st_uid != geteuid()) {
		warnx("%s: exists, but belongs to %s", trace_safe(path),
		    owner_name(st.st_uid));
		return STATUS_ERROR;
	}
	if (opt->has_mode && (st.st_mode & ALLPERMS) != opt->mode) {
		warnx("%s: exists with mode %04o, not %04o", trace_safe(path),
		    (unsigned int)(st.st_mode & ALLPERMS),
		    (unsigned int)opt->mode);
		return STATUS_ERROR;
	}
	opt->existed++;
	return STATUS_OK;
}

static int
create(struct fifo_create_options *opt, const char *path)
{
	if (opt->parents && make_parents(opt, path) == -1) {
		warn("%s", trace_name(path));
		return STATUS_ERROR;
	}
	if (make_fifo(opt, path) == 0) {
		opt->created++;
		say_created(opt, path);
		return STATUS_OK;
	}
	if (errno == EEXIST && opt->exist_ok)
		return accept_existing(opt, path);
	warn("%s", trace_name(path));
	return STATUS_ERROR;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct fifo_create_options opt = { 0 };
	struct report report = { .command = command->name };
	struct options parsed;
	const char *arg;
	int key, status = STATUS_OK;

	options_init(&parsed, command, argc, argv, false);
	while ((key = options_next(&parsed, &arg)) > 0) {
		switch (key) {
		case 'm':
			status = parse_mode(&opt, arg);
			if (status != STATUS_OK)
				return status;
			break;
		case 'p':
			opt.parents = true;
			break;
		case 'e':
			opt.exist_ok = true;
			break;
		}
	}
	if (key == OPTIONS_STOP)
		return parsed.status;
	opt.verbose = parsed.common.verbose;
	if (optind == argc)
		return options_usage("no NAME was given");

	for (; optind < argc; optind++)
		status = status_join(status, create(&opt, argv[optind]));
	if (parsed.common.stats != STATS_NONE) {
		report.elapsed_ns = deadline_now() - trace_start();
		report.status = status;
		report_created(&report, parsed.common.stats, opt.created,
		    opt.existed);
	}
	return status;
}

const struct command cmd_fifo_create = {
	.name = "fifo-create",
	.summary = "make FIFOs",
	.usage = "[OPTION]... NAME...",
	.options = options,
	.run = run,
};
