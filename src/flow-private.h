/*
 * flow-private - what the three parts of a flow share, and nobody else needs:
 * flow.c has its data and its accounts, flow-end.c says what the end of a
 * source or of a sink means, flow-step.c moves.
 */
#ifndef FLOW_PRIVATE_H
#define FLOW_PRIVATE_H

#include <stdbool.h>

#include "flow.h"
#include "transport.h"

/* As cat(1)'s; 64 K to 512 K did not differ in the measurement of flow.c. */
#define FLOW_BUFFER_SIZE	((size_t)128 << 10)

/* As much as the private pipe before a tap may have: that has to have room. */
#define FLOW_TAP_STAGE		((size_t)1 << 20)

/* The one door for every change of state. */
void	 flow_set_state(struct flow *, enum flow_state);

/* From now on; with a ring where it needs one.  Returns 0 or -1 (ENOMEM). */
int	 flow_use_transport(struct flow *, const struct transport *);

/* The one place where bytes are counted. */
void	 flow_account(struct flow *, const struct move *);

/* Nobody will have what is held. */
void	 flow_discard_held(struct flow *);

/* CLOSED or BROKEN: tell those that wait for it.  Returns FLOW_ENDED. */
enum flow_step	 flow_over(struct flow *, enum flow_state);

/* A flow whose branch we are may wait until we have emptied it. */
void	 flow_wake_trunk(struct flow *);

/*
 * Whether there is nothing more to come from a source.  splice(2) looks at
 * the sink first, so that a reader that took everything and left can hide
 * the EOF.
 */
bool	 flow_at_eof(const struct endpoint *);

/*
 * Each of these is a step: what to do once that has been seen.  Where they
 * return FLOW_FAILED, the outcome says how.
 */

/* The source has ended: what is held goes on.  how: for --verbose. */
enum flow_step	 flow_source_at_end(struct flow *, const char *how);

/* The source is at its end and nothing is held: the next one, or over. */
enum flow_step	 flow_next_or_over(struct flow *, struct outcome *);

/* -n: the source has nothing now; that is its end if it had something. */
enum flow_step	 flow_source_is_dry(struct flow *, enum outcome_why,
		    struct outcome *);

/* The sink takes no more, as the outcome says, or without any failure. */
enum flow_step	 flow_lose_sink(struct flow *, bool failed, struct outcome *);

/* poll(2) saw that the last reader of the sink has left. */
enum flow_step	 flow_sink_is_gone(struct flow *, struct outcome *);

/* There is no sink, and one may come: skip what would go there. */
enum flow_step	 flow_wait_for_sink(struct flow *);

/* MOVE_FAILED: at one end, with an errno. */
enum flow_step	 flow_move_failed(struct flow *, const struct move *,
		    struct outcome *);

#endif
