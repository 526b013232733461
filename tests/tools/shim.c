/*
 * shim - transfers that are short, slow, interrupted or refused for a moment,
 * as a kernel may make them but seldom does.  A shared object:
 *
 *	LD_PRELOAD=.../shim.so SHIM=short,eintr SHIM_SEED=7 COMMAND...
 *
 *	SHIM          which faults: a list of
 *	                short   less than was asked for, at random
 *	                one     one byte
 *	                eintr   -1, EINTR, and nothing moved
 *	                eagain  -1, EAGAIN, for a call that must not block: of
 *	                        splice or tee with SPLICE_F_NONBLOCK, send or
 *	                        recv with MSG_DONTWAIT, and on descriptors
 *	                        with O_NONBLOCK
 *	                delay   up to SHIM_DELAY microseconds of sleep first
 *	SHIM_CALLS    where: a list of read, write, splice, tee, send, recv,
 *	              poll and close (all but these two; readv and writev count
 *	              as read and write, sendmsg and recvmsg as send and recv,
 *	              ppoll as poll, which can be interrupted or slow, and so
 *	              can close, which closes all the same, as on Linux)
 *	SHIM_RATE     how many calls of 100 get a fault (50)
 *	SHIM_SEED     another number, other calls (0)
 *	SHIM_DELAY    see above (1000)
 *	SHIM_PROGRAM  only in the program that was started by this name
 *	SHIM_LOG      a file that gets a line at the end of the program: how
 *	              many calls there were and how many had which fault
 *
 * What the kernel promises stays true.  `short` leaves alone what is written
 * to a pipe in one write of at most PIPE_BUF; `one` does not, so it is not for
 * records.  After two refusals in a row a call goes through, so that nothing
 * waits for ever.  Bytes are never changed, lost or made up here.  Calls that
 * the C library makes for itself (stdio) do not come by.
 */
#define _GNU_SOURCE

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "tool.h"

enum fault {
	SHORT,
	ONE,
	EINTR_FAULT,
	EAGAIN_FAULT,
	DELAY,
	FAULTS
};

enum call {
	READ,
	WRITE,
	SPLICE,
	TEE,
	SEND,
	RECV,
	POLL,
	CLOSE,
	CALLS
};

static const char *const fault_names[FAULTS] = {
	[SHORT] = "short",
	[ONE] = "one",
	[EINTR_FAULT] = "eintr",
	[EAGAIN_FAULT] = "eagain",
	[DELAY] = "delay",
};

static const char *const call_names[CALLS] = {
	[READ] = "read",
	[WRITE] = "write",
	[SPLICE] = "splice",
	[TEE] = "tee",
	[SEND] = "send",
	[RECV] = "recv",
	[POLL] = "poll",
	[CLOSE] = "close",
};

static struct {
	unsigned	 faults;	/* 1 << enum fault */
	unsigned	 calls;		/* 1 << enum call */
	unsigned	 rate;		/* of 100 */
	unsigned	 delay_us;
} plan;

/* Shared by the threads of a program */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t random_state;
static unsigned refusals[CALLS];	/* in a row */
static uint64_t calls_seen, faults_made[FAULTS];

/*
 * Set a pointer to the next definition of a function, which is the C
 * library's.  Through memcpy, as C does not convert what dlsym() returns.
 */
static void
find_real(const char *name, void *pointer)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	memcpy(pointer, &symbol, sizeof(symbol));
}

/* The bits of those names that are in a list with commas. */
static unsigned
parse_list(const char *list, const char *const *names, int count)
{
	const char *end;
	unsigned bits = 0;
	size_t length;
	int i;

	for (; *list != '\0'; list = *end == '\0' ? end : end + 1) {
		end = strchrnul(list, ',');
		length = (size_t)(end - list);
		for (i = 0; i < count; i++) {
			if (strlen(names[i]) == length &&
			    strncmp(names[i], list, length) == 0)
				break;
		}
		if (i == count)
			errx(2, "shim: %s: no such thing", list);
		bits |= 1u << i;
	}
	return bits;
}

static uint64_t
number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text == NULL ? otherwise : tool_size(text);
}

__attribute__((constructor)) static void
shim_start(void)
{
	const char *faults = getenv("SHIM");
	const char *calls = getenv("SHIM_CALLS");
	const char *program = getenv("SHIM_PROGRAM");

	if (faults == NULL)
		return;
	if (program != NULL &&
	    strcmp(program, program_invocation_short_name) != 0)
		return;
	plan.faults = parse_list(faults, fault_names, FAULTS);
	plan.calls = ~(1u << POLL | 1u << CLOSE);
	if (calls != NULL)
		plan.calls = parse_list(calls, call_names, CALLS);
	plan.rate = (unsigned)number_from("SHIM_RATE", 50);
	plan.delay_us = (unsigned)number_from("SHIM_DELAY", 1000);
	random_state = tool_random_start(number_from("SHIM_SEED", 0));
}

__attribute__((destructor)) static void
shim_end(void)
{
	const char *log = getenv("SHIM_LOG");
	FILE *out;
	int i;

	if (plan.faults == 0 || log == NULL)
		return;
	out = fopen(log, "ae");
	if (out == NULL)
		return;
	fprintf(out, "%s: %llu calls", program_invocation_short_name,
	    (unsigned long long)calls_seen);
	for (i = 0; i < FAULTS; i++)
		fprintf(out, ", %llu %s", (unsigned long long)faults_made[i],
		    fault_names[i]);
	fputc('\n', out);
	fclose(out);
}

static bool
is_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags != -1 && (flags & O_NONBLOCK) != 0;
}

static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/*
 * Which faults a call may have: bits of enum fault, none if it is not its
 * turn.  length is what it would move.
 */
static unsigned
choose(enum call call, size_t length, bool nonblocking, bool atomic)
{
	unsigned able = plan.faults;

	if ((plan.calls & (1u << call)) == 0)
		return 0;
	calls_seen++;
	if (tool_random(&random_state) % 100 >= plan.rate)
		return 0;
	if (length <= 1)
		able &= ~(1u << SHORT | 1u << ONE);
	if (atomic)
		able &= ~(1u << SHORT);
	if (!nonblocking)
		able &= ~(1u << EAGAIN_FAULT);
	if (refusals[call] >= 2)
		able &= ~(1u << EINTR_FAULT | 1u << EAGAIN_FAULT);
	return able;
}

/* One of these, at random; FAULTS if there is none. */
static enum fault
pick(unsigned able)
{
	unsigned skip;
	int i;

	if (able == 0)
		return FAULTS;
	skip = (unsigned)(tool_random(&random_state) %
	    (unsigned)__builtin_popcount(able));
	for (i = 0; i < FAULTS; i++) {
		if ((able & (1u << i)) != 0 && skip-- == 0)
			break;
	}
	return (enum fault)i;
}

/*
 * What happens to a call that would move length bytes.  Returns how many it
 * may move, or -1 with errno set: then it must not be made.
 */
static ssize_t
fault(enum call call, size_t length, bool nonblocking, bool atomic)
{
	enum fault which;
	uint64_t chance;

	if (length > SSIZE_MAX)
		length = SSIZE_MAX;
	/* Never wait: this may be a handler that interrupted this place. */
	if (pthread_mutex_trylock(&lock) != 0)
		return (ssize_t)length;
	which = pick(choose(call, length, nonblocking, atomic));
	if (which != FAULTS)
		faults_made[which]++;
	if (which == EINTR_FAULT || which == EAGAIN_FAULT)
		refusals[call]++;
	else
		refusals[call] = 0;
	chance = tool_random(&random_state);
	pthread_mutex_unlock(&lock);
	switch (which) {
	case SHORT:
		return (ssize_t)(1 + chance % (length - 1));
	case ONE:
		return 1;
	case EINTR_FAULT:
		errno = EINTR;
		return -1;
	case EAGAIN_FAULT:
		errno = EAGAIN;
		return -1;
	case DELAY:
		usleep((useconds_t)(chance % (plan.delay_us + 1u)));
		break;
	case FAULTS:
		break;
	}
	return (ssize_t)length;
}

/* Nothing is looked up, and errno left alone, where nothing is to be done. */
static bool
idle(enum call call)
{
	return plan.faults == 0 || (plan.calls & (1u << call)) == 0;
}

static ssize_t
fault_fd(enum call call, int fd, size_t length)
{
	int saved_errno = errno;
	bool atomic;
	ssize_t n;

	if (idle(call))
		return length > SSIZE_MAX ? SSIZE_MAX : (ssize_t)length;
	atomic = call == WRITE && length <= PIPE_BUF && is_pipe(fd);
	n = fault(call, length, is_nonblocking(fd), atomic);
	if (n != -1)
		errno = saved_errno;
	return n;
}

ssize_t
read(int fd, void *data, size_t length)
{
	static ssize_t (*real)(int, void *, size_t);
	ssize_t n = fault_fd(READ, fd, length);

	if (real == NULL)
		find_real("read", &real);
	return n == -1 ? -1 : real(fd, data, (size_t)n);
}

ssize_t
write(int fd, const void *data, size_t length)
{
	static ssize_t (*real)(int, const void *, size_t);
	ssize_t n = fault_fd(WRITE, fd, length);

	if (real == NULL)
		find_real("write", &real);
	return n == -1 ? -1 : real(fd, data, (size_t)n);
}

/* The total of a vector, or -1 if it is no good: the kernel will say so. */
static ssize_t
total(const struct iovec *iov, int count)
{
	ssize_t sum = 0;
	int i;

	if (count < 0 || count > IOV_MAX)
		return -1;
	for (i = 0; i < count; i++) {
		if (iov[i].iov_len > (size_t)(SSIZE_MAX - sum))
			return -1;
		sum += (ssize_t)iov[i].iov_len;
	}
	return sum;
}

typedef ssize_t vector_call(int, const struct iovec *, int);

static ssize_t
cut_vector(enum call call, vector_call *real, int fd, const struct iovec *iov,
    int count)
{
	struct iovec cut[16];
	ssize_t sum = total(iov, count), n;
	size_t left;
	int i;

	if (sum == -1 || count > 16)
		return real(fd, iov, count);
	n = fault_fd(call, fd, (size_t)sum);
	if (n == -1)
		return -1;
	if (n == sum)
		return real(fd, iov, count);
	left = (size_t)n;
	for (i = 0; i < count && left > 0; i++) {
		cut[i] = iov[i];
		if (cut[i].iov_len > left)
			cut[i].iov_len = left;
		left -= cut[i].iov_len;
	}
	return real(fd, cut, i);
}

ssize_t
readv(int fd, const struct iovec *iov, int count)
{
	static vector_call *real;

	if (real == NULL)
		find_real("readv", &real);
	return cut_vector(READ, real, fd, iov, count);
}

ssize_t
writev(int fd, const struct iovec *iov, int count)
{
	static vector_call *real;

	if (real == NULL)
		find_real("writev", &real);
	return cut_vector(WRITE, real, fd, iov, count);
}

/* For splice and tee: two descriptors, either of which may not block. */
static ssize_t
fault_two(enum call call, int in, int out, size_t length, unsigned flags)
{
	int saved_errno = errno;
	bool nonblocking;
	ssize_t n;

	if (idle(call))
		return length > SSIZE_MAX ? SSIZE_MAX : (ssize_t)length;
	nonblocking = (flags & SPLICE_F_NONBLOCK) != 0 || is_nonblocking(in) ||
	    is_nonblocking(out);
	n = fault(call, length, nonblocking, false);
	if (n != -1)
		errno = saved_errno;
	return n;
}

ssize_t
splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t length,
    unsigned flags)
{
	static ssize_t (*real)(int, off64_t *, int, off64_t *, size_t,
	    unsigned);
	ssize_t n = fault_two(SPLICE, in, out, length, flags);

	if (real == NULL)
		find_real("splice", &real);
	return n == -1 ? -1 :
	    real(in, in_offset, out, out_offset, (size_t)n, flags);
}

ssize_t
tee(int in, int out, size_t length, unsigned flags)
{
	static ssize_t (*real)(int, int, size_t, unsigned);
	ssize_t n = fault_two(TEE, in, out, length, flags);

	if (real == NULL)
		find_real("tee", &real);
	return n == -1 ? -1 : real(in, out, (size_t)n, flags);
}

static ssize_t
fault_socket(enum call call, int fd, size_t length, int flags)
{
	int saved_errno = errno;
	bool nonblocking;
	ssize_t n;

	if (idle(call))
		return length > SSIZE_MAX ? SSIZE_MAX : (ssize_t)length;
	nonblocking = (flags & MSG_DONTWAIT) != 0 || is_nonblocking(fd);
	n = fault(call, length, nonblocking, false);
	if (n != -1)
		errno = saved_errno;
	return n;
}

/* The same for a message of several parts, of a stream. */
static ssize_t
cut_message(enum call call, int fd, struct msghdr *msg, struct iovec cut[16],
    int flags)
{
	ssize_t sum = total(msg->msg_iov, (int)msg->msg_iovlen), n;
	size_t left, i;

	if (sum == -1 || msg->msg_iovlen > 16)
		return 0;
	n = fault_socket(call, fd, (size_t)sum, flags);
	if (n == -1 || n == sum)
		return n;
	left = (size_t)n;
	for (i = 0; i < (size_t)msg->msg_iovlen && left > 0; i++) {
		cut[i] = msg->msg_iov[i];
		if (cut[i].iov_len > left)
			cut[i].iov_len = left;
		left -= cut[i].iov_len;
	}
	msg->msg_iov = cut;
	msg->msg_iovlen = i;
	return n;
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static ssize_t (*real)(int, const struct msghdr *, int);
	struct msghdr cut = *msg;
	struct iovec iov[16];

	if (real == NULL)
		find_real("sendmsg", &real);
	if (cut_message(SEND, fd, &cut, iov, flags) == -1)
		return -1;
	return real(fd, &cut, flags);
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	static ssize_t (*real)(int, struct msghdr *, int);
	struct iovec iov[16], *whole = msg->msg_iov;
	size_t count = msg->msg_iovlen;
	ssize_t n;

	if (real == NULL)
		find_real("recvmsg", &real);
	if (cut_message(RECV, fd, msg, iov, flags) == -1)
		return -1;
	n = real(fd, msg, flags);
	msg->msg_iov = whole;
	msg->msg_iovlen = count;
	return n;
}

ssize_t
send(int fd, const void *data, size_t length, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);
	ssize_t n = fault_socket(SEND, fd, length, flags);

	if (real == NULL)
		find_real("send", &real);
	return n == -1 ? -1 : real(fd, data, (size_t)n, flags);
}

ssize_t
recv(int fd, void *data, size_t length, int flags)
{
	static ssize_t (*real)(int, void *, size_t, int);
	ssize_t n = fault_socket(RECV, fd, length, flags);

	if (real == NULL)
		find_real("recv", &real);
	return n == -1 ? -1 : real(fd, data, (size_t)n, flags);
}

int
poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	static int (*real)(struct pollfd *, nfds_t, int);

	if (real == NULL)
		find_real("poll", &real);
	if (!idle(POLL) && fault(POLL, 0, false, false) == -1)
		return -1;
	return real(fds, count, timeout_ms);
}

int
ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
    const sigset_t *mask)
{
	static int (*real)(struct pollfd *, nfds_t, const struct timespec *,
	    const sigset_t *);

	if (real == NULL)
		find_real("ppoll", &real);
	if (!idle(POLL) && fault(POLL, 0, false, false) == -1)
		return -1;
	return real(fds, count, timeout, mask);
}

int
close(int fd)
{
	static int (*real)(int);
	int result;

	if (real == NULL)
		find_real("close", &real);
	result = real(fd);
	if (result == 0 && !idle(CLOSE) && fault(CLOSE, 0, false, false) == -1)
		return -1;
	return result;
}
