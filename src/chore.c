/*
 * chore - what else a wait has to look after.
 */
#include "config.h"

#include "chore.h"
#include "deadline.h"

size_t
chore_count(const struct chore *chore)
{
	size_t n = 0;

	for (; chore != NULL; chore = chore->next)
		n++;
	return n;
}

int64_t
chore_next(const struct chore *chore, int64_t deadline)
{
	for (; chore != NULL; chore = chore->next)
		deadline = deadline_min(deadline, chore->at);
	return deadline;
}

void
chore_poll(const struct chore *chore, struct pollfd *slot)
{
	for (; chore != NULL; chore = chore->next)
		*slot++ = (struct pollfd){ .fd = chore->fd, .events = POLLIN };
}

int
chore_run(struct chore *chore, const struct pollfd *slot, int64_t now,
    struct outcome *outcome)
{
	bool ready;

	for (; chore != NULL; chore = chore->next) {
		/* Another one may have closed this descriptor just now. */
		ready = slot != NULL && slot->revents != 0 &&
		    slot->fd == chore->fd;
		if (slot != NULL)
			slot++;
		if ((ready || now >= chore->at) &&
		    chore->call(chore, now, outcome) == -1)
			return -1;
	}
	return 0;
}
