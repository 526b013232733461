/*
 * transport-splice - from one end straight to the other in the kernel.
 *
 * Nothing is in between, so a relay that is killed at any instant has lost
 * nothing: each byte is delivered or still in the source.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "compat.h"
#include "transport.h"

/* As much as the largest pipe of an ordinary user holds. */
#define SPLICE_MAX ((size_t)1 << 20)

static bool
never_blocks(const struct endpoint *ep)
{
	return ep->kind == ENDPOINT_FILE || ep->kind == ENDPOINT_NULL;
}

static enum move_result
pull(struct flow *flow, size_t max, struct move *move)
{
	ssize_t n;

	n = splice(flow->source.fd, NULL, flow->sink.fd, NULL,
	    max < SPLICE_MAX ? max : SPLICE_MAX,
	    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n > 0) {
		move->in = move->out = (size_t)n;
		return MOVE_SOME;
	}
	if (n == 0)
		return MOVE_END;
	switch (errno) {
	case EINTR:
		return MOVE_SOME;
	case EAGAIN:
		/* The kernel does not say which side. */
		move->side = never_blocks(&flow->source) ? SIDE_SINK :
		    never_blocks(&flow->sink) ? SIDE_SOURCE : SIDE_NONE;
		return MOVE_BLOCKED;
	case EPIPE:
		move->side = SIDE_SINK;
		move->errnum = errno;
		return MOVE_FAILED;
	default:
		/*
		 * EINVAL (O_APPEND, /dev/full, the same pipe twice), ENOSYS,
		 * or a real error, whose side splice(2) does not tell: read
		 * and write will.
		 */
		return MOVE_REFUSED;
	}
}

const struct transport transport_splice = {
	.name = "splice",
	.pull = pull,
};

/*
 * One end must be a pipe.  Sockets and terminals block in splice(2) even
 * with SPLICE_F_NONBLOCK; devices may; an O_APPEND sink is refused.
 */
const struct transport *
transport_choose(const struct flow *flow)
{
	enum endpoint_kind from = flow->source.kind, to = flow->sink.kind;

	if (flow->drop)
		return &transport_drop;
	if (flow->tap)
		return &transport_tap;
	if (flow->no_splice || flow->whole_records || flow->turn != NULL ||
	    flow->sink.append || flow->memory > 0 || flow->observe != NULL)
		return &transport_copy;
	if (from == ENDPOINT_PIPE && (to == ENDPOINT_PIPE ||
	    to == ENDPOINT_FILE || to == ENDPOINT_NULL))
		return flow->nbranches > 0 ? &transport_tee :
		    &transport_splice;
	if (flow->nbranches > 0)	/* tee(2) is for pipes */
		return &transport_copy;
	if (from == ENDPOINT_FILE && to == ENDPOINT_PIPE &&
	    !flow->source.pseudo)
		return &transport_splice;
	return &transport_copy;
}
