/*
 * scenarios - what tests/tools/faults.c does with ipctool, which errors it
 * puts in the way, and what has to come of them.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <sys/types.h>

#include <stddef.h>

enum end {
	END_NOTHING,		/* /dev/null */
	END_PIPE,
	END_FILE,		/* a regular file as 0 or 1 */
	END_APPEND,		/* the same with O_APPEND */
	END_SOCKET,
	END_FIFO,		/* that ipctool opens by its name */
	END_PATH		/* a regular file that it opens by its name */
};

/* What a scenario is besides. */
enum {
	NONBLOCK = 1 << 0,	/* -n: EAGAIN has a meaning */
	LATE = 1 << 1,		/* the peer of a FIFO comes when we wait */
	NARROW = 1 << 2,	/* small pipes and a slow reader */
	QUEUED = 1 << 3,	/* a FIFO that is filled before the start */
	CHILDREN = 1 << 4,	/* commands, whose messages do not count */
	MESSAGES = 1 << 5,	/* text of --message, not our data */
	EXISTS = 1 << 6,	/* what it makes is there already */
	WARNS = 1 << 7,		/* may say something and succeed */
	SPLICES = 1 << 8,	/* --stats says splice: a kill loses nothing */
	TWO_WRITERS = 1 << 9,	/* of a FIFO, one after the other */
	SKIPS = 1 << 10,	/* passes over an input that it cannot open */
	TALKS = 1 << 11,	/* --verbose, --stats */
	DIRECT = 1 << 12,	/* the data does not come by here */
	SHIM_ONLY = 1 << 13,	/* would take too long for each call */
	PAUSES = 1 << 14,	/* a long wait at both ends */
	HAMMERS = 1 << 15,	/* hundreds of writers, each with a message */
	CONFIRMS = 1 << 16,	/* succeeds only if it can see all was read */
	BRANCHES = 1 << 17,	/* a fan-out, or a tap */
	COPIES = 1 << 18,	/* the file copy gets everything, too */
	SERVES = 1 << 19,	/* other is its client, and has the ends */
	FOREVER = 1 << 20,	/* it has to be ended when all is done */
	REPLACES = 1 << 21	/* what exists may be another one then */
};

struct scenario {
	const char	*name;
	const char	*command;	/* words with a blank between them */
	enum end	 source, sink;
	unsigned	 flags;
	size_t		 limit;		/* bytes that may come out, 0: all */
	const char	*made;		/* FIFOs that have to be there */
	mode_t		 made_mode;
	const char	*removed;	/* a FIFO that has to be gone */
	const char	*text;		/* on standard output, or as records */
	const char	*other;		/* what another ipctool does meanwhile,
					   as its server or its client */
	unsigned	 sparse;	/* only each so manieth point; 0: all */
};

/*
 * Files in the directory where a run takes place: FIFOs src and dst; in and
 * in2, halves of the data, and all; out.
 */
static const struct scenario scenarios[] = {
	/* pipe-relay: each kind of source and sink */
	{ "pipe-to-pipe", "pipe-relay",
	    END_PIPE, END_PIPE, .flags = SPLICES },
	{ "pipe-to-pipe-copied", "pipe-relay --no-splice",
	    END_PIPE, END_PIPE, .flags = 0 },
	{ "file-to-pipe", "pipe-relay",
	    END_FILE, END_PIPE, .flags = SPLICES },
	{ "file-to-pipe-copied", "pipe-relay --no-splice",
	    END_FILE, END_PIPE, .flags = 0 },
	{ "pipe-to-file", "pipe-relay",
	    END_PIPE, END_FILE, .flags = SPLICES },
	{ "pipe-to-file-copied", "pipe-relay --no-splice",
	    END_PIPE, END_FILE, .flags = 0 },
	{ "file-to-file", "pipe-relay",
	    END_FILE, END_FILE, .flags = 0 },
	{ "file-to-file-copied", "pipe-relay --no-splice",
	    END_FILE, END_FILE, .flags = 0 },
	{ "pipe-to-appended-file", "pipe-relay",
	    END_PIPE, END_APPEND, .flags = 0 },
	{ "file-to-appended-file", "pipe-relay",
	    END_FILE, END_APPEND, .flags = 0 },
	{ "pipe-to-null", "pipe-relay",
	    END_PIPE, END_NOTHING, .flags = 0 },
	{ "file-to-null", "pipe-relay",
	    END_FILE, END_NOTHING, .flags = 0 },
	{ "socket-to-socket", "pipe-relay",
	    END_SOCKET, END_SOCKET, .flags = 0 },
	{ "socket-to-pipe", "pipe-relay",
	    END_SOCKET, END_PIPE, .flags = 0 },
	{ "socket-to-file", "pipe-relay",
	    END_SOCKET, END_FILE, .flags = 0 },
	{ "pipe-to-socket", "pipe-relay",
	    END_PIPE, END_SOCKET, .flags = 0 },
	{ "file-to-socket", "pipe-relay",
	    END_FILE, END_SOCKET, .flags = 0 },
	/* where the sink is the slower one */
	{ "narrow-pipes", "pipe-relay",
	    END_PIPE, END_PIPE, .flags = NARROW | SPLICES },
	{ "narrow-pipes-copied", "pipe-relay --no-splice",
	    END_PIPE, END_PIPE, .flags = NARROW },
	{ "file-to-narrow-pipe", "pipe-relay",
	    END_FILE, END_PIPE, .flags = NARROW | SPLICES },
	{ "file-to-narrow-pipe-copied", "pipe-relay --no-splice",
	    END_FILE, END_PIPE, .flags = NARROW },
	{ "pauses", "pipe-relay",
	    END_PIPE, END_PIPE, .flags = NARROW | PAUSES | SHIM_ONLY },
	{ "pauses-copied", "pipe-relay --no-splice",
	    END_PIPE, END_PIPE, .flags = NARROW | PAUSES | SHIM_ONLY },
	{ "socket-to-narrow-pipe", "pipe-relay",
	    END_SOCKET, END_PIPE, .flags = NARROW },
	/* its options */
	{ "inputs", "pipe-relay -i in -i in2",
	    END_PATH, END_PIPE, .flags = SKIPS },
	{ "inputs-to-file", "pipe-relay -i in -i in2 -o out",
	    END_PATH, END_PATH, .flags = SKIPS },
	{ "input-by-dash", "pipe-relay -i -",
	    END_PIPE, END_PIPE, .flags = SKIPS | SPLICES },
	{ "input-fifo", "pipe-relay -i src",
	    END_FIFO, END_PIPE, .flags = SKIPS | SPLICES | LATE },
	{ "output-file", "pipe-relay -o out",
	    END_PIPE, END_PATH, .flags = SPLICES },
	{ "output-appended", "pipe-relay -a -o out",
	    END_PIPE, END_PATH, .flags = 0 },
	{ "output-fifo", "pipe-relay -o dst",
	    END_PIPE, END_FIFO, .flags = SPLICES },
	{ "output-fifo-copied", "pipe-relay --no-splice -o dst",
	    END_PIPE, END_FIFO, .flags = 0 },
	{ "output-fifo-late", "pipe-relay -o dst",
	    END_PIPE, END_FIFO, .flags = LATE | SPLICES },
	{ "fifo-to-fifo", "pipe-relay -i src -o dst",
	    END_FIFO, END_FIFO, .flags = SKIPS | SPLICES },
	{ "pipe-size", "pipe-relay --pipe-size=128K",
	    END_PIPE, END_PIPE, .flags = SPLICES | WARNS },
	{ "pipe-size-max", "pipe-relay --pipe-size=max",
	    END_PIPE, END_PIPE, .flags = SPLICES | WARNS },
	{ "time-outs", "pipe-relay -w60 -T60 -t60",
	    END_PIPE, END_PIPE, .flags = SPLICES },
	{ "verbose", "pipe-relay -v --stats",
	    END_PIPE, END_PIPE, .flags = SPLICES | WARNS | TALKS },
	{ "json", "pipe-relay --stats=json",
	    END_PIPE, END_PIPE, .flags = SPLICES | WARNS | TALKS },
	{ "bytes", "pipe-relay -c50000",
	    END_PIPE, END_PIPE, .limit = 50000 },
	{ "memory", "pipe-relay -m64K",
	    END_PIPE, END_PIPE, .flags = 0 },
	{ "memory-to-narrow-pipe", "pipe-relay -m10000",
	    END_PIPE, END_PIPE, .flags = NARROW },
	{ "memory-socket-to-socket", "pipe-relay -m1M",
	    END_SOCKET, END_SOCKET, .flags = 0 },
	{ "rate", "pipe-relay -L4M",
	    END_PIPE, END_PIPE, .flags = SPLICES },
	{ "rate-with-memory", "pipe-relay -L4M -m64K",
	    END_PIPE, END_PIPE, .flags = 0 },
	{ "dump", "pipe-relay --dump=log",
	    END_PIPE, END_PIPE, .flags = 0 },
	/* several outputs, and taps */
	{ "fan-out", "pipe-relay -o - -o copy",
	    END_PIPE, END_PIPE, .flags = BRANCHES | COPIES },
	{ "fan-out-copied", "pipe-relay --no-splice -o - -o copy",
	    END_PIPE, END_PIPE, .flags = BRANCHES | COPIES },
	{ "fan-out-of-file", "pipe-relay -o - -o copy",
	    END_FILE, END_PIPE, .flags = BRANCHES | COPIES },
	{ "fan-out-of-socket", "pipe-relay -o - -o copy",
	    END_SOCKET, END_SOCKET, .flags = BRANCHES | COPIES },
	{ "fan-out-narrow", "pipe-relay -o copy -o -",
	    END_PIPE, END_PIPE, .flags = BRANCHES | COPIES | NARROW },
	{ "fan-out-to-fifo", "pipe-relay -o copy -o dst",
	    END_PIPE, END_FIFO, .flags = BRANCHES | COPIES },
	{ "fan-out-to-fifo-late", "pipe-relay -o copy -o dst",
	    END_PIPE, END_FIFO, .flags = BRANCHES | COPIES | LATE },
	{ "fan-out-memory", "pipe-relay -m64K -o - -o copy",
	    END_PIPE, END_PIPE, .flags = BRANCHES | COPIES },
	{ "tap-file", "pipe-relay --tap=copy",
	    END_PIPE, END_PIPE, .flags = BRANCHES | COPIES },
	{ "tap-without-reader", "pipe-relay --tap=a",
	    END_PIPE, END_PIPE, .flags = BRANCHES | EXISTS,
	    .made = "a", .made_mode = 0600 },
	{ "tap-of-records-without-reader", "pipe-relay -z --tap=a",
	    END_PIPE, END_PIPE, .flags = BRANCHES | EXISTS,
	    .made = "a", .made_mode = 0600 },
	{ "tap", "pipe-relay --tap=/dev/null",
	    END_PIPE, END_PIPE, .flags = BRANCHES },
	{ "tap-of-records", "pipe-relay -d a --tap=/dev/null",
	    END_PIPE, END_PIPE, .flags = BRANCHES },
	/* pipelines */
	{ "pipeline", "pipe-relay cat :: tee /dev/null",
	    END_PIPE, END_PIPE, .flags = CHILDREN | DIRECT },
	{ "pipeline-dumped", "pipe-relay --dump=log cat :: tee /dev/null",
	    END_PIPE, END_PIPE, .flags = CHILDREN | DIRECT },
	{ "pipeline-memory", "pipe-relay -m64K cat :: tee /dev/null",
	    END_PIPE, END_PIPE, .flags = CHILDREN },
	/* fifo-write */
	{ "write", "fifo-write dst",
	    END_PIPE, END_FIFO, .flags = SPLICES },
	{ "write-late", "fifo-write dst",
	    END_PIPE, END_FIFO, .flags = LATE | SPLICES },
	{ "write-late-limited", "fifo-write -w60 -t60 dst",
	    END_PIPE, END_FIFO, .flags = LATE | SPLICES },
	{ "write-file", "fifo-write dst",
	    END_FILE, END_FIFO, .flags = SPLICES },
	{ "write-narrow", "fifo-write dst",
	    END_FILE, END_FIFO, .flags = NARROW | SPLICES },
	{ "write-socket", "fifo-write dst",
	    END_SOCKET, END_FIFO, .flags = 0 },
	{ "write-message", "fifo-write -m one -m two dst",
	    END_NOTHING, END_FIFO, .flags = MESSAGES, .text = "one\ntwo\n" },
	{ "write-message-late", "fifo-write -m one -m two dst",
	    END_NOTHING, END_FIFO, .flags = MESSAGES | LATE,
	    .text = "one\ntwo\n" },
	{ "write-message-now", "fifo-write -n -m one -m two dst",
	    END_NOTHING, END_FIFO, .flags = MESSAGES | NONBLOCK,
	    .text = "one\ntwo\n" },
	{ "write-atomic", "fifo-write -A dst",
	    END_PIPE, END_FIFO, .flags = 0 },
	{ "write-atomic-file", "fifo-write -A dst",
	    END_FILE, END_FIFO, .flags = NARROW },
	{ "write-locked", "fifo-write --lock dst",
	    END_FILE, END_FIFO, .flags = 0 },
	{ "write-locked-late", "fifo-write --lock -A dst",
	    END_PIPE, END_FIFO, .flags = LATE },
	{ "write-on", "fifo-write -k -w1 -t5 dst",
	    END_PIPE, END_FIFO, .flags = CONFIRMS | SPLICES },
	{ "write-on-late", "fifo-write -k -w1 -t5 dst",
	    END_FILE, END_FIFO, .flags = CONFIRMS | LATE | SPLICES },
	{ "write-drained", "fifo-write -D dst",
	    END_PIPE, END_FIFO, .flags = CONFIRMS | SPLICES },
	{ "write-drained-narrow", "fifo-write -D dst",
	    END_FILE, END_FIFO, .flags = CONFIRMS | NARROW | SPLICES },
	{ "write-message-drained", "fifo-write -D -m one -m two dst",
	    END_NOTHING, END_FIFO, .flags = CONFIRMS | MESSAGES | LATE,
	    .text = "one\ntwo\n" },
	/* fifo-read */
	{ "read", "fifo-read src",
	    END_FIFO, END_PIPE, .flags = SPLICES },
	{ "read-late", "fifo-read src",
	    END_FIFO, END_PIPE, .flags = LATE | SPLICES },
	{ "read-late-limited", "fifo-read -w60 -T60 src",
	    END_FIFO, END_PIPE, .flags = LATE | SPLICES },
	{ "read-to-file", "fifo-read src",
	    END_FIFO, END_FILE, .flags = SPLICES },
	{ "read-to-appended-file", "fifo-read src",
	    END_FIFO, END_APPEND, .flags = 0 },
	{ "read-to-socket", "fifo-read src",
	    END_FIFO, END_SOCKET, .flags = 0 },
	{ "read-to-narrow-pipe", "fifo-read src",
	    END_FIFO, END_PIPE, .flags = NARROW | SPLICES },
	{ "read-bytes", "fifo-read -c 30001 src",
	    END_FIFO, END_PIPE, .flags = SPLICES, .limit = 30001 },
	{ "read-bytes-to-appended-file", "fifo-read -c 30001 src",
	    END_FIFO, END_APPEND, .flags = 0, .limit = 30001 },
	{ "read-now", "fifo-read -n src",
	    END_FIFO, END_PIPE, .flags = QUEUED | NONBLOCK | SPLICES,
	    .limit = 20000 },
	{ "read-on", "fifo-read -f -c 80000 src",
	    END_FIFO, END_PIPE, .flags = TWO_WRITERS | SPLICES,
	    .limit = 80000 },
	{ "read-on-and-on", "fifo-read -f -w2 -c 100000 src",
	    END_FIFO, END_PIPE, .flags = HAMMERS | SHIM_ONLY,
	    .limit = 100000 },
	{ "read-lines", "fifo-read -l 100000 src",
	    END_FIFO, END_PIPE, .flags = SPLICES },
	{ "read-lines-late", "fifo-read -l 100000 src",
	    END_FIFO, END_FILE, .flags = LATE | SPLICES },
	{ "read-locked", "fifo-read --lock src",
	    END_FIFO, END_PIPE, .flags = SPLICES },
	{ "read-created", "fifo-read -C src",
	    END_FIFO, END_PIPE, .flags = SPLICES },
	{ "read-by-name", "fifo-read -F -t5 -c 80000 src",
	    END_FIFO, END_PIPE, .flags = TWO_WRITERS | SPLICES | WARNS,
	    .limit = 80000 },
	{ "read-standard-input", "fifo-read -",
	    END_PIPE, END_PIPE, .flags = SPLICES },
	/* fifo-create */
	{ "create", "fifo-create a",
	    END_NOTHING, END_NOTHING, .flags = 0,
	    .made = "a", .made_mode = 0644 },
	{ "create-mode", "fifo-create -m 620 a",
	    END_NOTHING, END_NOTHING, .flags = 0,
	    .made = "a", .made_mode = 0620 },
	{ "create-three", "fifo-create a b c",
	    END_NOTHING, END_NOTHING, .flags = 0,
	    .made = "a b c", .made_mode = 0644 },
	{ "create-parents", "fifo-create -pv d/e/f",
	    END_NOTHING, END_PIPE, .flags = 0,
	    .made = "d/e/f", .made_mode = 0644, .text = "d\nd/e\nd/e/f\n" },
	{ "create-existing", "fifo-create -e -m 640 a",
	    END_NOTHING, END_NOTHING, .flags = EXISTS,
	    .made = "a", .made_mode = 0640 },
	{ "create-anew", "fifo-create -f -m 640 a",
	    END_NOTHING, END_NOTHING, .flags = EXISTS | REPLACES,
	    .made = "a", .made_mode = 0640 },
	{ "create-for-a-command", "fifo-create -u a :: test -p a",
	    END_NOTHING, END_NOTHING, .flags = CHILDREN, .removed = "a" },
	/* duplex; the data goes through a command */
	{ "duplex", "duplex cat all :: dd of=out status=none",
	    END_NOTHING, END_PATH, .flags = CHILDREN | DIRECT },
	{ "duplex-relayed", "duplex -T60 cat all :: dd of=out status=none",
	    END_NOTHING, END_PATH, .flags = CHILDREN },
	{ "duplex-us", "duplex cat",
	    END_PIPE, END_PIPE, .flags = CHILDREN | DIRECT },
	{ "duplex-us-relayed", "duplex -T60 -t60 cat",
	    END_PIPE, END_PIPE, .flags = CHILDREN },
	{ "duplex-file-relayed", "duplex -T60 - :: cat",
	    END_FILE, END_FILE, .flags = CHILDREN },
	{ "duplex-memory", "duplex --memory=20K cat",
	    END_PIPE, END_PIPE, .flags = CHILDREN },
	{ "duplex-dump", "duplex --dump=/dev/null --deadlock=60 cat",
	    END_PIPE, END_PIPE, .flags = CHILDREN },
	{ "duplex-fifos", "duplex --from=src --to=dst cat",
	    END_FIFO, END_FIFO, .flags = CHILDREN },
	{ "duplex-fifos-late", "duplex --from=src --to=dst cat",
	    END_FIFO, END_FIFO, .flags = CHILDREN | LATE },
	{ "duplex-connect", "duplex --connect=s",
	    END_PIPE, END_PIPE, .flags = 0,
	    .other = "duplex --listen=s -k cat", .sparse = 10 },
	{ "duplex-connect-persist", "duplex --connect=s -c 100000 -w60 -T60",
	    END_PIPE, END_PIPE, .flags = 0,
	    .other = "duplex --listen=s --persist cat", .sparse = 10 },
	/* these look at every process, call by call */
	{ "duplex-listen", "duplex --listen=s cat",
	    END_PIPE, END_PIPE, .flags = CHILDREN | SERVES,
	    .other = "duplex --connect=s", .sparse = 20 },
	{ "duplex-listen-keep", "duplex --listen=s -k cat",
	    END_PIPE, END_PIPE, .flags = CHILDREN | SERVES | FOREVER,
	    .other = "duplex --connect=s", .sparse = 40 },
	{ "duplex-listen-persist", "duplex --listen=s --persist cat",
	    END_PIPE, END_PIPE, .flags = CHILDREN | SERVES | FOREVER,
	    .other = "duplex --connect=s -c 100000", .sparse = 60 },
};

/*
 * What errors are plausible.  An error that a call cannot have with the
 * arguments that ipctool gives it is no point: rt_sigaction, rt_sigprocmask,
 * timer_settime, umask, getpid and clock_gettime do not fail, nor does
 * anything by EBADF or EFAULT; brk has no way to tell about an error that
 * strace could use.  EAGAIN of tee is an answer: a writer, but no data.
 */
static const struct {
	const char	*call;
	const char	*errors;
} errors[] = {
	{ "read", "EINTR EAGAIN EIO" },
	{ "readv", "EINTR EAGAIN EIO" },
	{ "recvmsg", "EINTR EAGAIN ECONNRESET ENOMEM" },
	{ "write", "EINTR EAGAIN EIO ENOSPC EPIPE" },
	{ "writev", "EINTR EAGAIN EIO ENOSPC EDQUOT EFBIG EPIPE" },
	{ "sendmsg", "EINTR EAGAIN ECONNRESET EPIPE ENOBUFS" },
	{ "splice",
	    "EINTR EAGAIN EINVAL ENOSYS EPERM EIO ENOSPC ENOMEM EPIPE" },
	{ "tee", "EINTR EINVAL ENOSYS EPERM ENOMEM" },
	{ "ppoll", "EINTR EAGAIN ENOMEM" },
	{ "poll", "EINTR EAGAIN ENOMEM" },
	{ "openat", "EINTR EMFILE ENFILE ENOMEM EACCES ENOENT EIO" },
	{ "open", "EINTR EMFILE ENFILE ENOMEM EACCES ENOENT EIO" },
	{ "close", "EINTR EIO ENOSPC EDQUOT" },
	{ "fcntl", "EPERM EBUSY ENOMEM EMFILE EINVAL" },
	{ "newfstatat", "EIO ENOMEM EACCES EOVERFLOW" },
	{ "fstat", "EIO ENOMEM EOVERFLOW" },
	{ "stat", "EIO ENOMEM EACCES EOVERFLOW" },
	{ "lstat", "EIO ENOMEM EACCES EOVERFLOW" },
	{ "ioctl", "EINVAL ENOTTY" },
	{ "ftruncate", "EINTR EIO EPERM EINVAL" },
	{ "lseek", "ESPIPE EINVAL" },
	{ "pipe2", "EMFILE ENFILE ENOMEM" },
	{ "inotify_init1", "EMFILE ENFILE ENOMEM ENOSYS" },
	{ "inotify_add_watch", "ENOSPC ENOMEM ENOENT EACCES" },
	{ "timer_create", "EAGAIN ENOMEM" },
	{ "mknodat", "EEXIST EACCES ENOSPC EROFS EIO EPERM EDQUOT ENOENT" },
	{ "mknod", "EEXIST EACCES ENOSPC EROFS EIO EPERM EDQUOT ENOENT" },
	{ "mkdir", "EACCES ENOSPC EROFS EIO EDQUOT" },
	{ "clone", "EAGAIN ENOMEM" },
	{ "clone3", "EAGAIN ENOMEM" },
	{ "vfork", "EAGAIN ENOMEM" },
	{ "wait4", "EINTR ECHILD" },
	{ "kill", "EPERM" },
	{ "mmap", "ENOMEM" },
};

enum verdict {
	SURVIVES,	/* status 0, all the data, not a word */
	SURVIVES_ONE,	/* that, unless it goes on for ever */
	FAILS,		/* a status that is not 0, and a message */
	EITHER,		/* one of the two */
	WHATEVER	/* but no crash, no hang */
};

/* What an argument list has to do with. */
enum about {
	ANYTHING,
	THE_SINK,	/* the descriptor that the data is written to */
	TEXT		/* that contains this */
};

/*
 * The first that fits decides: the name of the call, the error, what the
 * arguments are about.  NULL fits everything.  A scenario with one of the
 * flags in `except` is passed over.
 */
static const struct rule {
	const char	*call;
	const char	*error;
	enum about	 about;
	const char	*text;
	unsigned	 only, except;	/* flags of scenarios */
	enum verdict	 verdict;
} rules[] = {
	/* The descriptor is gone all the same (Linux), and nothing lost. */
	{ "close", "EINTR", ANYTHING, NULL, 0, 0, SURVIVES },
	/* The command has its own copy, and says itself what comes of it. */
	{ "close", NULL, THE_SINK, NULL, DIRECT, 0, EITHER },
	/* Data that was accepted may be lost: write(2), close(2). */
	{ "close", NULL, THE_SINK, NULL, 0, 0, FAILS },
	/* Nothing was written to it, so nothing is lost. */
	{ "close", NULL, ANYTHING, NULL, 0, 0, EITHER },
	/* A signal handler ran.  The short wait of -n for a writer ends. */
	{ "poll", "EINTR", ANYTHING, NULL, NONBLOCK, 0, EITHER },
	/* stdio(3)'s: no handler interrupts it (SA_RESTART, or blocked). */
	{ "write", "EINTR", ANYTHING, NULL, 0, 0, EITHER },
	{ NULL, "EINTR", ANYTHING, NULL, 0, 0, SURVIVES },
	/* Whoever shares the description may have made it non-blocking. */
	{ NULL, "EAGAIN", ANYTHING, NULL, NONBLOCK, 0, EITHER },
	{ "clone", NULL, ANYTHING, NULL, 0, 0, SURVIVES_ONE },
	{ "timer_create", NULL, ANYTHING, NULL, 0, 0, EITHER },
	/* A command that reads no more: its own status says if that is bad. */
	{ NULL, "EPIPE", ANYTHING, NULL, CHILDREN, 0, WHATEVER },
	/* A reader that leaves again and again: --keep waits for the next. */
	{ NULL, "EPIPE", ANYTHING, NULL, CONFIRMS, 0, WHATEVER },
	/* arc4random(3) of libbsd ends the process without a word. */
	{ "mmap", NULL, TEXT, "(NULL, 1088,", 0, 0, WHATEVER },
	/* Our own pipe to a child that was not made non-blocking. */
	{ "read", "EAGAIN", ANYTHING, NULL, CHILDREN, 0, EITHER },
	/* Standard output as a file of stdio(3), as everywhere. */
	{ "write", "EAGAIN", ANYTHING, NULL, 0, 0, EITHER },
	{ NULL, "EAGAIN", ANYTHING, NULL, 0, 0, SURVIVES },
	/* Not to be had here, or forbidden (seccomp): then otherwise. */
	{ "splice", "EINVAL", ANYTHING, NULL, 0, 0, SURVIVES },
	{ "splice", "ENOSYS", ANYTHING, NULL, 0, 0, SURVIVES },
	{ "splice", "EPERM", ANYTHING, NULL, 0, 0, SURVIVES },
	{ "tee", NULL, ANYTHING, NULL, 0, 0, SURVIVES },
	/* Without it nobody knows whether all was read. */
	{ "ioctl", NULL, ANYTHING, NULL, CONFIRMS, 0, EITHER },
	{ "ioctl", NULL, ANYTHING, NULL, 0, 0, SURVIVES },
	/* A server has to know who leaves. */
	{ "inotify_init1", NULL, ANYTHING, NULL, SERVES, 0, EITHER },
	{ "inotify_add_watch", NULL, ANYTHING, NULL, SERVES, 0, EITHER },
	{ "inotify_init1", NULL, ANYTHING, NULL, 0, 0, SURVIVES },
	{ "inotify_add_watch", NULL, ANYTHING, NULL, 0, 0, SURVIVES },
	{ "pipe2", NULL, ANYTHING, NULL, BRANCHES, 0, SURVIVES_ONE },
	/* To see whether there is a writer: else it is looked at again. */
	{ "pipe2", NULL, ANYTHING, NULL, SERVES, 0, EITHER },
	{ "pipe2", NULL, ANYTHING, NULL, 0, CHILDREN, SURVIVES },
	{ "pipe2", NULL, ANYTHING, NULL, CHILDREN, 0, SURVIVES_ONE },
	/* Capacity is speed. */
	{ "fcntl", NULL, TEXT, "PIPE_SZ", 0, 0, SURVIVES },
	/* Where there is no /proc; a second open is a convenience. */
	{ "openat", "ENOENT", TEXT, "/proc/self/fd/", 0, TWO_WRITERS,
	    SURVIVES_ONE },
	{ "openat", NULL, TEXT, "/proc/self/fd/0", 0, 0, SURVIVES },
	{ "openat", NULL, TEXT, "/proc/self/fd/1\"", 0, 0, SURVIVES },
	/* Only the sink and the source tell what is wrong with them. */
	{ "writev", "EPIPE", ANYTHING, NULL, 0, 0, EITHER },
	{ "writev", NULL, ANYTHING, NULL, 0, 0, FAILS },
	{ "sendmsg", "ENOBUFS", ANYTHING, NULL, 0, 0, FAILS },
	{ "readv", "EIO", ANYTHING, NULL, 0, 0, FAILS },
	{ "recvmsg", NULL, ANYTHING, NULL, 0, 0, FAILS },
	{ "ftruncate", "EINVAL", ANYTHING, NULL, 0, 0, EITHER },
	{ "ftruncate", NULL, ANYTHING, NULL, 0, 0, FAILS },
	{ "mkdir", NULL, ANYTHING, NULL, 0, 0, FAILS },
	{ "mknodat", "EEXIST", ANYTHING, NULL, EXISTS, REPLACES, SURVIVES },
	{ "mknodat", NULL, ANYTHING, NULL, 0, 0, FAILS },
	{ NULL, NULL, ANYTHING, NULL, 0, 0, EITHER },
};

#endif
