/*
 * ticket - whose turn it is at a server: the file NAME.lock and its
 * open-file-description locks, fcntl(2).
 *
 * Byte 0 is the server's.  Each session has a number, and a byte of its own
 * further on, which the server holds until it is ready for that session.  A
 * client that gets this byte writes the number into the file, and keeps the
 * lock for its life.  So a client can die at any moment: what it has begun is
 * never mistaken for the beginning of the next one, since that needs another
 * number, which the server gives only when both FIFOs are as new.
 */
#ifndef TICKET_H
#define TICKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "limit.h"
#include "status.h"

struct ticket {
	char		*path;		/* NAME.lock; owned */
	int		 fd;		/* -1: not open */
	dev_t		 dev;
	ino_t		 ino;
	uint64_t	 number;	/* of the session */
};

/*
 * For a server: make the file, with this mode, and take it.  What a dead
 * server has left is replaced.  Returns 0, or -1 with the outcome:
 * OUTCOME_LOCKED where another one lives.
 */
int	 ticket_serve(struct ticket *, const char *name, mode_t mode,
	    struct outcome *);

/* Ready for the session of ticket->number. */
void	 ticket_offer(struct ticket *);

/*
 * Not any more, since somebody without a ticket has come.  Returns whether
 * nobody has it yet.
 */
bool	 ticket_withdraw(struct ticket *);

/* Whether a client has taken this number, and whether it still lives. */
bool	 ticket_is_taken(const struct ticket *);
bool	 ticket_is_held(const struct ticket *);

/* The session is over; the next one has the next number. */
void	 ticket_next(struct ticket *);

/* Remove the file if it is still ours.  Returns 0, or -1 with errno. */
int	 ticket_remove(struct ticket *);

/*
 * For a client: wait for our turn as the limits say, open_timeout included;
 * with limits->nonblock OUTCOME_LOCKED at once.  ECONNREFUSED where there is
 * no server.  Returns 0, or -1 with the outcome.  ticket_close() ends it.
 */
int	 ticket_take(struct ticket *, const char *name, const struct limits *,
	    struct outcome *);
void	 ticket_close(struct ticket *);

/* For a client: whether its server lives. */
bool	 ticket_is_served(const struct ticket *);

#endif
