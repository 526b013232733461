/*
 * status - how a run ended, and the exit status that says so.
 */
#include "config.h"

#include <errno.h>

#include "status.h"

int
outcome_set(struct outcome *outcome, enum outcome_why why, enum side side,
    int errnum, const char *name)
{
	outcome->why = why;
	outcome->side = side;
	outcome->errnum = errnum;
	outcome->name = name;
	errno = errnum;
	return -1;
}

int
status_from_outcome(const struct outcome *outcome)
{
	switch (outcome->why) {
	case OUTCOME_DONE:
	case OUTCOME_HALF_CLOSED:
		return STATUS_OK;
	case OUTCOME_NO_PEER:
		return STATUS_NO_PEER;
	case OUTCOME_PEER_LEFT:
		return STATUS_PEER_LEFT;
	case OUTCOME_WOULD_BLOCK:
		return STATUS_WOULD_BLOCK;
	case OUTCOME_NOT_FIFO:
		return STATUS_NOT_FIFO;
	case OUTCOME_LOCKED:
		return STATUS_LOCKED;
	case OUTCOME_TOO_LONG:
		return STATUS_TOO_LONG;
	case OUTCOME_DEADLOCK:
		return STATUS_DEADLOCK;
	case OUTCOME_OPEN_TIMEOUT:
	case OUTCOME_IDLE_TIMEOUT:
	case OUTCOME_TOTAL_TIMEOUT:
		return STATUS_TIMEOUT;
	case OUTCOME_SIGNAL:
		return STATUS_SIGNAL + outcome->signo;
	case OUTCOME_ERROR:
	case OUTCOME_FOREIGN:
	case OUTCOME_UNCONFIRMED:
	case OUTCOME_SAME_FILE:
	case OUTCOME_REMOVED:
		break;
	}
	return STATUS_ERROR;
}

int
status_join(int earlier, int later)
{
	int deferred;

	if (earlier == STATUS_OK)
		return later;
	deferred = (earlier >= 3 && earlier <= 9) || earlier == STATUS_TIMEOUT;
	if (deferred && later == STATUS_ERROR)
		return later;
	return earlier;
}
