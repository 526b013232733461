/*
 * procfs - what /proc says of other processes.
 */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "procfs.h"

#define PROCFS_PATH	128	/* of names below /proc */
#define PROCFS_TEXT	4096	/* of the files that are read whole */
#define PROCFS_STATUS	32768	/* of one that is longer: groups, processors */
#define PAGE_MIN	4096	/* no page of any machine is smaller */
#define REPEATS		8	/* of a call that was interrupted */

#define FLAG_KERNEL	0x00200000	/* PF_KTHREAD of the kernel */

#ifndef PIDFD_THREAD			/* Linux 6.9 */
#define PIDFD_THREAD	O_EXCL
#endif

static int
fail(int errnum)
{
	errno = errnum;
	return -1;
}

static int failure;

void
procfs_forget_failure(void)
{
	failure = 0;
}

int
procfs_failure(void)
{
	return failure;
}

/* What the kernel answers where nothing is wrong with our looking. */
static bool
is_answer(int errnum)
{
	switch (errnum) {
	case EACCES:
	case EPERM:
		return true;	/* we may not look */
	case ENOENT:
	case ESRCH:
	case ENOTDIR:
	case EBADF:
		return true;	/* it has ended, or was closed */
	case EFAULT:
	case EINVAL:
	case ELOOP:
	case ENAMETOOLONG:
	case ENODATA:
	case ENOSYS:
	case ENXIO:
	case EOPNOTSUPP:
	case EXDEV:
		return true;	/* this kernel does not tell, or not of this */
	default:
		return false;
	}
}

int
procfs_note(int result)
{
	if (result == -1 && failure == 0 && !is_answer(errno))
		failure = errno;
	return result;
}

/* An interruption passes; one that does not is a failure. */
static bool
is_to_repeat(unsigned *tries)
{
	return (errno == EINTR || errno == EAGAIN) && (*tries)++ < REPEATS;
}

static int
open_in(int proc, const char *path, int flags)
{
	unsigned tries = 0;
	int fd;

	do {
		fd = openat(proc, path, flags | O_RDONLY | O_CLOEXEC);
	} while (fd == -1 && is_to_repeat(&tries));
	return procfs_note(fd);
}

/* The number in a text after so many words. */
static int
get_number(const char **at, unsigned int words, int base, long long *number)
{
	char *end;

	for (unsigned int i = 0; i < words; i++) {
		*at += strspn(*at, " ");
		*at += strcspn(*at, " ");
	}
	errno = 0;
	*number = strtoll(*at, &end, base);
	if (end == *at || errno != 0)
		return fail(EINVAL);
	*at = end;
	return 0;
}

/*
 * 12 (name) S 1 ...: the name may have any byte, parentheses and newlines
 * too, but nothing behind it has a parenthesis.
 */
int
procfs_parse_stat(const char *text, struct procfs_stat *stat)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	long long parent, flags, start, cpu;
	const char *at;
	size_t length;

	memset(stat, 0, sizeof(*stat));
	if (open == NULL || close == NULL || close < open)
		return fail(EINVAL);
	length = (size_t)(close - open - 1);
	if (length >= sizeof(stat->comm))
		length = sizeof(stat->comm) - 1;
	memcpy(stat->comm, open + 1, length);
	at = close + 1;
	at += strspn(at, " ");
	stat->state = *at;
	/* Fields 4, 9, 22 and 39 of proc(5). */
	if (get_number(&at, 1, 10, &parent) == -1 ||
	    get_number(&at, 4, 10, &flags) == -1 ||
	    get_number(&at, 12, 10, &start) == -1 ||
	    get_number(&at, 16, 10, &cpu) == -1)
		return -1;
	stat->parent = (pid_t)parent;
	stat->kernel = (flags & FLAG_KERNEL) != 0;
	stat->cpu = (int)cpu;
	if (__builtin_mul_overflow(start,
	    NS_PER_SEC / sysconf(_SC_CLK_TCK), &stat->started_ns))
		return fail(ERANGE);
	return 0;
}

/* "Key:\t1234" on a line of its own; the name in the first line is escaped. */
static int
get_field(const char *text, const char *key, int base, uint64_t *value)
{
	const char *at = text;
	size_t length = strlen(key);
	char *end;

	while (strncmp(at, key, length) != 0 || at[length] != ':') {
		at = strchr(at, '\n');
		if (at++ == NULL)
			return fail(EINVAL);
	}
	at += length + 1;
	*value = strtoull(at, &end, base);
	return end == at ? fail(EINVAL) : 0;
}

int
procfs_parse_status(const char *text, struct procfs_status *status)
{
	uint64_t group, tracer, waited, interrupted;

	memset(status, 0, sizeof(*status));
	if (get_field(text, "Tgid", 10, &group) == -1 ||
	    get_field(text, "TracerPid", 10, &tracer) == -1 ||
	    get_field(text, "SigCgt", 16, &status->caught) == -1 ||
	    get_field(text, "SigBlk", 16, &status->blocked) == -1 ||
	    get_field(text, "voluntary_ctxt_switches", 10, &waited) == -1 ||
	    get_field(text, "nonvoluntary_ctxt_switches", 10,
	    &interrupted) == -1)
		return -1;
	status->group = (pid_t)group;
	status->tracer = (pid_t)tracer;
	status->turns = waited + interrupted;
	return 0;
}

/* "running", "-1 0xSP 0xPC", or "NUMBER 0xARG ... 0xSP 0xPC". */
int
procfs_parse_call(const char *text, struct procfs_call *call)
{
	char *end;

	memset(call, 0, sizeof(*call));
	if (strncmp(text, "running", strlen("running")) == 0) {
		call->number = PROCFS_RUNNING;
		return 0;
	}
	call->number = strtol(text, &end, 10);
	if (end == text)
		return fail(EINVAL);
	if (call->number < 0) {
		call->number = PROCFS_NO_CALL;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(call->args); i++) {
		text = end;
		call->args[i] = strtoull(text, &end, 16);
		if (end == text)
			return fail(EINVAL);
	}
	return 0;
}

int
procfs_parse_flags(const char *text, int *flags)
{
	static const char key[] = "flags:";
	const char *at = strstr(text, key);
	char *end;
	unsigned long value;

	if (at == NULL)
		return fail(EINVAL);
	at += strlen(key);
	value = strtoul(at, &end, 8);
	if (end == at)
		return fail(EINVAL);
	*flags = (int)value;
	return 0;
}

/*
 * "se.exec_start   :   1234.567890", in milliseconds, behind a first line
 * with the name of the thread, in which anything may stand.
 */
int
procfs_parse_last_run(const char *text, int64_t *ns)
{
	static const char key[] = "\nse.exec_start";
	const char *at = text, *last = NULL;
	long long ms, fraction;

	while ((at = strstr(at, key)) != NULL)
		last = at++;
	if (last == NULL)
		return fail(ENODATA);
	at = last + strlen(key);
	at += strspn(at, " \t:");
	if (get_number(&at, 0, 10, &ms) == -1 || *at++ != '.' ||
	    get_number(&at, 0, 10, &fraction) == -1)
		return fail(ENODATA);
	/* The fraction has six digits. */
	if (__builtin_mul_overflow(ms, NS_PER_MS, ns) ||
	    __builtin_add_overflow(*ns, fraction, ns) || *ns < 0)
		return fail(ENODATA);
	return 0;
}

/* "7f00-7f80 rw-p ...": an s in place of the p is shared memory. */
bool
procfs_parse_mapping(const char *line, uint64_t address)
{
	uint64_t begin, end;
	char *at;

	begin = strtoull(line, &at, 16);
	if (at == line || *at != '-')
		return false;
	line = at + 1;
	end = strtoull(line, &at, 16);
	return at != line && strlen(at) > strlen(" rwx") &&
	    at[strlen(" rwx")] == 'p' && address >= begin && address < end;
}

/* "36 35 98:0 /root /at rw master:1 - ext3 /dev/sda rw": no blanks in names. */
int
procfs_parse_mount(const char *line, uint64_t id, char type[PROCFS_TYPE])
{
	const char *dash = strstr(line, " - ");
	size_t length;
	char *end;

	if (strtoull(line, &end, 10) != id || end == line || *end != ' ' ||
	    dash == NULL)
		return fail(ENOENT);
	dash += strlen(" - ");
	length = strcspn(dash, " \n");
	if (length == 0 || length >= PROCFS_TYPE)
		return fail(ENOENT);
	memcpy(type, dash, length);
	type[length] = '\0';
	return 0;
}

int
procfs_open(void)
{
	int proc = open_in(AT_FDCWD, "/proc", O_DIRECTORY), errnum = ENODEV;
	struct statfs fs;

	if (proc == -1)
		return -1;
	if (fstatfs(proc, &fs) == -1)
		errnum = errno;
	else if (fs.f_type == PROC_SUPER_MAGIC)
		return proc;
	close(proc);
	return fail(errnum);
}

ssize_t
procfs_read(int proc, const char *path, char *text, size_t size)
{
	unsigned tries = 0;
	size_t length = 0;
	ssize_t n;
	int fd, saved;

	fd = open_in(proc, path, O_NOCTTY);
	if (fd == -1)
		return -1;
	do {
		n = read(fd, text + length, size - 1 - length);
		if (n > 0)
			length += (size_t)n;
	} while (n == -1 ? is_to_repeat(&tries) : n > 0 && length < size - 1);
	procfs_note(n == -1 ? -1 : 0);
	saved = errno;
	close(fd);
	errno = saved;
	if (n == -1)
		return -1;
	text[length] = '\0';
	return (ssize_t)length;
}

/* Of a thread; what is not of the first one costs a longer way. */
static ssize_t
read_of(int proc, pid_t pid, pid_t tid, const char *name, char *text,
    size_t size)
{
	char path[PROCFS_PATH];
	ssize_t length;

	if (pid == tid)
		snprintf(path, sizeof(path), "%d/%s", pid, name);
	else
		snprintf(path, sizeof(path), "%d/task/%d/%s", pid, tid, name);
	length = procfs_read(proc, path, text, size);
	/* Of a process that ends, some files are there and empty. */
	return length == 0 ? fail(ESRCH) : length;
}

int
procfs_read_link(int proc, const char *path, char *text, size_t size)
{
	ssize_t length = readlinkat(proc, path, text, size - 1);

	if (length == -1)
		return procfs_note(-1);
	text[length] = '\0';
	return 0;
}

/* NULL at the end, and where reading failed, which is noted. */
static struct dirent *
next_entry(DIR *dir)
{
	struct dirent *entry;
	unsigned tries = 0;

	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry == NULL && is_to_repeat(&tries));
	if (entry == NULL && errno != 0)
		procfs_note(-1);
	return entry;
}

int
procfs_each(int proc, const char *path, int (*call)(void *, int, int),
    void *arg)
{
	struct dirent *entry;
	int fd, result = 0;
	long long number;
	const char *name;
	DIR *dir;

	fd = open_in(proc, path, O_DIRECTORY);
	if (fd == -1)
		return -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		procfs_note(-1);
		close(fd);
		return -1;
	}
	while (result == 0 && (entry = next_entry(dir)) != NULL) {
		name = entry->d_name;
		if (isdigit((unsigned char)*name) &&
		    get_number(&name, 0, 10, &number) == 0)
			result = call(arg, (int)number, dirfd(dir));
	}
	closedir(dir);
	return result;
}

int
procfs_get_stat(int proc, pid_t pid, pid_t tid, struct procfs_stat *stat)
{
	char text[PROCFS_TEXT];

	if (read_of(proc, pid, tid, "stat", text, sizeof(text)) == -1)
		return -1;
	return procfs_parse_stat(text, stat);
}

int
procfs_get_status(int proc, pid_t pid, pid_t tid,
    struct procfs_status *status)
{
	char text[PROCFS_STATUS];

	if (read_of(proc, pid, tid, "status", text, sizeof(text)) == -1)
		return -1;
	return procfs_parse_status(text, status);
}

int
procfs_get_call(int proc, pid_t pid, pid_t tid, struct procfs_call *call)
{
	char text[PROCFS_TEXT];

	if (read_of(proc, pid, tid, "syscall", text, sizeof(text)) == -1)
		return -1;
	return procfs_parse_call(text, call);
}

int
procfs_get_wchan(int proc, pid_t pid, pid_t tid, char name[PROCFS_WCHAN])
{
	return read_of(proc, pid, tid, "wchan", name, PROCFS_WCHAN) == -1 ?
	    -1 : 0;
}

/* The clocks of processors, and what our affinity was before. */
static struct {
	bool		 moved;
	cpu_set_t	 before;
	struct {
		int64_t	 ns;
		int64_t	 read_at;	/* 0: not read yet */
	} clocks[CPU_SETSIZE];
} sched_clocks;

static int
get_last_run(int proc, pid_t pid, pid_t tid, int64_t *ns)
{
	char text[PROCFS_TEXT];

	if (read_of(proc, pid, tid, "sched", text, sizeof(text)) == -1)
		return errno == ENOENT ? fail(ENODATA) : -1;
	return procfs_parse_last_run(text, ns);
}

/*
 * The clocks of processors differ by seconds in a virtual machine, and only
 * what runs on one knows its clock: us, if we go there.
 */
static int
read_clock(int proc, int cpu)
{
	cpu_set_t set;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return fail(ENODATA);
	if (sched_clocks.clocks[cpu].read_at != 0)
		return 0;
	if (!sched_clocks.moved && sched_getaffinity(0,
	    sizeof(sched_clocks.before), &sched_clocks.before) == -1)
		return -1;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		return fail(ENODATA);
	sched_clocks.moved = true;
	/* What is shown of us is from our last turn. */
	sched_yield();
	if (get_last_run(proc, getpid(), getpid(),
	    &sched_clocks.clocks[cpu].ns) == -1)
		return -1;
	sched_clocks.clocks[cpu].read_at = deadline_now();
	return 0;
}

int
procfs_get_idle(int proc, pid_t pid, pid_t tid, int cpu, int64_t *ns)
{
	int64_t last, now;

	if (get_last_run(proc, pid, tid, &last) == -1 ||
	    read_clock(proc, cpu) == -1)
		return -1;
	now = sched_clocks.clocks[cpu].ns + deadline_now() -
	    sched_clocks.clocks[cpu].read_at;
	*ns = now > last ? now - last : 0;
	return 0;
}

void
procfs_clock_end(void)
{
	if (sched_clocks.moved)
		sched_setaffinity(0, sizeof(sched_clocks.before),
		    &sched_clocks.before);
	memset(&sched_clocks, 0, sizeof(sched_clocks));
}

int
procfs_count_threads(int proc, pid_t pid, unsigned int *n)
{
	char path[PROCFS_PATH];
	struct stat st;

	snprintf(path, sizeof(path), "%d/task", pid);
	if (procfs_note(fstatat(proc, path, &st, 0)) == -1)
		return -1;
	*n = st.st_nlink > 2 ? (unsigned int)st.st_nlink - 2 : 0;
	return 0;
}

struct living {
	int	 proc;
	pid_t	 pid;
	pid_t	 tid;
};

static int
check_living(void *arg, int tid, int dir)
{
	struct living *living = arg;
	struct procfs_stat stat;

	(void)dir;
	if (procfs_get_stat(living->proc, living->pid, tid, &stat) == -1 ||
	    stat.state == 'Z' || stat.state == 'X')
		return 0;
	living->tid = tid;
	return 1;
}

pid_t
procfs_living_thread(int proc, pid_t pid)
{
	struct living living = { .proc = proc, .pid = pid, .tid = pid };
	char path[PROCFS_PATH];

	snprintf(path, sizeof(path), "%d/task", pid);
	procfs_each(proc, path, check_living, &living);
	return living.tid;
}

bool
procfs_has_timers(int proc, pid_t pid)
{
	char text[PROCFS_TEXT];

	return read_of(proc, pid, pid, "timers", text, sizeof(text)) > 0;
}

int
procfs_share_memory(pid_t one, pid_t other)
{
	long result = syscall(SYS_kcmp, one, other, KCMP_VM, 0UL, 0UL);

	return result == -1 ? -1 : result == 0;
}

int
procfs_get_flags(int proc, pid_t pid, int fd, int *flags)
{
	char path[PROCFS_PATH], text[PROCFS_TEXT];

	snprintf(path, sizeof(path), "%d/fdinfo/%d", pid, fd);
	if (procfs_read(proc, path, text, sizeof(text)) == -1)
		return -1;
	return procfs_parse_flags(text, flags);
}

static int
find_mount(int proc, pid_t pid, uint64_t id, char type[PROCFS_TYPE])
{
	char path[PROCFS_PATH], *line = NULL;
	int fd, result = -1;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%d/mountinfo", pid);
	fd = open_in(proc, path, 0);
	if (fd == -1)
		return -1;
	f = fdopen(fd, "r");
	if (f == NULL) {
		procfs_note(-1);
		close(fd);
		return -1;
	}
	while (result == -1 && getline(&line, &size, f) != -1)
		result = procfs_parse_mount(line, id, type);
	free(line);
	fclose(f);
	return result == 0 ? 0 : fail(ENOENT);
}

int
procfs_get_type(int proc, pid_t pid, int fd, char type[PROCFS_TYPE])
{
	char path[PROCFS_PATH], text[PROCFS_TEXT];
	uint64_t id;

	snprintf(path, sizeof(path), "%d/fdinfo/%d", pid, fd);
	if (procfs_read(proc, path, text, sizeof(text)) == -1 ||
	    get_field(text, "mnt_id", 10, &id) == -1)
		return -1;
	return find_mount(proc, pid, id, type);
}

int
procfs_stat_link(int dir, const char *name, struct stat *st)
{
	struct statx stx;

	if (procfs_note(statx(dir, name, AT_STATX_DONT_SYNC,
	    STATX_BASIC_STATS, &stx)) == -1)
		return -1;
	memset(st, 0, sizeof(*st));
	st->st_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	st->st_ino = (ino_t)stx.stx_ino;
	st->st_mode = stx.stx_mode;
	st->st_nlink = (nlink_t)stx.stx_nlink;
	st->st_uid = stx.stx_uid;
	st->st_gid = stx.stx_gid;
	st->st_rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor);
	return 0;
}

int
procfs_get_memory(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = { .iov_base = to, .iov_len = size };
	struct iovec remote = { .iov_len = size };
	uintptr_t theirs = (uintptr_t)address;
	ssize_t n;

	/* An address of theirs, not of ours. */
	if (theirs != address)
		return fail(EFAULT);
	memcpy(&remote.iov_base, &theirs, sizeof(remote.iov_base));
	n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
	if (n == -1)
		return procfs_note(-1);
	return (size_t)n == size ? 0 : fail(EFAULT);
}

/* Page by page: the next one need not be there. */
int
procfs_get_string(pid_t pid, uint64_t address, char *to, size_t size)
{
	size_t part;

	while (size > 0) {
		part = PAGE_MIN - (size_t)(address % PAGE_MIN);
		if (part > size)
			part = size;
		if (procfs_get_memory(pid, address, to, part) == -1)
			return -1;
		if (memchr(to, '\0', part) != NULL)
			return 0;
		to += part;
		address += part;
		size -= part;
	}
	return fail(ENAMETOOLONG);
}

bool
procfs_is_private(int proc, pid_t pid, uint64_t address)
{
	char path[PROCFS_PATH], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "%d/maps", pid);
	fd = open_in(proc, path, 0);
	if (fd == -1)
		return false;
	f = fdopen(fd, "r");
	if (f == NULL) {
		procfs_note(-1);
		close(fd);
		return false;
	}
	while (!found && getline(&line, &size, f) != -1)
		found = procfs_parse_mapping(line, address);
	free(line);
	fclose(f);
	return found;
}

int
procfs_get_io(int proc, pid_t pid, uint64_t *bytes_read,
    uint64_t *bytes_written)
{
	char text[PROCFS_TEXT];
	const char *at = text;
	long long in, out;

	if (read_of(proc, pid, pid, "io", text, sizeof(text)) == -1)
		return -1;
	/* "rchar: N", "wchar: N", and others. */
	text[strcspn(text, "\n")] = ' ';
	if (get_number(&at, 1, 10, &in) == -1 ||
	    get_number(&at, 1, 10, &out) == -1)
		return -1;
	*bytes_read = (uint64_t)in;
	*bytes_written = (uint64_t)out;
	return 0;
}

int
procfs_take_fd(pid_t pid, int fd)
{
	int pidfd, taken, saved;

	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd == -1 && (errno == EINVAL || errno == ENOENT))
		pidfd = (int)syscall(SYS_pidfd_open, pid, PIDFD_THREAD);
	if (pidfd == -1)
		return procfs_note(-1);
	taken = procfs_note((int)syscall(SYS_pidfd_getfd, pidfd, fd, 0));
	saved = errno;
	close(pidfd);
	errno = saved;
	return taken;
}

static int
send_signal(int pidfd, pid_t pid, int signo)
{
	return pidfd == -1 ? kill(pid, signo) :
	    (int)syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
}

int
procfs_terminate(int proc, pid_t pid, int64_t started_ns, int signo)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), result = -1, saved;
	struct procfs_stat stat;

	/*
	 * Without a pidfd, the number may be another process's between this
	 * look and kill(2).
	 */
	if (pidfd == -1 && errno == ESRCH)
		return -1;
	if (procfs_get_stat(proc, pid, pid, &stat) == -1 ?
	    errno == ENOENT || errno == ESRCH : stat.started_ns != started_ns)
		errno = ESRCH;
	else if (send_signal(pidfd, pid, signo) == 0)
		result = send_signal(pidfd, pid, SIGCONT);
	saved = errno;
	if (pidfd != -1)
		close(pidfd);
	errno = saved;
	return result;
}
