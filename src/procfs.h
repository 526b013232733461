/*
 * procfs - what /proc says of other processes; see proc(5).
 *
 * Nothing here opens what a process has open, or disturbs it.  Processes
 * vanish at any moment, and others are not ours to look into: every call
 * returns 0, or -1 with errno: ENOENT or ESRCH for what is gone, EACCES or
 * EPERM for what is not permitted.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define PROCFS_COMM	64	/* 16 but for threads of the kernel */
#define PROCFS_WCHAN	64
#define PROCFS_TYPE	32	/* of a file system */

/* Of /proc/PID/stat. */
struct procfs_stat {
	char		 comm[PROCFS_COMM];	/* any byte but NUL */
	char		 state;			/* R S D T t Z X I */
	pid_t		 parent;
	bool		 kernel;		/* a thread of the kernel */
	int		 cpu;			/* where it ran last */
	int64_t		 started_ns;		/* after the boot */
};

enum {
	PROCFS_NO_CALL = -1,		/* stopped, or in a page fault */
	PROCFS_RUNNING = -2,
	PROCFS_HIDDEN = -3		/* for callers: not permitted */
};

/* Of /proc/PID/status; sets of signals have signal N in bit N - 1. */
struct procfs_status {
	pid_t		 group;		/* the process that a thread is of */
	pid_t		 tracer;	/* a thread that traces it; 0: none */
	uint64_t	 caught;	/* with a handler */
	uint64_t	 blocked;	/* in this thread, in this call */
	uint64_t	 turns;		/* how often it has left a processor */
};

/* The system call that a thread is in. */
struct procfs_call {
	long		 number;	/* or one of the above */
	uint64_t	 args[6];
};

/* The parsers, for text that ends in NUL. */
int	 procfs_parse_stat(const char *, struct procfs_stat *);
int	 procfs_parse_status(const char *, struct procfs_status *);
int	 procfs_parse_call(const char *, struct procfs_call *);
int	 procfs_parse_flags(const char *, int *flags);
int	 procfs_parse_last_run(const char *, int64_t *ns);

/* A line of /proc/PID/maps: whether it is private memory with that address. */
bool	 procfs_parse_mapping(const char *line, uint64_t address);

/*
 * A line of /proc/PID/mountinfo: the type of the file system, if the line is
 * that of the mount with that number; else ENOENT.
 */
int	 procfs_parse_mount(const char *line, uint64_t id,
	    char type[PROCFS_TYPE]);

/*
 * /proc itself: a descriptor for the calls below, which the caller closes.
 * ENODEV: it is not mounted.
 */
int	 procfs_open(void);

/*
 * The errno of the first call here that has failed since the last
 * procfs_forget_failure(), or 0: then nothing was missed.  It is no failure
 * but an answer that a process has ended, that we may not look at it, or that
 * this kernel does not tell.
 */
int	 procfs_failure(void);
void	 procfs_forget_failure(void);

/* Count a call made elsewhere that has returned this.  Returns the result. */
int	 procfs_note(int result);

/*
 * Call back for each number that is a name in a directory below /proc, with
 * the descriptor of that directory, until a call returns other than 0, which
 * is then returned.
 */
int	 procfs_each(int proc, const char *path,
	    int (*)(void *, int number, int dir), void *);

/* Thread tid of process pid; they are the same for the first one. */
int	 procfs_get_stat(int proc, pid_t pid, pid_t tid,
	    struct procfs_stat *);
int	 procfs_get_status(int proc, pid_t pid, pid_t tid,
	    struct procfs_status *);
int	 procfs_get_call(int proc, pid_t pid, pid_t tid,
	    struct procfs_call *);

/* The function of the kernel that it sleeps in; "0" when it does not. */
int	 procfs_get_wchan(int proc, pid_t pid, pid_t tid,
	    char name[PROCFS_WCHAN]);

/*
 * Send a signal that is to end a process, and let it go on if it is stopped.
 * started_ns is from procfs_get_stat(): another process that has got the number
 * meanwhile gets no signal, see pidfd_open(2).  Returns 0, or -1 with errno:
 * ESRCH when it has ended.
 */
int	 procfs_terminate(int proc, pid_t pid, int64_t started_ns, int signo);

/*
 * For how long it has not run, by the clock of the scheduler of its
 * processor: time that a hypervisor took is not in it.  ENODATA where the
 * kernel does not say.  Reading that clock takes us to the same processor;
 * procfs_clock_end() takes us back, and forgets it.
 */
int	 procfs_get_idle(int proc, pid_t pid, pid_t tid, int cpu,
	    int64_t *ns);
void	 procfs_clock_end(void);

/* How many threads a process has. */
int	 procfs_count_threads(int proc, pid_t pid, unsigned int *n);

/*
 * A thread that lives: the process itself but where its first thread has
 * ended, of which files, memory and descriptors are then empty.  What is
 * below PID in /proc is found below TID, too.
 */
pid_t	 procfs_living_thread(int proc, pid_t);

/* Whether a process has timers of timer_create(2), set or not. */
bool	 procfs_has_timers(int proc, pid_t);

/*
 * Whether two processes have the same memory, as after vfork(2); -1 with
 * errno when the kernel does not say.
 */
int	 procfs_share_memory(pid_t, pid_t);

/* The flags that a descriptor was opened with, O_PATH among them. */
int	 procfs_get_flags(int proc, pid_t pid, int fd, int *flags);

/* Of the whole file, as much as fits; ends in NUL. */
ssize_t	 procfs_read(int proc, const char *path, char *text, size_t size);

/* Where a link points to, such as PID/fd/N or PID/cwd; ends in NUL. */
int	 procfs_read_link(int proc, const char *path, char *text,
	    size_t size);

/*
 * The file that a link below a directory of procfs_each() stands for.  No
 * server is asked, so that a dead one hangs nobody.
 */
int	 procfs_stat_link(int dir, const char *name, struct stat *);

/*
 * The type of the file system of what a thread has open; as above, no server
 * is asked.
 */
int	 procfs_get_type(int proc, pid_t, int fd, char type[PROCFS_TYPE]);

/* Bytes and a string out of the memory of a process; any of its threads. */
int	 procfs_get_memory(pid_t, uint64_t address, void *, size_t);
int	 procfs_get_string(pid_t, uint64_t address, char *, size_t);

/*
 * Whether memory at an address is the process' own, so that no other one can
 * change it; false also when that cannot be known.
 */
bool	 procfs_is_private(int proc, pid_t, uint64_t address);

/* Bytes that a process has read and written by system calls. */
int	 procfs_get_io(int proc, pid_t, uint64_t *bytes_read,
	    uint64_t *bytes_written);

/*
 * A descriptor of ours for what a thread has open, which the caller closes
 * at once: meanwhile nobody sees that process close it.  See
 * pidfd_getfd(2).
 */
int	 procfs_take_fd(pid_t, int fd);

#endif
