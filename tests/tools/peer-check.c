/*
 * peer-check - read what peer-write wrote, and see whether it is.
 *
 *	peer-check [OPTION]... [PATH]
 *
 *	--bytes=SIZE    so much has to arrive until the end, no more, no less
 *	--stop=SIZE     leave after so much, without reading on
 *	--chunk=SIZE    how much a read(2) asks for (64K)
 *	--offset=SIZE   where in the data it begins (0)
 *	--seed=N        which data (0)
 *	--delay=US      wait so long before each read
 *	--control=FD    read a byte from FD before each read of data; go on
 *			without when it ends
 *	--ready         print "ready" once PATH is open
 *	--linger        with --stop: leave only when standard input ends
 *
 * PATH is opened for reading; standard input if none is given.  An end that
 * does not block is waited for.  Prints how many bytes there were.  Status 0;
 * 1 with a message if a byte is wrong or too few or too many arrived.
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

struct check_options {
	uint64_t	 bytes;		/* --bytes; UINT64_MAX if not given */
	uint64_t	 stop;		/* --stop; UINT64_MAX if not given */
	size_t		 chunk;		/* --chunk */
	uint64_t	 offset;	/* --offset */
	uint64_t	 seed;		/* --seed */
	useconds_t	 delay_us;	/* --delay */
	int		 control;	/* --control; -1 if none */
	bool		 ready;		/* --ready */
	bool		 linger;	/* --linger */
};

static char **
parse_options(struct check_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", required_argument, NULL, 'b' },
		{ "stop", required_argument, NULL, 'S' },
		{ "chunk", required_argument, NULL, 'c' },
		{ "offset", required_argument, NULL, 'o' },
		{ "seed", required_argument, NULL, 's' },
		{ "delay", required_argument, NULL, 'd' },
		{ "control", required_argument, NULL, 'f' },
		{ "ready", no_argument, NULL, 'r' },
		{ "linger", no_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct check_options){
		.bytes = UINT64_MAX,
		.stop = UINT64_MAX,
		.chunk = 64 << 10,
		.control = -1,
	};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			o->bytes = tool_size(optarg);
			break;
		case 'S':
			o->stop = tool_size(optarg);
			break;
		case 'c':
			o->chunk = (size_t)tool_size(optarg);
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
		case 'r':
			o->ready = true;
			break;
		case 'l':
			o->linger = true;
			break;
		default:
			exit(2);
		}
	}
	if (o->chunk == 0)
		errx(2, "--chunk: too small");
	return argv + optind;
}

static void
wait_for_turn(struct check_options *o)
{
	char byte;

	if (o->delay_us != 0)
		usleep(o->delay_us);
	if (o->control != -1 && read(o->control, &byte, 1) != 1)
		o->control = -1;
}

/* read(2), also from what does not block.  0 at the end. */
static size_t
read_some(int fd, unsigned char *data, size_t length)
{
	struct pollfd input = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while ((n = read(fd, data, length)) == -1) {
		if (errno != EAGAIN)
			err(1, "read");
		poll(&input, 1, -1);
	}
	return (size_t)n;
}

static uint64_t
check_pattern(int fd, struct check_options *o)
{
	unsigned char *data;
	uint64_t done = 0;
	size_t good, length, n;

	data = malloc(o->chunk);
	if (data == NULL)
		err(1, NULL);
	while (done < o->stop) {
		wait_for_turn(o);
		length = o->chunk;
		if (length > o->stop - done)
			length = (size_t)(o->stop - done);
		n = read_some(fd, data, length);
		if (n == 0)
			break;
		good = pattern_check(data, n, o->offset + done, o->seed);
		if (good != n)
			errx(1, "byte %" PRIu64 " is wrong", done + good);
		done += n;
	}
	free(data);
	return done;
}

int
main(int argc, char **argv)
{
	struct check_options options;
	uint64_t done;
	char byte;
	int fd = STDIN_FILENO;

	argv = parse_options(&options, argc, argv);
	if (*argv != NULL) {
		fd = open(*argv, O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			err(1, "%s", *argv);
	}
	if (options.ready)
		tool_say("ready");
	done = check_pattern(fd, &options);
	printf("%" PRIu64 "\n", done);
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	if (options.bytes != UINT64_MAX && done != options.bytes)
		errx(1, "%" PRIu64 " bytes arrived instead of %" PRIu64, done,
		    options.bytes);
	while (options.linger && read(STDIN_FILENO, &byte, 1) == 1)
		continue;
	return 0;
}
