/*
 * waiter - wait at a FIFO in ways that shells have no words for.
 *
 *	waiter MODE PATH
 *
 *	open      a second thread opens it for reading
 *	read      a second thread reads what only this process could write; the
 *	          first one waits for that thread
 *	poll, select, epoll
 *	          have it open for both, and wait in that call for data
 *	timed     in select(2), with a time-out of 1,000 s
 *	path      have it open with O_PATH
 *
 * It never ends by itself.  Status 1 with a message.
 */
#define _GNU_SOURCE

#include <sys/epoll.h>
#include <sys/select.h>

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
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

static void
join(void *(*start)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, start, NULL) != 0)
		errx(1, "no thread");
	pthread_join(thread, NULL);
}

static void
wait_in_poll(void)
{
	struct pollfd fd = { .fd = open_path(O_RDWR), .events = POLLIN };

	poll(&fd, 1, -1);
}

static void
wait_in_select(struct timeval *timeout)
{
	int fd = open_path(O_RDWR);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	select(fd + 1, &set, NULL, NULL, timeout);
}

static void
wait_in_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd == -1 ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, open_path(O_RDWR), &event) == -1)
		err(1, "epoll");
	epoll_wait(fd, &event, 1, -1);
}

int
main(int argc, char **argv)
{
	struct timeval long_time = { .tv_sec = 1000 };

	if (argc != 3)
		errx(2, "usage: waiter MODE PATH");
	path = argv[2];
	if (strcmp(argv[1], "open") == 0)
		join(open_it);
	else if (strcmp(argv[1], "read") == 0)
		join(read_it);
	else if (strcmp(argv[1], "poll") == 0)
		wait_in_poll();
	else if (strcmp(argv[1], "select") == 0)
		wait_in_select(NULL);
	else if (strcmp(argv[1], "timed") == 0)
		wait_in_select(&long_time);
	else if (strcmp(argv[1], "epoll") == 0)
		wait_in_epoll();
	else if (strcmp(argv[1], "path") == 0)
		open_path(O_PATH);
	else
		errx(2, "%s: no such mode", argv[1]);
	for (;;)
		pause();
}
