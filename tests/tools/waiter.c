/*
 * waiter - wait at a FIFO in ways that shells have no words for.
 *
 *	waiter MODE PATH
 *
 *	open      a second thread opens it for reading
 *	read      a second thread reads what only this process could write; the
 *	          first one waits for that thread
 *	ended     the first thread ends, a second one reads as above
 *	threads   the first thread sleeps, a second one reads as above
 *	two       a second thread reads it as above, and a third opens
 *	          PATH.other for reading
 *	poll, select, epoll
 *	          have it open for both, and wait in that call for data
 *	timed, timed-poll, timed-epoll
 *	          in select(2) and the others, with a time-out of 1,000 s
 *	event, socket
 *	          in epoll_wait(2), and for an eventfd or a socket as well
 *	reused    in epoll_wait(2), for a socket whose number PATH has by now
 *	except    in select(2), and for out-of-band data of a socket
 *	edge      in epoll_wait(2), edge-triggered, for more room than there is
 *	timer     read, with a timer of timer_create(2)
 *	ring      read, with an io_uring; status 77 where there is none
 *	ring-open
 *	          an io_uring opens it for reading; status 77 as above
 *	vfork     a child of vfork(2) waits before it runs anything
 *	spawn     posix_spawn(3), in which PATH is opened for reading
 *	path      have it open with O_PATH
 *
 * It never ends by itself.  Status 1 with a message.
 */
#define _GNU_SOURCE

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <err.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

static const char *path;

static int
open_path(int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd == -1)
		err(1, "%s", path);
	return fd;
}

static void *
open_it(void *arg)
{
	(void)arg;
	open_path(O_RDONLY);
	return NULL;
}

static void *
read_it(void *arg)
{
	char byte;

	(void)arg;
	if (read(open_path(O_RDWR), &byte, 1) == -1)
		err(1, "%s", path);
	return NULL;
}

static void *
open_other(void *arg)
{
	char other[4096];

	(void)arg;
	snprintf(other, sizeof(other), "%s.other", path);
	if (open(other, O_RDONLY | O_CLOEXEC) == -1)
		err(1, "%s", other);
	return NULL;
}

static pthread_t
start(void *(*run)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, NULL) != 0)
		errx(1, "no thread");
	return thread;
}

static void
wait_in_poll(int timeout)
{
	struct pollfd fd = { .fd = open_path(O_RDWR), .events = POLLIN };

	poll(&fd, 1, timeout);
}

static int
make_socket(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		err(1, "socketpair");
	return fds[0];
}

static void
wait_in_select(struct timeval *timeout, int other)
{
	int fd = open_path(O_RDWR);
	fd_set set, others;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	FD_ZERO(&others);
	if (other != -1)
		FD_SET(other, &others);
	select(FD_SETSIZE, &set, NULL, &others, timeout);
}

static void
add_to(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (epoll == -1 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		err(1, "epoll");
}

static void
wait_in_epoll(int timeout, int other)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;

	add_to(fd, open_path(O_RDWR));
	if (other != -1)
		add_to(fd, other);
	epoll_wait(fd, &event, 1, timeout);
}

/* It has been told of the room that there is. */
static void
wait_for_edge(void)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd == -1 ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, open_path(O_RDWR), &event) == -1)
		err(1, "epoll");
	epoll_wait(fd, &event, 1, -1);
	epoll_wait(fd, &event, 1, -1);
}

/* A duplicate keeps it in the list, though its number is another file's. */
static void
wait_for_reused(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC), other = make_socket();
	struct epoll_event event;

	add_to(fd, other);
	if (dup(other) == -1 || dup2(open_path(O_RDWR), other) == -1)
		err(1, "dup");
	epoll_wait(fd, &event, 1, -1);
}

static void
read_with_timer(void)
{
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, NULL, &timer) == -1)
		err(1, "timer_create");
	read_it(NULL);
}

static int
make_ring(struct io_uring_params *params)
{
	int fd;

	memset(params, 0, sizeof(*params));
	fd = (int)syscall(SYS_io_uring_setup, 1, params);
	if (fd == -1)
		err(77, "io_uring_setup");
	return fd;
}

static void
read_with_ring(void)
{
	struct io_uring_params params;

	make_ring(&params);
	read_it(NULL);
}

static void *
map_ring(int fd, size_t size, off_t part)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, part);

	if (memory == MAP_FAILED)
		err(1, "io_uring");
	return memory;
}

/* A thread of the kernel, which is one of this process, is blocked in it. */
static void
open_with_ring(void)
{
	struct io_uring_params params;
	struct io_uring_sqe *entry;
	int fd = make_ring(&params);
	char *ring;

	ring = map_ring(fd, params.sq_off.array + sizeof(unsigned int),
	    IORING_OFF_SQ_RING);
	entry = map_ring(fd, sizeof(*entry), IORING_OFF_SQES);
	entry->opcode = IORING_OP_OPENAT;
	entry->flags = IOSQE_ASYNC;
	entry->fd = AT_FDCWD;
	entry->addr = (uintptr_t)path;
	entry->open_flags = O_RDONLY | O_CLOEXEC;
	*(unsigned int *)(void *)(ring + params.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(void *)(ring + params.sq_off.tail),
	    1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 0, 0, NULL, 0) != 1)
		err(1, "io_uring_enter");
}

static void
spawn(void)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = { (char[]){ "true" }, NULL };
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0);
	posix_spawnp(&pid, "true", &actions, NULL, argv, argv + 1);
}

static void
wait_in_vfork(void)
{
	if (vfork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static bool
start_threads(const char *mode)
{
	if (strcmp(mode, "open") == 0)
		pthread_join(start(open_it), NULL);
	else if (strcmp(mode, "read") == 0)
		pthread_join(start(read_it), NULL);
	else if (strcmp(mode, "threads") == 0)
		start(read_it);
	else if (strcmp(mode, "two") == 0) {
		start(read_it);
		start(open_other);
	} else if (strcmp(mode, "ended") == 0) {
		start(read_it);
		pthread_exit(NULL);
	} else
		return false;
	return true;
}

static bool
start_waiting(const char *mode)
{
	struct timeval long_time = { .tv_sec = 1000 };

	if (strcmp(mode, "poll") == 0)
		wait_in_poll(-1);
	else if (strcmp(mode, "select") == 0)
		wait_in_select(NULL, -1);
	else if (strcmp(mode, "epoll") == 0)
		wait_in_epoll(-1, -1);
	else if (strcmp(mode, "timed") == 0)
		wait_in_select(&long_time, -1);
	else if (strcmp(mode, "timed-poll") == 0)
		wait_in_poll(1000000);
	else if (strcmp(mode, "timed-epoll") == 0)
		wait_in_epoll(1000000, -1);
	else if (strcmp(mode, "event") == 0)
		wait_in_epoll(-1, eventfd(0, EFD_CLOEXEC));
	else if (strcmp(mode, "socket") == 0)
		wait_in_epoll(-1, make_socket());
	else if (strcmp(mode, "edge") == 0)
		wait_for_edge();
	else if (strcmp(mode, "reused") == 0)
		wait_for_reused();
	else if (strcmp(mode, "except") == 0)
		wait_in_select(NULL, make_socket());
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: waiter MODE PATH");
	path = argv[2];
	if (strcmp(argv[1], "path") == 0)
		open_path(O_PATH);
	else if (strcmp(argv[1], "ring") == 0)
		read_with_ring();
	else if (strcmp(argv[1], "ring-open") == 0)
		open_with_ring();
	else if (strcmp(argv[1], "timer") == 0)
		read_with_timer();
	else if (strcmp(argv[1], "vfork") == 0)
		wait_in_vfork();
	else if (strcmp(argv[1], "spawn") == 0)
		spawn();
	else if (!start_threads(argv[1]) && !start_waiting(argv[1]))
		errx(2, "%s: no such mode", argv[1]);
	for (;;)
		pause();
}
