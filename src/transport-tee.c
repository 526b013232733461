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

/*
 * What a tap misses of a slow flow is looked at, so that it does not miss
 * the next record as well.  With a fast one, a record more does not matter,
 * but the time does.
 */
#define LOOK_SIZE ((size_t)PIPE_BUF)

static enum move_result
pull(struct flow *flow, size_t max, struct move *move)
{
	static unsigned char seen[LOOK_SIZE];
	enum move_result result;
	ssize_t n = branch_tee(flow, max);
	size_t nseen;

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
	nseen = branch_look(flow, seen, sizeof(seen));
	result = transport_splice.pull(flow, (size_t)n, move);
	if (result == MOVE_SOME)
		branch_moved(flow, move->in, move->in > 0 &&
		    move->in <= nseen ? seen[move->in - 1] : -1);
	/* What a branch has got already is still in the source. */
	if (result == MOVE_BLOCKED && branch_is_ahead(flow))
		move->side = SIDE_SINK;
	return result;
}

const struct transport transport_tee = {
	.name = "tee",
	.pull = pull,
};
