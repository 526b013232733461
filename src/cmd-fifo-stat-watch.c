/*
 * fifo-stat --watch - look again and again, and show it in one place.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "fifo-stat.h"
#include "print.h"
#include "signals.h"
#include "status.h"

#define HOME		"\033[H"
#define CLEAR		"\033[2J"
#define CLEAR_LINE	"\033[K"	/* from here to its end */
#define CLEAR_REST	"\033[J"

/* What one process has moved so far, by all its calls. */
struct meter {
	pid_t		 pid;		/* 0: cannot be known */
	uint64_t	 bytes;
	bool		 waits;		/* blocked at the pipe */
};

/* A pipe, at the latest look. */
struct stat_flow {
	dev_t		 dev;
	ino_t		 ino;
	int64_t		 at;
	struct meter	 reader, writer;
	double		 rate;		/* -1: not known */
};

struct screen {
	bool		 terminal;	/* standard output is one */
	bool		 keys;		/* standard input, too */
};

/* The terminal that gives us its keys; handlers of signals change it. */
static struct {
	struct termios	 before;
	volatile sig_atomic_t taken;
} keys;

static int
compare_flows(const void *a, const void *b)
{
	const struct stat_flow *p = a, *q = b;

	if (p->ino != q->ino)
		return p->ino < q->ino ? -1 : 1;
	return (p->dev > q->dev) - (p->dev < q->dev);
}

static const struct stat_flow *
find_flow(const struct fifo_stat *fs, const struct pipe_info *pipe)
{
	struct stat_flow key = { .dev = pipe->dev, .ino = pipe->ino };

	return fs->nflows == 0 ? NULL : bsearch(&key, fs->flows, fs->nflows,
	    sizeof(key), compare_flows);
}

double
stat_rate(const struct fifo_stat *fs, const struct pipe_info *pipe)
{
	const struct stat_flow *flow = find_flow(fs, pipe);

	return flow == NULL ? -1 : flow->rate;
}

struct others {
	const struct pipe_end	*end;
	const struct pipe_look	*look;
};

static bool
is_null(int dir, int fd)
{
	char name[16];
	struct stat st;

	snprintf(name, sizeof(name), "%d", fd);
	return procfs_stat_link(dir, name, &st) == 0 &&
	    S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/*
 * Another descriptor that the bytes could have gone through.  Of 0, 1 and 2
 * those of the other direction are not counted, nor are messages.
 */
static int
is_other(void *arg, int fd, int dir)
{
	const struct others *others = arg;
	bool reader = others->end->access == PIPE_READ;
	int flags;

	if (fd == others->end->fd || fd == STDERR_FILENO ||
	    fd == (reader ? STDOUT_FILENO : STDIN_FILENO))
		return 0;
	if (procfs_get_flags(others->look->proc, others->end->process->task,
	    fd, &flags) == -1)
		return 1;
	return (flags & O_PATH) == 0 &&
	    (flags & O_ACCMODE) != (reader ? O_WRONLY : O_RDONLY) &&
	    !is_null(dir, fd);
}

/*
 * The bytes that went through the only end of that kind.  The kernel counts
 * them for a process and not for a descriptor, so it must have no other.
 */
static struct meter
read_meter(const struct pipe_look *look, const struct pipe_info *pipe,
    enum pipe_access access)
{
	struct others others = { .look = look };
	const struct thread_info *thread;
	struct meter meter = { .pid = 0 };
	uint64_t in, out;
	char path[64];

	for (size_t i = 0; i < pipe->nends; i++) {
		if ((pipe->ends[i]->access & access) == 0)
			continue;
		if (others.end != NULL || pipe->ends[i]->access != access)
			return meter;
		others.end = pipe->ends[i];
	}
	if (others.end == NULL)
		return meter;
	meter.pid = others.end->process->pid;
	snprintf(path, sizeof(path), "%d/fd", others.end->process->task);
	if (procfs_each(look->proc, path, is_other, &others) != 0 ||
	    procfs_get_io(look->proc, meter.pid, &in, &out) == -1)
		meter.pid = 0;
	else
		meter.bytes = access == PIPE_READ ? in : out;
	/* splice(2) is not counted: then standing still proves nothing. */
	thread = others.end->waiter;
	meter.waits = thread != NULL && (thread->call.number == SYS_read ||
	    thread->call.number == SYS_write);
	return meter;
}

static double
difference(const struct meter *before, const struct meter *now)
{
	if (now->pid == 0 || before->pid != now->pid ||
	    now->bytes < before->bytes)
		return -1;
	if (now->bytes == before->bytes && !now->waits)
		return -1;
	return (double)(now->bytes - before->bytes);
}

static double
rate_of(const struct stat_flow *before, const struct stat_flow *now)
{
	double in = difference(&before->writer, &now->writer);
	double out = difference(&before->reader, &now->reader);
	double bytes = in > out ? in : out;

	return bytes < 0 ? -1 : bytes * (double)NS_PER_SEC /
	    (double)(now->at - before->at);
}

/* What each pipe has moved since the look before. */
static void
measure_flows(struct fifo_stat *fs, const struct pipe_look *look)
{
	const struct stat_flow *before;
	const struct pipe_info *pipe;
	struct stat_flow *flows, *flow;
	size_t n = 0;

	flows = calloc(look->npipes + 1, sizeof(*flows));
	for (size_t i = 0; flows != NULL && i < look->npipes; i++) {
		pipe = look->pipes[i];
		if (!pipe->wanted || pipe->lost)
			continue;
		flow = &flows[n++];
		flow->dev = pipe->dev;
		flow->ino = pipe->ino;
		flow->at = deadline_now();
		flow->reader = read_meter(look, pipe, PIPE_READ);
		flow->writer = read_meter(look, pipe, PIPE_WRITE);
		before = find_flow(fs, pipe);
		flow->rate = before == NULL ? -1 : rate_of(before, flow);
	}
	free(fs->flows);
	fs->flows = flows;
	fs->nflows = n;
	if (n > 0)
		qsort(flows, n, sizeof(*flows), compare_flows);
}

/* In the background it would stop us to change the terminal. */
static bool
in_foreground(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* Keys come at once and are not shown; signals stay as they are. */
static void
take_keys(void)
{
	struct termios raw;

	if (!in_foreground() ||
	    (!keys.taken && tcgetattr(STDIN_FILENO, &keys.before) == -1))
		return;
	raw = keys.before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	/* 0 would be the end of file for whoever reads it after us. */
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	keys.taken = true;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void
give_back_keys(void)
{
	if (!keys.taken || !in_foreground())
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &keys.before);
	keys.taken = false;
}

/*
 * Do what a signal does by default, but with the terminal as it was: the
 * shell reads it next.  Where TSTP stops us, it is in here, until CONT.
 */
static void
handle_key(int signo)
{
	struct sigaction usual = { .sa_handler = SIG_DFL }, own;
	int saved = errno;
	sigset_t only;

	give_back_keys();
	sigaction(signo, &usual, &own);
	coverage_write();
	raise(signo);
	sigemptyset(&only);
	sigaddset(&only, signo);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	sigaction(signo, &own, NULL);
	take_keys();
	errno = saved;
}

static void
handle_continue(int signo)
{
	int saved = errno;

	(void)signo;
	take_keys();
	errno = saved;
}

static void
fill_key_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTSTP);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGCONT);
}

/* Also at every exit(3): a look that fails ends by err(3). */
static void
end_keys(void)
{
	sigset_t set;

	fill_key_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	give_back_keys();
}

/*
 * At any time, not only while we wait: a look may take long, and so may what
 * is printed on a terminal that stands still.
 */
static void
start_keys(void)
{
	static const int numbers[] = { SIGTSTP, SIGQUIT };
	struct sigaction sa = { .sa_flags = SA_RESTART }, old;

	atexit(end_keys);
	fill_key_signals(&sa.sa_mask);
	sa.sa_handler = handle_key;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		/* What was ignored stays ignored. */
		if (sigaction(numbers[i], &sa, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			sigaction(numbers[i], &old, NULL);
	sa.sa_handler = handle_continue;
	sigaction(SIGCONT, &sa, NULL);
	/* As after a stop, with none of the others in between. */
	raise(SIGCONT);
}

/*
 * Returns whether it is a key that ends it.  The terminal forgets keys when
 * it sends a signal, so that none may be left.
 */
static bool
read_key(int64_t until)
{
	ssize_t n;
	char key;

	if (signals_guard_begin(until) == -1)
		return false;
	n = read(STDIN_FILENO, &key, 1);
	signals_guard_end();
	/* A terminal that hung up would be ready for ever. */
	if (n == 0 || (n == -1 && errno != EINTR))
		keys.taken = false;
	return n == 1 && (key == 'q' || key == 'Q');
}

static void
get_size(size_t *rows, size_t *columns)
{
	struct winsize size;

	*rows = 24;
	*columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 &&
	    size.ws_col > 0) {
		*rows = size.ws_row;
		*columns = size.ws_col;
	}
}

/*
 * Over what stands there, so that nothing flickers; what has no room is left
 * out, since a line that wraps would move all others.
 */
static void
draw(const char *text)
{
	FILE *f = print_stream();
	size_t rows, columns, length, left = 0;
	const char *end;

	get_size(&rows, &columns);
	fputs(HOME, f);
	for (size_t row = 1; *text != '\0'; row++, text = end) {
		length = strcspn(text, "\n");
		end = text + length + (text[length] == '\n');
		if (row < rows)
			fprintf(f, "%.*s" CLEAR_LINE "\r\n",
			    (int)(length < columns ? length : columns), text);
		else
			left++;
	}
	if (left > 0)
		fprintf(f, "(%zu more lines)" CLEAR_LINE, left);
	fputs(CLEAR_REST, f);
}

static int
look_and_draw(struct fifo_stat *fs, const struct screen *screen, bool first)
{
	struct pipe_look look;
	struct text shown;
	char *text;
	int status;

	status = stat_look(fs, &look, !first);
	measure_flows(fs, &look);
	stat_text_begin(&shown);
	status = status_join(status, stat_show(fs, &look, shown.f));
	pipeinfo_end(&look);
	text = stat_text_end(&shown);
	if (screen->terminal)
		draw(text);
	else
		print("%s%s", first ? "" : "\n", text);
	print_flush();
	free(text);
	return status;
}

/* Until the next look.  Returns whether there shall be one. */
static bool
pause_until(int64_t until)
{
	struct pollfd poll_fd = { .events = POLLIN };
	struct timespec ts;

	for (;;) {
		signals_poll();
		if (signals_fatal() != 0 || print_flush() == -1)
			return false;
		poll_fd.fd = keys.taken ? STDIN_FILENO : -1;
		switch (ppoll(&poll_fd, 1, deadline_left(until,
		    deadline_now(), &ts), signals_wait_mask())) {
		case 0:
			return true;
		case 1:
			if (read_key(until))
				return false;
			break;
		default:	/* a signal, of which some end it */
			break;
		}
	}
}

/* Everything that was named are processes, and all have ended. */
static bool
is_over(const struct fifo_stat *fs)
{
	char path[32];

	for (size_t i = 0; i < fs->ntargets; i++) {
		snprintf(path, sizeof(path), "/proc/%d", fs->targets[i].pid);
		if (fs->targets[i].pid == 0 || access(path, F_OK) == 0)
			return false;
	}
	return !fs->opt.all;
}

int
stat_watch(struct fifo_stat *fs)
{
	struct screen screen = {
		.terminal = isatty(STDOUT_FILENO) && !fs->opt.json,
	};
	int64_t next = deadline_now();
	bool first = true;
	int status;

	signals_start();
	screen.keys = screen.terminal && isatty(STDIN_FILENO);
	if (screen.keys)
		start_keys();
	if (screen.terminal)
		fputs(CLEAR, print_stream());
	for (;;) {
		status = look_and_draw(fs, &screen, first);
		if (is_over(fs)) {
			/* That it ended is no failure, but never to be. */
			status = first ? status : STATUS_OK;
			break;
		}
		first = false;
		next += fs->opt.watch_ns;
		if (next < deadline_now())
			next = deadline_now();
		if (!pause_until(next))
			break;
	}
	if (screen.keys)
		end_keys();
	if (signals_fatal() != 0) {
		signals_condemn(signals_fatal());
		status = STATUS_SIGNAL + signals_fatal();
	}
	return status;
}
