/*
 * server - a command behind two FIFOs, NAME.in and NAME.out, for one client
 * after another.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "channel.h"

struct server_options {
	const char	*name;		/* --listen */
	mode_t		 mode;		/* --mode, of all three files */
	bool		 keep;		/* -k: the command anew for each */
	bool		 persist;	/* --persist: one for all */
	int		 ready_fd;	/* --ready-fd; -1: none */
};

/*
 * Serve.  The left side of the channel is what clients talk to, the right
 * one becomes the FIFOs.  Its run has been set up.  Returns the exit status;
 * nothing that was made is left then.
 */
int	 server_run(struct channel *, const struct server_options *);

/*
 * Talk to a server as its client, through this partner: wait for our turn,
 * and open its FIFOs.  Returns the exit status.
 */
int	 server_connect(struct channel *, const char *name);

#endif
