/*
 * ticket - whose turn it is at a server.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deadline.h"
#include "signals.h"
#include "ticket.h"
#include "trace.h"

#define SERVER_BYTE	0
#define SESSION_BYTES	64	/* the byte of session N is so much further */

/* Servers that start or end at the same moment, before we believe in none. */
#define TRIES 100

static int
fail(const struct ticket *t, int errnum, struct outcome *outcome)
{
	return outcome_set(outcome, OUTCOME_ERROR, SIDE_NONE, errnum, t->path);
}

static int
lock(const struct ticket *t, int command, short type, off_t start, off_t length)
{
	struct flock lk = {
		.l_type = type, .l_whence = SEEK_SET,
		.l_start = start, .l_len = length
	};
	int result;

	do {
		result = fcntl(t->fd, command, &lk);
	} while (result == -1 && errno == EINTR && command == F_OFD_SETLK);
	return result;
}

static off_t
session_byte(uint64_t number)
{
	return (off_t)(SESSION_BYTES + number);
}

/* Whether somebody else has a byte locked. */
static bool
is_locked(const struct ticket *t, off_t start)
{
	struct flock lk = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET,
		.l_start = start, .l_len = 1
	};

	return fcntl(t->fd, F_OFD_GETLK, &lk) == 0 && lk.l_type != F_UNLCK;
}

/* The number of the last session that a client has taken. */
static uint64_t
last_taken(const struct ticket *t)
{
	uint64_t number = 0;

	if (pread(t->fd, &number, sizeof(number), 0) != sizeof(number))
		number = 0;
	return number;
}

static int
open_file(struct ticket *t, int flags, mode_t mode)
{
	struct stat st;

	do {
		t->fd = open(t->path, flags | O_RDWR | O_CLOEXEC | O_NOCTTY |
		    O_NONBLOCK, mode);
	} while (t->fd == -1 && errno == EINTR);
	if (t->fd == -1 || fstat(t->fd, &st) == -1)
		return -1;
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	if (S_ISREG(st.st_mode))
		return 0;
	errno = EEXIST;		/* and is something else */
	return -1;
}

static void
close_file(struct ticket *t)
{
	int saved = errno;

	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
	errno = saved;
}

/* 1 or 0; -1 with errno if that cannot be seen. */
static int
is_current(const struct ticket *t)
{
	struct stat st;

	if (stat(t->path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	return st.st_dev == t->dev && st.st_ino == t->ino;
}

static int
init(struct ticket *t, const char *name)
{
	*t = (struct ticket){ .fd = -1 };
	if (asprintf(&t->path, "%s.lock", name) != -1)
		return 0;
	t->path = NULL;
	return -1;
}

static int
make_file(struct ticket *t, mode_t mode)
{
	mode_t mask = umask(0);
	int result = open_file(t, O_CREAT | O_EXCL | O_NOFOLLOW, mode);

	umask(mask);
	if (result == 0)
		fchmod(t->fd, mode);	/* a default ACL, acl(5) */
	return result;
}

/*
 * One try.  Returns 1 when it is ours and new, 0 to try again, -1 with the
 * outcome.
 */
static int
take_file(struct ticket *t, mode_t mode, struct outcome *outcome)
{
	struct stat st;
	bool made = false;

	if (open_file(t, O_NOFOLLOW, 0) == -1) {
		if (errno == ENOENT)
			made = make_file(t, mode) == 0;
		if (!made && errno != EEXIST)
			return fail(t, errno, outcome);
		if (!made && t->fd == -1)
			return 0;	/* somebody else has just made it */
		if (!made)
			return fail(t, EEXIST, outcome);
	}
	if (lock(t, F_OFD_SETLK, F_WRLCK, SERVER_BYTE, 1) == -1)
		return errno != EAGAIN && errno != EACCES ?
		    fail(t, errno, outcome) :
		    outcome_set(outcome, OUTCOME_LOCKED, SIDE_NONE, 0,
		    t->path);
	if (is_current(t) != 1)
		return 0;
	if (made)
		return 1;
	/* Clients of a server that has died may still have locks on it. */
	if (fstat(t->fd, &st) == 0 && st.st_uid != geteuid())
		return fail(t, EPERM, outcome);
	trace_event("%s: replaced, its server is gone", trace_safe(t->path));
	return unlink(t->path) == -1 ? fail(t, errno, outcome) : 0;
}

int
ticket_serve(struct ticket *t, const char *name, mode_t mode,
    struct outcome *outcome)
{
	int result = 0;

	if (init(t, name) == -1)
		return fail(t, errno, outcome);
	for (int i = 0; i < TRIES && result == 0; i++) {
		result = take_file(t, mode, outcome);
		if (result != 1)
			close_file(t);
	}
	if (result == 0)
		return fail(t, EBUSY, outcome);
	if (result == -1)
		return -1;
	t->number = 1;
	if (lock(t, F_OFD_SETLK, F_WRLCK, session_byte(t->number), 0) == 0)
		return 0;
	fail(t, errno, outcome);
	ticket_remove(t);
	ticket_close(t);
	return -1;
}

void
ticket_offer(struct ticket *t)
{
	lock(t, F_OFD_SETLK, F_UNLCK, session_byte(t->number), 1);
}

bool
ticket_withdraw(struct ticket *t)
{
	return lock(t, F_OFD_SETLK, F_WRLCK, session_byte(t->number), 1) == 0;
}

bool
ticket_is_taken(const struct ticket *t)
{
	return last_taken(t) == t->number;
}

bool
ticket_is_held(const struct ticket *t)
{
	return is_locked(t, session_byte(t->number));
}

bool
ticket_is_served(const struct ticket *t)
{
	return is_locked(t, SERVER_BYTE);
}

void
ticket_next(struct ticket *t)
{
	t->number++;
}

int
ticket_remove(struct ticket *t)
{
	int result = t->fd == -1 ? 0 : is_current(t);

	if (result == 1)
		result = unlink(t->path) == -1 && errno != ENOENT ? -1 : 0;
	return result;
}

void
ticket_close(struct ticket *t)
{
	close_file(t);
	free(t->path);
	t->path = NULL;
}

/* Our turn, or an end of the wait.  Interrupted by signals and deadlines. */
static int
wait_for_turn(struct ticket *t, uint64_t number, const struct limits *limits,
    int64_t open_by, struct outcome *outcome)
{
	int64_t now;
	int result = -1, errnum = EINTR;

	while (result == -1 && errnum == EINTR) {
		now = deadline_now();
		if (limit_check(limits, now, SIDE_NONE, t->path,
		    outcome) == -1)
			return -1;
		if (now >= open_by)
			return outcome_set(outcome, OUTCOME_OPEN_TIMEOUT,
			    SIDE_NONE, 0, t->path);
		if (signals_guard_begin(deadline_min(open_by,
		    limits->deadline)) == -1)
			return fail(t, errno, outcome);
		if (signals_fatal() == 0) {
			result = lock(t, F_OFD_SETLKW, F_WRLCK,
			    session_byte(number), 1);
			errnum = result == -1 ? errno : 0;
		}
		signals_guard_end();
	}
	return result == 0 ? 0 : fail(t, errnum, outcome);
}

/*
 * One try, with the file open.  Returns 1 when it is our turn, 0 to look
 * again, -1 with the outcome.
 */
static int
take_turn(struct ticket *t, const struct limits *limits, int64_t open_by,
    struct outcome *outcome)
{
	uint64_t number = last_taken(t) + 1;

	if (!is_locked(t, SERVER_BYTE))
		return is_current(t) == 1 ? fail(t, ECONNREFUSED, outcome) : 0;
	if (lock(t, F_OFD_SETLK, F_WRLCK, session_byte(number), 1) == -1) {
		if (errno != EAGAIN && errno != EACCES)
			return fail(t, errno, outcome);
		if (limits->nonblock)
			return outcome_set(outcome, OUTCOME_LOCKED, SIDE_NONE,
			    0, t->path);
		trace_event("%s: waiting for our turn", trace_safe(t->path));
		if (wait_for_turn(t, number, limits, open_by, outcome) == -1)
			return -1;
	}
	/* By its end a server releases the lock as well. */
	if (last_taken(t) + 1 != number || !is_locked(t, SERVER_BYTE)) {
		lock(t, F_OFD_SETLK, F_UNLCK, session_byte(number), 1);
		return 0;
	}
	if (pwrite(t->fd, &number, sizeof(number), 0) != sizeof(number))
		return fail(t, errno, outcome);
	t->number = number;
	return 1;
}

int
ticket_take(struct ticket *t, const char *name, const struct limits *limits,
    struct outcome *outcome)
{
	int64_t open_by = deadline_after(deadline_now(), limits->open_timeout);
	int result = 0;

	if (init(t, name) == -1)
		return fail(t, errno, outcome);
	while (result == 0) {
		if (t->fd != -1 && is_current(t) != 1)
			close_file(t);
		if (t->fd == -1 && open_file(t, 0, 0) == -1)
			return fail(t, errno, outcome);
		result = take_turn(t, limits, open_by, outcome);
	}
	return result == 1 ? 0 : -1;
}
