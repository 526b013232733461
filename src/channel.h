/*
 * channel - a duplex channel: two sides and the two directions between them.
 *
 * Commands are joined by the kernel's pipes alone, or by a relay of two
 * flows where somebody has to see the bytes.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child.h"
#include "chore.h"
#include "flow.h"
#include "options.h"
#include "partner.h"
#include "quota.h"
#include "run.h"

enum {
	LEFT,
	RIGHT,
	SIDES
};

enum channel_kind {
	CHANNEL_US,		/* our own standard input and output */
	CHANNEL_COMMAND,
	CHANNEL_PARTNER,	/* a pair of FIFOs: partner.h */
	CHANNEL_ENDS		/* descriptors that somebody else opened */
};

/*
 * One side.  Its two descriptors are what the relay holds: `from` to read
 * what it says, `to` to tell it something.
 */
struct channel_side {
	enum channel_kind kind;
	const char	*name;		/* of the command; borrowed */
	struct child	*child;
	struct partner	*partner;
	struct endpoint	 from, to;	/* in a relay, until the flows have
					   them */
	dev_t		 dev;		/* of the pipes of a command */
	ino_t		 from_ino, to_ino;	/* 0: none */
	bool		 kin_named;	/* who keeps them was looked for */
};

/* Whose status is ours. */
enum channel_whose {
	CHANNEL_FIRST_FAILURE,
	CHANNEL_FIRST,
	CHANNEL_LAST
};

struct channel_options {
	struct child_fds fds[SIDES];
	bool		 has_fds;
	enum channel_whose whose;
	struct quota	*quota;		/* of what the right side says, or
					   NULL; borrowed */
	unsigned char	 delimiter;	/* of records that it counts */
	size_t		 memory;	/* a buffer in each direction, or 0 */
	bool		 keep_capacity;	/* of the pipes */
};

struct channel {
	const struct channel_options *opt;
	struct channel_side sides[SIDES];
	struct child	 children[SIDES];
	size_t		 nchildren;
	struct flow	 flows[SIDES];	/* from the side of the same number */
	struct run	 run;
	struct chore	*deadlock;	/* deadlock.h; NULL: none */
	struct chore	 kin_chore;	/* names who keeps a pipe */
	struct chore	 silence;	/* after both: see wait_all() */
	/* The commands run already, and are not waited for. */
	bool		 keep_commands;
	/* A direction is over, if that concerns anybody else. */
	void		(*over)(struct channel *, struct flow *);
	void		*owner;		/* for that; NULL: none */
	char		*names[SIDES];	/* of FIFOs; owned, or NULL */
	struct dump	*dump;		/* of both directions; NULL: none */
	const struct flow *undelivered;	/* its partner stopped reading */
	int		 failure;	/* of the command that counts */
};

/* The side is a command: argv, NULL-ended and borrowed. */
void	 channel_set_command(struct channel *, int side, char **argv);

/* As before it was started. */
void	 channel_reset_command(struct child *);

/*
 * Only start the commands, with pipes of which the sides have our ends.
 * Returns 0, or the exit status when that failed and nothing is left.
 */
int	 channel_start(struct channel *);

/*
 * All of a run, directly or by a relay.  The partner of a side, if any, is
 * opened.  Returns the exit status.
 */
int	 channel_run(struct channel *, bool relayed);

#endif
