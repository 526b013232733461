/*
 * signals - what arrives, what was inherited, and how to die of it.
 *
 * The signals that we handle are blocked but while we wait (ppoll(2), a
 * blocking open(2)), so there is no race between a look at a flag and the
 * wait.  Process-wide state: one set of handlers, one run.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The first thing in main.  From here on SIGUSR1 asks for a report and does not
 * kill us, however it was inherited, and a write beyond the limit on the size
 * of files fails with EFBIG instead of raising SIGXFSZ.
 */
void	 signals_early(void);

/*
 * Handle INT, TERM and HUP (unless inherited as ignored), CHLD and USR1,
 * ignore PIPE, and block them all outside of waits.
 */
void	 signals_start(void);

/* The mask to wait with in ppoll(2). */
const sigset_t	*signals_wait_mask(void);

/*
 * Let in what is pending, for a loop that is too busy to wait: a ppoll(2)
 * that finds a descriptor ready delivers no signal.
 */
void	 signals_poll(void);

/*
 * Whether anything arrived that has not been taken, other than by a wait:
 * while something was printed, see signals_print_begin().  To be asked just
 * before a wait, which would not be woken by it any more.
 */
bool	 signals_arrived(void);

/* The fatal signal that arrived first, or 0. */
int	 signals_fatal(void);

/* Whether SIGUSR1 arrived since the last call. */
bool	 signals_take_report(void);

/*
 * Whether SIGCHLD arrived, and the process that it was for: of several that
 * ended at a time the first, since later ones are merged into it.  Taking
 * it clears it; 0 when there is none.
 */
bool	 signals_has_child(void);
pid_t	 signals_take_child(void);

/*
 * Around a blocking call that only a signal can end, such as open(2) of a
 * FIFO: open the mask, and interrupt the call at a deadline (deadline.h),
 * again every 25 ms after it or after any fatal signal, in case the first
 * interruption came just before the call began.  Returns 0, or -1 with
 * ENOMEM: there is no timer to be had.
 */
int	 signals_guard_begin(int64_t deadline);
void	 signals_guard_end(void);

/*
 * pthread_create(3) for a thread that makes a few system calls: with a small
 * stack, since there may be many of them.  Returns 0 or an errno.
 */
int	 signals_helper_start(pthread_t *, void *(*)(void *), void *);

/*
 * In a thread that makes a blocking call: from here on it sees no signal but
 * the one by which signals_helper_interrupt(), from another thread, makes
 * that call fail with EINTR, if it is in it by then.
 */
void	 signals_helper_begin(void);
void	 signals_helper_interrupt(pthread_t);

/*
 * Around what is printed: standard error may be a pipe that nobody empties,
 * and a fatal signal shall end that, too.
 */
void	 signals_print_begin(void);
void	 signals_print_end(void);

/*
 * Called by signals_print_begin(), to clear away what must not stand on the
 * same line; NULL for nothing.
 */
void	 signals_before_print(void (*)(void));

/*
 * In a child between fork(2) and exec(3): the mask and the dispositions
 * that we inherited.  Async-signal-safe.
 */
void	 signals_give_back(void);

/*
 * Whether a broken pipe at standard output kills us, as it does by default;
 * not when SIGPIPE was inherited as ignored or blocked.
 */
bool	 signals_pipe_kills(void);

/*
 * Note the signal that we have to die of once everything is cleaned up; the
 * first one counts.
 */
void	 signals_condemn(int signo);

/*
 * Die of the signal that was noted, or else of a fatal one that came; returns
 * when there is none.
 */
void	 signals_die(void);

#endif
