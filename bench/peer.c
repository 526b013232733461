/*
 * peer - the programs that bench/run puts around a relay.
 *
 *	peer write         standard output gets --bytes, by write(2) from memory
 *	peer read          standard input is read to its end, by read(2)
 *	peer splice-write  the same as write, by vmsplice(2) of pages that never
 *			   change
 *	peer splice-read   the same as read, by splice(2) to /dev/null
 *	peer splice-relay  a model: standard input to standard output by
 *			   blocking splice(2) straight across, nothing else
 *	peer splice-cat    the same through a private pipe of the same capacity,
 *			   which is how a cat(1) that splices does it
 *	peer exchange      write, and read as much at the same time; not to the
 *			   end, which a socket may not tell
 *	peer ping          a byte to standard output, then one from standard
 *			   input, --count times
 *	peer pong          each byte of standard input to standard output
 *	peer bare COMMAND [ARG]... :: COMMAND [ARG]...
 *			   join two commands both ways by two pipes and nothing
 *	peer pipe COMMAND [ARG]... [:: COMMAND [ARG]...]...
 *			   join commands by pipes, --count times, and print how
 *			   many microseconds that took, and for each command
 *			   the microseconds of CPU it used, its peak of resident
 *			   memory in KiB, and how often it slept
 *	peer spawn COMMAND [ARG]...
 *			   run COMMAND --count times, one after the other, and
 *			   print how many microseconds that took
 *
 *	peer crowd         --count processes that do nothing, each with 20
 *			   descriptors; a newline when they are there; they
 *			   end with standard input
 *
 *	--bytes=SIZE       write: how much.  read: what has to arrive
 *	--block=SIZE       how much a system call asks for (128K)
 *	--count=N          how often (1)
 *	--cpu=N            stay on the Nth CPU of those that we may use, with
 *			   all that we start
 *	--pipe-size=SIZE   set the capacity of the pipe first; pipe: of each
 *	--pattern          write, read: data of tests/tools/pattern.h
 *	--quiet            pipe, spawn: the (last) command's output is not
 *			   wanted
 *	--unlink=PATH      spawn: remove PATH after each run (not timed)
 *
 * SIZE is a number that K, M or G may follow.  Status 0, or 1 with a message
 * (2 for what is no number).
 */
#define _GNU_SOURCE

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../tests/tools/pattern.h"
#include "../tests/tools/tool.h"

#define CROWD_FDS 20

struct peer_options {
	uint64_t	 bytes;		/* --bytes; 0 if not given */
	size_t		 block;		/* --block */
	uint64_t	 count;		/* --count */
	int		 cpu;		/* --cpu; -1: on any */
	int		 pipe_size;	/* --pipe-size; 0 leaves it alone */
	bool		 pattern;	/* --pattern */
	bool		 quiet;		/* --quiet */
	const char	*unlink;	/* --unlink; NULL if nothing */
};

struct mode {
	const char	*name;
	void		 (*run)(const struct peer_options *, char **);
};

/* A block of memory in pages of its own, all of them there and not zero. */
static unsigned char *
map_block(size_t size)
{
	unsigned char *block;

	block = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED)
		err(1, "mmap");
	pattern_fill(block, size, 0, 0);
	return block;
}

static void
set_capacity(int fd, int size)
{
	if (size != 0 && fcntl(fd, F_SETPIPE_SZ, size) == -1)
		err(1, "F_SETPIPE_SZ");
}

static void
run_write(const struct peer_options *o, char **argv)
{
	unsigned char *block = map_block(o->block);
	uint64_t done = 0;
	size_t length, part;
	ssize_t n;

	(void)argv;
	set_capacity(STDOUT_FILENO, o->pipe_size);
	while (done < o->bytes) {
		length = o->block;
		if (length > o->bytes - done)
			length = (size_t)(o->bytes - done);
		if (o->pattern)
			pattern_fill(block, length, done, 0);
		for (part = 0; part < length; part += (size_t)n) {
			n = write(STDOUT_FILENO, block + part, length - part);
			if (n == -1)
				err(1, "write");
		}
		done += length;
	}
}

static void
run_splice_write(const struct peer_options *o, char **argv)
{
	unsigned char *block = map_block(o->block);
	struct iovec iov;
	uint64_t done = 0;
	size_t part;
	ssize_t n;

	(void)argv;
	set_capacity(STDOUT_FILENO, o->pipe_size);
	while (done < o->bytes) {
		part = (size_t)(done % o->block);
		iov.iov_base = block + part;
		iov.iov_len = o->block - part;
		if (iov.iov_len > o->bytes - done)
			iov.iov_len = (size_t)(o->bytes - done);
		n = vmsplice(STDOUT_FILENO, &iov, 1, 0);
		if (n == -1)
			err(1, "vmsplice");
		done += (uint64_t)n;
	}
}

static void
check_total(const struct peer_options *o, uint64_t done)
{
	if (o->bytes != 0 && done != o->bytes)
		errx(1, "%" PRIu64 " bytes arrived, not %" PRIu64, done,
		    o->bytes);
}

static void
run_read(const struct peer_options *o, char **argv)
{
	unsigned char *block = map_block(o->block);
	uint64_t done = 0;
	size_t good;
	ssize_t n;

	(void)argv;
	set_capacity(STDIN_FILENO, o->pipe_size);
	while ((n = read(STDIN_FILENO, block, o->block)) != 0) {
		if (n == -1)
			err(1, "read");
		if (o->pattern) {
			good = pattern_check(block, (size_t)n, done, 0);
			if (good != (size_t)n)
				errx(1, "byte %" PRIu64 " is wrong",
				    done + good);
		}
		done += (uint64_t)n;
	}
	check_total(o, done);
}

static void
run_splice_read(const struct peer_options *o, char **argv)
{
	uint64_t done = 0;
	ssize_t n;
	int null;

	(void)argv;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null == -1)
		err(1, "/dev/null");
	set_capacity(STDIN_FILENO, o->pipe_size);
	while ((n = splice(STDIN_FILENO, NULL, null, NULL, o->block, 0)) != 0) {
		if (n == -1)
			err(1, "splice");
		done += (uint64_t)n;
	}
	check_total(o, done);
}

static void
run_splice_relay(const struct peer_options *o, char **argv)
{
	ssize_t n;

	(void)argv;
	set_capacity(STDIN_FILENO, o->pipe_size);
	set_capacity(STDOUT_FILENO, o->pipe_size);
	while ((n = splice(STDIN_FILENO, NULL, STDOUT_FILENO, NULL, 1 << 20,
	    SPLICE_F_MOVE)) != 0)
		if (n == -1)
			err(1, "splice");
}

static void
run_splice_cat(const struct peer_options *o, char **argv)
{
	ssize_t n, part;
	int ends[2];

	(void)argv;
	if (pipe2(ends, O_CLOEXEC) == -1)
		err(1, "pipe2");
	set_capacity(ends[1], o->pipe_size);
	while ((n = splice(STDIN_FILENO, NULL, ends[1], NULL, o->block, 0)) !=
	    0) {
		if (n == -1)
			err(1, "splice");
		for (; n > 0; n -= part) {
			part = splice(ends[0], NULL, STDOUT_FILENO, NULL,
			    (size_t)n, 0);
			if (part == -1)
				err(1, "splice");
		}
	}
}

static void
run_exchange(const struct peer_options *o, char **argv)
{
	unsigned char *block = map_block(o->block);
	uint64_t done = 0;
	pid_t writer = fork();
	int status;
	ssize_t n;

	if (writer == -1)
		err(1, "fork");
	if (writer == 0) {
		run_write(o, argv);
		_exit(0);
	}
	while (done < o->bytes) {
		n = read(STDIN_FILENO, block, o->block);
		if (n <= 0)
			err(1, "read");
		done += (uint64_t)n;
	}
	if (waitpid(writer, &status, 0) == -1 || status != 0)
		errx(1, "the writer failed");
}

static void
run_ping(const struct peer_options *o, char **argv)
{
	char byte = 'x';
	uint64_t i;

	(void)argv;
	for (i = 0; i < o->count; i++) {
		if (write(STDOUT_FILENO, &byte, 1) != 1)
			err(1, "write");
		if (read(STDIN_FILENO, &byte, 1) != 1)
			errx(1, "no answer to byte %" PRIu64, i);
	}
}

static void
run_pong(const struct peer_options *o, char **argv)
{
	char byte;

	(void)o;
	(void)argv;
	while (read(STDIN_FILENO, &byte, 1) == 1) {
		if (write(STDOUT_FILENO, &byte, 1) != 1)
			err(1, "write");
	}
}

/*
 * Start a command with in and out as its standard input and output, or with
 * ours if they are -1.  argv ends with NULL.
 */
static pid_t
start(char **argv, int in, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error;

	if (posix_spawn_file_actions_init(&actions) != 0)
		errx(1, "posix_spawn_file_actions_init");
	if (in != -1)
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (out != -1)
		posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (error != 0)
		errx(1, "%s: %s", argv[0], strerror(error));
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Where the output of a command goes: /dev/null, or -1 for our own */
static int
output_of(const struct peer_options *o)
{
	int fd;

	if (!o->quiet)
		return -1;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		err(1, "/dev/null");
	return fd;
}

static void
finish(pid_t pid, const char *name)
{
	int status;

	if (waitpid(pid, &status, 0) == -1)
		err(1, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "%s failed", name);
}

static void
run_bare(const struct peer_options *o, char **argv)
{
	char **second;
	pid_t left, right;
	int forth[2], back[2], i;

	(void)o;
	for (second = argv; *second != NULL; second++) {
		if (strcmp(*second, "::") == 0)
			break;
	}
	if (second == argv || *second == NULL || second[1] == NULL)
		errx(1, "usage: peer bare COMMAND :: COMMAND");
	*second++ = NULL;
	if (pipe2(forth, O_CLOEXEC) == -1 || pipe2(back, O_CLOEXEC) == -1)
		err(1, "pipe2");
	left = start(argv, back[0], forth[1]);
	right = start(second, forth[0], back[1]);
	for (i = 0; i < 2; i++) {
		close(forth[i]);
		close(back[i]);
	}
	finish(left, argv[0]);
	finish(right, second[0]);
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
run_spawn(const struct peer_options *o, char **argv)
{
	int64_t before, total_ns = 0;
	int out = output_of(o);
	uint64_t i;

	if (argv[0] == NULL)
		errx(1, "usage: peer spawn COMMAND [ARG]...");
	for (i = 0; i < o->count; i++) {
		before = now_ns();
		finish(start(argv, -1, out), argv[0]);
		total_ns += now_ns() - before;
		if (o->unlink != NULL && unlink(o->unlink) == -1)
			err(1, "%s", o->unlink);
	}
	printf("%" PRId64 "\n", total_ns / 1000);
}

#define PIPE_COMMANDS 8

/* What a command of a pipeline cost, in all of its runs. */
struct pipe_cost {
	int64_t	 cpu_us;
	long	 peak_kib;
	long	 sleeps;
};

/* Cut argv at each `::`; returns how many commands there are. */
static size_t
cut(char **argv, char ***commands)
{
	size_t n = 0;

	for (commands[n++] = argv; *argv != NULL; argv++) {
		if (strcmp(*argv, "::") != 0)
			continue;
		if (n == PIPE_COMMANDS)
			errx(1, "too many commands");
		*argv = NULL;
		commands[n++] = argv + 1;
	}
	for (size_t i = 0; i < n; i++)
		if (commands[i][0] == NULL)
			errx(1, "a command is missing");
	return n;
}

static void
reap(pid_t pid, const char *name, struct pipe_cost *cost)
{
	struct rusage usage;
	int status;

	if (wait4(pid, &status, 0, &usage) == -1)
		err(1, "wait4");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "%s failed", name);
	cost->cpu_us += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
	    1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	if (usage.ru_maxrss > cost->peak_kib)
		cost->peak_kib = usage.ru_maxrss;
	cost->sleeps += usage.ru_nvcsw;
}

/* One run, and how many nanoseconds it took. */
static int64_t
run_pipeline(const struct peer_options *o, char ***commands, size_t n,
    struct pipe_cost *costs)
{
	pid_t pids[PIPE_COMMANDS];
	int in = -1, ends[2] = { -1, -1 }, out = output_of(o);
	int64_t before = now_ns();

	for (size_t i = 0; i < n; i++) {
		if (i + 1 == n) {
			ends[0] = -1;
			ends[1] = out;
		} else if (pipe2(ends, O_CLOEXEC) == -1)
			err(1, "pipe2");
		else
			set_capacity(ends[1], o->pipe_size);
		pids[i] = start(commands[i], in, ends[1]);
		if (in != -1)
			close(in);
		if (ends[1] != -1)
			close(ends[1]);
		in = ends[0];
	}
	for (size_t i = 0; i < n; i++)
		reap(pids[i], commands[i][0], &costs[i]);
	return now_ns() - before;
}

static void
run_pipe(const struct peer_options *o, char **argv)
{
	char **commands[PIPE_COMMANDS];
	struct pipe_cost costs[PIPE_COMMANDS] = { { 0 } };
	size_t n = cut(argv, commands);
	int64_t wall_ns = 0;

	for (uint64_t i = 0; i < o->count; i++)
		wall_ns += run_pipeline(o, commands, n, costs);
	printf("%" PRId64, wall_ns / 1000);
	for (size_t i = 0; i < n; i++)
		printf(" %" PRId64 " %ld %ld", costs[i].cpu_us,
		    costs[i].peak_kib, costs[i].sleeps);
	putchar('\n');
}

static void
run_crowd(const struct peer_options *o, char **argv)
{
	int ends[2];
	char byte;

	(void)argv;
	/* Each waits for the end of this pipe, whose write end only we have. */
	if (pipe(ends) == -1)
		err(1, "pipe");
	for (uint64_t i = 0; i < o->count; i++) {
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			close(ends[1]);
			for (int fd = ends[1]; fd < CROWD_FDS; fd++)
				if (open("/dev/null", O_RDWR) == -1)
					err(1, "/dev/null");
			while (read(ends[0], &byte, 1) == -1)
				continue;
			_exit(0);
		default:
			break;
		}
	}
	if (write(STDOUT_FILENO, "\n", 1) != 1)
		err(1, "standard output");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	close(ends[1]);
	while (wait(NULL) > 0)
		continue;
}

static const struct mode modes[] = {
	{ "write", run_write },
	{ "read", run_read },
	{ "splice-write", run_splice_write },
	{ "splice-read", run_splice_read },
	{ "splice-relay", run_splice_relay },
	{ "splice-cat", run_splice_cat },
	{ "exchange", run_exchange },
	{ "ping", run_ping },
	{ "pong", run_pong },
	{ "bare", run_bare },
	{ "pipe", run_pipe },
	{ "spawn", run_spawn },
	{ "crowd", run_crowd },
};

static void
stay_on_cpu(int n)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all) == -1)
		err(1, "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || n-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) == -1)
			err(1, "sched_setaffinity");
		return;
	}
	errx(1, "--cpu: there are not so many");
}

static char **
parse_options(struct peer_options *o, int argc, char **argv)
{
	enum {
		BYTES,
		BLOCK,
		COUNT,
		CPU,
		PIPE_SIZE,
		PATTERN,
		QUIET,
		UNLINK
	};
	static const struct option options[] = {
		{ "bytes", required_argument, NULL, BYTES },
		{ "block", required_argument, NULL, BLOCK },
		{ "count", required_argument, NULL, COUNT },
		{ "cpu", required_argument, NULL, CPU },
		{ "pipe-size", required_argument, NULL, PIPE_SIZE },
		{ "pattern", no_argument, NULL, PATTERN },
		{ "quiet", no_argument, NULL, QUIET },
		{ "unlink", required_argument, NULL, UNLINK },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct peer_options){ .block = 128 << 10 };
	o->count = 1;
	o->cpu = -1;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case BYTES:
			o->bytes = tool_size(optarg);
			break;
		case BLOCK:
			o->block = (size_t)tool_size(optarg);
			break;
		case COUNT:
			o->count = tool_size(optarg);
			break;
		case CPU:
			o->cpu = (int)tool_size(optarg);
			break;
		case PIPE_SIZE:
			o->pipe_size = (int)tool_size(optarg);
			break;
		case PATTERN:
			o->pattern = true;
			break;
		case QUIET:
			o->quiet = true;
			break;
		case UNLINK:
			o->unlink = optarg;
			break;
		default:
			exit(1);
		}
	}
	if (o->block == 0)
		errx(1, "--block: too small");
	return argv + optind;
}

int
main(int argc, char **argv)
{
	struct peer_options options;
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		argv = parse_options(&options, argc - 1, argv + 1);
		if (options.cpu != -1)
			stay_on_cpu(options.cpu);
		modes[i].run(&options, argv);
		if (fflush(stdout) == EOF)
			err(1, "standard output");
		return 0;
	}
	errx(1, "usage: peer MODE [OPTION]...; the source lists the modes");
}
