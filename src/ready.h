/*
 * ready - tell whoever waits for it that everything stands: a newline to a
 * descriptor, as s6 and its notification of readiness do it.
 */
#ifndef READY_H
#define READY_H

/* The argument of --ready-fd.  STATUS_OK, or STATUS_USAGE, reported. */
int	 ready_parse(const char *text, int *fd);

/*
 * To be called before anything is opened that could get this number by
 * chance; commands do not get it.  -1 is none.  STATUS_OK, or STATUS_ERROR,
 * reported.
 */
int	 ready_check(int fd);

/* The newline.  -1 is none.  STATUS_OK, or STATUS_ERROR, reported. */
int	 ready_say(int fd);

#endif
