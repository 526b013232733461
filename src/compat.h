/*
 * What ipctool uses beyond POSIX, in one place, so that a port knows where
 * to look: splice(2), O_PATH, F_SETPIPE_SZ, PR_SET_PDEATHSIG, inotify(7).
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <fcntl.h>
#include <limits.h>
#include <signal.h>

#ifndef PIPE_BUF
#define PIPE_BUF 4096
#endif

/*
 * The signal of the timer that interrupts a blocking open(2).  Not SIGALRM:
 * an alarm that was inherited across exec belongs to who set it.
 */
#define SIGNAL_TICK SIGRTMIN

/*
 * exit(3) writes what gcov(1) has counted: to be called before every other
 * end.  Counting begins anew, for a process that goes on after all.
 */
#if IPCTOOL_COVERAGE
void	 __gcov_dump(void);
void	 __gcov_reset(void);
#define coverage_write() (__gcov_dump(), __gcov_reset())
#else
#define coverage_write() ((void)0)
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
