/*
 * calls - the system calls that wait for long: by their numbers on this
 * machine, what kind each is of, and its name.
 */
#ifndef CALLS_H
#define CALLS_H

enum call_kind {
	CALL_OTHER,
	CALL_OPEN,		/* the path, the flags */
	CALL_CREAT,		/* the path */
	CALL_OPENAT,		/* the directory, the path, the flags */
	CALL_OPENAT2,		/* the same, but where the flags are */
	CALL_READ,		/* at the descriptor in the first argument */
	CALL_WRITE,		/* the same */
	CALL_FD,		/* the same, but of no pipe */
	CALL_TEE,		/* from the first argument to the second */
	CALL_SPLICE,		/* to the third */
	CALL_SENDFILE,		/* from the second to the first */
	CALL_POLL,		/* its time-out is a number */
	CALL_PPOLL,		/* and here a pointer */
	CALL_SELECT,
	CALL_EPOLL,		/* its time-out is a number */
	CALL_EPOLL2,		/* and here a pointer */
	CALL_SLEEP,
	CALL_WAIT,		/* for the child in the first argument */
	CALL_WAITID,		/* a type of number comes before it */
	CALL_VFORK,
	CALL_FUTEX,
	CALL_RESTART		/* one of them, after a stop */
};

struct call {
	long		 number;
	enum call_kind	 kind;
	const char	*name;		/* NULL: none that we know */
};

/* What has this number; never NULL, CALL_OTHER for an unknown one. */
const struct call	*calls_find(long number);

#endif
