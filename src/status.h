/*
 * status - how a run ended, and the exit status that says so.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* The exit statuses; ipctool(1), EXIT STATUS, is their contract. */
enum status {
	STATUS_OK = 0,
	STATUS_ERROR = 1,		/* input/output or system error */
	STATUS_USAGE = 2,
	STATUS_NO_PEER = 3,		/* -n: nobody has the other end */
	STATUS_PEER_LEFT = 4,		/* before everything was delivered */
	STATUS_WOULD_BLOCK = 5,		/* -n: full, or empty but held */
	STATUS_NOT_FIFO = 6,
	STATUS_LOCKED = 7,		/* by another process */
	STATUS_TOO_LONG = 8,		/* a record, to be atomic */
	STATUS_DEADLOCK = 9,
	STATUS_TIMEOUT = 124,
	STATUS_FAILED = 125,		/* before COMMAND ran */
	STATUS_CANNOT_EXEC = 126,
	STATUS_NOT_FOUND = 127,
	STATUS_SIGNAL = 128		/* + the signal's number */
};

enum outcome_why {
	OUTCOME_DONE,
	OUTCOME_ERROR,			/* errnum says which */
	OUTCOME_NO_PEER,
	OUTCOME_PEER_LEFT,		/* the sink broke: nobody reads */
	OUTCOME_WOULD_BLOCK,
	OUTCOME_NOT_FIFO,
	OUTCOME_FOREIGN,		/* not the required owner's */
	OUTCOME_LOCKED,			/* by another process */
	OUTCOME_UNCONFIRMED,		/* whether it was read: -D */
	OUTCOME_TOO_LONG,		/* a record, to be atomic */
	OUTCOME_SAME_FILE,		/* input and output are one */
	OUTCOME_REMOVED,		/* the name vanished while waiting */
	OUTCOME_OPEN_TIMEOUT,
	OUTCOME_IDLE_TIMEOUT,
	OUTCOME_DEADLOCK,		/* it has been told of which kind */
	OUTCOME_HALF_CLOSED,		/* silent since one direction ended */
	OUTCOME_TOTAL_TIMEOUT,
	OUTCOME_SIGNAL			/* signo says which */
};

enum side {
	SIDE_NONE,
	SIDE_SOURCE,
	SIDE_SINK,
	SIDE_OTHERS,		/* other flows of the same run */
	SIDE_LOCK,		/* another process has the sink's lock */
	SIDE_COUNT
};

/*
 * How a wait, an open or a relay ended: why, at which side, with which
 * errno, and the name of the endpoint (borrowed, as the user gave it; may
 * be NULL).
 */
struct outcome {
	enum outcome_why	 why;
	enum side		 side;
	int			 errnum;	/* OUTCOME_ERROR */
	int			 signo;		/* OUTCOME_SIGNAL */
	uint64_t		 bytes;		/* OUTCOME_PEER_LEFT,
						   OUTCOME_WOULD_BLOCK:
						   accepted by the sink */
	bool			 drained;	/* OUTCOME_PEER_LEFT: all was
						   accepted, but: */
	uint64_t		 unread;	/* bytes that nobody read */
	const char		*name;
	bool			 standard;	/* OUTCOME_PEER_LEFT: the sink
						   is our standard output */
};

/*
 * Fill in an outcome.  Returns -1 so that a failing function can end with
 * it; errno is set to errnum.
 */
int	 outcome_set(struct outcome *, enum outcome_why, enum side,
	    int errnum, const char *name);

/* The exit status for an outcome; OUTCOME_SIGNAL gives 128 + signo. */
int	 status_from_outcome(const struct outcome *);

/*
 * Join two statuses of one run, the earlier one first: the first failure in
 * time decides, but an error (1) goes before 3 to 9 and 124.
 */
int	 status_join(int earlier, int later);

#endif
