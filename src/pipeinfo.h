/*
 * pipeinfo - what pipes are: who holds their ends, who waits at them, how
 * much is in them.
 *
 * A look is one pass over /proc.  Nothing is opened by its path, nothing is
 * consumed, and no end is added: see procfs.h.  Nothing is printed.  We are
 * left out ourselves: what we have inherited says nothing about others.
 */
#ifndef PIPEINFO_H
#define PIPEINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "procfs.h"

enum pipe_access {
	PIPE_READ = 1,
	PIPE_WRITE = 2,
	PIPE_BOTH = PIPE_READ | PIPE_WRITE
};

/* What a thread does, as far as it can be seen. */
enum doing {
	DOING_UNKNOWN,		/* we may not look, or it has gone */
	DOING_RUNNING,
	DOING_OPENING,		/* blocked in open(2) of a FIFO */
	DOING_READING,		/* blocked: the pipe is empty */
	DOING_WRITING,		/* blocked: there is no room */
	DOING_POLLING,		/* poll(2), select(2), epoll(7) */
	DOING_SLEEPING,		/* for a time */
	DOING_CHILD,		/* waits for a child to end, or to exec */
	DOING_THREAD,		/* waits for a thread of its process */
	DOING_STOPPED,		/* by a signal */
	DOING_TRACED,		/* by a debugger */
	DOING_FROZEN,		/* by its cgroup */
	DOING_DEAD,		/* a zombie */
	DOING_DISK,		/* no signal wakes it */
	DOING_OTHER		/* in some other call */
};

/* One of the pipes that a thread polls. */
struct pipe_polled {
	struct pipe_end		*end;
	enum pipe_access	 access;
	bool			 only_hangup;	/* no event was asked for */
};

struct thread_info {
	pid_t			 tid;
	enum doing		 doing;
	struct procfs_call	 call;
	struct pipe_info	*pipe;		/* OPENING READING WRITING */
	enum pipe_access	 access;	/* of what it waits at */
	int			 fd;		/* the same; -1: none */
	bool			 timed;		/* goes on by itself */
	struct pipe_polled	*polled;	/* POLLING */
	size_t			 npolled;
	bool			 polls_others;	/* things that are no pipes */
	pid_t			 child;		/* CHILD; 0: any */
	bool			 vforked;	/* CHILD: one in our memory */
	pid_t			 tracer;	/* a thread, with everybody */
	int			 cpu;
	unsigned int		 told;		/* callers' */
	char			 wchan[PROCFS_WCHAN];	/* OTHER, DISK */
};

/*
 * Why a process goes on by itself, though a thread of it waits for others;
 * see pipewait.h.
 */
enum process_acts {
	ACTS_NOT,		/* only when others do something */
	ACTS_THREAD,		/* a thread does not wait, or has a limit */
	ACTS_UNSEEN,		/* nobody in sight can end its wait */
	ACTS_SIGNAL,		/* a signal that it catches can */
	ACTS_CHILD,		/* SIGCHLD, which it catches, of a child */
	ACTS_TIMER,
	ACTS_RING,		/* its io_uring can do what it waits for */
	ACTS_MOVED,		/* between two looks */
	ACTS_OURS		/* it waits for us */
};

struct process_info {
	pid_t			 pid;
	pid_t			 task;	/* a thread that lives: for /proc */
	pid_t			 parent;
	char			 comm[PROCFS_COMM];
	uid_t			 uid;
	int64_t			 started_ns;	/* after the boot */
	struct thread_info	*threads;
	size_t			 nthreads;
	struct pipe_end		**ends;		/* what it has open */
	size_t			 nends;
	bool			 stuck;		/* see pipewait.h */
	enum process_acts	 acts;		/* the same */
	int			 signal;	/* the same: ACTS_SIGNAL */
	bool			 heeds_children;	/* the same: SIGCHLD */
	uint64_t		 turns;		/* the same */
	unsigned int		 mark, walk;	/* the same */
	unsigned int		 reached;	/* callers' */
	bool			 shown, in_chain, told;	/* the same */
};

/* A descriptor for a pipe. */
struct pipe_end {
	struct pipe_info	*pipe;
	struct process_info	*process;
	int			 fd;
	enum pipe_access	 access;
	bool			 nonblock;
	/* The first thread that waits there, and how many do. */
	const struct thread_info *waiter;
	unsigned int		 nwaiting;
};

/* A thread that is blocked in open(2). */
struct pipe_opener {
	struct process_info	*process;
	struct thread_info	*thread;
};

#define PIPE_UNKNOWN	(-1)	/* of sizes: not visible */

/* Ends that no process in sight has: the kernel may know better. */
enum pipe_unseen {
	UNSEEN_MAYBE,
	UNSEEN_NONE,
	UNSEEN_SOME
};

struct pipe_info {
	dev_t			 dev;
	ino_t			 ino;
	mode_t			 mode;
	uid_t			 uid;
	gid_t			 gid;
	char			*name;		/* as given, or as found */
	char			*path;		/* of a given name, or NULL */
	bool			 anonymous;
	bool			 unlinked;	/* a FIFO without a name */
	bool			 lost;		/* only its old path is known */
	bool			 wanted;	/* to be shown */
	struct pipe_end		**ends;
	size_t			 nends;
	enum pipe_access	 ours;		/* we have these; not in ends */
	bool			 our_output;	/* we shall write there */
	/* Who alone can write; NULL: nobody, or several. */
	const struct process_info *only_writer;
	struct pipe_opener	*openers;
	size_t			 nopeners;
	bool			 measured;
	int64_t			 capacity;	/* or PIPE_UNKNOWN */
	int64_t			 unread;	/* the same */
	bool			 roomy;	/* whoever polls for room has it */
	/* Ends, and threads that wait; an end for both counts twice. */
	unsigned int		 readers, writers;
	unsigned int		 opening_read, opening_write;
	unsigned int		 reading, writing;	/* polling, too */
	enum pipe_unseen	 unseen_readers, unseen_writers;
	struct pipe_info	*next;		/* in a bucket */
	bool			 reader_acts;	/* some process that has it */
	bool			 writer_acts;	/* is not stuck */
	unsigned int		 reached;	/* callers' */
	bool			 shown;		/* the same */
	bool			 readers_shown, writers_shown;
};

struct pipe_look {
	bool			 all;		/* every pipe in sight */
	bool			 everybody;	/* every process in sight */
	int			 proc;
	struct pipe_info	**pipes;	/* in the order of coming */
	size_t			 npipes;
	struct process_info	**processes;	/* sorted by pid */
	size_t			 nprocesses;
	unsigned int		 hidden;	/* whose descriptors are */
	bool			 hidden_more;	/* and others altogether */
	bool			 inner;		/* others outside our PID ns */
	unsigned int		 lost_openers;	/* of an unknown FIFO */
	int			 errnum;	/* what failed, or 0 */
	struct pipe_info	**buckets;
	size_t			 nbuckets;
};

/* Returns 0, or -1 with errno: ENODEV if there is no /proc. */
int	 pipeinfo_begin(struct pipe_look *);

/*
 * A pipe to look for, by the file that it is; NULL with errno.  The name is
 * copied.  pipeinfo_want_fd() does it for one that a process has open, or
 * for all of them with -1: returns how many, or -1 with errno; EPIPE means
 * that the descriptor is no pipe.
 */
struct pipe_info	*pipeinfo_want(struct pipe_look *,
			    const struct stat *, const char *name);
int	 pipeinfo_want_fd(struct pipe_look *, pid_t, int fd);

/*
 * The pass over /proc.  Then everybody is known who has to do with a pipe
 * that is wanted; with all, with any pipe; with everybody, every process.
 * Returns 0, or -1 with errno.
 */
int	 pipeinfo_scan(struct pipe_look *);

void	 pipeinfo_end(struct pipe_look *);

/*
 * Whether there may be more than what was seen: we may not look, or looking
 * failed, see procfs_failure().
 */
bool	 pipeinfo_misses(const struct pipe_look *);

/*
 * How much is in a pipe, and what the kernel knows of ends that are not in
 * sight; once a look.
 */
void	 pipeinfo_measure(const struct pipe_look *, struct pipe_info *);

/*
 * The thread that stands for a process: the first that lives.  NULL when
 * there is none at all.
 */
const struct thread_info	*pipeinfo_thread(const struct process_info *);

/* Borrowed from the look; NULL when it was not seen. */
struct process_info	*pipeinfo_process(const struct pipe_look *, pid_t);
struct pipe_end		*pipeinfo_end_of(const struct process_info *, int fd);

/* Whether a thread waits at an end, which it reads, writes or polls. */
bool	 pipeinfo_waits_at(const struct thread_info *,
	    const struct pipe_end *);

/*
 * How long a thread has been where it is; -1 when that cannot be known.  See
 * procfs_get_idle().
 */
int64_t	 pipeinfo_waited(const struct pipe_look *,
	    const struct process_info *, const struct thread_info *);

/*
 * A descriptor of ours for an end of the pipe with that access, which the
 * caller closes at once; -1 with errno.
 */
int	 pipeinfo_take(const struct pipe_info *, enum pipe_access);

/* What is going on in a pipe. */
enum pipe_state {
	PIPE_STATE_HIDDEN,	/* nobody in sight, but not all is */
	PIPE_STATE_READER_HIDDEN,	/* the same of one end */
	PIPE_STATE_WRITER_HIDDEN,
	PIPE_STATE_UNUSED,
	PIPE_STATE_OPENING_READ,
	PIPE_STATE_OPENING_WRITE,
	PIPE_STATE_HELD,	/* by ends for both only */
	PIPE_STATE_NO_WRITER,
	PIPE_STATE_LEFT_OVER,	/* data, but no writer any more */
	PIPE_STATE_NO_READER,
	PIPE_STATE_UNREACHED,	/* data, and no reader */
	PIPE_STATE_READING,	/* a reader waits */
	PIPE_STATE_WRITING,	/* a writer waits */
	PIPE_STATE_FULL,
	PIPE_STATE_DATA,
	PIPE_STATE_IDLE,
	PIPE_STATE_OPEN		/* both ends; what is in it is not seen */
};

enum pipe_state	 pipeinfo_state(const struct pipe_look *,
		    const struct pipe_info *);

/* Its name for programs. */
const char	*pipeinfo_state_name(enum pipe_state);
const char	*pipeinfo_doing_name(enum doing);

#endif
