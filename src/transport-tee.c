/*
 * transport-tee - inside the kernel, with a duplicate for each branch.
 *
 * Whatever is duplicated stays in the source until it has moved on, so that
 * the sink, like that of a splice(2) straight across, loses nothing when we
 * are killed.
 */
#include "config.h"

#include <errno.h>

#include "branch.h"
#include "compat.h"
#include "transport.h"

static enum move_result
pull(struct flow *flow, size_t max, struct move *move)
{
	enum move_result result;
	ssize_t n = branch_tee(flow, max);

	if (n == 0)
		return MOVE_END;
	if (n == -1) {
		switch (errno) {
		case EINTR:
			return MOVE_SOME;
		case EAGAIN:
			move->side = SIDE_SOURCE;
			return MOVE_BLOCKED;
		case EBUSY:
			move->side = SIDE_OTHERS;
			return MOVE_BLOCKED;
		default:
			return MOVE_REFUSED;
		}
	}
	result = transport_splice.pull(flow, (size_t)n, move);
	if (result == MOVE_SOME)
		branch_moved(flow, move->in);
	/* What a branch has got already is still in the source. */
	if (result == MOVE_BLOCKED && branch_is_ahead(flow))
		move->side = SIDE_SINK;
	return result;
}

const struct transport transport_tee = {
	.name = "tee",
	.pull = pull,
};
