/*
 * peek - what a source holds, without consuming it.
 */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compat.h"
#include "peek.h"

static int
make_pipe(struct peek *peek)
{
	if (peek->made)
		return 0;
	if (pipe2(peek->pipe, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	peek->made = true;
	return 0;
}

void
peek_close(struct peek *peek)
{
	if (!peek->made)
		return;
	close(peek->pipe[0]);
	close(peek->pipe[1]);
	peek->made = false;
}

/* The private pipe is empty before and after. */
static ssize_t
peek_pipe(struct peek *peek, int fd, unsigned char *data, size_t n)
{
	ssize_t teed, got;
	size_t done = 0;

	if (make_pipe(peek) == -1) {
		errno = EOPNOTSUPP;
		return -1;
	}
	do {
		teed = tee(fd, peek->pipe[1], n, SPLICE_F_NONBLOCK);
	} while (teed == -1 && errno == EINTR);
	if (teed == -1 && errno != EAGAIN)
		errno = EOPNOTSUPP;
	if (teed <= 0)
		return teed;
	while (done < (size_t)teed) {
		got = read(peek->pipe[0], data + done, (size_t)teed - done);
		if (got > 0)
			done += (size_t)got;
		else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
			peek_close(peek);	/* what is left is in it */
			errno = EOPNOTSUPP;
			return -1;
		}
	}
	return teed;
}

ssize_t
peek_bytes(struct peek *peek, const struct endpoint *ep, void *data, size_t n)
{
	off_t offset;

	switch (ep->kind) {
	case ENDPOINT_PIPE:
		return peek_pipe(peek, ep->fd, data, n);
	case ENDPOINT_SOCKET:
		return recv(ep->fd, data, n, MSG_PEEK | MSG_DONTWAIT);
	case ENDPOINT_FILE:
		offset = ep->pseudo ? -1 : lseek(ep->fd, 0, SEEK_CUR);
		if (offset != -1)
			return pread(ep->fd, data, n, offset);
		break;
	default:
		break;
	}
	errno = EOPNOTSUPP;
	return -1;
}
