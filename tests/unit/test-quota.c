/*
 * test-quota - so many bytes or records and not a byte more; and how it is
 * seen where a record ends before anything is taken.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compat.h"
#include "flow.h"
#include "peek.h"
#include "quota.h"
#include "transport.h"

struct fixture {
	struct flow	 flow;
	struct quota	 quota;
	int		 feed;
};

static void
begin(struct fixture *f, uint64_t bytes, uint64_t records)
{
	int source[2], sink[2];

	memset(f, 0, sizeof(*f));
	flow_init(&f->flow);
	f->quota = (struct quota){ .bytes = bytes, .records = records };
	assert_int_equal(pipe2(source, O_CLOEXEC), 0);
	assert_int_equal(pipe2(sink, O_CLOEXEC), 0);
	assert_int_equal(endpoint_init(&f->flow.source, source[0], O_RDONLY,
	    "source"), 0);
	assert_int_equal(endpoint_init(&f->flow.sink, sink[1], O_WRONLY,
	    "sink"), 0);
	close(sink[0]);
	f->feed = source[1];
	f->flow.delimiter = '\n';
	f->flow.quota = &f->quota;
	f->flow.counts_records = records != QUOTA_NONE;
	assert_int_equal(flow_start(&f->flow), 0);
}

static void
end(struct fixture *f)
{
	close(f->feed);
	flow_finish(&f->flow);
}

static void
feed(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->feed, text, strlen(text)),
	    (ssize_t)strlen(text));
}

/* So much of it may be taken, and is. */
static void
takes(struct fixture *f, size_t wanted)
{
	struct move move = { 0 };
	size_t max = 1000;
	char data[1000];

	assert_false(quota_is_used(&f->flow));
	assert_int_equal(quota_allow(&f->flow, &max, &move), MOVE_SOME);
	assert_int_equal(max, wanted);
	assert_int_equal(read(f->flow.source.fd, data, max), (ssize_t)max);
	quota_took(&f->flow, max);
}

static void
blocks(struct fixture *f)
{
	struct move move = { 0 };
	size_t max = 1000;

	assert_int_equal(quota_allow(&f->flow, &max, &move), MOVE_BLOCKED);
	assert_int_equal(move.side, SIDE_SOURCE);
}

static void
bytes_are_counted(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 10, QUOTA_NONE);
	feed(&f, "1234567890abc");
	takes(&f, 10);
	assert_true(quota_is_used(&f.flow));
	end(&f);
	begin(&f, 0, QUOTA_NONE);
	assert_true(quota_is_used(&f.flow));
	end(&f);
}

static void
records_are_counted_when_they_begin(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, QUOTA_NONE, 2);
	blocks(&f);
	feed(&f, "on");
	takes(&f, 2);
	assert_int_equal(f.quota.records, 1);
	assert_false(quota_is_used(&f.flow));
	blocks(&f);
	feed(&f, "e\ntwo\nthree\n");
	takes(&f, 6);
	assert_true(quota_is_used(&f.flow));
	end(&f);
	begin(&f, QUOTA_NONE, 0);
	assert_true(quota_is_used(&f.flow));
	end(&f);
}

static void
what_was_seen_may_be_taken_in_parts(void **state)
{
	struct fixture f;
	struct move move = { 0 };
	size_t max = 3;
	char data[8];

	(void)state;
	begin(&f, QUOTA_NONE, 1);
	feed(&f, "hello\nmore\n");
	assert_int_equal(quota_allow(&f.flow, &max, &move), MOVE_SOME);
	assert_int_equal(max, 3);
	assert_int_equal(read(f.flow.source.fd, data, 2), 2);
	quota_took(&f.flow, 2);
	assert_false(quota_is_used(&f.flow));
	takes(&f, 4);
	assert_true(quota_is_used(&f.flow));
	end(&f);
}

static void
the_first_limit_counts(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, 6, 2);
	feed(&f, "one\ntwo\n");
	takes(&f, 6);
	assert_true(quota_is_used(&f.flow));
	end(&f);
}

/* Two flows of one run: the second may not begin what the first has begun. */
static void
a_quota_may_be_shared(void **state)
{
	struct fixture a, b;

	(void)state;
	begin(&a, QUOTA_NONE, 2);
	begin(&b, QUOTA_NONE, 2);
	b.flow.quota = &a.quota;
	feed(&a, "on");
	feed(&b, "1\n2\n");
	takes(&a, 2);
	takes(&b, 2);
	assert_true(quota_is_used(&b.flow));
	assert_false(quota_is_used(&a.flow));
	feed(&a, "e\nno more\n");
	takes(&a, 2);
	assert_true(quota_is_used(&a.flow));
	end(&a);
	end(&b);
}

static void
the_end_of_the_source_is_seen(void **state)
{
	struct fixture f;
	struct move move = { 0 };
	size_t max = 10;

	(void)state;
	begin(&f, QUOTA_NONE, 2);
	feed(&f, "half");
	takes(&f, 4);
	close(f.feed);
	f.feed = -1;
	assert_int_equal(quota_allow(&f.flow, &max, &move), MOVE_END);
	flow_finish(&f.flow);
}

/* -- peek */

static void
sees(struct peek *peek, const struct endpoint *ep, const char *wanted)
{
	char data[64];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(peek_bytes(peek, ep, data, sizeof(data)),
		    (ssize_t)strlen(wanted));
		assert_memory_equal(data, wanted, strlen(wanted));
	}
}

static void
a_look_consumes_nothing(void **state)
{
	struct peek peek = { 0 };
	struct endpoint ep;
	FILE *file;
	char data[8];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(endpoint_init(&ep, fds[0], O_RDONLY, "pipe"), 0);
	assert_int_equal(peek_bytes(&peek, &ep, data, 8), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(write(fds[1], "hello", 5), 5);
	sees(&peek, &ep, "hello");
	assert_int_equal(peek_bytes(&peek, &ep, data, 2), 2);
	sees(&peek, &ep, "hello");
	assert_int_equal(read(fds[0], data, 3), 3);
	sees(&peek, &ep, "lo");
	assert_int_equal(read(fds[0], data, 3), 2);
	close(fds[1]);
	assert_int_equal(peek_bytes(&peek, &ep, data, 8), 0);
	endpoint_finish(&ep);
	peek_close(&peek);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(endpoint_init(&ep, fds[0], O_RDONLY, "socket"), 0);
	assert_int_equal(peek_bytes(&peek, &ep, data, 8), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(write(fds[1], "hello", 5), 5);
	sees(&peek, &ep, "hello");
	close(fds[1]);
	sees(&peek, &ep, "hello");
	endpoint_finish(&ep);

	file = tmpfile();
	assert_non_null(file);
	fputs("hello", file);
	fflush(file);
	assert_int_equal(endpoint_init(&ep, dup(fileno(file)), O_RDONLY,
	    "file"), 0);
	lseek(ep.fd, 1, SEEK_SET);
	sees(&peek, &ep, "ello");
	assert_int_equal(lseek(ep.fd, 0, SEEK_CUR), 1);
	endpoint_finish(&ep);
	fclose(file);
}

static void
some_sources_cannot_be_looked_at(void **state)
{
	struct peek peek = { 0 };
	struct endpoint ep;
	char byte;

	(void)state;
	assert_int_equal(endpoint_init(&ep, open("/dev/zero",
	    O_RDONLY | O_CLOEXEC), O_RDONLY, "zero"), 0);
	assert_int_equal(peek_bytes(&peek, &ep, &byte, 1), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	endpoint_finish(&ep);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_counted),
		cmocka_unit_test(records_are_counted_when_they_begin),
		cmocka_unit_test(what_was_seen_may_be_taken_in_parts),
		cmocka_unit_test(the_first_limit_counts),
		cmocka_unit_test(a_quota_may_be_shared),
		cmocka_unit_test(the_end_of_the_source_is_seen),
		cmocka_unit_test(a_look_consumes_nothing),
		cmocka_unit_test(some_sources_cannot_be_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
