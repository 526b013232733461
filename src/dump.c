/*
 * dump - traffic made readable: time, direction, offset, hex and text.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "dump.h"
#include "signals.h"
#include "trace.h"

/* Written at a time; 16 K to 256 K made no difference that could be seen. */
#define DUMP_BUFFER	((size_t)64 << 10)

#define OFFSET_DIGITS	8	/* at least; more beyond 4 GiB */

static const char hex[] = "0123456789abcdef";

struct dump {
	struct endpoint		 end;
	const struct limits	*limits;
	int			 errnum;	/* the first error, or 0 */
	size_t			 length;	/* of the text */
	char			 text[DUMP_BUFFER];
};

struct dump *
dump_new(const struct endpoint *end, const struct limits *limits)
{
	struct dump *dump = malloc(sizeof(*dump));

	if (dump == NULL)
		return NULL;
	dump->end = *end;
	dump->limits = limits;
	dump->errnum = 0;
	dump->length = 0;
	return dump;
}

/*
 * A write that blocks is interrupted by a signal, or when the run's time is
 * up; then the relay, which looks at both, ends the run.
 */
static int64_t
give_up_at(const struct dump *dump)
{
	return deadline_min(dump->limits->deadline,
	    deadline_after(deadline_now(), dump->limits->idle_timeout));
}

/* Whether another try makes sense after a write(2) that failed. */
static bool
try_again(const struct dump *dump, int64_t until)
{
	struct pollfd pfd = { .fd = dump->end.fd, .events = POLLOUT };

	if (errno == EAGAIN)	/* whoever shares it has set O_NONBLOCK */
		(void)!poll(&pfd, 1, -1);
	else if (errno != EINTR)
		return false;
	if (signals_fatal() == 0 && deadline_now() < until)
		return true;
	errno = EINTR;
	return false;
}

static void
write_text(struct dump *dump)
{
	int64_t until = give_up_at(dump);
	size_t done = 0;
	ssize_t n;

	if (signals_guard_begin(until) == -1)
		dump->errnum = errno;
	while (dump->errnum == 0 && done < dump->length) {
		n = write(dump->end.fd, dump->text + done,
		    dump->length - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == -1 && !try_again(dump, until))
			dump->errnum = errno;
	}
	signals_guard_end();
	dump->length = 0;
}

/* Nobody sees what goes to /dev/null: it need not be made. */
static bool
is_unseen(const struct dump *dump)
{
	return dump->errnum != 0 || dump->end.kind == ENDPOINT_NULL;
}

static char *
put_offset(char *at, uint64_t offset)
{
	int digits = OFFSET_DIGITS;

	while (digits < 16 && offset >> (4 * digits) != 0)
		digits++;
	while (digits-- > 0)
		*at++ = hex[offset >> (4 * digits) & 15];
	return at;
}

size_t
dump_line(char line[DUMP_LINE], const char *mark, uint64_t offset,
    const unsigned char *data, size_t n)
{
	char *at = line, *text;

	while (*mark != '\0')
		*at++ = *mark++;
	*at++ = ' ';
	at = put_offset(at, offset);
	*at++ = ' ';
	/* The text stands behind 16 bytes, however many there are. */
	text = at + (size_t)3 * DUMP_ROW + 1 + 2;
	memset(at, ' ', (size_t)(text - at));
	*text++ = '|';
	for (size_t i = 0; i < n; i++) {
		if (i == DUMP_ROW / 2)
			at++;
		at[1] = hex[data[i] >> 4];
		at[2] = hex[data[i] & 15];
		at += 3;
		*text++ = data[i] >= ' ' && data[i] <= '~' ? (char)data[i] :
		    '.';
	}
	*text++ = '|';
	*text++ = '\n';
	return (size_t)(text - line);
}

static void
put_line(struct dump *dump, const char *mark, uint64_t offset,
    const unsigned char *data, size_t n)
{
	if (DUMP_BUFFER - dump->length < DUMP_LINE)
		write_text(dump);
	dump->length += dump_line(dump->text + dump->length, mark, offset,
	    data, n);
}

static void
put_heading(struct dump *dump, const char *mark, size_t bytes)
{
	int64_t now = deadline_now() - trace_start();

	dump->length += (size_t)snprintf(dump->text + dump->length, DUMP_LINE,
	    "%s %" PRId64 ".%06" PRId64 "s %zu byte%s\n", mark,
	    now / NS_PER_SEC, now % NS_PER_SEC / 1000, bytes,
	    bytes == 1 ? "" : "s");
}

void
dump_bytes(struct dump *dump, const char *mark, uint64_t offset,
    const struct iovec *iov, int n)
{
	unsigned char row[DUMP_ROW];
	const unsigned char *data;
	size_t held = 0, total = 0, part;

	if (is_unseen(dump))
		return;
	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	put_heading(dump, mark, total);
	for (int i = 0; i < n; i++) {
		data = iov[i].iov_base;
		for (size_t left = iov[i].iov_len; left > 0; left -= part) {
			part = left < DUMP_ROW - held ? left :
			    DUMP_ROW - held;
			memcpy(row + held, data, part);
			data += part;
			held += part;
			if (held < DUMP_ROW)
				continue;
			put_line(dump, mark, offset, row, held);
			offset += held;
			held = 0;
		}
	}
	if (held > 0)
		put_line(dump, mark, offset, row, held);
	write_text(dump);
}

const struct endpoint *
dump_end(const struct dump *dump)
{
	return &dump->end;
}

int
dump_finish(struct dump *dump)
{
	int errnum = dump->errnum;

	if (endpoint_finish(&dump->end) == -1 && errnum == 0)
		errnum = errno;
	free(dump);
	errno = errnum;
	return errnum == 0 ? 0 : -1;
}
