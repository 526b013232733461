/*
 * flow - one direction: one source, one sink, and what became of the bytes;
 * or several sinks, each with a flow of its own that is a branch of this one.
 *
 *	WAITING -> OPEN -> DRAINING -> CLOSED
 *	   ^        |          |
 *	   +--------+----------+	(the next source, or the next writer)
 *	        BROKEN  <- OPEN, DRAINING, WAITING
 *
 * Bytes are counted here and nowhere else.  At every moment
 * bytes_in + bytes_added == bytes_out + held + discarded.
 *
 * With memory, what the sink does not take goes to a ring of that size, and
 * the source is read until that is full: the two sides run independently.
 * A limiter then holds back what goes to the sink, else what is taken from
 * the source.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#include "drain.h"
#include "endpoint.h"
#include "limit.h"
#include "peek.h"
#include "status.h"

enum flow_state {
	FLOW_WAITING,		/* nobody has the source's other end yet */
	FLOW_OPEN,
	FLOW_DRAINING,		/* the source ended, bytes may be held */
	FLOW_CLOSED,
	FLOW_BROKEN		/* the sink takes no more */
};

/* What it waits for that poll(2) cannot tell. */
enum flow_awaits {
	FLOW_AWAITS_NOTHING,
	FLOW_AWAITS_WRITER,	/* the first, or the next one */
	FLOW_AWAITS_READER,	/* the next one */
	FLOW_AWAITS_ROOM,	/* for a record longer than PIPE_BUF */
	FLOW_AWAITS_DRAIN	/* that readers take everything out */
};

#define FLOW_NO_LIMIT	UINT64_MAX

/* Where a tap has missed something. */
struct gap {
	uint64_t	 at;		/* its bytes_in; or FLOW_NO_LIMIT */
	bool		 in_record;	/* what follows may be a part of one */
};

struct branch;
struct buffer;
struct fifo_owner;
struct quota;
struct limiter;
struct transport;
struct turn;

struct flow {
	/* Set up by the command, before flow_start(). */
	struct endpoint	 source;	/* kind ENDPOINT_NONE: held bytes */
	struct endpoint	 sink;
	uint64_t	 limit;		/* bytes to take from the source */
	size_t		 memory;	/* a ring of so many bytes; see below */
	struct limiter	*limiter;	/* of its rate; borrowed, or NULL */
	bool		 no_splice;	/* copy through memory */
	bool		 keep_capacity;	/* leave the pipes as they are */
	bool		 source_now;	/* an empty source is at its end: -n */
	bool		 sink_now;	/* a full sink is an outcome: -n */
	bool		 whole_records;	/* one write(2) for each record */
	bool		 atomic;	/* no record longer than PIPE_BUF */
	bool		 lock;		/* each under the lock of writers */
	bool		 drop;		/* those that cannot be taken now */
	const struct fifo_owner *sink_owner; /* when it is opened anew */
	bool		 only_records;	/* a tap that gets whole ones or none */
	bool		 keep;		/* the sink waits for next readers */
	bool		 drain;		/* it is done when all is read */
	struct turn	*turn;		/* shared: records take turns */
	struct quota	*quota;		/* shared: what may be taken */
	bool		 counts_records; /* the quota is not in bytes only */
	unsigned char	 delimiter;	/* of these records */
	bool		 sink_may_leave; /* its leaving is no failure */
	bool		 sink_pending;	/* until flow_sink_opened() */
	bool		 decides;	/* once it is over, so are all others */
	/* The flow is over, and its ends are about to be closed. */
	void		(*over)(struct flow *);
	/*
	 * When all is delivered and the source is at its end: put the next
	 * source in place by flow_next_source(), or bytes by flow_hold(),
	 * and return 1; 0 when there is no more; -1 with the outcome.
	 */
	int		(*source_ended)(struct flow *, struct outcome *);
	/*
	 * Where this is set, a FIFO whose name stands for something else by
	 * now, or for nothing, is told here while nobody writes to it.
	 * Returns 1 when flow->source is another one, 0 to wait for one, or
	 * -1 with the outcome.
	 */
	int		(*source_gone)(struct flow *, struct outcome *);
	/*
	 * Where this is set, a source that cannot be read is told here and
	 * taken as ended.
	 */
	void		(*source_failed)(struct flow *, const struct outcome *);
	/*
	 * Where this is set, a sink that fails is told here.  Returns 0:
	 * it takes no more, but the run goes on; or -1: the run ends with
	 * the outcome, which may have been changed.
	 */
	int		(*sink_failed)(struct flow *, struct outcome *);
	/*
	 * For a sink whose reader may come later and leave again, as that of
	 * a tap: called about once a second while it is not open, to open
	 * it.  When its reader has left it is closed; what was on its way
	 * counts as skipped.
	 */
	void		(*sink_absent)(struct flow *);
	/*
	 * Shown what is taken from the source, in order, once each byte;
	 * offset is that of the first of them.  Makes the flow copy.
	 */
	void		(*observe)(struct flow *, const struct iovec *, int n,
			    uint64_t offset);
	void		*arg;		/* for all of them */

	/* Run by the parts of flow; others only read. */
	enum flow_state	 state;
	const struct transport *transport;
	struct buffer	*buffer;	/* copy's ring; owned */
	struct branch	*branches;	/* flow_add_branch(); owned */
	size_t		 nbranches;
	struct flow	*trunk;		/* whose branch our source is */
	struct flow	*feeder, *feeds; /* whose sink is our source, and
					    the other way round */
	uint64_t	 given;		/* bytes that it put in there so far */
	bool		 fed_up;	/* and that is all */
	bool		 tap;		/* the run does not wait for it */
	bool		 sink_dropped;	/* bytes go to the branches only */
	uint64_t	 skipped;	/* bytes that we missed, as a tap */
	uint64_t	 chunks_skipped; /* in so many pieces */
	struct gap	 gaps[2];	/* of only_records; in order */
	size_t		 tail;		/* held of a record without its end */
	uint64_t	 sink_at;	/* where in a page of its pipe we are */
	int		 failed;	/* flow_feed_tap(): errno, or 0 */
	enum side	 failed_side;
	uint64_t	 copied_bytes;	/* lately, until copied_at */
	int64_t		 copied_at;
	int64_t		 room_look_ns;	/* FLOW_AWAITS_ROOM: between looks */
	enum flow_awaits awaits;	/* of the sink */
	struct drain	 unread;	/* once all is written */
	bool		 drains;	/* since then */
	bool		 mid_record;	/* the sink has a part of one */
	bool		 locked;	/* and we have its lock */
	bool		 skips_record;	/* the rest is dropped */
	uint64_t	 records_dropped;
	bool		 in_record;	/* a part of one was taken */
	bool		 bytewise;	/* nothing can be seen before */
	size_t		 cleared;	/* bytes seen that may be taken */
	struct peek	 peek;
	bool		 copied;	/* some bytes went through memory */
	bool		 raised, raised_more;	/* the capacities */
	bool		 runnable;	/* worth a step; flow_wake() sets it */
	bool		 source_lost;	/* source_failed() was told of it */
	bool		 source_hup;	/* poll(2) saw the last writer leave */
	bool		 sink_gone;	/* poll(2) saw the last reader leave */
	struct outcome	 late;		/* to fail so once all is delivered */
	bool		 had_grace;	/* after that, for the source's EOF */
	enum side	 wait_side;	/* the side that blocks it */
	bool		 ahead;		/* reads while the sink is full */
	bool		 wait_sink_too;	/* besides wait_side */
	int64_t		 resume_at;	/* held back by the limiter; or 0 */
	bool		 moved;		/* since it was last blocked */
	unsigned int	 dry;		/* blocked so often without moving */
	int		 watch_fd;	/* fifo_watch() while WAITING, or -1 */
	bool		 watch_failed;	/* it is not to be had */
	int64_t		 waiting_since;	/* for the present peer */
	int64_t		 look_at;	/* when relay.c looks for it */
	int64_t		 moved_at;	/* the last byte or peer */
	int64_t		 ended_at;
	uint64_t	 bytes_in, bytes_out, discarded;
	uint64_t	 bytes_added;	/* delimiters that were missing */
	uint64_t	 source_start;	/* bytes_in when this source began */
	uint64_t	 retried_at;	/* bytes_in then, flow_retry() */
	int64_t		 blocked_at;	/* unless runnable */
	int64_t		 wait_ns[SIDE_COUNT];	/* flow_wait_ns() */
};

enum flow_step {
	FLOW_MOVED,		/* try again */
	FLOW_BLOCKED,		/* wait for wait_side */
	FLOW_ENDED,		/* CLOSED, or BROKEN where that is allowed */
	FLOW_FAILED		/* the outcome says how */
};

/* All fields to their defaults; no ends yet. */
void	 flow_init(struct flow *);

/*
 * Ready to run: state, transport.  A source that is a FIFO opened by its
 * name begins WAITING.  Returns 0 or -1 with errno (ENOMEM).
 */
int	 flow_start(struct flow *);

/* Bytes that are held to be written before or instead of any source. */
int	 flow_hold(struct flow *, const void *data, size_t n);

/*
 * The flow goes on with what is in flow->source now.  Returns 0 or -1 with
 * errno (ENOMEM).
 */
int	 flow_next_source(struct flow *);

/*
 * Before flow_start(): reader gets, as its source, a pipe with all that the
 * flow moves from now on.  A tap misses what comes while it holds more than
 * its memory, since its sink takes no more.  Both have to be flows of one
 * relay, and in its array as long as it runs.  Returns 0 or -1 with errno
 * (EMFILE, ENOMEM).
 */
int	 flow_add_branch(struct flow *, struct flow *reader, bool tap);

/*
 * The branches alone get the bytes: close the sink, and let what goes there
 * go to /dev/null.  Returns 0 or -1 with errno of open(2).
 */
int	 flow_drop_sink(struct flow *);

/* Whether there is no sink yet, or no more; see sink_absent. */
bool	 flow_sink_is_absent(const struct flow *);

/* One has been put in place.  Returns 0 or -1 with errno (ENOMEM). */
int	 flow_tap_opened(struct flow *);

/*
 * A tap takes what it was given, and hands on what its sink has room for, in
 * the midst of a step of its trunk.  Returns whether it can be given more; the
 * rest is left to its own step.
 */
bool	 flow_feed_tap(struct flow *);

/*
 * Everybody else is done: what a tap waits for comes soon, or is too late.
 * now: look for it at once.
 */
void	 flow_hurry_tap(struct flow *, bool now);

/*
 * Give up what a tap holds or has in its pipe, as skipped: everybody else is
 * done.
 */
void	 flow_end_tap(struct flow *);

/* Move what can be moved now, once. */
enum flow_step	 flow_step(struct flow *, struct outcome *);

/* A writer has come, or a reader. */
void	 flow_peer_came(struct flow *);
void	 flow_reader_came(struct flow *);

/* What a flow that is blocked waits for. */
enum flow_awaits flow_awaits(const struct flow *);

/* While it waits for a writer: the source is another FIFO now. */
int	 flow_renew_source(struct flow *);

/*
 * The sink that was pending is in place.  Returns 0 or -1 with errno
 * (ENOMEM).
 */
int	 flow_sink_opened(struct flow *);

/*
 * Make a blocked flow runnable once more if it has moved so many bytes since
 * the last time that this was done.  Returns whether.
 */
bool	 flow_retry(struct flow *, uint64_t bytes);

/* Something happened that may end the wait of a blocked flow. */
void	 flow_wake(struct flow *);

/*
 * What flow_finish() said of the sink, or a wait at either end: tell the
 * hook.  Returns 0 where there is one, and the outcome is done with then;
 * else -1.
 */
int	 flow_source_failed(struct flow *, struct outcome *);
int	 flow_sink_failed(struct flow *, struct outcome *);

/*
 * The same for a sink whose next reader does not come: the flow is over, and
 * closed, where the hook takes it.
 */
int	 flow_give_up_sink(struct flow *, struct outcome *);

/* Whether a blocked flow waits for that side: room or input there. */
bool	 flow_waits_for(const struct flow *, enum side);

/* How long it has been blocked by that side until now, ns. */
int64_t	 flow_wait_ns(const struct flow *, enum side);

/* Whether it is CLOSED or BROKEN. */
bool	 flow_is_over(const struct flow *);

/* Bytes taken from the source and not yet accepted by the sink. */
uint64_t	 flow_held(const struct flow *);

/*
 * Whether both ends are one and the same pipe or file: the same bytes would go
 * round for ever.
 */
bool	 flow_feeds_itself(const struct flow *);

/*
 * "splice" or "copy": the weaker of those that were used; "none" before
 * flow_start().
 */
const char	*flow_transport_name(const struct flow *);

/* Close all ends and free.  Returns 0 or -1 with the sink's errno. */
int	 flow_finish(struct flow *);

#endif
