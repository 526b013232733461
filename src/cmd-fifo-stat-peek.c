/*
 * fifo-stat --peek - the bytes that wait in a pipe, which stay there.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "compat.h"
#include "dump.h"
#include "fifo-stat.h"
#include "status.h"
#include "transient.h"

#define PEEK_MARK	"<"	/* as the dump of what is read */

/*
 * Up to size bytes from the head of a pipe, by tee(2) into one of ours,
 * which needs as many pages as the other may have.  Returns how many, or -1
 * with errno.
 */
static ssize_t
copy_head(int fd, unsigned char *data, size_t size)
{
	ssize_t n, length = 0;
	int ours[2], saved;

	if (transient_pipe2(ours, O_CLOEXEC) == -1)
		return -1;
	/* Where that is refused, it is fewer bytes. */
	fcntl(ours[1], F_SETPIPE_SZ, fcntl(fd, F_GETPIPE_SZ));
	n = tee(fd, ours[1], size, SPLICE_F_NONBLOCK);
	if (n == -1 && errno == EAGAIN)
		n = 0;
	while (n > length) {
		ssize_t part = read(ours[0], data + length,
		    (size_t)(n - length));

		if (part <= 0) {
			n = -1;
			break;
		}
		length += part;
	}
	saved = errno;
	close(ours[0]);
	close(ours[1]);
	errno = saved;
	return n;
}

static void
print_bytes(const unsigned char *data, size_t n, FILE *f)
{
	char line[DUMP_LINE];
	size_t row, length;

	for (size_t i = 0; i < n; i += DUMP_ROW) {
		row = n - i < DUMP_ROW ? n - i : DUMP_ROW;
		length = dump_line(line, PEEK_MARK, i, data + i, row);
		fwrite(line, 1, length, f);
	}
}

/* Nobody has it open to read: there is no way in that opens nothing. */
static int
explain(const struct pipe_look *look, const struct pipe_info *pipe)
{
	const char *name = stat_pipe_name(pipe);

	if (pipe->nends == 0 && !pipeinfo_misses(look)) {
		warnx("%s: nobody has it open: nothing is in it", name);
		return STATUS_OK;
	}
	if (pipe->readers > 0)
		warn("%s: its reader may not be looked into", name);
	else
		warnx("%s: no process in sight holds its read end", name);
	return STATUS_ERROR;
}

static int
peek(const struct fifo_stat *fs, const struct pipe_look *look,
    const struct pipe_info *pipe, unsigned char *data, FILE *f)
{
	ssize_t n;
	int fd;

	fd = pipeinfo_take(pipe, PIPE_READ);
	if (fd == -1)
		return explain(look, pipe);
	n = copy_head(fd, data, fs->opt.peek);
	close(fd);
	if (n == -1) {
		warn("%s", stat_pipe_name(pipe));
		return STATUS_ERROR;
	}
	fprintf(f, "%s: the first %zd of ", stat_pipe_name(pipe), n);
	stat_say_count(f, (uint64_t)(pipe->unread > n ? pipe->unread : n),
	    "byte");
	fputs(" unread\n", f);
	print_bytes(data, (size_t)n, f);
	return STATUS_OK;
}

int
stat_print_peek(const struct fifo_stat *fs, const struct pipe_look *look,
    FILE *f)
{
	unsigned char *data = malloc(fs->opt.peek);
	int status = STATUS_OK;

	if (data == NULL)
		err(STATUS_ERROR, NULL);
	for (size_t i = 0; i < look->npipes; i++)
		if (look->pipes[i]->wanted)
			status = status_join(status, peek(fs, look,
			    look->pipes[i], data, f));
	free(data);
	return status;
}
