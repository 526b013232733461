/*
 * fifo-stat --watch - look again and again, and show it in one place.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
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
	struct termios	 before;
};

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

/* Keys come at once and are not shown; signals stay as they are. */
static void
take_keys(struct screen *screen)
{
	struct termios raw;

	/* In the background that would stop us. */
	if (!screen->keys || tcgetpgrp(STDIN_FILENO) != getpgrp())
		return;
	raw = screen->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void
give_back_keys(const struct screen *screen)
{
	if (screen->keys && tcgetpgrp(STDIN_FILENO) == getpgrp())
		tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
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
	size_t rows, columns, length, left = 0;
	const char *end;

	get_size(&rows, &columns);
	fputs(HOME, stdout);
	for (size_t row = 1; *text != '\0'; row++, text = end) {
		length = strcspn(text, "\n");
		end = text + length + (text[length] == '\n');
		if (row < rows)
			printf("%.*s" CLEAR_LINE "\r\n",
			    (int)(length < columns ? length : columns), text);
		else
			left++;
	}
	if (left > 0)
		printf("(%zu more lines)" CLEAR_LINE, left);
	fputs(CLEAR_REST, stdout);
}

static int
look_and_draw(struct fifo_stat *fs, const struct screen *screen, bool first)
{
	struct pipe_look look;
	char *text = NULL;
	size_t size;
	int status;
	FILE *f;

	status = stat_look(fs, &look, !first);
	measure_flows(fs, &look);
	f = open_memstream(&text, &size);
	if (f == NULL)
		err(STATUS_ERROR, NULL);
	status = status_join(status, stat_show(fs, &look, f));
	pipeinfo_end(&look);
	fclose(f);
	if (screen->terminal)
		draw(text);
	else
		printf("%s%s", first ? "" : "\n", text);
	fflush(stdout);
	free(text);
	return status;
}

/* Until the next look.  Returns whether there shall be one. */
static bool
pause_until(const struct screen *screen, int64_t until)
{
	struct pollfd poll_fd = {
		.fd = screen->keys ? STDIN_FILENO : -1, .events = POLLIN,
	};
	struct timespec ts;
	char key;

	for (;;) {
		signals_poll();
		if (signals_fatal() != 0 || ferror(stdout) != 0)
			return false;
		switch (ppoll(&poll_fd, 1, deadline_left(until,
		    deadline_now(), &ts), signals_wait_mask())) {
		case 0:
			return true;
		case 1:
			if (read(STDIN_FILENO, &key, 1) != 1)
				poll_fd.fd = -1;
			else if (key == 'q' || key == 'Q')
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
	screen.keys = screen.terminal &&
	    tcgetattr(STDIN_FILENO, &screen.before) == 0;
	if (screen.terminal)
		fputs(CLEAR, stdout);
	for (;;) {
		take_keys(&screen);
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
		if (!pause_until(&screen, next))
			break;
	}
	give_back_keys(&screen);
	if (signals_fatal() != 0) {
		signals_condemn(signals_fatal());
		status = STATUS_SIGNAL + signals_fatal();
	}
	return status;
}
