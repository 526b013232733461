/*
 * kills - kill -9 at random instants, and count the bytes.
 *
 *	kills [OPTION]... IPCTOOL [SCENARIO]...
 *	kills --list
 *
 *	--kills=N      so many in each scenario (100)
 *	--seed=N       other instants (0)
 *	--time=US      the latest instant, after the start (as long as the
 *	               first run took)
 *
 * ipctool is started between a source that is written to all the time and a
 * sink that is read from all the time, and killed.  Both ends of both stay
 * open here: what was delivered and what is still in the source must be what
 * was sent, in its order.  A run to the end comes first, and --stats has to
 * say splice, which is what the promise is about.
 *
 * In the last scenario ipctool copies through memory.  Bytes must get lost
 * there, or this test cannot find any.
 *
 * Prints a line for each scenario.  Status 0, or 1 if a scenario failed.
 */
#define _GNU_SOURCE

#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"
#include "tool.h"

#define ARGS_MAX	8
#define CHUNK_MAX	((size_t)64 << 10)
#define WHOLE_RUN	((uint64_t)8 << 20)	/* bytes, without a kill */
#define LIMIT_US	10000000

enum end {
	END_PIPE,		/* standard input or output */
	END_FIFO,		/* opened by its name */
	END_FILE		/* standard input or output */
};

struct scenario {
	const char	*name;
	const char	*argv[ARGS_MAX];
	enum end	 source, sink;
	bool		 loses;		/* it must */
};

static const struct scenario scenarios[] = {
	{ "relay of pipes", { "pipe-relay" }, END_PIPE, END_PIPE, false },
	{ "relay of FIFOs", { "pipe-relay", "-isrc", "-odst" },
	    END_FIFO, END_FIFO, false },
	{ "relay of a file", { "pipe-relay" }, END_FILE, END_PIPE, false },
	{ "relay to a file", { "pipe-relay" }, END_PIPE, END_FILE, false },
	{ "fifo-read", { "fifo-read", "src" }, END_FIFO, END_PIPE, false },
	{ "fifo-write", { "fifo-write", "dst" }, END_PIPE, END_FIFO, false },
	{ "copy", { "pipe-relay", "--no-splice" }, END_PIPE, END_PIPE, true },
};

struct options {
	uint64_t	 kills;		/* --kills */
	uint64_t	 seed;		/* --seed */
	uint64_t	 time_us;	/* --time, 0 if not given */
	const char	*ipctool;
};

/* One run: what we hold, and what is ipctool's until it runs. */
struct run {
	const struct scenario *scenario;
	pid_t		 pid;
	int		 input, output;
	int		 source_in;	/* ours, to write to the source */
	int		 source_out;	/* ours, to read what is left in it */
	int		 sink;		/* ours, to read */
	uint64_t	 sent, delivered, left;
	bool		 wrong;		/* a byte */
	struct timespec	 started;
};

static struct options options = { .kills = 100 };
static uint64_t random_state;
static char dir[4096];			/* where it all takes place */
static pid_t our_pid;

static int
must(int result, const char *what)
{
	if (result == -1)
		err(2, "%s", what);
	return result;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static uint64_t
elapsed_us(const struct run *run)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - run->started.tv_sec) * 1000000 +
	    (now.tv_nsec - run->started.tv_nsec) / 1000);
}

static void
set_nonblocking(int fd)
{
	must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "F_SETFL");
}

static void
make_pipe(int *read_end, int *write_end)
{
	int fds[2];

	must(pipe2(fds, O_CLOEXEC), "pipe2");
	*read_end = fds[0];
	*write_end = fds[1];
}

static int
open_null(int flags)
{
	return must(open("/dev/null", flags | O_CLOEXEC), "/dev/null");
}

static void
write_source_file(void)
{
	static unsigned char data[WHOLE_RUN];
	int fd = must(open("in", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "in");

	pattern_fill(data, sizeof(data), 0, 1);
	if (write(fd, data, sizeof(data)) != (ssize_t)sizeof(data))
		err(2, "in");
	close(fd);
}

/* A file cannot be fed: all of it is there from the beginning. */
static void
open_source_file(struct run *run)
{
	run->input = open("in", O_RDONLY | O_CLOEXEC);
	if (run->input == -1) {
		write_source_file();
		run->input = must(open("in", O_RDONLY | O_CLOEXEC), "in");
	}
	run->sent = WHOLE_RUN;
	run->source_out = must(fcntl(run->input, F_DUPFD_CLOEXEC, 3), "dup");
}

static void
make_source(struct run *run)
{
	switch (run->scenario->source) {
	case END_PIPE:
		make_pipe(&run->input, &run->source_in);
		run->source_out = must(fcntl(run->input, F_DUPFD_CLOEXEC, 3),
		    "dup");
		break;
	case END_FIFO:
		unlink("src");
		must(mkfifo("src", 0600), "src");
		run->source_out = must(open("src", O_RDONLY | O_NONBLOCK |
		    O_CLOEXEC), "src");
		run->source_in = must(open("src", O_WRONLY | O_CLOEXEC),
		    "src");
		break;
	case END_FILE:
		open_source_file(run);
		break;
	}
	if (run->input == -1)
		run->input = open_null(O_RDONLY);
	if (run->source_in != -1)
		set_nonblocking(run->source_in);
}

static void
make_sink(struct run *run)
{
	switch (run->scenario->sink) {
	case END_PIPE:
		make_pipe(&run->sink, &run->output);
		break;
	case END_FIFO:
		unlink("dst");
		must(mkfifo("dst", 0600), "dst");
		run->sink = must(open("dst", O_RDONLY | O_NONBLOCK |
		    O_CLOEXEC), "dst");
		break;
	case END_FILE:
		run->output = must(open("out", O_WRONLY | O_CREAT | O_TRUNC |
		    O_CLOEXEC, 0600), "out");
		run->sink = must(open("out", O_RDONLY | O_CLOEXEC), "out");
		break;
	}
	if (run->output == -1)
		run->output = open_null(O_WRONLY);
	set_nonblocking(run->sink);
}

static void
become(const struct run *run, bool stats)
{
	const struct scenario *s = run->scenario;
	char *argv[ARGS_MAX + 3];
	size_t n = 0, i;

	argv[n++] = strdup(options.ipctool);
	for (i = 0; i < ARGS_MAX && s->argv[i] != NULL; i++)
		argv[n++] = strdup(s->argv[i]);
	if (stats)
		argv[n++] = strdup("--stats");
	argv[n] = NULL;
	if (dup2(run->input, 0) == -1 || dup2(run->output, 1) == -1)
		_exit(2);
	if (stats && dup2(open("err", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600), 2) == -1)
		_exit(2);
	execv(argv[0], argv);
	err(2, "%s", argv[0]);
}

static void
start(struct run *run, const struct scenario *s, bool stats)
{
	memset(run, 0, sizeof(*run));
	run->scenario = s;
	run->input = run->output = run->sink = -1;
	run->source_in = run->source_out = -1;
	make_source(run);
	make_sink(run);
	clock_gettime(CLOCK_MONOTONIC, &run->started);
	run->pid = must(fork(), "fork");
	if (run->pid == 0)
		become(run, stats);
	close_fd(&run->input);
	close_fd(&run->output);
}

static bool
send_some(struct run *run, uint64_t max)
{
	unsigned char data[CHUNK_MAX];
	uint64_t length = 1 + tool_random(&random_state) % CHUNK_MAX;
	ssize_t n;

	if (run->source_in == -1 || run->sent >= max)
		return false;
	if (length > max - run->sent)
		length = max - run->sent;
	pattern_fill(data, (size_t)length, run->sent, 1);
	n = write(run->source_in, data, (size_t)length);
	if (n > 0)
		run->sent += (uint64_t)n;
	return n > 0;
}

/* Take what is there and see whether it is what comes next. */
static bool
take_some(struct run *run, int fd, uint64_t *count)
{
	unsigned char data[CHUNK_MAX];
	uint64_t at = run->delivered + run->left;
	ssize_t n = read(fd, data, sizeof(data));

	if (n <= 0)
		return false;
	if (pattern_check(data, (size_t)n, at, 1) != (size_t)n)
		run->wrong = true;
	*count += (uint64_t)n;
	return true;
}

/* Until that instant, or that much was delivered. */
static void
pump(struct run *run, uint64_t until_us, uint64_t until_bytes)
{
	struct pollfd fds[2];
	uint64_t now;
	bool moved;

	while ((now = elapsed_us(run)) < until_us &&
	    run->delivered < until_bytes) {
		moved = send_some(run, UINT64_MAX);
		if (run->scenario->sink != END_FILE)
			moved |= take_some(run, run->sink, &run->delivered);
		if (moved)
			continue;
		fds[0] = (struct pollfd){
			.fd = run->source_in, .events = POLLOUT
		};
		fds[1] = (struct pollfd){ .fd = run->sink, .events = POLLIN };
		if (run->scenario->sink == END_FILE)
			fds[1].fd = -1;
		ppoll(fds, 2, &(struct timespec){
			.tv_nsec = (long)(until_us - now) * 1000
		}, NULL);
	}
}

static void
finish(struct run *run)
{
	close_fd(&run->source_in);
	close_fd(&run->source_out);
	close_fd(&run->sink);
}

/* What was delivered comes first, and then what is left. */
static void
count_rest(struct run *run)
{
	while (take_some(run, run->sink, &run->delivered))
		continue;
	set_nonblocking(run->source_out);
	while (take_some(run, run->source_out, &run->left))
		continue;
}

static void
kill_one(struct run *run, const struct scenario *s, uint64_t latest_us)
{
	uint64_t chance = tool_random(&random_state);

	start(run, s, false);
	/* A file is through too soon: its instants are counted in bytes. */
	if (s->source == END_FILE)
		pump(run, LIMIT_US, chance % WHOLE_RUN);
	else
		pump(run, chance % latest_us, UINT64_MAX);
	kill(run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	count_rest(run);
	finish(run);
}

static bool
stats_say(const char *transport)
{
	char text[512] = "", *end;
	int fd = open("err", O_RDONLY | O_CLOEXEC);

	if (fd == -1 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	close(fd);
	end = strchrnul(text, '\n');
	*end = '\0';
	return (size_t)(end - text) > strlen(transport) &&
	    strcmp(end - strlen(transport), transport) == 0;
}

/* To the end, without a kill; and how long it took. */
static bool
run_whole(const struct scenario *s, uint64_t *took_us)
{
	struct run run;
	int wstatus = -1;

	start(&run, s, true);
	while (waitpid(run.pid, &wstatus, WNOHANG) == 0) {
		send_some(&run, WHOLE_RUN);
		if (s->sink != END_FILE)
			take_some(&run, run.sink, &run.delivered);
		if (run.sent == WHOLE_RUN)
			close_fd(&run.source_in);
		if (elapsed_us(&run) > LIMIT_US) {
			kill(run.pid, SIGKILL);
			waitpid(run.pid, &wstatus, 0);
			break;
		}
	}
	*took_us = elapsed_us(&run);
	while (take_some(&run, run.sink, &run.delivered))
		continue;
	finish(&run);
	if (wstatus != 0 || run.wrong || run.delivered != WHOLE_RUN) {
		printf("%s: without a kill: status %d, %" PRIu64
		    " bytes out of %" PRIu64 "\n", s->name, wstatus,
		    run.delivered, WHOLE_RUN);
		return false;
	}
	if (!stats_say(s->loses ? ", copy" : ", splice")) {
		printf("%s: --stats names another transport\n", s->name);
		return false;
	}
	return true;
}

static bool
try_scenario(const struct scenario *s)
{
	uint64_t i, most, busy = 0, losses = 0, latest_us;
	struct run run;
	bool good;

	if (!run_whole(s, &latest_us))
		return false;
	if (options.time_us != 0)
		latest_us = options.time_us;
	/* Losses are rare even where there are some: go on until one. */
	most = s->loses ? 50 * options.kills : options.kills;
	for (i = 0; i < most && !(s->loses && losses != 0 &&
	    i >= options.kills); i++) {
		kill_one(&run, s, latest_us);
		/* Killed when it had begun and had not ended. */
		busy += run.delivered != 0 &&
		    (run.left != 0 || s->source != END_FILE);
		if (!run.wrong && run.delivered + run.left == run.sent)
			continue;
		if (++losses == 1 && !s->loses)
			printf("%s: %" PRIu64 " sent, %" PRIu64 " delivered, %"
			    PRIu64 " left%s\n", s->name, run.sent,
			    run.delivered, run.left,
			    run.wrong ? ", and not in order" : "");
	}
	good = s->loses ? losses != 0 : losses == 0;
	/* All too early or too late: that would show nothing. */
	if (busy < i / 8) {
		printf("%s: hardly ever in time\n", s->name);
		good = false;
	}
	printf("%s: %" PRIu64 " kills, %" PRIu64 " while data moved, %" PRIu64
	    " lost bytes%s\n", s->name, i, busy, losses,
	    s->loses ? " (as they must)" : "");
	fflush(stdout);
	return good;
}

static bool
is_wanted(const struct scenario *s, char **names)
{
	if (*names == NULL)
		return true;
	for (; *names != NULL; names++) {
		if (strcmp(*names, s->name) == 0)
			return true;
	}
	return false;
}

static char **
parse_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "kills", required_argument, NULL, 'k' },
		{ "seed", required_argument, NULL, 's' },
		{ "time", required_argument, NULL, 't' },
		{ "list", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (c) {
		case 'k':
			options.kills = tool_size(optarg);
			break;
		case 's':
			options.seed = tool_size(optarg);
			break;
		case 't':
			options.time_us = tool_size(optarg);
			break;
		case 'l':
			for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios);
			    i++)
				puts(scenarios[i].name);
			exit(0);
		default:
			exit(2);
		}
	}
	if (argv[optind] == NULL)
		errx(2, "usage: kills [OPTION]... IPCTOOL [SCENARIO]...");
	return argv + optind;
}

/* However it ends; but not in a child that could not be made ipctool. */
static void
clean_up(void)
{
	static const char *const files[] = { "src", "dst", "in", "out", "err" };
	size_t i;

	if (getpid() != our_pid)
		return;
	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlink(files[i]);
	if (chdir("/") == -1 || rmdir(dir) == -1)
		warn("%s", dir);
}

int
main(int argc, char **argv)
{
	bool good = true;
	size_t i;

	argv = parse_options(argc, argv);
	random_state = tool_random_start(options.seed);
	options.ipctool = realpath(*argv, NULL);
	if (options.ipctool == NULL)
		err(2, "%s", *argv);
	snprintf(dir, sizeof(dir), "%s/kills.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		err(2, "%s", dir);
	our_pid = getpid();
	atexit(clean_up);
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		if (is_wanted(&scenarios[i], argv + 1))
			good &= try_scenario(&scenarios[i]);
	}
	return good ? 0 : 1;
}
