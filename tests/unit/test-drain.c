/*
 * test-drain - whether all was read, step by step; and records that are
 * dropped where they cannot be taken.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "compat.h"
#include "drain.h"
#include "flow.h"
#include "transport.h"

struct pair {
	struct endpoint	 ep;		/* ours, to write */
	int		 reader;
};

static void
begin(struct pair *p)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(endpoint_init(&p->ep, fds[1], O_WRONLY, "pipe"), 0);
	p->reader = fds[0];
}

static void
end(struct pair *p)
{
	close(p->reader);
	endpoint_finish(&p->ep);
}

static void
put(const struct pair *p, size_t n)
{
	char data[64] = { 0 };

	assert_int_equal(write(p->ep.fd, data, n), (ssize_t)n);
}

static void
take(const struct pair *p, size_t n)
{
	char data[64];

	assert_int_equal(read(p->reader, data, n), (ssize_t)n);
}

static void
it_is_done_when_all_was_read(void **state)
{
	struct drain drain;
	struct pair p;

	(void)state;
	begin(&p);
	put(&p, 10);
	assert_int_equal(drain_begin(&drain, &p.ep, 10), 0);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_SAME);
	take(&p, 4);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_LESS);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_SAME);
	assert_false(drain_is_ambiguous(&drain));
	take(&p, 6);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_DONE);
	/* Nothing at all, too */
	assert_int_equal(drain_begin(&drain, &p.ep, 10), 0);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_DONE);
	end(&p);
}

static void
others_that_write_make_it_ambiguous(void **state)
{
	struct drain drain;
	struct pair p;

	(void)state;
	begin(&p);
	put(&p, 10);
	assert_int_equal(drain_begin(&drain, &p.ep, 10), 0);
	put(&p, 5);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_SAME);
	assert_true(drain_is_ambiguous(&drain));
	/* As much as ours was read: no doubt any more. */
	take(&p, 9);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_LESS);
	take(&p, 1);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_DONE);
	end(&p);
}

/* Read and written between two looks: what is seen is less than was read. */
static void
it_is_never_done_too_early(void **state)
{
	struct drain drain;
	struct pair p;

	(void)state;
	begin(&p);
	put(&p, 10);
	assert_int_equal(drain_begin(&drain, &p.ep, 10), 0);
	take(&p, 6);
	put(&p, 3);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_LESS);
	assert_int_equal(drain.left, 7);
	take(&p, 4);
	put(&p, 4);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_SAME);
	take(&p, 7);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_DONE);
	end(&p);
}

static void
what_was_there_before_us_is_ambiguous_once_some_was_read(void **state)
{
	struct drain drain;
	struct pair p;

	(void)state;
	begin(&p);
	put(&p, 15);
	assert_int_equal(drain_begin(&drain, &p.ep, 10), 0);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_SAME);
	/* Then nothing of ours can have been read. */
	assert_false(drain_is_ambiguous(&drain));
	take(&p, 1);
	assert_int_equal(drain_look(&drain, &p.ep), DRAIN_LESS);
	assert_true(drain_is_ambiguous(&drain));
	end(&p);
}

/* -- transport-drop */

struct fifo {
	char	 dir[32];
	char	 path[40];
	int	 reader;
	struct flow flow;
};

/* A flow that drops, to a FIFO that nobody reads yet. */
static void
begin_fifo(struct fifo *f)
{
	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/test-drain.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/q", f->dir);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	f->reader = -1;
	flow_init(&f->flow);
	f->flow.source.kind = ENDPOINT_PIPE;
	endpoint_init_none(&f->flow.sink, f->path);
	f->flow.sink.kind = ENDPOINT_PIPE;
	f->flow.sink.fifo = true;
	f->flow.sink.path = f->path;
	f->flow.drop = f->flow.whole_records = true;
	f->flow.delimiter = '\n';
	f->flow.state = FLOW_OPEN;
	f->flow.transport = &transport_drop;
	f->flow.buffer = buffer_new(200000);
	assert_non_null(f->flow.buffer);
}

static void
end_fifo(struct fifo *f)
{
	if (f->reader != -1)
		close(f->reader);
	flow_finish(&f->flow);
	unlink(f->path);
	rmdir(f->dir);
}

static void
open_reader(struct fifo *f)
{
	f->reader = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(f->reader >= 0);
}

static void
close_reader(struct fifo *f)
{
	close(f->reader);
	f->reader = -1;
}

/* Hold a record of n bytes, and push once. */
static void
push(struct fifo *f, size_t n, size_t out, size_t dropped)
{
	struct move move = { 0 };

	for (size_t i = 0; i + 1 < n; i++)
		buffer_put(f->flow.buffer, "x", 1);
	buffer_put(f->flow.buffer, "\n", 1);
	assert_int_equal(transport_drop.push(&f->flow, SIZE_MAX, &move),
	    MOVE_SOME);
	assert_int_equal(move.out, out);
	assert_int_equal(move.dropped, dropped);
	assert_int_equal(buffer_held(f->flow.buffer), 0);
}

static void
a_record_without_a_reader_is_dropped(void **state)
{
	struct fifo f;

	(void)state;
	begin_fifo(&f);
	push(&f, 5, 0, 5);
	open_reader(&f);
	push(&f, 5, 5, 0);
	close_reader(&f);
	push(&f, 5, 0, 5);
	/* Gone, and the next one there, before anybody could see it */
	open_reader(&f);
	push(&f, 5, 5, 0);
	close_reader(&f);
	open_reader(&f);
	push(&f, 5, 5, 0);
	assert_int_equal(f.flow.records_dropped, 2);
	end_fifo(&f);
}

static void
a_record_that_does_not_fit_is_dropped_whole(void **state)
{
	struct fifo f;
	char data[100];

	(void)state;
	begin_fifo(&f);
	open_reader(&f);
	/* Longer than PIPE_BUF: into an empty pipe only */
	push(&f, 60000, 60000, 0);
	push(&f, PIPE_BUF + 1, 0, PIPE_BUF + 1);
	push(&f, 4096, 4096, 0);
	push(&f, 4096, 0, 4096);
	push(&f, 4096, 0, 4096);
	/* A little room is no room for it. */
	assert_int_equal(read(f.reader, data, sizeof(data)), 100);
	push(&f, 4096, 0, 4096);
	assert_int_equal(f.flow.records_dropped, 4);
	end_fifo(&f);
}

static void
longer_than_the_pipe_is_dropped(void **state)
{
	struct fifo f;

	(void)state;
	begin_fifo(&f);
	open_reader(&f);
	push(&f, 65537, 0, 65537);
	push(&f, 65536, 65536, 0);
	end_fifo(&f);
}

static void
the_rest_of_a_record_is_dropped_when_its_reader_left(void **state)
{
	struct move move = { 0 };
	struct fifo f;

	(void)state;
	begin_fifo(&f);
	open_reader(&f);
	push(&f, 5, 5, 0);
	/* As if others had taken the room in the meantime */
	f.flow.mid_record = true;
	close_reader(&f);
	transport_drop_sink_left(&f.flow);
	assert_int_equal(f.flow.records_dropped, 1);
	buffer_put(f.flow.buffer, "rest", 4);
	assert_int_equal(transport_drop.push(&f.flow, SIZE_MAX, &move),
	    MOVE_SOME);
	assert_int_equal(move.dropped, 4);
	/* The next reader gets the next record, not that rest. */
	open_reader(&f);
	push(&f, 3, 0, 3);
	push(&f, 4, 4, 0);
	assert_int_equal(f.flow.records_dropped, 1);
	end_fifo(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_done_when_all_was_read),
		cmocka_unit_test(others_that_write_make_it_ambiguous),
		cmocka_unit_test(it_is_never_done_too_early),
		cmocka_unit_test(
		    what_was_there_before_us_is_ambiguous_once_some_was_read),
		cmocka_unit_test(a_record_without_a_reader_is_dropped),
		cmocka_unit_test(a_record_that_does_not_fit_is_dropped_whole),
		cmocka_unit_test(longer_than_the_pipe_is_dropped),
		cmocka_unit_test(
		    the_rest_of_a_record_is_dropped_when_its_reader_left),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
