/*
 * transport-copy - through a ring in user space, with read and write calls.
 *
 * Works between ends of any kind, and never blocks where poll(2) can tell:
 * a private description where one is to be had, else a look before each
 * call.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "branch.h"
#include "buffer.h"
#include "compat.h"
#include "deadline.h"
#include "framing.h"
#include "signals.h"
#include "transport.h"

/*
 * A call may block all the same: a terminal that is writable has room for a
 * byte, and others may be faster at a shared pipe.  So signals come through
 * during such a call, and it ends after so long at the latest.
 */
#define BLOCK_AT_MOST_NS (50 * NS_PER_MS)

static ssize_t
guarded(ssize_t (*call)(int, const struct iovec *, int), int fd,
    const struct iovec *iov, int count)
{
	ssize_t n;

	if (signals_guard_begin(deadline_now() + BLOCK_AT_MOST_NS) == -1)
		return -1;
	n = call(fd, iov, count);
	signals_guard_end();
	return n;
}

/* Whether a call on ep may block, so that it needs a look before it. */
static bool
may_block(const struct endpoint *ep)
{
	return ep->kind == ENDPOINT_PIPE || ep->kind == ENDPOINT_TTY ||
	    ep->kind == ENDPOINT_DEVICE;
}

static ssize_t
not_now(void)
{
	errno = EAGAIN;
	return -1;
}

static ssize_t
source_read(struct endpoint *ep, struct iovec *iov, int count)
{
	struct msghdr msg = { 0 };

	if (ep->kind == ENDPOINT_SOCKET) {
		msg.msg_iov = iov;
		msg.msg_iovlen = (size_t)count;
		return recvmsg(ep->fd, &msg, MSG_DONTWAIT);
	}
	if (endpoint_privatize(ep))
		return readv(ep->own_fd, iov, count);
	if (!may_block(ep) && !ep->pseudo)
		return readv(ep->fd, iov, count);
	if (endpoint_ready(ep, POLLIN, 0) == 0)
		return not_now();
	return guarded(readv, ep->fd, iov, count);
}

static ssize_t
sink_write(struct endpoint *ep, struct iovec *iov, int count)
{
	struct msghdr msg = { 0 };

	if (ep->kind == ENDPOINT_SOCKET) {
		msg.msg_iov = iov;
		msg.msg_iovlen = (size_t)count;
		return sendmsg(ep->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (endpoint_privatize(ep))
		return writev(ep->own_fd, iov, count);
	if (!may_block(ep))
		return writev(ep->fd, iov, count);
	if (endpoint_ready(ep, POLLOUT, 0) == 0)
		return not_now();
	/* A pipe that is writable takes as much as this in one go. */
	if (iov->iov_len > PIPE_BUF)
		iov->iov_len = PIPE_BUF;
	return guarded(writev, ep->fd, iov, 1);
}

static enum move_result
no_transfer(ssize_t n, enum side side, struct move *move)
{
	move->side = side;
	if (n == 0)
		return MOVE_END;
	if (errno == EINTR)
		return MOVE_SOME;
	if (errno == EAGAIN)
		return MOVE_BLOCKED;
	move->errnum = errno;
	return MOVE_FAILED;
}

/* What has just come in. */
static enum move_result
give_branches(struct flow *flow, const struct iovec *iov, int count,
    struct move *move)
{
	struct iovec last[2];

	if (branch_write(flow, iov, count, move->in) == -1) {
		move->side = SIDE_OTHERS;
		move->errnum = errno;
		return MOVE_FAILED;
	}
	buffer_last(flow->buffer, 1, last);
	branch_moved(flow, move->in, *(unsigned char *)last[0].iov_base);
	return MOVE_SOME;
}

enum move_result
transport_copy_pull(struct flow *flow, size_t max, struct move *move)
{
	struct iovec iov[2];
	ssize_t n;
	int count;

	if (flow->nbranches > 0) {
		max = branch_room(flow, max);
		if (max == 0) {
			move->side = SIDE_OTHERS;
			return MOVE_BLOCKED;
		}
	}
	count = buffer_space(flow->buffer, max, iov);
	if (count == 0) {		/* for want of memory */
		move->side = SIDE_SINK;
		return MOVE_BLOCKED;
	}
	n = source_read(&flow->source, iov, count);
	if (n <= 0)
		return no_transfer(n, SIDE_SOURCE, move);
	move->in = (size_t)n;
	buffer_filled(flow->buffer, move->in);
	return flow->nbranches == 0 ? MOVE_SOME :
	    give_branches(flow, iov, count, move);
}

enum move_result
transport_copy_write(struct flow *flow, size_t length, struct move *move)
{
	struct iovec iov[2];
	ssize_t n;
	int count;

	count = buffer_data(flow->buffer, length, iov);
	n = sink_write(&flow->sink, iov, count);
	if (n == 0) {		/* write(2) must not: no endless loop */
		errno = EIO;
		n = -1;
	}
	if (n < 0)
		return no_transfer(n, SIDE_SINK, move);
	move->out = (size_t)n;
	framing_took(flow, move->out);
	buffer_emptied(flow->buffer, move->out);
	return MOVE_SOME;
}

static enum move_result
push(struct flow *flow, size_t max, struct move *move)
{
	enum move_result result;
	size_t length;

	result = framing_next(flow, &length, move);
	return result == MOVE_SOME ?
	    transport_copy_write(flow, MIN(length, max), move) : result;
}

const struct transport transport_copy = {
	.name = "copy",
	.pull = transport_copy_pull,
	.push = push,
};
