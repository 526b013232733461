/*
 * branch - a copy of what a flow moves, in a private pipe.
 *
 * A flow gives its branches what goes to its sink: by tee(2), or by write(2)
 * where it goes through memory.  The other end of each pipe is the source of
 * a flow of its own, with a sink, a state and counters of its own.  So a
 * fan-out is a flow with branches and no sink but these, and a tap is a
 * branch that nobody waits for.
 */
#ifndef BRANCH_H
#define BRANCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct flow;

struct branch {
	int		 fd;		/* its write end, owned; -1: closed */
	struct flow	*reader;	/* has the read end */
	size_t		 ahead;		/* given, but not moved on yet */
	bool		 tap;		/* passed over where it has no room */
	bool		 skips;		/* it is being passed over */
};

/*
 * Make the pipe.  *read_end is the caller's.  Returns 0 or -1 with errno of
 * pipe2(2).
 */
int	 branch_open(struct branch *, int *read_end);
void	 branch_close(struct branch *);

/*
 * Close those whose reader is over.  Returns how many go on that are no
 * taps.
 */
size_t	 branch_close_dead(struct flow *);

/*
 * How many bytes may move on, at most max: what every branch has already or
 * can take at once.  0: one of them has to be emptied first.
 */
size_t	 branch_room(struct flow *, size_t max);

/*
 * Duplicate, by tee(2), at most max bytes of the source of the flow into the
 * branches that have nothing of it yet.  Returns how many bytes may move on
 * then, 0 at the end of the file, or -1 with errno of tee(2): EAGAIN where
 * the source is empty, EBUSY where a branch has to be emptied first.
 */
ssize_t	 branch_tee(struct flow *, size_t max);

/*
 * n <= branch_room() bytes came through memory: write them to those that do
 * not have them yet.  Returns 0 or -1 with errno of writev(2).  Then they
 * count as moved on, too: branch_moved().
 */
int	 branch_write(struct flow *, const struct iovec *, int count, size_t n);

/* Whether a branch has got bytes that have not moved on yet. */
bool	 branch_is_ahead(const struct flow *);

/*
 * Look at the bytes in the source of the flow that taps are about to miss who
 * have to know where a record ends.  Returns how many were seen; 0: none, or
 * more than size, or nobody has to know.
 */
size_t	 branch_look(struct flow *, void *data, size_t size);

/* n bytes have moved on; last is the last of them, -1 where it is not known. */
void	 branch_moved(struct flow *, size_t n, int last);

#endif
