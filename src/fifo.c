/*
 * fifo - how FIFOs open, wait for a peer, reopen and vanish.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "fifo.h"
#include "rendezvous.h"
#include "signals.h"
#include "trace.h"

/*
 * A writer that was blocked in open(2) is released by our opening the read
 * end; leaving at once would kill it by SIGPIPE before it could write.
 */
#define WRITER_GRACE_MS 50
#define WRITER_GRACE_PARTS 10

/* A name that goes while we hold the inode is IN_ATTRIB. */
#define WATCH_PEER (IN_OPEN | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define WATCH_DRAIN (IN_ACCESS | IN_MODIFY | IN_CLOSE)
#define WATCH_NAME (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)

/*
 * Pin what path names and see that it is a FIFO.  Returns an O_PATH
 * descriptor, which is neither a reader nor a writer.
 */
static int
pin(const char *path, enum side side, const struct fifo_owner *owner,
    struct stat *st, struct outcome *outcome)
{
	int fd;

	do {
		fd = open(path, O_PATH | O_CLOEXEC);
	} while (fd == -1 && errno == EINTR);
	if (fd == -1)
		return outcome_set(outcome, OUTCOME_ERROR, side, errno, path);
	if (fstat(fd, st) == -1) {
		outcome_set(outcome, OUTCOME_ERROR, side, errno, path);
		close(fd);
		return -1;
	}
	if (!S_ISFIFO(st->st_mode)) {
		close(fd);
		return outcome_set(outcome, OUTCOME_NOT_FIFO, side, 0, path);
	}
	if (owner != NULL && st->st_uid != owner->uid) {
		close(fd);
		return outcome_set(outcome, OUTCOME_FOREIGN, side, 0, path);
	}
	return fd;
}

/*
 * Open again the FIFO that fd stands for, through /proc.  Without a /proc by
 * its path, and then look whether it is the same: ESTALE when it is not.
 */
int
fifo_open_same(int fd, dev_t dev, ino_t ino, const char *path, int flags)
{
	struct stat st;
	int again;

	again = endpoint_open_again(fd, flags);
	if (again != -1 || errno != ENOENT)
		return again;
	again = open(path, flags | O_CLOEXEC | O_NOCTTY);
	if (again == -1)
		return -1;
	if (fstat(again, &st) == -1 || st.st_dev != dev || st.st_ino != ino) {
		close(again);
		errno = ESTALE;
		return -1;
	}
	return again;
}

/* The same without waiting, so that only a signal in passing interrupts. */
static int
open_same_now(int fd, dev_t dev, ino_t ino, const char *path, int access)
{
	int again;

	do {
		again = fifo_open_same(fd, dev, ino, path, access | O_NONBLOCK);
	} while (again == -1 && errno == EINTR);
	return again;
}

static int
adopt(struct endpoint *ep, int fd, int access, const char *path,
    enum side side, struct outcome *outcome)
{
	if (endpoint_init(ep, fd, access, path) == -1) {
		outcome_set(outcome, OUTCOME_ERROR, side, errno, path);
		close(fd);
		return -1;
	}
	ep->fifo = true;
	ep->nonblock = true;
	ep->path = path;
	return 0;
}

int
fifo_open_read_of(struct endpoint *ep, const char *path,
    const struct fifo_owner *owner, struct outcome *outcome)
{
	struct stat st = { 0 };
	int pinned, fd, errnum;

	pinned = pin(path, SIDE_SOURCE, owner, &st, outcome);
	if (pinned == -1)
		return -1;
	fd = open_same_now(pinned, st.st_dev, st.st_ino, path, O_RDONLY);
	errnum = errno;
	close(pinned);
	if (fd == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errnum,
		    path);
	if (adopt(ep, fd, O_RDONLY, path, SIDE_SOURCE, outcome) == -1)
		return -1;
	trace_event("%s: opened for reading", trace_safe(path));
	return 0;
}

int
fifo_open_read(struct endpoint *ep, const char *path, struct outcome *outcome)
{
	return fifo_open_read_of(ep, path, NULL, outcome);
}

bool
fifo_path_is(const char *path, dev_t dev, ino_t ino)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* Pin one that is to be written to, unless the caller has. */
static int
pin_sink(struct rendezvous *r, const struct fifo_sink *sink,
    const struct fifo_owner *owner, struct outcome *outcome)
{
	struct stat st = { 0 };

	*r = (struct rendezvous){
		.path = sink->path, .pinned = sink->pinned, .fd = -1
	};
	if (r->pinned == -1) {
		r->pinned = pin(r->path, SIDE_SINK, owner, &st, outcome);
		if (r->pinned == -1)
			return -1;
	} else if (fstat(r->pinned, &st) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    r->path);
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	return 0;
}

/* Open it if there is a reader. */
static int
try_sink(struct rendezvous *r, const struct limits *limits,
    struct outcome *outcome)
{
	r->fd = open_same_now(r->pinned, r->dev, r->ino, r->path, O_WRONLY);
	if (r->fd != -1)
		return 0;
	if (errno != ENXIO)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    r->path);
	if (limits->nonblock)
		return outcome_set(outcome, OUTCOME_NO_PEER, SIDE_SINK, ENXIO,
		    r->path);
	trace_event("%s: waiting for a reader", trace_safe(r->path));
	return 0;
}

static int
open_sinks(struct rendezvous *all, const struct fifo_sink *sinks, size_t n,
    const struct fifo_owner *owner, const struct limits *limits,
    struct outcome *outcome)
{
	int fd;

	for (size_t i = 0; i < n; i++)
		if (pin_sink(&all[i], &sinks[i], owner, outcome) == -1)
			return -1;
	for (size_t i = 0; i < n; i++)
		if (try_sink(&all[i], limits, outcome) == -1)
			return -1;
	if (rendezvous_wait(all, n, limits, outcome) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		trace_event("%s: opened for writing",
		    trace_safe(sinks[i].path));
		fd = all[i].fd;
		all[i].fd = -1;
		if (adopt(sinks[i].end, fd, O_WRONLY, sinks[i].path,
		    SIDE_SINK, outcome) == -1) {
			while (i-- > 0)
				endpoint_finish(sinks[i].end);
			return -1;
		}
	}
	return 0;
}

int
fifo_open_write_all(const struct fifo_sink *sinks, size_t n,
    const struct fifo_owner *owner, const struct limits *limits,
    struct outcome *outcome)
{
	struct rendezvous *all = calloc(n, sizeof(*all));
	int result;

	if (all == NULL)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    NULL);
	for (size_t i = 0; i < n; i++)
		all[i].pinned = all[i].fd = -1;
	result = open_sinks(all, sinks, n, owner, limits, outcome);
	for (size_t i = 0; i < n; i++) {
		if (all[i].fd != -1)
			close(all[i].fd);
		if (all[i].pinned != -1 && sinks[i].pinned == -1)
			close(all[i].pinned);
	}
	free(all);
	return result;
}

int
fifo_open_write(struct endpoint *ep, const char *path,
    const struct limits *limits, struct outcome *outcome)
{
	struct fifo_sink sink = { .path = path, .pinned = -1, .end = ep };

	return fifo_open_write_all(&sink, 1, NULL, limits, outcome);
}

int
fifo_open_pinned(struct endpoint *ep, int pinned, int access,
    const char *path, struct outcome *outcome)
{
	struct stat st;
	int fd;

	if (fstat(pinned, &st) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    path);
	fd = open_same_now(pinned, st.st_dev, st.st_ino, path, access);
	if (fd == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    path);
	trace_event("%s: opened for reading%s", trace_safe(path),
	    access == O_RDWR ? " and writing" : "");
	return adopt(ep, fd, access, path, SIDE_NONE, outcome);
}

int
fifo_reopen_read(struct endpoint *ep)
{
	int fd = open_same_now(ep->fd, ep->dev, ep->ino, ep->path, O_RDONLY);

	if (fd == -1)
		return -1;
	trace_debug(TRACE_FIFO, "%s: new read end %d for %d",
	    trace_safe(ep->name), fd, ep->fd);
	close(ep->fd);
	ep->fd = fd;
	if (ep->own_fd >= 0)
		ep->own_fd = fd;
	return 0;
}

enum fifo_peer
fifo_probe_writer(const struct endpoint *ep)
{
	int look[2], unread;
	ssize_t n;

	if (ioctl(ep->fd, FIONREAD, &unread) == 0 && unread > 0)
		return FIFO_DATA;
	if (pipe2(look, O_CLOEXEC) == -1)
		return FIFO_UNKNOWN;
	do {
		n = tee(ep->fd, look[1], 1, SPLICE_F_NONBLOCK);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno != EAGAIN)
		n = -2;
	close(look[0]);
	close(look[1]);
	if (n == -2)
		return FIFO_UNKNOWN;
	return n > 0 ? FIFO_DATA : n == 0 ? FIFO_NO_WRITER : FIFO_WRITER;
}

void
fifo_give_grace(const struct fifo_source *sources, size_t n)
{
	struct pollfd *slots = calloc(n, sizeof(*slots));
	enum fifo_peer peer;
	int parts = 0, ready;
	size_t silent = 0;

	for (size_t i = 0; slots != NULL && i < n; i++) {
		peer = fifo_probe_writer(sources[i].end);
		if (peer == FIFO_WRITER || peer == FIFO_UNKNOWN)
			slots[silent++] = (struct pollfd){
				.fd = sources[i].end->fd, .events = POLLIN
			};
	}
	/* In parts, so that on a busy machine they get their turns, too. */
	for (size_t left = silent; left > 0 && parts < WRITER_GRACE_PARTS;) {
		ready = poll(slots, silent,
		    WRITER_GRACE_MS / WRITER_GRACE_PARTS);
		if (ready <= 0)
			parts++;
		for (size_t i = 0; ready > 0 && i < silent; i++)
			if (slots[i].fd != -1 && slots[i].revents != 0) {
				slots[i].fd = -1;
				left--;
			}
	}
	free(slots);
}

bool
fifo_is_gone(const struct endpoint *ep)
{
	return ep->path != NULL && !fifo_path_is(ep->path, ep->dev, ep->ino);
}

int
fifo_watch(int watch_fd, const struct endpoint *ep, enum fifo_watch what)
{
	static const uint32_t masks[] = {
		[FIFO_WATCH_PEER] = WATCH_PEER,
		[FIFO_WATCH_DRAIN] = WATCH_DRAIN,
	};
	uint32_t mask = masks[what] | IN_MASK_ADD;
	char path[ENDPOINT_PROC_PATH];
	int fd = watch_fd, errnum;

	if (fd == -1)
		fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd == -1)
		return -1;
	endpoint_proc_path(path, ep->fd);
	if (inotify_add_watch(fd, path, mask) == -1 &&
	    (errno != ENOENT || ep->path == NULL ||
	    inotify_add_watch(fd, ep->path, mask) == -1)) {
		errnum = errno;
		if (fd != watch_fd)
			close(fd);
		errno = errnum;
		return -1;
	}
	return fd;
}

int
fifo_watch_name(const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), result = -1, errnum;
	const char *slash = strrchr(path, '/');
	char *dir;

	if (fd == -1)
		return -1;
	dir = slash == NULL ? strdup(".") : strndup(path,
	    slash == path ? 1 : (size_t)(slash - path));
	if (dir != NULL)
		result = inotify_add_watch(fd, dir, WATCH_NAME);
	errnum = errno;
	free(dir);
	if (result != -1)
		return fd;
	close(fd);
	errno = errnum;
	return -1;
}

bool
fifo_watch_drain(int watch_fd)
{
	char events[4096]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	bool modified = false;
	ssize_t n, at;

	while ((n = read(watch_fd, events, sizeof(events))) > 0)
		for (at = 0; at < n;
		    at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const struct inotify_event *)(events + at);
			if ((event->mask & (IN_MODIFY | IN_Q_OVERFLOW)) != 0)
				modified = true;
		}
	return modified;
}

static int
lock_fd(int fd, int command, short type)
{
	struct flock lock = {
		.l_type = type, .l_whence = SEEK_SET, .l_len = 1
	};

	if (fcntl(fd, command, &lock) == 0)
		return 0;
	if (errno == EACCES)
		errno = EAGAIN;
	return -1;
}

int
fifo_lock_writers(const struct endpoint *ep)
{
	return lock_fd(ep->fd, F_OFD_SETLK, F_WRLCK);
}

int
fifo_wait_lock_writers(const struct endpoint *ep, int64_t until)
{
	int result, errnum;

	if (signals_guard_begin(until) == -1)
		return -1;
	errno = EINTR;
	result = signals_fatal() != 0 ? -1 :
	    lock_fd(ep->fd, F_OFD_SETLKW, F_WRLCK);
	errnum = errno;
	signals_guard_end();
	errno = errnum;
	return result;
}

void
fifo_unlock_writers(const struct endpoint *ep)
{
	lock_fd(ep->fd, F_OFD_SETLK, F_UNLCK);
}

/*
 * flock(2) belongs to an open file description, and the one that is read
 * changes with each reopening: so the lock has one of its own.
 */
static int
try_lock_readers(int fd, const struct limits *limits, int64_t now)
{
	int result;

	do {
		result = flock(fd, LOCK_EX | LOCK_NB);
	} while (result == -1 && errno == EINTR);
	if (result == 0 || errno != EWOULDBLOCK || limits->nonblock)
		return result;
	if (signals_guard_begin(deadline_min(limits->deadline,
	    now + LIMIT_LOOK_NS)) == -1)
		return -1;
	errno = EINTR;
	result = signals_fatal() != 0 ? -1 : flock(fd, LOCK_EX);
	signals_guard_end();
	return result;
}

int
fifo_lock_readers(const struct endpoint *ep, const struct limits *limits,
    struct outcome *outcome)
{
	int fd = open_same_now(ep->fd, ep->dev, ep->ino, ep->path, O_RDONLY);
	int64_t now;

	if (fd == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    ep->name);
	for (;;) {
		now = deadline_now();
		if (limit_check(limits, now, SIDE_SOURCE, ep->name,
		    outcome) == -1)
			break;
		if (try_lock_readers(fd, limits, now) == 0) {
			trace_event("%s: locked", trace_safe(ep->name));
			return fd;
		}
		if (errno == EINTR)
			continue;
		outcome_set(outcome, errno == EWOULDBLOCK ? OUTCOME_LOCKED :
		    OUTCOME_ERROR, SIDE_SOURCE, errno, ep->name);
		break;
	}
	close(fd);
	return -1;
}

int
fifo_pin(const char *path, enum side side, struct outcome *outcome)
{
	struct stat st = { 0 };

	return pin(path, side, NULL, &st, outcome);
}
