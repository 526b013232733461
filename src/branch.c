/*
 * branch - a copy of what a flow moves, in a private pipe.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <unistd.h>

#include "branch.h"
#include "compat.h"
#include "flow.h"
#include "transient.h"
#include "transport.h"

/*
 * An empty pipe takes what it holds in one write(2).  Should it say
 * otherwise, it gets so many chances, with a wait of so long each.
 */
#define WRITE_TRIES	100
#define WRITE_WAIT_MS	10

int
branch_open(struct branch *branch, int *read_end)
{
	int fds[2];

	*branch = (struct branch){ .fd = -1 };
	if (transient_pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	branch->fd = fds[1];
	*read_end = fds[0];
	return 0;
}

void
branch_close(struct branch *branch)
{
	struct flow *reader = branch->reader;

	if (branch->fd == -1)
		return;
	close(branch->fd);
	branch->fd = -1;
	if (reader == NULL)
		return;
	reader->fed_up = true;
	flow_wake(reader);
}

size_t
branch_close_dead(struct flow *flow)
{
	struct branch *branch;
	size_t live = 0;

	for (branch = flow->branches;
	    branch < flow->branches + flow->nbranches; branch++) {
		if (branch->fd != -1 && flow_is_over(branch->reader))
			branch_close(branch);
		if (branch->fd != -1 && !branch->tap)
			live++;
	}
	return live;
}

/* Its reader is one of our flows, so that we need not ask the kernel. */
static bool
is_empty(const struct branch *branch)
{
	return branch->reader->bytes_in == branch->reader->given;
}

/* Hands on what the tap can take now, and does not wait for more room. */
static bool
takes_now(const struct branch *branch)
{
	struct flow *reader = branch->reader;

	return !flow_is_over(reader) && !flow_sink_is_absent(reader) &&
	    !reader->sink_gone && flow_feed_tap(reader);
}

/*
 * Whether to give it bytes now.  A tap without room, or without a reader,
 * misses those that move on meanwhile.
 */
static bool
wants_bytes(struct branch *branch)
{
	if (branch->fd == -1 || branch->ahead > 0)
		return false;
	branch->skips = branch->tap && !takes_now(branch);
	return !branch->skips;
}

size_t
branch_room(struct flow *flow, size_t max)
{
	struct branch *branch;
	int capacity;

	for (branch = flow->branches;
	    branch < flow->branches + flow->nbranches; branch++) {
		if (!wants_bytes(branch)) {
			if (branch->fd != -1 && !branch->skips)
				max = MIN(max, branch->ahead);
			continue;
		}
		if (!is_empty(branch))
			return 0;
		capacity = fcntl(branch->fd, F_GETPIPE_SZ);
		max = MIN(max, capacity > 0 ? (size_t)capacity : PIPE_BUF);
	}
	return max;
}

/* What one more branch lets move on; -1: it cannot take it now. */
static ssize_t
tee_one(struct flow *flow, struct branch *branch, size_t max)
{
	ssize_t n;

	if (!is_empty(branch)) {
		errno = EBUSY;
		return -1;
	}
	n = tee(flow->source.fd, branch->fd, max, SPLICE_F_NONBLOCK);
	if (n > 0) {
		branch->ahead = (size_t)n;
		branch->reader->given += (size_t)n;
	} else if (n == -1 && errno == EPIPE &&
	    flow_is_over(branch->reader)) {
		branch_close(branch);
		n = (ssize_t)max;
	}
	return n;
}

ssize_t
branch_tee(struct flow *flow, size_t max)
{
	struct branch *branch;
	ssize_t n;

	max = MIN(max, SSIZE_MAX);
	for (branch = flow->branches;
	    branch < flow->branches + flow->nbranches; branch++) {
		if (wants_bytes(branch)) {
			n = tee_one(flow, branch, max);
			if (n <= 0)
				return n;
		}
		if (branch->fd != -1 && !branch->skips)
			max = MIN(max, branch->ahead);
	}
	return (ssize_t)max;
}

static int
write_all(int fd, struct iovec part)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	for (int tries = 0; part.iov_len > 0;) {
		n = writev(fd, &part, 1);
		if (n > 0) {
			part.iov_base = (char *)part.iov_base + n;
			part.iov_len -= (size_t)n;
			continue;
		}
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (++tries > WRITE_TRIES)
			return -1;
		poll(&pfd, 1, WRITE_WAIT_MS);
	}
	return 0;
}

static int
write_one(struct branch *branch, const struct iovec *iov, int count, size_t n)
{
	struct iovec part;

	for (int i = 0; i < count && n > 0; i++) {
		part = iov[i];
		part.iov_len = MIN(part.iov_len, n);
		n -= part.iov_len;
		if (write_all(branch->fd, part) == 0)
			continue;
		if (errno != EPIPE || !flow_is_over(branch->reader))
			return -1;
		branch_close(branch);
		return 0;
	}
	return 0;
}

int
branch_write(struct flow *flow, const struct iovec *iov, int count, size_t n)
{
	struct branch *branch;

	for (branch = flow->branches;
	    branch < flow->branches + flow->nbranches; branch++) {
		if (branch->fd == -1 || branch->skips || branch->ahead > 0)
			continue;
		if (write_one(branch, iov, count, n) == -1)
			return -1;
		branch->ahead = n;
		branch->reader->given += n;
	}
	return 0;
}

bool
branch_is_ahead(const struct flow *flow)
{
	for (size_t i = 0; i < flow->nbranches; i++)
		if (flow->branches[i].fd != -1 && flow->branches[i].ahead > 0)
			return true;
	return false;
}

size_t
branch_look(struct flow *flow, void *data, size_t size)
{
	const struct branch *branch;
	int unread;
	ssize_t n;

	for (branch = flow->branches;
	    branch < flow->branches + flow->nbranches; branch++) {
		if (branch->fd == -1 || !branch->skips ||
		    !branch->reader->only_records)
			continue;
		if (ioctl(flow->source.fd, FIONREAD, &unread) == -1 ||
		    unread < 0 || (size_t)unread > size)
			return 0;
		n = peek_bytes(&flow->peek, &flow->source, data, size);
		return n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/*
 * At most two gaps lie ahead of a tap: one that it has not come to yet, and
 * one behind what it was given since, which had to be in an empty pipe.
 */
static void
skip(struct branch *branch, size_t n, int last)
{
	struct flow *reader = branch->reader;
	struct gap *gap = reader->gaps;

	if (n == 0)
		return;
	reader->skipped += n;
	reader->chunks_skipped++;
	if (gap->at != FLOW_NO_LIMIT && gap->at != branch->reader->given)
		gap++;
	*gap = (struct gap){ branch->reader->given, last != reader->delimiter };
}

void
branch_moved(struct flow *flow, size_t n, int last)
{
	struct branch *branch;

	for (branch = flow->branches;
	    branch < flow->branches + flow->nbranches; branch++) {
		if (branch->fd == -1)
			continue;
		if (branch->skips) {
			skip(branch, n, last);
			continue;
		}
		branch->ahead -= n;
		/* Now, so that it is empty when the next bytes come. */
		if (branch->tap)
			takes_now(branch);
	}
}
