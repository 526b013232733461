/*
 * test-calls - the system calls that this C library makes on this machine.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "compat.h"
#include "deadline.h"
#include "procfs.h"

static int empty[2];

static void
wait_in_read(void)
{
	char byte;

	(void)!read(empty[0], &byte, 1);
}

static void
wait_in_readv(void)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };

	(void)!readv(empty[0], &iov, 1);
}

static void
wait_in_splice(void)
{
	int null = open("/dev/null", O_WRONLY);

	splice(empty[0], NULL, null, NULL, 1, 0);
}

static void
wait_in_poll(void)
{
	struct pollfd pfd = { .fd = empty[0], .events = POLLIN };

	poll(&pfd, 1, -1);
}

static void
wait_in_ppoll(void)
{
	struct pollfd pfd = { .fd = empty[0], .events = POLLIN };
	struct timespec ts = { .tv_sec = 3600 };

	ppoll(&pfd, 1, &ts, NULL);
}

static void
wait_in_select(void)
{
	struct timeval tv = { .tv_sec = 3600 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(empty[0], &set);
	select(empty[0] + 1, &set, NULL, NULL, &tv);
}

static void
wait_in_epoll(void)
{
	struct epoll_event event;

	epoll_wait(epoll_create1(0), &event, 1, -1);
}

static void
wait_in_nanosleep(void)
{
	struct timespec ts = { .tv_sec = 3600 };

	nanosleep(&ts, NULL);
}

/* The parent may have been killed before it could be tied to. */
static void
die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static void
wait_in_waitpid(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		die_with(parent);
		pause();
	}
	waitpid(pid, NULL, 0);
}

static void
wait_in_accept(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	sa_family_t family = AF_UNIX;

	bind(fd, (struct sockaddr *)&family, sizeof(family));
	listen(fd, 1);
	accept4(fd, NULL, NULL, 0);
}

/*
 * A wait, and the calls that libc may make of it.  What has a time-out is
 * made by another one where times have 32 bits.
 */
static const struct wait {
	void		(*begin)(void);
	enum call_kind	 kind;
	enum call_kind	 or_kind;
} waits[] = {
	{ wait_in_read, CALL_READ, CALL_READ },
	{ wait_in_readv, CALL_READ, CALL_READ },
	{ wait_in_splice, CALL_SPLICE, CALL_SPLICE },
	{ wait_in_poll, CALL_POLL, CALL_PPOLL },
	{ wait_in_ppoll, CALL_PPOLL, CALL_PPOLL },
	{ wait_in_select, CALL_SELECT, CALL_SELECT },
	{ wait_in_epoll, CALL_EPOLL, CALL_EPOLL },
	{ wait_in_nanosleep, CALL_SLEEP, CALL_SLEEP },
	{ wait_in_waitpid, CALL_WAIT, CALL_WAIT },
	{ wait_in_accept, CALL_FD, CALL_OTHER },
};

/* Whether a process that waits so is seen in one of these calls at last. */
static bool
is_seen(const struct wait *wait)
{
	const int64_t until = deadline_now() + 20 * NS_PER_SEC;
	const struct timespec pause = { .tv_nsec = NS_PER_MS };
	const struct call *found;
	struct procfs_call call;
	int proc = procfs_open();
	pid_t parent = getpid(), pid = fork();
	bool seen = false;

	if (pid == 0) {
		die_with(parent);
		wait->begin();
		_exit(1);
	}
	assert_true(pid > 0);
	while (!seen && deadline_now() < until) {
		nanosleep(&pause, NULL);
		if (procfs_get_call(proc, pid, pid, &call) == -1)
			continue;
		found = calls_find(call.number);
		seen = found->name != NULL && (found->kind == wait->kind ||
		    found->kind == wait->or_kind);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(proc);
	return seen;
}

static void
what_libc_waits_in_is_known(void **state)
{
	(void)state;
	assert_int_equal(pipe(empty), 0);
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
		if (!is_seen(&waits[i]))
			fail_msg("wait %zu is not seen", i);
}

#ifdef SYS_ppoll_time64
static void
twins_with_longer_times_have_the_same_name(void **state)
{
	(void)state;
	assert_int_equal(calls_find(SYS_ppoll_time64)->kind, CALL_PPOLL);
	assert_string_equal(calls_find(SYS_ppoll_time64)->name, "ppoll");
	assert_int_equal(calls_find(SYS_futex_time64)->kind, CALL_FUTEX);
	assert_int_equal(calls_find(SYS_pselect6_time64)->kind, CALL_SELECT);
}
#endif

static void
others_have_no_name(void **state)
{
	(void)state;
	assert_null(calls_find(-1)->name);
	assert_null(calls_find(999999)->name);
	assert_int_equal(calls_find(999999)->kind, CALL_OTHER);
	assert_string_equal(calls_find(SYS_openat)->name, "openat");
	assert_int_equal(calls_find(SYS_openat)->kind, CALL_OPENAT);
}

int
main(void)
{
	const struct CMUnitTest by_number[] = {
		cmocka_unit_test(others_have_no_name),
#ifdef SYS_ppoll_time64
		cmocka_unit_test(twins_with_longer_times_have_the_same_name),
#endif
	};
	const struct CMUnitTest tests[] = {
		by_number[0],
#ifdef SYS_ppoll_time64
		by_number[1],
#endif
		cmocka_unit_test(what_libc_waits_in_is_known),
	};

	/*
	 * tests/architectures sets it.  What /proc shows of a process under an
	 * emulator are the calls of the machine below.
	 */
	if (getenv("EMULATED") != NULL)
		return cmocka_run_group_tests_name("calls", by_number, NULL,
		    NULL);
	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
