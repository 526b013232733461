/*
 * What ipctool uses beyond POSIX, in one place, so that a port knows where
 * to look: splice(2), O_PATH, F_SETPIPE_SZ, PR_SET_PDEATHSIG, inotify(7).
 */
#ifndef COMPAT_H
#define COMPAT_H

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PIPE_BUF
#define PIPE_BUF 4096
#endif

/*
 * The signal that interrupts a blocking open(2).  Not SIGALRM: an alarm that
 * was inherited across exec belongs to who set it.  Nor a real-time signal: the
 * kernel refuses to send one when the user's queue is full.
 */
#define SIGNAL_TICK SIGURG

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

#ifndef ALLPERMS		/* BSD and glibc */
#define ALLPERMS (S_ISUID | S_ISGID | S_ISVTX | S_IRWXU | S_IRWXG | S_IRWXO)
#endif

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1U << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1U << 1)
#endif

#ifndef HAVE_RENAMEAT2
static inline int
renameat2(int from_dir, const char *from, int to_dir, const char *to,
    unsigned int flags)
{
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
#endif

#ifndef HAVE_STATX
#include <linux/stat.h>

static inline int
statx(int dir, const char *path, int flags, unsigned int mask,
    struct statx *stx)
{
	return (int)syscall(SYS_statx, dir, path, flags, mask, stx);
}
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
