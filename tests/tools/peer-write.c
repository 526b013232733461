/*
 * peer-write - write data that peer-check knows.
 *
 *	peer-write [OPTION]... [PATH]
 *
 *	--bytes=SIZE      how much (1M)
 *	--chunk=SIZE      how much a write(2) is given (64K)
 *	--chunks=MIN-MAX  instead, sizes that look random
 *	--offset=SIZE     begin there in the data (0)
 *	--seed=N          which data, and which sizes of chunks (0)
 *	--delay=US        wait so long before each chunk
 *	--control=FD      read a byte from FD before each chunk; go on without
 *			  when it ends
 *	--hold            when all is written, keep the end open until
 *			  standard input ends
 *
 * PATH is opened for writing, without O_CREAT; standard output if none is
 * given.  An end that does not block is waited for.  Status 0; 1 with a
 * message, which says how many bytes were accepted.
 */
#define _GNU_SOURCE

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "pattern.h"
#include "tool.h"

struct write_options {
	uint64_t	 bytes;		/* --bytes */
	size_t		 chunk_min;	/* --chunk, --chunks */
	size_t		 chunk_max;
	uint64_t	 offset;	/* --offset */
	uint64_t	 seed;		/* --seed */
	useconds_t	 delay_us;	/* --delay */
	int		 control;	/* --control; -1 if none */
	bool		 hold;		/* --hold */
};

static void
parse_chunks(struct write_options *o, char *range)
{
	char *dash = strchr(range, '-');

	if (dash == NULL)
		errx(2, "%s: not MIN-MAX", range);
	*dash = '\0';
	o->chunk_min = (size_t)tool_size(range);
	o->chunk_max = (size_t)tool_size(dash + 1);
}

static char **
parse_options(struct write_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", required_argument, NULL, 'b' },
		{ "chunk", required_argument, NULL, 'c' },
		{ "chunks", required_argument, NULL, 'C' },
		{ "offset", required_argument, NULL, 'o' },
		{ "seed", required_argument, NULL, 's' },
		{ "delay", required_argument, NULL, 'd' },
		{ "control", required_argument, NULL, 'f' },
		{ "hold", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct write_options){
		.bytes = 1 << 20,
		.chunk_min = 64 << 10,
		.chunk_max = 64 << 10,
		.control = -1,
	};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			o->bytes = tool_size(optarg);
			break;
		case 'c':
			o->chunk_min = (size_t)tool_size(optarg);
			o->chunk_max = o->chunk_min;
			break;
		case 'C':
			parse_chunks(o, optarg);
			break;
		case 'o':
			o->offset = tool_size(optarg);
			break;
		case 's':
			o->seed = tool_size(optarg);
			break;
		case 'd':
			o->delay_us = (useconds_t)tool_size(optarg);
			break;
		case 'f':
			o->control = tool_fd(optarg);
			break;
		case 'h':
			o->hold = true;
			break;
		default:
			exit(2);
		}
	}
	if (o->chunk_min == 0 || o->chunk_max < o->chunk_min)
		errx(2, "such chunks cannot be");
	return argv + optind;
}

static void
wait_for_turn(struct write_options *o)
{
	char byte;

	if (o->delay_us != 0)
		usleep(o->delay_us);
	if (o->control != -1 && read(o->control, &byte, 1) != 1)
		o->control = -1;
}

static void
write_all(int fd, const unsigned char *data, size_t length, uint64_t *done)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t part = 0;
	ssize_t n;

	while (part < length) {
		n = write(fd, data + part, length - part);
		if (n == -1 && errno == EAGAIN) {
			poll(&room, 1, -1);
		} else if (n == -1) {
			err(1, "after %" PRIu64 " bytes", *done);
		} else {
			part += (size_t)n;
			*done += (uint64_t)n;
		}
	}
}

static size_t
next_length(const struct write_options *o, uint64_t *random)
{
	size_t choice = o->chunk_max - o->chunk_min + 1;

	return o->chunk_min + (size_t)(tool_random(random) % choice);
}

static void
write_pattern(int fd, struct write_options *o)
{
	uint64_t random = tool_random_start(o->seed), done = 0;
	unsigned char *data;
	size_t length;

	data = malloc(o->chunk_max);
	if (data == NULL)
		err(1, NULL);
	while (done < o->bytes) {
		wait_for_turn(o);
		length = next_length(o, &random);
		if (length > o->bytes - done)
			length = (size_t)(o->bytes - done);
		pattern_fill(data, length, o->offset + done, o->seed);
		write_all(fd, data, length, &done);
	}
	free(data);
}

int
main(int argc, char **argv)
{
	struct write_options options;
	char byte;
	int fd = STDOUT_FILENO;

	/* So that a reader which leaves is reported instead. */
	signal(SIGPIPE, SIG_IGN);
	argv = parse_options(&options, argc, argv);
	if (*argv != NULL) {
		fd = open(*argv, O_WRONLY | O_CLOEXEC);
		if (fd == -1)
			err(1, "%s", *argv);
	}
	write_pattern(fd, &options);
	while (options.hold && read(STDIN_FILENO, &byte, 1) == 1)
		continue;
	if (close(fd) == -1)
		err(1, "close");
	return 0;
}
