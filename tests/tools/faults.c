/*
 * faults - system calls of ipctool that fail, one after the other.
 *
 *	faults [OPTION]... IPCTOOL [SCENARIO]...
 *	faults --shim=SHIM.so [OPTION]... IPCTOOL [SCENARIO]...
 *	faults --limits [OPTION]... IPCTOOL [SCENARIO]...
 *	faults --list
 *
 *	--stride=N        every Nth point only (1)
 *	--start=N         beginning with this one, or with this seed (0)
 *	--limit=SECONDS   a run that takes longer hangs (30)
 *	--verbose         a line for each point, not only for those that failed
 *	--seeds=N         with --shim: so many runs of each scenario (10)
 *
 * A scenario is one run of ipctool between ends that this program holds.  It
 * is run once under strace(1), which tells what calls it makes from the first
 * thing in main on; then once for each point: a call, an error that it may
 * plausibly have, and its number K among the calls of that name (alone, some
 * in a row, and from K on for ever), by `strace -e inject=`; and with a signal
 * at each call.  scenarios.h has all of these, and what has to come of them.
 *
 * The call that strace makes fail is not made at all: whatever it should have
 * done has not been done.  Calls of the dynamic loader are not ours.
 *
 * With --shim each scenario is run with transfers that shim.c makes short,
 * interrupted, slow or refused: each of these runs has to succeed.
 *
 * With --limits each scenario is run with limits of setrlimit(2), from so small
 * a one that ipctool just begins, to one that it does not meet: RLIMIT_NOFILE,
 * SIGPENDING, AS (not with sanitizers), FSIZE and, if we are not root, NPROC.
 * It has to do all of its work, or to say why not.
 *
 * Prints what went wrong with the command that shows it, and at last, for each
 * scenario, `NAME: N points, N failed`.  Status 0, or 1 if a point failed.
 */
#define _GNU_SOURCE

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"
#include "scenarios.h"
#include "tool.h"

#define ARGS_MAX	40
#define CALLS_MAX	4000		/* of one run */
#define KS_MAX		48		/* of one name, with one error */
#define DATA_MAX	((size_t)1 << 20)
#define TEXT_MAX	((size_t)64 << 10)
#define LATE_MS		300		/* a late peer comes at the latest */
#define PAUSE_MS	100		/* of PAUSES, at each end */
#define BUSY_MS		40		/* what it may work in all then */
#define SPIN_MS		3000		/* no run has so much to do */
#define MESSAGE		200		/* bytes, of HAMMERS */
#define PRIVATE		".ipctool.*"	/* made for a moment */

/*
 * What the shim does, one plan after the other.  EAGAIN of tee is an answer,
 * see above, so it is left alone there.
 */
static const struct plan {
	const char	*faults;
	const char	*calls;
	const char	*rate;		/* of 100 calls */
} plans[] = {
	{ "short,one,eintr", "read,write,splice,tee,send,recv", "80" },
	{ "short,eintr,eagain", "read,write,splice,send,recv,poll", "50" },
	{ "one,eintr,eagain", "read,write,splice,send,recv", "95" },
	{ "short,eintr,eagain,delay", "read,write,splice,send,recv,poll",
	    "70" },
	{ "eintr,eagain", "read,write,splice,send,recv,poll,close", "90" },
	{ "one", "read,write,splice,send,recv", "98" },
	{ "short", "read,write,splice,tee,send,recv", "100" },
};

#define PLANS	(sizeof(plans) / sizeof(*plans))

struct options {
	unsigned long	 stride, start;	/* --stride, --start */
	int		 limit_ms;	/* --limit */
	bool		 verbose;	/* --verbose */
	char		*shim;		/* --shim */
	bool		 limits;	/* --limits */
	unsigned long	 seeds;		/* --seeds */
	char		*ipctool;
};

/* One call of the run that strace told about. */
struct call {
	char		 name[32];
	unsigned	 number;	/* among those of its name */
	bool		 ours;		/* made by main or what it calls */
	char		*line;
};

/* One fault. */
struct point {
	const char	*call;
	const char	*error;		/* or NULL, and then */
	const char	*signal;	/* instead of an error */
	unsigned	 first, last;	/* UINT_MAX: for ever */
	const char	*line;		/* what strace said without the fault */
	const struct small *small;	/* or a limit instead of a fault */
	rlim_t		 value;
};

/* A resource that is limited, in steps. */
struct small {
	const char	*name;
	const char	*error;		/* what a call says then */
	int		 resource;
	rlim_t		 first, step, last;
};

struct bytes {
	unsigned char	*data;
	size_t		 length;
};

/* One run of a scenario. */
struct run {
	const struct scenario *scenario;
	pid_t		 pid;		/* strace's, and the group's */
	int		 pidfd;
	int		 feed;		/* our end of the source, or -1 */
	int		 drain;		/* our end of the sink, or -1 */
	int		 input, output;	/* its ends, until it is started */
	int		 rest;		/* another read end of the source */
	int		 complaints;	/* our end of standard error */
	pid_t		 other;		/* and its group; 0: none */
	bool		 other_ended;
	pid_t		 writer;	/* HAMMERS; 0: none */
	int		 client_input, client_output;	/* SERVES */
	bool		 told_to_end;	/* FOREVER */
	size_t		 fed;
	unsigned	 sessions;	/* of writers that have left */
	bool		 fed_all;
	bool		 ended, hung;
	int		 status;	/* as the shell has it */
	int		 busy_ms;	/* the time of processors */
	struct timespec	 started;
	unsigned	 asleep;	/* so often in a row */
	ino_t		 made_before;	/* EXISTS */
	struct bytes	 out, err, left;
	struct bytes	 copy;		/* the other output */
	char		 injected[1024];	/* strace's line, or "" */
	bool		 mute;		/* the message could not be written */
	bool		 nonsense;	/* no kernel does that */
	bool		 sink_hit;	/* close(2) of the sink failed */
};

static struct options options = {
	.stride = 1, .limit_ms = 30000, .seeds = 10
};
static unsigned char source_data[DATA_MAX], expected[DATA_MAX + 64];
static size_t source_length, expected_length;
static struct call calls[CALLS_MAX];
static unsigned ncalls;
static unsigned long points_done, points_failed, points_missed, point_number;

static char dir[4096];			/* where it all takes place */
static pid_t our_pid;

static const char before[] = "what was there before\n";


/* Small things */

static void
append(struct bytes *bytes, const void *data, size_t length, size_t max)
{
	if (bytes->data == NULL)
		bytes->data = malloc(max);
	if (bytes->data == NULL)
		err(2, NULL);
	if (length > max - bytes->length)
		length = max - bytes->length;
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
must(int result, const char *what)
{
	if (result == -1)
		err(2, "%s", what);
	return result;
}

static int
elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((now.tv_sec - since->tv_sec) * 1000 +
	    (now.tv_nsec - since->tv_nsec) / 1000000);
}

static bool
has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	const char *found = list;

	while ((found = strstr(found, word)) != NULL) {
		if ((found == list || found[-1] == ' ') &&
		    (found[length] == ' ' || found[length] == '\0'))
			return true;
		found += length;
	}
	return false;
}

static bool
read_file(const char *path, struct bytes *bytes, size_t max)
{
	unsigned char data[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	while ((n = read(fd, data, sizeof(data))) > 0)
		append(bytes, data, (size_t)n, max);
	close(fd);
	return true;
}

static void
write_file(const char *path, const void *data, size_t length)
{
	int fd = must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0644), path);

	if (write(fd, data, length) != (ssize_t)length)
		err(2, "%s", path);
	close(fd);
}


/* The ends */

static void
prepare_data(const struct scenario *s)
{
	size_t half;

	source_length = (s->flags & NARROW) != 0 ? 40000 : 100000;
	pattern_fill(source_data, source_length, 0, 1);
	expected_length = 0;
	if (s->sink == END_APPEND ||
	    (s->sink == END_PATH && has_word("output-appended", s->name))) {
		memcpy(expected, before, sizeof(before) - 1);
		expected_length = sizeof(before) - 1;
	}
	if (s->text != NULL) {
		memcpy(expected, s->text, strlen(s->text));
		expected_length = strlen(s->text);
	} else {
		half = s->limit != 0 ? s->limit : source_length;
		memcpy(expected + expected_length, source_data, half);
		expected_length += half;
	}
	half = source_length / 2;
	write_file("all", source_data, source_length);
	write_file("in", source_data, half);
	write_file("in2", source_data + half, source_length - half);
}

static void
remove_matching(const char *pattern)
{
	glob_t found;
	size_t i;

	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	for (i = 0; i < found.gl_pathc; i++)
		remove(found.gl_pathv[i]);
	globfree(&found);
}

static void
forget_files(void)
{
	static const char *const names[] = {
		"src", "dst", "out", "trace", "a", "b", "c", "d/e/f", "copy",
		"log", "s.in", "s.out", "s.lock"
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		unlink(names[i]);
	rmdir("d/e");
	rmdir("d");
	remove_matching(PRIVATE "/*");
	remove_matching(PRIVATE);
}

static void
narrow(const struct run *run, int fd)
{
	if ((run->scenario->flags & NARROW) != 0)
		must(fcntl(fd, F_SETPIPE_SZ, 4096), "F_SETPIPE_SZ");
}

static void
make_pipe(int *read_end, int *write_end)
{
	int fds[2];

	must(pipe2(fds, O_CLOEXEC), "pipe2");
	*read_end = fds[0];
	*write_end = fds[1];
}

static void
make_sockets(int *a, int *b)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
	    "socketpair");
	*a = fds[0];
	*b = fds[1];
}

static void
set_nonblocking(int fd)
{
	must(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), "F_SETFL");
}

static void
fill_queue(struct run *run)
{
	run->feed = must(open("src", O_RDWR | O_NONBLOCK | O_CLOEXEC), "src");
	if (write(run->feed, source_data, run->scenario->limit) !=
	    (ssize_t)run->scenario->limit)
		err(2, "src");
	run->fed = run->scenario->limit;
	run->fed_all = true;
}

static void
make_source(struct run *run)
{
	switch (run->scenario->source) {
	case END_PIPE:
		make_pipe(&run->input, &run->feed);
		run->rest = must(fcntl(run->input, F_DUPFD_CLOEXEC, 3), "dup");
		break;
	case END_SOCKET:
		make_sockets(&run->input, &run->feed);
		break;
	case END_FILE:
		run->input = must(open("all", O_RDONLY | O_CLOEXEC), "all");
		run->rest = must(fcntl(run->input, F_DUPFD_CLOEXEC, 3), "dup");
		break;
	case END_FIFO:
		must(mkfifo("src", 0600), "src");
		if ((run->scenario->flags & QUEUED) != 0)
			fill_queue(run);
		break;
	case END_NOTHING:
	case END_APPEND:
	case END_PATH:
		break;
	}
	if (run->input == -1)
		run->input = must(open("/dev/null", O_RDONLY | O_CLOEXEC),
		    "/dev/null");
	if (run->feed != -1)
		set_nonblocking(run->feed);
}

static void
make_sink(struct run *run)
{
	switch (run->scenario->sink) {
	case END_PIPE:
		make_pipe(&run->drain, &run->output);
		narrow(run, run->output);
		break;
	case END_SOCKET:
		make_sockets(&run->output, &run->drain);
		break;
	case END_APPEND:
		write_file("out", before, sizeof(before) - 1);
		run->output = must(open("out", O_WRONLY | O_APPEND | O_CLOEXEC),
		    "out");
		break;
	case END_FILE:
		run->output = must(open("out", O_WRONLY | O_CREAT | O_CLOEXEC,
		    0644), "out");
		break;
	case END_PATH:
		write_file("out", before, sizeof(before) - 1);
		break;
	case END_FIFO:
		must(mkfifo("dst", 0600), "dst");
		if ((run->scenario->flags & LATE) != 0 &&
		    run->scenario->source != END_FIFO)
			break;
		run->drain = must(open("dst", O_RDONLY | O_NONBLOCK |
		    O_CLOEXEC), "dst");
		narrow(run, run->drain);
		break;
	case END_NOTHING:
		break;
	}
	if (run->output == -1)
		run->output = must(open("/dev/null", O_WRONLY | O_CLOEXEC),
		    "/dev/null");
	if (run->drain != -1)
		set_nonblocking(run->drain);
}

static void
make_existing(struct run *run)
{
	struct stat st;

	if ((run->scenario->flags & EXISTS) == 0)
		return;
	must(mkfifo(run->scenario->made, 0), run->scenario->made);
	must(chmod(run->scenario->made, run->scenario->made_mode), "chmod");
	must(stat(run->scenario->made, &st), run->scenario->made);
	run->made_before = st.st_ino;
}


/* The process */

static void
use_shim(const struct run *run, unsigned seed)
{
	const struct plan *plan = &plans[seed % PLANS];
	char number[16];

	/* Where nothing is waited for, EAGAIN is an answer. */
	if ((run->scenario->flags & NONBLOCK) != 0)
		plan = &plans[0];
	snprintf(number, sizeof(number), "%u", seed);
	setenv("LD_PRELOAD", options.shim, 1);
	setenv("SHIM_PROGRAM", "ipctool", 1);
	setenv("SHIM_SEED", number, 1);
	setenv("SHIM_LOG", "log", 1);
	setenv("SHIM_DELAY", "200", 1);
	setenv("SHIM", plan->faults, 1);
	setenv("SHIM_CALLS", plan->calls, 1);
	setenv("SHIM_RATE", plan->rate, 1);
}

/* What is above it is open here alone; execve(2) closes all of that. */
static void
limit(const struct point *p)
{
	struct rlimit limit = { p->value, p->value };

	must(setrlimit((__rlimit_resource_t)p->small->resource, &limit),
	    "setrlimit");
}

static void
become(struct run *run, const struct point *p, char **argv, int complaints)
{
	setpgid(0, 0);
	if (options.shim != NULL)
		use_shim(run, p->first);
	signal(SIGPIPE, SIG_DFL);
	if ((run->scenario->flags & SERVES) != 0)
		run->input = run->output = must(open("/dev/null", O_RDWR),
		    "/dev/null");
	if (dup2(run->input, 0) == -1 || dup2(run->output, 1) == -1 ||
	    dup2(complaints, 2) == -1)
		_exit(2);
	if (p != NULL && p->small != NULL)
		limit(p);
	execvp(argv[0], argv);
	err(2, "%s", argv[0]);
}

/* strace, with a fault or without. */
static size_t
strace_words(char **argv, const struct point *p, char *trace, char *inject)
{
	static char strace[] = "strace", f[] = "-f", bpf[] = "--seccomp-bpf";
	static char y[] = "-y", s[] = "-s0", o[] = "-o", file[] = "trace";
	static char e[] = "-e", quiet[] = "signal=none", no_attach[] = "-qq";
	char when[48];
	size_t n = 0;

	argv[n++] = strace;
	argv[n++] = no_attach;
	argv[n++] = y;
	argv[n++] = s;
	argv[n++] = o;
	argv[n++] = file;
	argv[n++] = e;
	argv[n++] = quiet;
	/*
	 * Children are not ipctool.  Filters in the kernel make it faster, but
	 * strace sends no signal then.
	 */
	if (trace != NULL)
		argv[n++] = f;
	if (trace != NULL && p != NULL && p->error != NULL)
		argv[n++] = bpf;
	if (p == NULL)
		return n;
	if (p->last == UINT_MAX)
		snprintf(when, sizeof(when), "%u+", p->first);
	else if (p->last == p->first)
		snprintf(when, sizeof(when), "%u", p->first);
	else
		snprintf(when, sizeof(when), "%u..%u", p->first, p->last);
	sprintf(inject, "inject=%s:%s%s:when=%s", p->call,
	    p->error != NULL ? "error=" : "signal=",
	    p->error != NULL ? p->error : p->signal, when);
	if (trace != NULL) {
		sprintf(trace, "trace=%s", p->call);
		argv[n++] = e;
		argv[n++] = trace;
	}
	argv[n++] = e;
	argv[n++] = inject;
	return n;
}

/* The words of the scenario behind what is there already. */
static void
add_command(char **argv, size_t n, char *command)
{
	argv[n++] = options.ipctool;
	while ((argv[n] = strsep(&command, " ")) != NULL && n < ARGS_MAX)
		n++;
	argv[n] = NULL;
}

static void
start(struct run *run, const struct point *p)
{
	const struct scenario *s = run->scenario;
	char *argv[ARGS_MAX + 1], trace[64], inject[128], command[128];
	int complaints;
	size_t n = 0;

	if (options.shim == NULL && !options.limits)
		n = strace_words(argv, p, (s->flags & CHILDREN) == 0 ? trace :
		    NULL, inject);
	strcpy(command, s->command);
	add_command(argv, n, command);
	make_pipe(&run->complaints, &complaints);
	set_nonblocking(run->complaints);
	clock_gettime(CLOCK_MONOTONIC, &run->started);
	run->pid = must(fork(), "fork");
	if (run->pid == 0)
		become(run, p, argv, complaints);
	setpgid(run->pid, run->pid);
	run->pidfd = must((int)syscall(SYS_pidfd_open, run->pid, 0),
	    "pidfd_open");
	close(complaints);
	if ((s->flags & SERVES) != 0) {
		run->client_input = run->input;
		run->client_output = run->output;
		run->input = run->output = -1;
	}
	close_fd(&run->input);
	close_fd(&run->output);
}

/* The other ipctool, which nobody looks at, with these as its ends. */
static void
start_other(struct run *run, int input, int output)
{
	char *argv[ARGS_MAX + 1], command[128];
	int nothing;

	strcpy(command, run->scenario->other);
	add_command(argv, 0, command);
	run->other = must(fork(), "fork");
	if (run->other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		signal(SIGPIPE, SIG_DFL);
		nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(input == -1 ? nothing : input, 0);
		dup2(output == -1 ? nothing : output, 1);
		dup2(nothing, 2);
		execv(argv[0], argv);
		_exit(127);
	}
	setpgid(run->other, run->other);
}

/* A server stands when a client could come. */
static void
start_server(struct run *run)
{
	struct timespec pause = { .tv_nsec = 1000000 };
	struct stat st;

	start_other(run, -1, -1);
	while (stat("s.out", &st) == -1)
		nanosleep(&pause, NULL);
}

/* However far it has come, with all that it has started. */
static void
stop_others(struct run *run)
{
	/* It may wait in open(2) for a reader that will not come. */
	if (run->writer != 0) {
		kill(run->writer, SIGKILL);
		waitpid(run->writer, NULL, 0);
		run->writer = 0;
	}
	if (run->other == 0 || run->other_ended)
		return;
	kill(run->other, SIGTERM);
	waitpid(run->other, NULL, 0);
	run->other_ended = true;
}

/* The process that strace looks at, or 0. */
static pid_t
tracee(const struct run *run)
{
	char path[64], text[64] = "";
	int fd;

	if (options.shim != NULL)
		return run->pid;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)run->pid, (int)run->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

/* Whether it waits for something, or has had time enough to. */
static bool
waits(struct run *run)
{
	char path[64], text[512] = "", *state;
	pid_t pid = tracee(run);
	int fd;

	if (elapsed_ms(&run->started) > LATE_MS)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = pid == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	state = strrchr(text, ')');
	/* Only ipctool, not the strace that it was before exec. */
	if (state == NULL || strstr(text, "(ipctool)") == NULL ||
	    state[2] != 'S')
		run->asleep = 0;
	else
		run->asleep++;
	return run->asleep >= 3;
}

/* Open our end of a FIFO as soon as it is time. */
static void
open_ends(struct run *run)
{
	const struct scenario *s = run->scenario;
	bool late = (s->flags & LATE) != 0;

	if (s->sink == END_FIFO && run->drain == -1 && waits(run)) {
		run->drain = must(open("dst", O_RDONLY | O_NONBLOCK |
		    O_CLOEXEC), "dst");
		narrow(run, run->drain);
	}
	if (s->source == END_FIFO && run->feed == -1 && !run->fed_all &&
	    (!late || waits(run)))
		run->feed = open("src", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

/*
 * HAMMERS: one writer after the other, as fast as it goes.  Each leaves when
 * all is read, so that the reader finds the end of file, and the next one is
 * there at once or a moment later.
 */
static void
hammer(struct run *run)
{
	volatile size_t i;
	int fd, unread;
	size_t at;

	run->fed_all = true;
	run->fed = source_length;
	run->writer = must(fork(), "fork");
	if (run->writer != 0)
		return;
	for (at = 0; at < source_length; at += MESSAGE) {
		fd = open("src", O_WRONLY);
		if (fd == -1 || write(fd, source_data + at, MESSAGE) != MESSAGE)
			_exit(1);
		while (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0)
			continue;
		close(fd);
		for (i = at % 7000; i > 0; i--)
			continue;
	}
	_exit(0);
}

static bool
is_time_to_feed(const struct run *run)
{
	bool pauses = (run->scenario->flags & PAUSES) != 0;
	int unread = 0;

	if (run->feed == -1 || run->fed_all)
		return false;
	/* Full for a while, and then empty for a while */
	if (pauses && run->fed > 0 &&
	    elapsed_ms(&run->started) < 2 * PAUSE_MS)
		return false;
	/* One chunk after the other, so that the calls are the same ones. */
	if (run->scenario->source == END_SOCKET)
		return true;
	return ioctl(run->feed, FIONREAD, &unread) == 0 && unread == 0;
}

static void
feed(struct run *run)
{
	unsigned writers = (run->scenario->flags & TWO_WRITERS) != 0 ? 2 : 1;
	size_t until, length;
	ssize_t n;

	if (!is_time_to_feed(run))
		return;
	until = source_length / writers * (run->sessions + 1);
	length = until - run->fed < 20000 ? until - run->fed : 20000;
	n = length == 0 ? 0 : write(run->feed, source_data + run->fed, length);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0) {
		run->fed += (size_t)n;
		return;
	}
	if (n == 0 && ++run->sessions < writers) {
		close_fd(&run->feed);
		return;
	}
	run->fed_all = true;
	if (run->scenario->source == END_SOCKET)
		shutdown(run->feed, SHUT_WR);
	else
		close_fd(&run->feed);
}

/* Returns whether more may be there at once. */
static bool
take(int fd, struct bytes *bytes, size_t max, size_t chunk)
{
	unsigned char data[65536];
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, data, chunk < sizeof(data) ? chunk : sizeof(data));
	if (n > 0)
		append(bytes, data, (size_t)n, max);
	return n > 0;
}

static void
note_end(struct run *run)
{
	struct rusage used;
	int wstatus;

	if (wait4(run->pid, &wstatus, WNOHANG, &used) != run->pid)
		return;
	run->busy_ms = (int)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) *
	    1000 + (int)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
	run->ended = true;
	run->status = WIFSIGNALED(wstatus) ? 128 + WTERMSIG(wstatus) :
	    WEXITSTATUS(wstatus);
	if (run->told_to_end && run->status == 128 + SIGTERM)
		run->status = 0;
}

static void
end_it(struct run *run)
{
	pid_t pid = tracee(run);

	/* What strace looks at would live on without it. */
	if (pid != 0)
		kill(pid, SIGKILL);
	kill(-run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	stop_others(run);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	run->hung = run->ended = true;
	run->status = -1;
}

static bool
is_pausing(const struct run *run)
{
	return (run->scenario->flags & PAUSES) != 0 &&
	    elapsed_ms(&run->started) < PAUSE_MS;
}

/* The client of a server that is looked at. */
static void
attend_client(struct run *run)
{
	if ((run->scenario->flags & SERVES) == 0)
		return;
	if (run->other == 0 && waits(run)) {
		start_other(run, run->client_input, run->client_output);
		close_fd(&run->client_input);
		close_fd(&run->client_output);
	}
	if (run->other == 0 || run->other_ended ||
	    waitpid(run->other, NULL, WNOHANG) != run->other)
		return;
	run->other_ended = true;
	if ((run->scenario->flags & FOREVER) != 0 && tracee(run) != 0)
		run->told_to_end = kill(tracee(run), SIGTERM) == 0;
}

static void
attend(struct run *run)
{
	bool slow = (run->scenario->flags & NARROW) != 0;
	struct pollfd fds[3];
	bool busy;

	while (!run->ended) {
		attend_client(run);
		open_ends(run);
		feed(run);
		busy = (run->feed != -1 && !run->fed_all) ||
		    (run->scenario->source == END_FIFO && !run->fed_all) ||
		    (run->scenario->sink == END_FIFO) || slow;
		fds[0] = (struct pollfd){ .fd = run->pidfd, .events = POLLIN };
		fds[1] = (struct pollfd){
			.fd = run->complaints, .events = POLLIN
		};
		/* A FIFO without a writer would report that for ever. */
		fds[2] = (struct pollfd){
			.fd = busy ? -1 : run->drain, .events = POLLIN
		};
		poll(fds, 3, busy ? 1 : 50);
		take(run->complaints, &run->err, TEXT_MAX, TEXT_MAX);
		if (!is_pausing(run) && !take(run->drain, &run->out, DATA_MAX,
		    slow ? 5000 : 65536) && fds[2].revents != 0)
			close_fd(&run->drain);
		note_end(run);
		if (!run->ended &&
		    elapsed_ms(&run->started) > options.limit_ms)
			end_it(run);
	}
}

/* What is left in the source when all is over. */
static void
collect_rest(struct run *run)
{
	off_t offset;

	if (run->scenario->source == END_FILE) {
		offset = lseek(run->rest, 0, SEEK_CUR);
		append(&run->left, source_data + offset,
		    source_length - (size_t)offset, DATA_MAX);
		return;
	}
	if (run->scenario->source == END_FIFO && run->feed != -1)
		run->rest = open("src", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (run->rest == -1)
		return;
	set_nonblocking(run->rest);
	while (take(run->rest, &run->left, DATA_MAX, 65536))
		continue;
}

static void
note_injection(struct run *run, const char *line)
{
	if (run->injected[0] == '\0')
		snprintf(run->injected, sizeof(run->injected), "%s", line);
	run->mute |= strstr(line, "write(2<") != NULL;
	/* Standard output, closed already, fails by EBADF and nothing else. */
	run->nonsense |= strstr(line, "close(1)") != NULL;
}

/*
 * Of what ipctool opened by its name only the last that is closed is the
 * sink: there may have been one before that looked at it (O_PATH).
 */
static void
note_close(struct run *run, const char *line)
{
	bool injected = strstr(line, "(INJECTED)") != NULL;
	enum end sink = run->scenario->sink;

	if (strstr(line, "close(") == NULL)
		return;
	if (sink == END_FIFO || sink == END_PATH) {
		if (strstr(line, sink == END_FIFO ? "/dst>" : "/out>") != NULL)
			run->sink_hit = injected;
	} else
		run->sink_hit |= injected && strstr(line, "(1<") != NULL;
}

static void
collect(struct run *run)
{
	struct bytes trace = { NULL, 0 };
	char *line, *next;

	while (take(run->drain, &run->out, DATA_MAX, 65536))
		continue;
	while (take(run->complaints, &run->err, TEXT_MAX, TEXT_MAX))
		continue;
	append(&run->err, "", 1, TEXT_MAX + 1);
	append(&run->out, "", 0, DATA_MAX);
	append(&run->left, "", 0, DATA_MAX);
	collect_rest(run);
	if (run->scenario->sink == END_FILE ||
	    run->scenario->sink == END_APPEND ||
	    run->scenario->sink == END_PATH)
		read_file("out", &run->out, DATA_MAX);
	append(&run->copy, "", 0, DATA_MAX);
	if ((run->scenario->flags & COPIES) != 0)
		read_file("copy", &run->copy, DATA_MAX);
	read_file("trace", &trace, TEXT_MAX * 16);
	append(&trace, "", 1, TEXT_MAX * 16 + 1);
	for (line = (char *)trace.data; *line != '\0'; line = next) {
		next = strchrnul(line, '\n');
		if (*next != '\0')
			*next++ = '\0';
		if (strstr(line, "(INJECTED)") != NULL)
			note_injection(run, line);
		note_close(run, line);
	}
	free(trace.data);
}

static void
run_point(struct run *run, const struct scenario *s, const struct point *p)
{
	memset(run, 0, sizeof(*run));
	run->scenario = s;
	run->feed = run->drain = run->input = run->output = run->rest = -1;
	run->client_input = run->client_output = -1;
	forget_files();
	make_source(run);
	make_sink(run);
	make_existing(run);
	if (s->other != NULL && (s->flags & SERVES) == 0)
		start_server(run);
	start(run, p);
	if ((s->flags & HAMMERS) != 0)
		hammer(run);
	attend(run);
	stop_others(run);
	collect(run);
}

static void
free_run(struct run *run)
{
	close_fd(&run->client_input);
	close_fd(&run->client_output);
	close_fd(&run->feed);
	close_fd(&run->drain);
	close_fd(&run->rest);
	close_fd(&run->complaints);
	close_fd(&run->pidfd);
	free(run->out.data);
	free(run->err.data);
	free(run->left.data);
	free(run->copy.data);
}


/* The judgement */

static bool
is_about(const struct rule *rule, const struct run *run, const char *line)
{
	const char *args = strchr(line, '(');

	if (args == NULL)
		return rule->about == ANYTHING;
	switch (rule->about) {
	case ANYTHING:
		return true;
	case TEXT:
		return strstr(args, rule->text) != NULL;
	case THE_SINK:
		return run->sink_hit;
	}
	return false;
}

static enum verdict
rule_for(const struct run *run, const struct point *p)
{
	const struct scenario *s = run->scenario;
	const char *line = run->injected;
	const struct rule *rule;

	for (rule = rules;; rule++) {
		if (rule->call != NULL && strcmp(rule->call, p->call) != 0)
			continue;
		if (rule->error != NULL && strcmp(rule->error, p->error) != 0)
			continue;
		if (rule->only != 0 && (s->flags & rule->only) == 0)
			continue;
		if ((s->flags & rule->except) != 0 ||
		    !is_about(rule, run, line))
			continue;
		if (rule->verdict == SURVIVES_ONE)
			return p->last == UINT_MAX ? EITHER : SURVIVES;
		return rule->verdict;
	}
}

/* Lines that ipctool wrote on standard error, and all lines. */
static unsigned
count_complaints(const struct run *run, unsigned *all)
{
	char want[64];
	const char *line;
	unsigned n = 0;

	*all = 0;
	snprintf(want, sizeof(want), "ipctool %.*s: ",
	    (int)strcspn(run->scenario->command, " "), run->scenario->command);
	for (line = (const char *)run->err.data; *line != '\0';
	    line += strcspn(line, "\n"), line += *line == '\n') {
		++*all;
		if (strncmp(line, want, strlen(want)) == 0)
			n++;
	}
	return n;
}

/*
 * Whether the same line is there again.  What strace makes close(2) fail for
 * is still open, so it may fail a second time.
 */
static bool
complains_twice(const struct run *run, const struct point *p)
{
	const char *line = (const char *)run->err.data, *next;
	size_t length;

	if (strcmp(p->call, "close") == 0)
		return false;
	for (; *line != '\0'; line = next) {
		next = line + strcspn(line, "\n");
		next += *next == '\n';
		length = (size_t)(next - line);
		if (memmem(next, strlen(next), line, length) != NULL)
			return true;
	}
	return false;
}

static bool
out_is_prefix(const struct run *run)
{
	const struct scenario *s = run->scenario;
	size_t half = source_length / 2, length = run->out.length;

	if (s->sink == END_NOTHING)
		return true;
	if (length <= expected_length &&
	    memcmp(run->out.data, expected, length) == 0)
		return s->sink != END_APPEND || length >= sizeof(before) - 1;
	/* Not touched yet */
	if (s->sink == END_PATH && length == sizeof(before) - 1 &&
	    memcmp(run->out.data, before, length) == 0)
		return true;
	/* The first input was passed over. */
	return (s->flags & SKIPS) != 0 && length <= source_length - half &&
	    memcmp(run->out.data, source_data + half, length) == 0;
}

static bool
out_is_complete(const struct run *run)
{
	if (run->scenario->sink == END_NOTHING)
		return true;
	return run->out.length == expected_length &&
	    memcmp(run->out.data, expected, expected_length) == 0;
}

/* Another output, which has nothing to begin with. */
static bool
copy_is_complete(const struct run *run)
{
	return (run->scenario->flags & COPIES) == 0 ||
	    (run->copy.length == source_length &&
	    memcmp(run->copy.data, source_data, source_length) == 0);
}

static bool
copy_is_prefix(const struct run *run)
{
	return run->copy.length <= source_length &&
	    memcmp(run->copy.data, source_data, run->copy.length) == 0;
}

/* Delivered and still there is what was written, and in its order. */
static bool
nothing_is_lost(const struct run *run)
{
	size_t length = run->out.length, sent = run->fed;

	if (run->scenario->source == END_FILE)
		sent = source_length;
	/* The output may not even have been opened and truncated. */
	if (run->scenario->sink == END_PATH && length == sizeof(before) - 1 &&
	    memcmp(run->out.data, before, length) == 0)
		length = 0;
	/* Nobody had the FIFO open any more: the kernel dropped the rest. */
	if (run->scenario->source == END_FIFO && run->feed == -1)
		return memcmp(run->out.data, source_data, length) == 0;
	return length + run->left.length == sent &&
	    memcmp(run->out.data, source_data, length) == 0 &&
	    memcmp(run->left.data, source_data + length, run->left.length) ==
	    0;
}

/* FIFOs that were made, and nothing else, have the right mode. */
static const char *
judge_made(const struct run *run)
{
	const struct scenario *s = run->scenario;
	char *copy, *name, *rest;
	const char *why = NULL;
	struct stat st;

	if (s->made == NULL)
		return NULL;
	copy = rest = strdup(s->made);
	while (why == NULL && (name = strsep(&rest, " ")) != NULL) {
		if (lstat(name, &st) == -1) {
			if (run->status == 0)
				why = "status 0, but a FIFO is missing";
			else if (run->made_before != 0)
				why = "an existing FIFO is gone";
		} else if (!S_ISFIFO(st.st_mode))
			why = "what was made is no FIFO";
		else if ((st.st_mode & 07777) != s->made_mode)
			why = "a FIFO has the wrong mode";
		else if (run->made_before != 0 &&
		    st.st_ino != run->made_before &&
		    (s->flags & REPLACES) == 0)
			why = "an existing FIFO was replaced";
	}
	free(copy);
	return why;
}

/* What is left behind has to be said. */
static const char *
judge_left(const struct run *run)
{
	const char *removed = run->scenario->removed;
	unsigned all;
	glob_t found;

	if (run->status == 137 || run->mute || count_complaints(run, &all) > 0)
		return NULL;
	if (removed != NULL && access(removed, F_OK) == 0)
		return "its FIFO is left without a word";
	if (glob(PRIVATE, 0, NULL, &found) != 0)
		return NULL;
	globfree(&found);
	return "its directory is left without a word";
}

/*
 * All children were reaped and none lives on: we are their subreaper.  The
 * process that strace traces itself through is none.
 */
static const char *
judge_children(const struct run *run)
{
	pid_t pid;

	pid = waitpid(-1, NULL, WNOHANG);
	if (pid == -1)
		return NULL;
	kill(-run->pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	return pid == 0 ? "a child lives on" : "a child was not reaped";
}

static bool
status_is_plausible(const struct run *run, const struct point *p)
{
	const struct scenario *s = run->scenario;
	int status = run->status;

	if (status == 1 || status == 0)
		return true;
	if ((status == 4 && (s->sink == END_FIFO || s->other != NULL)) ||
	    (status == 141 && (s->sink != END_FIFO ||
	    (s->flags & (CHILDREN | BRANCHES)) != 0)))
		return strcmp(p->error, "EPIPE") == 0 ||
		    strcmp(p->error, "ECONNRESET") == 0;
	/* A tap that is not there for one look, and is for the next. */
	if (status == 3 && strcmp(p->error, "ENOENT") == 0 &&
	    strstr(s->command, "--tap") != NULL)
		return true;
	if (status == 3 || status == 5)
		return (s->flags & NONBLOCK) != 0;
	/* What goes on for ever is waited for until the time is up. */
	if (status == 124 && strstr(s->command, " -t5 ") != NULL)
		return p->last == UINT_MAX;
	return (s->flags & CHILDREN) != 0 && status >= 125 && status <= 127;
}

/* Commands have the limit, too, and the last word. */
static bool
is_of_a_command(const struct run *run, const struct point *p)
{
	return p->small != NULL && (run->scenario->flags & CHILDREN) != 0 &&
	    (run->err.data[0] != '\0' || run->status > 128);
}

static const char *
judge_success(const struct run *run, enum verdict verdict)
{
	unsigned all, ours = count_complaints(run, &all);

	if (verdict == FAILS)
		return "status 0, but it failed";
	if (verdict != WHATEVER && !out_is_complete(run))
		return "status 0, but the output is not the input";
	if (verdict != WHATEVER && !copy_is_complete(run))
		return "status 0, but the copy is not the input";
	if (ours != all && (run->scenario->flags & (CHILDREN | TALKS)) == 0)
		return "something strange on standard error";
	if (ours != 0 && (run->scenario->flags & WARNS) == 0)
		return "status 0, and a complaint";
	return NULL;
}

static const char *
judge_failure(const struct run *run, const struct point *p,
    enum verdict verdict)
{
	unsigned all, ours = count_complaints(run, &all);

	if (verdict == SURVIVES)
		return "it did not survive";
	if (is_of_a_command(run, p))
		return NULL;
	if (!status_is_plausible(run, p))
		return "no such status for such an error";
	if (!out_is_prefix(run) || !copy_is_prefix(run))
		return "the output is not the beginning of the input";
	if (ours != all && (run->scenario->flags & (CHILDREN | TALKS)) == 0)
		return "something strange on standard error";
	if (run->status == 141)
		return ours == 0 ||
		    (run->scenario->flags &
		    (TALKS | BRANCHES | CHILDREN)) != 0 ?
		    NULL : "a complaint, and SIGPIPE";
	/* Where nothing can be written, nothing can be said. */
	if (ours == 0 && !run->mute && verdict != WHATEVER)
		return "it failed without a word";
	/* A failure that stays may meet one thing after the other. */
	if (ours > 1 && (p->last == p->first || complains_twice(run, p)) &&
	    (run->scenario->flags & (WARNS | BRANCHES)) == 0)
		return "more than one complaint";
	return NULL;
}

static const char *
judge_signal(const struct run *run, const struct point *p)
{
	unsigned all, ours = count_complaints(run, &all);
	const struct scenario *s = run->scenario;

	if (strcmp(p->signal, "USR1") == 0) {
		if (run->status != 0 || !out_is_complete(run))
			return "SIGUSR1 disturbed it";
		return NULL;
	}
	if (run->status == 0)
		return out_is_complete(run) ? NULL :
		    "status 0, but the output is not the input";
	if (strcmp(p->signal, "KILL") == 0) {
		if (run->status != 137)
			return "it was killed, but what is this status";
		return (s->flags & SPLICES) == 0 || s->source == END_PATH ||
		    nothing_is_lost(run) ? NULL : "killed, and bytes are lost";
	}
	if (run->status != 143)
		return "it did not die of SIGTERM";
	if (ours != 0 && (s->flags & TALKS) == 0)
		return "a complaint, and SIGTERM";
	if ((s->flags & SPLICES) != 0 && s->source != END_PATH &&
	    !nothing_is_lost(run))
		return "ended by SIGTERM, and bytes are lost";
	return out_is_prefix(run) ? NULL :
	    "the output is not the beginning of the input";
}

static const char *
judge_shim(const struct run *run)
{
	if (run->status != 0)
		return "it did not survive";
	if ((run->scenario->flags & PAUSES) != 0 && run->busy_ms > BUSY_MS)
		return "it works while there is nothing to do";
	return judge_success(run, SURVIVES);
}

/* A server that goes on for the next client when this one was not served. */
static const char *
judge_session(const struct run *run)
{
	unsigned all;

	if (count_complaints(run, &all) == 0 && (access("s.in", F_OK) == 0 ||
	    access("s.out", F_OK) == 0 || access("s.lock", F_OK) == 0))
		return "what it made is left without a word";
	return out_is_prefix(run) ? NULL :
	    "the output is not the beginning of the input";
}

static const char *
judge(const struct run *run, const struct point *p)
{
	enum verdict verdict;
	const char *why;

	if (run->hung)
		return "it hangs";
	if (run->status == 128 + SIGABRT || run->status == 128 + SIGSEGV ||
	    run->status == 128 + SIGBUS || run->status == 128 + SIGFPE)
		return "it crashed";
	why = judge_children(run);
	/* Killed, or told that there is no child: it could not reap. */
	if (why != NULL && run->status != 137 &&
	    (p->error == NULL || strcmp(p->error, "ECHILD") != 0))
		return why;
	why = judge_made(run);
	if (why != NULL && run->status != 137)
		return why;
	why = judge_left(run);
	if (why != NULL)
		return why;
	/*
	 * What was done in the end was work: a byte at a time, perhaps.  -k: a
	 * reader that leaves again and again is news each time.
	 */
	if (run->busy_ms > SPIN_MS && run->status != 0 &&
	    (p->error == NULL || strcmp(p->error, "EPIPE") != 0))
		return "it spins";
	if (options.shim != NULL)
		return judge_shim(run);
	if (run->told_to_end && run->status == 0 &&
	    (p->error == NULL || strcmp(p->error, "EINTR") != 0))
		return judge_session(run);
	if (p->signal != NULL)
		return judge_signal(run, p);
	if (run->nonsense)
		return NULL;
	if (p->small != NULL)
		verdict = EITHER;
	else if (run->injected[0] == '\0')	/* it took another way */
		verdict = SURVIVES;
	else
		verdict = rule_for(run, p);
	return run->status == 0 ? judge_success(run, verdict) :
	    judge_failure(run, p, verdict);
}

static void
print_run(const struct run *run)
{
	const char *line = (const char *)run->err.data;

	printf("    status %d, %zu bytes out of %zu, fed %zu, left %zu\n",
	    run->status, run->out.length, expected_length, run->fed,
	    run->left.length);
	for (; *line != '\0'; line += *line == '\n') {
		printf("    | %.*s\n", (int)strcspn(line, "\n"), line);
		line += strcspn(line, "\n");
	}
}

static void
print_strace(const struct run *run, const struct point *p)
{
	static const char *const ends[] = {
		"nothing", "pipe", "file", "append", "socket", "FIFO", "path"
	};
	const struct scenario *s = run->scenario;

	printf("strace %s-e inject=%s:%s%s:when=%u",
	    (s->flags & CHILDREN) != 0 ? "" : "-f ", p->call,
	    p->error != NULL ? "error=" : "signal=",
	    p->error != NULL ? p->error : p->signal, p->first);
	if (p->last == UINT_MAX)
		printf("+");
	else if (p->last != p->first)
		printf("..%u", p->last);
	printf(" ipctool %s   (%s to %s)\n    %s\n", s->command,
	    ends[s->source], ends[s->sink],
	    run->injected[0] != '\0' ? run->injected : p->line);
}

static void
print_shim(const struct run *run, const struct point *p)
{
	const unsigned seed = p->first;

	printf("LD_PRELOAD=%s SHIM=%s SHIM_CALLS=%s SHIM_RATE=%s SHIM_SEED=%u "
	    "ipctool %s\n", options.shim, plans[seed % PLANS].faults,
	    plans[seed % PLANS].calls, plans[seed % PLANS].rate, seed,
	    run->scenario->command);
}

static void
print_limit(const struct run *run, const struct point *p)
{
	printf("prlimit --%s=%llu ipctool %s\n", p->small->name,
	    (unsigned long long)p->value, run->scenario->command);
}


/* The points */

static bool
in_sample(unsigned every)
{
	return point_number++ % every == options.start;
}

/* What could not be injected after all shows nothing. */
static bool
is_missed(const struct run *run, const struct point *p)
{
	return p->error != NULL && p->small == NULL &&
	    (run->nonsense || run->injected[0] == '\0');
}

static void
try_point(const struct scenario *s, const struct point *p,
    void (*print)(const struct run *, const struct point *))
{
	const char *why;
	struct run run;

	run_point(&run, s, p);
	why = judge(&run, p);
	if (why == NULL && is_missed(&run, p))
		points_missed++;
	else
		points_done++;
	if (why != NULL)
		points_failed++;
	if (why != NULL || options.verbose) {
		printf("%s: %s\n    ", s->name, why == NULL ? "good" : why);
		print(&run, p);
		print_run(&run);
	}
	fflush(stdout);
	free_run(&run);
}

static void
try_call(const struct scenario *s, const struct point *p)
{
	if (in_sample(options.stride * (s->sparse == 0 ? 1 : s->sparse)))
		try_point(s, p, print_strace);
}

/* An error that a call with such arguments cannot have is no point. */
static bool
is_plausible(const struct scenario *s, const struct call *call,
    const char *error)
{
	const char *args = strchr(call->line, '(');

	if (args == NULL)
		return false;
	if (strcmp(call->name, "fcntl") == 0) {
		if (strstr(args, "F_SETPIPE_SZ") != NULL)
			return strcmp(error, "EMFILE") != 0;
		if (strstr(args, "F_DUPFD") != NULL)
			return strcmp(error, "EMFILE") == 0;
		return false;
	}
	/* isatty(3) asks about what may not be one, FIONREAD a pipe. */
	/*
	 * strace does not close what it makes close(2) fail for, but the
	 * kernel would: a command would wait for ever for its EOF.  In a
	 * pipeline that is so for all that come after the first, too.
	 */
	if (strcmp(call->name, "close") == 0 &&
	    strncmp(s->name, "pipeline", 8) == 0)
		return false;
	if (strcmp(call->name, "close") == 0)
		return strstr(args, "EBADF") == NULL &&
		    ((s->flags & CHILDREN) == 0 || strstr(args, "(1<") != NULL);
	/* A look at a descriptor needs no permission. */
	if (strcmp(error, "EACCES") == 0)
		return strstr(args, "AT_EMPTY_PATH") == NULL;
	/* A socket's errors are not a pipe's. */
	if (strcmp(call->name, "readv") == 0 && strcmp(error, "EAGAIN") == 0)
		return strstr(args, "(0</") == NULL;
	/* A command that reads on in truth waits for more for ever. */
	if (strcmp(error, "EPIPE") == 0 &&
	    strstr(s->name, "persist") != NULL)
		return false;
	/* Neither a file nor a pipe runs full here by EPIPE, ENOSPC. */
	if (strcmp(error, "EPIPE") == 0)
		return strstr(args, "/out>") == NULL &&
		    strstr(args, "(2<") == NULL;
	return true;
}

static void
try_error(const struct scenario *s, const char *name, const char *error)
{
	bool passing = strcmp(error, "EINTR") == 0 ||
	    strcmp(error, "EAGAIN") == 0;
	struct point p = { .call = name, .error = error };
	unsigned i, tried = 0, total = 0, step;

	for (i = 0; i < ncalls; i++)
		total += calls[i].ours && strcmp(calls[i].name, name) == 0;
	step = total / KS_MAX + 1;
	for (i = 0; i < ncalls; i++) {
		if (!calls[i].ours || strcmp(calls[i].name, name) != 0 ||
		    !is_plausible(s, &calls[i], error) || tried++ % step != 0)
			continue;
		p.line = calls[i].line;
		p.first = p.last = calls[i].number;
		try_call(s, &p);
		/* What passes does so in the end; and some others stay. */
		if (passing && tried % 3 == 1)
			p.last = p.first + 4;
		else if (!passing && (tried % 4 == 1 || tried == total))
			p.last = UINT_MAX;
		else
			continue;
		try_call(s, &p);
	}
}

static void
try_signal(const struct scenario *s, const char *name)
{
	struct point p = { .signal = name };
	unsigned i;

	for (i = 0; i < ncalls; i++) {
		/* Before the first one nothing can be expected. */
		if (!calls[i].ours || !calls[i - 1].ours)
			continue;
		p.call = calls[i].name;
		p.line = calls[i].line;
		p.first = p.last = calls[i].number;
		try_call(s, &p);
	}
}

/* The sanitizers' memory is not ours. */
static bool
is_sanitizers(const char *call)
{
	const char *sanitized = getenv("SANITIZED");

	return sanitized != NULL && strcmp(sanitized, "yes") == 0 &&
	    strcmp(call, "mmap") == 0;
}

static void
try_errors(const struct scenario *s)
{
	char *copy, *rest, *error;
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (is_sanitizers(errors[i].call))
			continue;
		copy = rest = strdup(errors[i].errors);
		while ((error = strsep(&rest, " ")) != NULL)
			try_error(s, errors[i].call, error);
		free(copy);
	}
}


/* The run without a fault */

static void
note_call(char *line)
{
	struct call *call = &calls[ncalls];
	size_t length;
	unsigned i;

	line += strspn(line, "0123456789");
	line += strspn(line, " ");
	length = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (length == 0 || length >= sizeof(call->name) ||
	    line[length] != '(' || ncalls == CALLS_MAX)
		return;
	memcpy(call->name, line, length);
	call->name[length] = '\0';
	call->line = line;
	call->number = 1;
	for (i = ncalls; i-- > 0;) {
		if (strcmp(calls[i].name, call->name) == 0) {
			call->number = calls[i].number + 1;
			break;
		}
	}
	/* The first thing in main is to ask about SIGUSR1. */
	call->ours = (ncalls > 0 && calls[ncalls - 1].ours) ||
	    strncmp(line, "rt_sigaction(SIGUSR1", 20) == 0;
	ncalls++;
}

/* Returns the trace, which calls[] points into. */
static char *
trace_run(const struct scenario *s)
{
	struct bytes trace = { NULL, 0 };
	struct run run;
	char *line, *next;

	run_point(&run, s, NULL);
	if (run.status != 0 || !out_is_complete(&run))
		errx(2, "%s: not even without a fault: status %d, %zu bytes "
		    "of %zu: %s", s->name, run.status, run.out.length,
		    expected_length, (char *)run.err.data);
	free_run(&run);
	if (!read_file("trace", &trace, TEXT_MAX * 16))
		err(2, "trace");
	append(&trace, "", 1, TEXT_MAX * 16 + 1);
	ncalls = 0;
	for (line = (char *)trace.data; *line != '\0'; line = next) {
		next = strchrnul(line, '\n');
		if (*next != '\0')
			*next++ = '\0';
		note_call(line);
	}
	if (ncalls == 0 || !calls[ncalls - 1].ours)
		errx(2, "%s: no rt_sigaction(SIGUSR1) at the beginning",
		    s->name);
	return (char *)trace.data;
}

static void
try_scenario(const struct scenario *s)
{
	char *trace;

	if ((s->flags & SHIM_ONLY) != 0)
		return;
	trace = trace_run(s);
	try_errors(s);
	try_signal(s, "USR1");
	try_signal(s, "TERM");
	try_signal(s, "KILL");
	printf("%s: %lu points, %lu failed\n", s->name, points_done,
	    points_failed);
	free(trace);
}


/* Under the shim */

/* How many faults there were, by the shim's own log. */
static unsigned long
count_faults(void)
{
	struct bytes log = { NULL, 0 };
	unsigned long faults = 0;
	char *field, *rest;

	read_file("log", &log, TEXT_MAX * 16);
	append(&log, "", 1, TEXT_MAX * 16 + 1);
	rest = (char *)log.data;
	while ((field = strsep(&rest, ",\n")) != NULL) {
		if (strchr(field, ':') == NULL)
			faults += strtoul(field, NULL, 10);
	}
	free(log.data);
	unlink("log");
	return faults;
}

static void
try_seeds(const struct scenario *s)
{
	unsigned long seed, faults;
	struct point p = { 0 };

	/* These calls do not come by the shim. */
	if (s->made != NULL || s->removed != NULL)
		return;
	for (seed = 0; seed < options.seeds; seed++) {
		p.first = (unsigned)(seed + options.start);
		try_point(s, &p, print_shim);
	}
	faults = count_faults();
	/*
	 * Two messages are two writes, which chance may well spare; and who
	 * dies of a signal leaves no log.
	 */
	if (faults == 0 && (s->flags & (MESSAGES | FOREVER)) == 0 &&
	    strcmp(s->name, "duplex") != 0 &&
	    strcmp(s->name, "duplex-us") != 0) {
		printf("%s: the shim did nothing\n", s->name);
		points_failed++;
	}
	printf("%s: %lu runs, %lu failed, %lu faults\n", s->name, points_done,
	    points_failed, faults);
}


/* Small limits */

static void
try_limit(const struct scenario *s, const struct small *small, rlim_t value)
{
	struct point p = {
		.call = "limit", .error = small->error, .last = UINT_MAX,
		.small = small, .value = value
	};

	if (in_sample(options.stride))
		try_point(s, &p, print_limit);
}

/* The address space that it takes for the loader and for the least of main. */
static rlim_t
least_space(void)
{
	char *argv[] = { options.ipctool, (char[]){ "--version" }, NULL };
	struct rlimit space;
	int wstatus = -1;
	rlim_t value;
	pid_t pid;

	for (value = 1 << 20; wstatus != 0; value += 64 << 10) {
		space.rlim_cur = space.rlim_max = value;
		pid = must(fork(), "fork");
		if (pid == 0) {
			must(dup2(must(open("/dev/null", O_WRONLY),
			    "/dev/null"), 1), "dup2");
			dup2(1, 2);
			setrlimit(RLIMIT_AS, &space);
			execv(argv[0], argv);
			_exit(1);
		}
		waitpid(pid, &wstatus, 0);
	}
	return value;
}

static void
try_limits(const struct scenario *s)
{
	static struct small all[] = {
		/* The loader takes one more than 0, 1 and 2. */
		{ "nofile", "EMFILE", RLIMIT_NOFILE, 4, 1, 20 },
		{ "sigpending", "EAGAIN", RLIMIT_SIGPENDING, 0, 1, 2 },
		{ "fsize", "EFBIG", RLIMIT_FSIZE, 0, 20000, 60000 },
		{ "as", "ENOMEM", RLIMIT_AS, 0, 100 << 10, 0 },
		{ "nproc", "EAGAIN", RLIMIT_NPROC, 0, 1, 1 },
	};
	const char *sanitized = getenv("SANITIZED");
	struct small *small;
	rlim_t value;

	for (small = all; small < all + sizeof(all) / sizeof(*all); small++) {
		if (small->resource == RLIMIT_NPROC && geteuid() == 0)
			continue;
		if (small->resource == RLIMIT_AS) {
			if (sanitized != NULL && strcmp(sanitized, "yes") == 0)
				continue;
			if (small->first == 0)
				small->first = least_space();
			small->last = small->first + (1 << 20);
		}
		for (value = small->first; value <= small->last;
		    value += small->step)
			try_limit(s, small, value);
	}
	printf("%s: %lu limits, %lu failed\n", s->name, points_done,
	    points_failed);
}


static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static char **
parse_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "stride", required_argument, NULL, 's' },
		{ "start", required_argument, NULL, 'S' },
		{ "limit", required_argument, NULL, 'l' },
		{ "list", no_argument, NULL, 'L' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "shim", required_argument, NULL, 'h' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "limits", no_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	size_t i;
	int c;

	while ((c = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (c) {
		case 's':
			options.stride = tool_size(optarg);
			break;
		case 'S':
			options.start = tool_size(optarg);
			break;
		case 'l':
			options.limit_ms = (int)tool_size(optarg) * 1000;
			break;
		case 'L':
			for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios);
			    i++)
				puts(scenarios[i].name);
			exit(0);
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			options.shim = realpath(optarg, NULL);
			if (options.shim == NULL)
				err(2, "%s", optarg);
			break;
		case 'n':
			options.seeds = tool_size(optarg);
			break;
		case 'm':
			options.limits = true;
			break;
		default:
			exit(2);
		}
	}
	if (argv[optind] == NULL || options.stride == 0)
		errx(2, "usage: faults [OPTION]... IPCTOOL [SCENARIO]...");
	return argv + optind;
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

/* However it ends; but not in a child that could not be made ipctool. */
static void
clean_up(void)
{
	if (getpid() == our_pid && (chdir("/") == -1 ||
	    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) == -1))
		warn("%s", dir);
}

int
main(int argc, char **argv)
{
	unsigned long failed = 0;
	size_t i;

	argv = parse_options(argc, argv);
	options.ipctool = realpath(*argv, NULL);
	if (options.ipctool == NULL)
		err(2, "%s", *argv);
	snprintf(dir, sizeof(dir), "%s/faults.XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		err(2, "%s", dir);
	our_pid = getpid();
	atexit(clean_up);
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* LeakSanitizer cannot work where somebody traces already. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	for (i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		if (!is_wanted(&scenarios[i], argv + 1))
			continue;
		points_done = points_failed = points_missed = 0;
		prepare_data(&scenarios[i]);
		if (options.shim != NULL)
			try_seeds(&scenarios[i]);
		else if (options.limits)
			try_limits(&scenarios[i]);
		else
			try_scenario(&scenarios[i]);
		fflush(stdout);
		failed += points_failed;
	}
	return failed == 0 ? 0 : 1;
}
