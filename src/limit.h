/*
 * limit - what bounds the waits of one run; shared by the opens of FIFOs
 * and by the relay.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limits {
	bool		 nonblock;		/* -n */
	int64_t		 open_timeout;		/* -w, ns; 0: no limit */
	int64_t		 idle_timeout;		/* -T, ns; 0: no limit */
	int64_t		 deadline;		/* -t, absolute, deadline.h */
	void		(*report)(void *);	/* SIGUSR1 came */
	void		(*reap)(void *);	/* SIGCHLD came */
	void		*arg;			/* for both */
};

#endif
