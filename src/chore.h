/*
 * chore - what else a wait has to look after: something that is neither a
 * byte to move nor a signal.
 */
#ifndef CHORE_H
#define CHORE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct chore {
	struct chore	*next;
	int		 fd;	/* polled for input; -1: none */
	int64_t		 at;	/* deadline.h: when it is due */
	/*
	 * It is due, or there is input.  Sets fd and at for the next time.
	 * Returns 0 to go on, or -1 with the outcome.
	 */
	int		(*call)(struct chore *, int64_t now, struct outcome *);
	void		*arg;
};

size_t	 chore_count(const struct chore *);

/* The nearest of their deadlines and this one. */
int64_t	 chore_next(const struct chore *, int64_t deadline);

/* Fill in chore_count() slots for poll(2). */
void	 chore_poll(const struct chore *, struct pollfd *);

/*
 * Call those that are due, and, unless slots is NULL, those that have input.
 * Returns 0, or -1 with the outcome of the first that says so.
 */
int	 chore_run(struct chore *, const struct pollfd *slots, int64_t now,
	    struct outcome *);

#endif
