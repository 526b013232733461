/*
 * limit - what ends the waits of one run.
 */
#include "config.h"

#include <stddef.h>

#include "limit.h"
#include "signals.h"

int
limit_check(const struct limits *limits, int64_t now, enum side side,
    const char *name, struct outcome *outcome)
{
	if (signals_take_report() && limits->report != NULL)
		limits->report(limits->arg);
	if (signals_fatal() != 0) {
		outcome->signo = signals_fatal();
		return outcome_set(outcome, OUTCOME_SIGNAL, side, 0, name);
	}
	if (limits->over != NULL && limits->over(limits->arg))
		return outcome_set(outcome, OUTCOME_DONE, side, 0, name);
	if (now >= limits->deadline)
		return outcome_set(outcome, OUTCOME_TOTAL_TIMEOUT, side, 0,
		    name);
	return 0;
}
