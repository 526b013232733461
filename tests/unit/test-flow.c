/*
 * test-flow - flows between pipes, sockets and files, step by step and by
 * the relay.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "flow.h"
#include "limiter.h"
#include "relay.h"

/* A flow, and the far sides of its two ends. */
struct fixture {
	struct flow	 flow;
	struct outcome	 outcome;
	int		 feed;		/* write here: the source has it */
	int		 drink;		/* read here: what the sink got */
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* Two descriptors: fds[0] to read from, fds[1] to write to. */
static void
make_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
}

static void
make_socket(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds), 0);
}

/* A file without a name, opened for reading and writing. */
static void
make_file(int fds[2])
{
	FILE *file = tmpfile();

	assert_non_null(file);
	fds[0] = dup(fileno(file));
	assert_true(fds[0] >= 0);
	/* A second description, with an offset of its own. */
	fds[1] = endpoint_open_again(fds[0], O_RDWR);
	assert_true(fds[1] >= 0);
	fclose(file);
}

static void
begin(struct fixture *f, void (*make_source)(int[2]), void (*make_sink)(int[2]))
{
	int source[2], sink[2];

	memset(f, 0, sizeof(*f));
	f->feed = f->drink = -1;
	flow_init(&f->flow);
	make_source(source);
	make_sink(sink);
	assert_int_equal(endpoint_init(&f->flow.source, source[0], O_RDONLY,
	    "source"), 0);
	f->feed = source[1];
	assert_int_equal(endpoint_init(&f->flow.sink, sink[1], O_WRONLY,
	    "sink"), 0);
	f->drink = sink[0];
}

static void
end(struct fixture *f)
{
	flow_finish(&f->flow);
	close_fd(&f->feed);
	close_fd(&f->drink);
}

static void
feed(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->feed, text, strlen(text)),
	    (ssize_t)strlen(text));
	/* What stepping does not poll for. */
	f->flow.runnable = true;
}

/* What the sink got is this, and nothing more for now. */
static void
expect(struct fixture *f, const char *text)
{
	char got[256];
	struct pollfd pfd = { .fd = f->drink, .events = POLLIN };
	size_t length = strlen(text);

	if (length > 0) {
		assert_int_equal(read(f->drink, got, sizeof(got)),
		    (ssize_t)length);
		assert_memory_equal(got, text, length);
	} else
		assert_false(poll(&pfd, 1, 0) == 1 &&
		    (pfd.revents & POLLIN) != 0);
}

static void
check_accounts(const struct flow *flow)
{
	assert_true(flow->bytes_in ==
	    flow->bytes_out + flow_held(flow) + flow->discarded);
}

/* Step until there is something else to say than "moved". */
static enum flow_step
step(struct fixture *f)
{
	enum flow_step result;

	for (int i = 0; i < 10000; i++) {
		result = flow_step(&f->flow, &f->outcome);
		check_accounts(&f->flow);
		if (result != FLOW_MOVED)
			return result;
	}
	fail_msg("it never stops moving");
	return FLOW_FAILED;
}

/* Until it waits for this side: it may take the wrong one first. */
static void
step_until_blocked(struct fixture *f, enum side side)
{
	for (int i = 0; i < 4; i++) {
		assert_int_equal(step(f), FLOW_BLOCKED);
		assert_false(f->flow.runnable);
		if (f->flow.wait_side == side)
			return;
		f->flow.runnable = true;
	}
	fail_msg("it waits for the wrong side");
}

static void
each_kind_of_ends(void (*test)(struct fixture *))
{
	static void (*const makers[])(int[2]) = {
		make_pipe, make_socket
	};
	struct fixture f;

	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(makers); j++)
			for (int copy = 0; copy < 2; copy++) {
				begin(&f, makers[i], makers[j]);
				f.flow.no_splice = copy;
				assert_int_equal(flow_start(&f.flow), 0);
				test(&f);
				end(&f);
			}
}

static void
test_states(struct fixture *f)
{
	struct flow *flow = &f->flow;

	assert_int_equal(flow->state, FLOW_OPEN);
	step_until_blocked(f, SIDE_SOURCE);
	feed(f, "hello");
	step_until_blocked(f, SIDE_SOURCE);
	expect(f, "hello");
	assert_int_equal(flow->state, FLOW_OPEN);
	feed(f, "world");
	close_fd(&f->feed);
	assert_int_equal(step(f), FLOW_ENDED);
	assert_int_equal(flow->state, FLOW_CLOSED);
	assert_true(flow_is_over(flow));
	expect(f, "world");
	assert_int_equal(flow->bytes_in, 10);
	assert_int_equal(flow->bytes_out, 10);
}

static void
a_flow_goes_from_open_to_closed(void **state)
{
	(void)state;
	each_kind_of_ends(test_states);
}

static void
test_empty(struct fixture *f)
{
	close_fd(&f->feed);
	assert_int_equal(step(f), FLOW_ENDED);
	assert_int_equal(f->flow.state, FLOW_CLOSED);
	assert_int_equal(f->flow.bytes_in, 0);
	expect(f, "");
}

static void
an_empty_source_closes_a_flow(void **state)
{
	(void)state;
	each_kind_of_ends(test_empty);
}

static void
test_full(struct fixture *f)
{
	static char data[1 << 20], got[1 << 20];
	size_t sent = 0, taken = 0;
	ssize_t n;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 + i / 251);
	while (taken < sizeof(data)) {
		while (sent < sizeof(data)) {
			struct pollfd pfd = {
				.fd = f->feed, .events = POLLOUT
			};
			size_t piece = sizeof(data) - sent;

			if (poll(&pfd, 1, 0) != 1)
				break;
			n = write(f->feed, data + sent,
			    piece < PIPE_BUF ? piece : PIPE_BUF);
			assert_true(n > 0);
			sent += (size_t)n;
		}
		/* By now one side or the other holds it up. */
		f->flow.runnable = true;
		assert_int_equal(step(f), FLOW_BLOCKED);
		n = read(f->drink, got + taken,
		    sizeof(got) - taken < 30000 ? sizeof(got) - taken : 30000);
		assert_true(n > 0);
		taken += (size_t)n;
	}
	assert_memory_equal(data, got, sizeof(data));
	assert_int_equal(f->flow.bytes_out, sizeof(data));
}

static void
a_slow_sink_holds_the_source_up_and_loses_nothing(void **state)
{
	(void)state;
	each_kind_of_ends(test_full);
}

static void
test_limit(struct fixture *f)
{
	f->flow.limit = 7;
	feed(f, "0123456789");
	assert_int_equal(step(f), FLOW_ENDED);
	assert_int_equal(f->flow.state, FLOW_CLOSED);
	expect(f, "0123456");
	assert_int_equal(f->flow.bytes_in, 7);
}

/* "The rest is for somebody else" is seen by a second look at the pipe. */
static void
a_limit_takes_no_byte_more(void **state)
{
	struct fixture f;
	char rest[16];

	(void)state;
	each_kind_of_ends(test_limit);
	for (int copy = 0; copy < 2; copy++) {
		begin(&f, make_pipe, make_pipe);
		f.flow.no_splice = copy;
		assert_int_equal(flow_start(&f.flow), 0);
		test_limit(&f);
		assert_int_equal(read(f.flow.source.fd, rest, sizeof(rest)),
		    3);
		assert_memory_equal(rest, "789", 3);
		end(&f);
	}
}

static void
a_limit_of_nothing_takes_nothing(void **state)
{
	struct fixture f;
	int unread;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	f.flow.limit = 0;
	assert_int_equal(flow_start(&f.flow), 0);
	feed(&f, "hello");
	assert_int_equal(step(&f), FLOW_ENDED);
	assert_int_equal(ioctl(f.flow.source.fd, FIONREAD, &unread), 0);
	assert_int_equal(unread, 5);
	end(&f);
}

static void
test_broken(struct fixture *f)
{
	feed(f, "hello");
	step_until_blocked(f, SIDE_SOURCE);
	close_fd(&f->drink);
	feed(f, "world");
	assert_int_equal(step(f), FLOW_FAILED);
	assert_int_equal(f->flow.state, FLOW_BROKEN);
	assert_int_equal(f->outcome.why, OUTCOME_PEER_LEFT);
	assert_int_equal(f->outcome.side, SIDE_SINK);
	assert_string_equal(f->outcome.name, "sink");
	assert_int_equal(f->outcome.bytes, 5);
	assert_int_equal(f->flow.bytes_out, 5);
	assert_int_equal(flow_held(&f->flow), 0);
}

static void
a_broken_sink_discards_what_is_held(void **state)
{
	(void)state;
	each_kind_of_ends(test_broken);
}

static void
held_bytes_of_a_broken_sink_are_counted_as_discarded(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	f.flow.no_splice = true;
	assert_int_equal(flow_start(&f.flow), 0);
	feed(&f, "hello");
	assert_int_equal(flow_step(&f.flow, &f.outcome), FLOW_MOVED);
	assert_int_equal(flow_held(&f.flow), 5);
	close_fd(&f.drink);
	assert_int_equal(step(&f), FLOW_FAILED);
	assert_int_equal(f.flow.bytes_in, 5);
	assert_int_equal(f.flow.bytes_out, 0);
	assert_int_equal(f.flow.discarded, 5);
	end(&f);
}

static void
test_may_leave(struct fixture *f)
{
	f->flow.sink_may_leave = true;
	close_fd(&f->drink);
	feed(f, "hello");
	assert_int_equal(step(f), FLOW_ENDED);
	assert_int_equal(f->flow.state, FLOW_BROKEN);
	assert_true(flow_is_over(&f->flow));
}

static void
a_sink_that_may_leave_ends_the_flow_without_failure(void **state)
{
	(void)state;
	each_kind_of_ends(test_may_leave);
}

static void
test_all_taken(struct fixture *f)
{
	feed(f, "hello");
	step_until_blocked(f, SIDE_SOURCE);
	expect(f, "hello");
	close_fd(&f->feed);
	close_fd(&f->drink);
	f->flow.runnable = true;
	assert_int_equal(step(f), FLOW_ENDED);
	assert_int_equal(f->flow.state, FLOW_CLOSED);
}

static void
a_sink_that_left_after_the_last_byte_is_not_broken(void **state)
{
	(void)state;
	each_kind_of_ends(test_all_taken);
}

/* /dev/null and regular files never hold anything up. */
static void
make_append_file(int fds[2])
{
	make_file(fds);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_APPEND), 0);
}

static void
an_append_sink_is_copied_to(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_append_file);
	assert_int_equal(flow_start(&f.flow), 0);
	assert_string_equal(flow_transport_name(&f.flow), "copy");
	feed(&f, "hello");
	close_fd(&f.feed);
	assert_int_equal(step(&f), FLOW_ENDED);
	expect(&f, "hello");
	end(&f);
}

/* After a first success: O_APPEND set by somebody who shares the file. */
static void
a_refusal_in_the_middle_falls_back_to_copy(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_file);
	assert_int_equal(flow_start(&f.flow), 0);
	assert_string_equal(flow_transport_name(&f.flow), "splice");
	feed(&f, "hello ");
	step_until_blocked(&f, SIDE_SOURCE);
	assert_string_equal(flow_transport_name(&f.flow), "splice");
	assert_int_equal(fcntl(f.flow.sink.fd, F_SETFL, O_APPEND), 0);
	feed(&f, "world");
	close_fd(&f.feed);
	assert_int_equal(step(&f), FLOW_ENDED);
	assert_string_equal(flow_transport_name(&f.flow), "copy");
	expect(&f, "hello world");
	assert_int_equal(f.flow.bytes_in, 11);
	assert_int_equal(f.flow.bytes_out, 11);
	end(&f);
}

/* One that looks empty may be of /proc: those are not spliced from. */
static void
make_filled_file(int fds[2])
{
	make_file(fds);
	assert_int_equal(write(fds[1], "x", 1), 1);
}

static void
the_transport_is_chosen_by_the_kinds_of_the_ends(void **state)
{
	static const struct {
		void		(*source)(int[2]), (*sink)(int[2]);
		const char	*name;
	} cases[] = {
		{ make_pipe, make_pipe, "splice" },
		{ make_pipe, make_file, "splice" },
		{ make_filled_file, make_pipe, "splice" },
		{ make_file, make_pipe, "copy" },
		{ make_file, make_file, "copy" },
		{ make_pipe, make_append_file, "copy" },
		{ make_pipe, make_socket, "copy" },
		{ make_socket, make_pipe, "copy" },
		{ make_socket, make_socket, "copy" },
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(&f, cases[i].source, cases[i].sink);
		assert_string_equal(flow_transport_name(&f.flow), "none");
		assert_int_equal(flow_start(&f.flow), 0);
		assert_string_equal(flow_transport_name(&f.flow),
		    cases[i].name);
		end(&f);
	}
}

static const char *const messages[] = { "one", "two", "three" };

static int
next_message(struct flow *flow, struct outcome *outcome)
{
	size_t *next = flow->arg;

	(void)outcome;
	/* Everything before has been delivered by now. */
	assert_int_equal(flow_held(flow), 0);
	assert_int_equal(flow->state, FLOW_DRAINING);
	if (*next == ARRAY_SIZE(messages))
		return 0;
	assert_int_equal(flow_hold(flow, messages[*next],
	    strlen(messages[*next])), 0);
	++*next;
	return 1;
}

static void
messages_are_written_one_by_one(void **state)
{
	struct fixture f;
	size_t next = 0;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	endpoint_finish(&f.flow.source);
	endpoint_init_none(&f.flow.source, "messages");
	f.flow.source_ended = next_message;
	f.flow.arg = &next;
	assert_int_equal(flow_start(&f.flow), 0);
	assert_int_equal(f.flow.state, FLOW_DRAINING);
	assert_int_equal(step(&f), FLOW_ENDED);
	assert_int_equal(next, ARRAY_SIZE(messages));
	expect(&f, "onetwothree");
	assert_int_equal(f.flow.bytes_in, 11);
	assert_string_equal(flow_transport_name(&f.flow), "copy");
	end(&f);
}

struct sources {
	int	 fds[3];
	size_t	 next;
};

static int
next_source(struct flow *flow, struct outcome *outcome)
{
	struct sources *sources = flow->arg;

	(void)outcome;
	if (sources->next == ARRAY_SIZE(sources->fds))
		return 0;
	endpoint_finish(&flow->source);
	assert_int_equal(endpoint_init(&flow->source,
	    sources->fds[sources->next++], O_RDONLY, "next"), 0);
	assert_int_equal(flow_next_source(flow), 0);
	return 1;
}

static void
sources_follow_one_another(void **state)
{
	struct sources sources = { .next = 0 };
	struct fixture f;
	int fds[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sources.fds); i++) {
		if (i == 1)
			make_socket(fds);
		else
			make_pipe(fds);
		assert_int_equal(write(fds[1], messages[i],
		    strlen(messages[i])), (ssize_t)strlen(messages[i]));
		close(fds[1]);
		sources.fds[i] = fds[0];
	}
	begin(&f, make_pipe, make_pipe);
	f.flow.source_ended = next_source;
	f.flow.arg = &sources;
	assert_int_equal(flow_start(&f.flow), 0);
	feed(&f, "zero");
	close_fd(&f.feed);
	assert_int_equal(step(&f), FLOW_ENDED);
	assert_int_equal(f.flow.state, FLOW_CLOSED);
	expect(&f, "zeroonetwothree");
	end(&f);
}

static void
a_limit_is_kept_across_sources(void **state)
{
	struct sources sources = { .next = 0 };
	struct fixture f;
	int fds[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sources.fds); i++) {
		make_pipe(fds);
		assert_int_equal(write(fds[1], "abc", 3), 3);
		close(fds[1]);
		sources.fds[i] = fds[0];
	}
	begin(&f, make_pipe, make_pipe);
	f.flow.source_ended = next_source;
	f.flow.arg = &sources;
	f.flow.limit = 5;
	assert_int_equal(flow_start(&f.flow), 0);
	feed(&f, "12");
	close_fd(&f.feed);
	assert_int_equal(step(&f), FLOW_ENDED);
	expect(&f, "12abc");
	/* The others were not even looked at. */
	assert_int_equal(sources.next, 1);
	close(sources.fds[1]);
	close(sources.fds[2]);
	end(&f);
}

static void
sink_now_makes_a_full_sink_an_outcome(void **state)
{
	struct fixture f;
	int unread;

	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		begin(&f, make_pipe, make_pipe);
		assert_int_equal(fcntl(f.drink, F_SETPIPE_SZ, 4096), 4096);
		f.flow.no_splice = copy;
		f.flow.sink_now = true;
		f.flow.keep_capacity = true;
		assert_int_equal(flow_start(&f.flow), 0);
		/* Waiting for the source is no outcome. */
		feed(&f, "hello");
		step_until_blocked(&f, SIDE_SOURCE);
		for (int i = 0; i < 20; i++)
			assert_int_equal(write(f.feed, "0123456789abcdef"
			    "0123456789abcdef", 32), 32);
		for (int i = 0; i < 2; i++) {
			static const char page[4096];

			assert_int_equal(write(f.feed, page, sizeof(page)),
			    (ssize_t)sizeof(page));
		}
		f.flow.runnable = true;
		assert_int_equal(step(&f), FLOW_FAILED);
		assert_int_equal(f.outcome.why, OUTCOME_WOULD_BLOCK);
		assert_int_equal(f.outcome.side, SIDE_SINK);
		assert_int_equal(f.flow.state, FLOW_BROKEN);
		assert_int_equal(ioctl(f.drink, FIONREAD, &unread), 0);
		assert_int_equal(f.outcome.bytes, (uint64_t)unread);
		end(&f);
	}
}

static void
source_now_ends_at_the_first_gap(void **state)
{
	struct fixture f;

	(void)state;
	for (int copy = 0; copy < 2; copy++) {
		begin(&f, make_pipe, make_pipe);
		f.flow.no_splice = copy;
		f.flow.source_now = true;
		assert_int_equal(flow_start(&f.flow), 0);
		feed(&f, "hello");
		assert_int_equal(step(&f), FLOW_ENDED);
		assert_int_equal(f.flow.state, FLOW_CLOSED);
		expect(&f, "hello");
		end(&f);
	}
}

static void
whole_records_go_one_write_each(void **state)
{
	struct fixture f;
	char got[64];
	int fds[2];

	(void)state;
	/* Datagrams show where one write ended and the next began. */
	begin(&f, make_pipe, make_pipe);
	endpoint_finish(&f.flow.sink);
	close_fd(&f.drink);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    fds), 0);
	assert_int_equal(endpoint_init(&f.flow.sink, fds[1], O_WRONLY,
	    "sink"), 0);
	f.drink = fds[0];
	f.flow.whole_records = true;
	f.flow.delimiter = '\n';
	assert_int_equal(flow_start(&f.flow), 0);
	feed(&f, "one\ntwo\nthr");
	step_until_blocked(&f, SIDE_SOURCE);
	assert_int_equal(flow_held(&f.flow), 3);
	expect(&f, "one\n");
	expect(&f, "two\n");
	expect(&f, "");
	feed(&f, "ee\nlast");
	step_until_blocked(&f, SIDE_SOURCE);
	expect(&f, "three\n");
	expect(&f, "");
	close_fd(&f.feed);
	f.flow.runnable = true;
	assert_int_equal(step(&f), FLOW_ENDED);
	expect(&f, "last");
	assert_int_equal(recv(f.drink, got, sizeof(got), MSG_DONTWAIT), -1);
	end(&f);
}

static void
capacity_is_raised_for_long_flows_only(void **state)
{
	static char data[65536];
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(flow_start(&f.flow), 0);
	feed(&f, "hello");
	step_until_blocked(&f, SIDE_SOURCE);
	expect(&f, "hello");
	assert_int_equal(endpoint_capacity(&f.flow.sink), 65536);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(write(f.feed, data, 32768), 32768);
		f.flow.runnable = true;
		step_until_blocked(&f, SIDE_SOURCE);
		assert_int_equal(read(f.drink, data, sizeof(data)), 32768);
	}
	/* An ordinary user with many pipes may be refused. */
	if (geteuid() == 0) {
		assert_true(endpoint_capacity(&f.flow.source) > 65536);
		assert_true(endpoint_capacity(&f.flow.sink) > 65536);
	}
	end(&f);

	begin(&f, make_pipe, make_pipe);
	f.flow.keep_capacity = true;
	assert_int_equal(flow_start(&f.flow), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(write(f.feed, data, 32768), 32768);
		f.flow.runnable = true;
		step_until_blocked(&f, SIDE_SOURCE);
		assert_int_equal(read(f.drink, data, sizeof(data)), 32768);
	}
	assert_int_equal(endpoint_capacity(&f.flow.source), 65536);
	assert_int_equal(endpoint_capacity(&f.flow.sink), 65536);
	end(&f);
}

static void
inherited_flags_are_left_alone(void **state)
{
	static void (*const makers[])(int[2]) = {
		make_pipe, make_socket, make_file
	};
	struct fixture f;
	int source, sink;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		for (size_t j = 0; j < ARRAY_SIZE(makers); j++) {
			begin(&f, makers[i], makers[j]);
			source = fcntl(f.flow.source.fd, F_GETFL);
			sink = fcntl(f.flow.sink.fd, F_GETFL);
			assert_int_equal(flow_start(&f.flow), 0);
			feed(&f, "hello");
			assert_int_not_equal(step(&f), FLOW_FAILED);
			assert_int_equal(fcntl(f.flow.source.fd, F_GETFL),
			    source);
			assert_int_equal(fcntl(f.flow.sink.fd, F_GETFL), sink);
			end(&f);
		}
}

static void
ends_without_the_right_access_are_refused(void **state)
{
	struct endpoint ep;
	int fds[2];

	(void)state;
	make_pipe(fds);
	assert_int_equal(endpoint_init(&ep, fds[0], O_WRONLY, "x"), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(endpoint_init(&ep, fds[1], O_RDONLY, "x"), -1);
	assert_int_equal(errno, EBADF);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(endpoint_init(&ep, fds[0], O_RDONLY, "x"), -1);
	assert_int_equal(errno, EBADF);
}

static const struct limits no_limits = { .deadline = DEADLINE_NEVER };

static void
the_relay_moves_everything_and_closes_the_ends(void **state)
{
	struct fixture f;
	char got[16];

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(flow_start(&f.flow), 0);
	feed(&f, "hello");
	close_fd(&f.feed);
	assert_int_equal(relay_run(&f.flow, 1, &no_limits, &f.outcome), 0);
	assert_int_equal(f.outcome.why, OUTCOME_DONE);
	assert_int_equal(read(f.drink, got, sizeof(got)), 5);
	assert_int_equal(read(f.drink, got, sizeof(got)), 0);
	end(&f);
}

static void
the_relay_hands_on_an_end_while_the_other_flow_goes_on(void **state)
{
	struct fixture f[2];
	struct flow flows[2];
	char got[16];

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&f[i], make_pipe, make_pipe);
		flows[i] = f[i].flow;
		assert_int_equal(flow_start(&flows[i]), 0);
	}
	close_fd(&f[0].feed);
	/* The second one is ended by a child that has seen the first end. */
	if (fork() == 0) {
		for (int i = 0; i < 2; i++) {
			close(flows[i].source.fd);
			close(flows[i].sink.fd);
		}
		if (read(f[0].drink, got, 1) != 0 ||
		    write(f[1].feed, "seen", 4) != 4)
			_exit(1);
		_exit(0);
	}
	close_fd(&f[1].feed);
	assert_int_equal(relay_run(flows, 2, &no_limits, &f[0].outcome), 0);
	assert_int_equal(read(f[1].drink, got, sizeof(got)), 4);
	for (int i = 0; i < 2; i++) {
		flow_finish(&flows[i]);
		close_fd(&f[i].feed);
		close_fd(&f[i].drink);
	}
}

static void
the_relay_keeps_its_limits(void **state)
{
	struct limits limits = no_limits;
	struct fixture f;
	int64_t now;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(flow_start(&f.flow), 0);
	now = deadline_now();
	limits.deadline = now + 50 * NS_PER_MS;
	assert_int_equal(relay_run(&f.flow, 1, &limits, &f.outcome), -1);
	assert_int_equal(f.outcome.why, OUTCOME_TOTAL_TIMEOUT);
	assert_true(deadline_now() - now >= 50 * NS_PER_MS);
	end(&f);

	begin(&f, make_pipe, make_pipe);
	assert_int_equal(flow_start(&f.flow), 0);
	now = deadline_now();
	limits.deadline = DEADLINE_NEVER;
	limits.idle_timeout = 50 * NS_PER_MS;
	assert_int_equal(relay_run(&f.flow, 1, &limits, &f.outcome), -1);
	assert_int_equal(f.outcome.why, OUTCOME_IDLE_TIMEOUT);
	assert_true(deadline_now() - now >= 50 * NS_PER_MS);
	end(&f);
}

static void
the_relay_notices_a_reader_that_leaves_while_nothing_comes(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(flow_start(&f.flow), 0);
	close_fd(&f.drink);
	assert_int_equal(relay_run(&f.flow, 1, &no_limits, &f.outcome), -1);
	assert_int_equal(f.outcome.why, OUTCOME_PEER_LEFT);
	assert_int_equal(f.flow.state, FLOW_BROKEN);
	end(&f);
}

static void
nothing_to_relay_is_done_at_once(void **state)
{
	struct outcome outcome;

	(void)state;
	assert_int_equal(relay_run(NULL, 0, &no_limits, &outcome), 0);
	assert_int_equal(outcome.why, OUTCOME_DONE);
}

/* So much is fed that the sink's pipe and then the ring are full. */
static size_t
feed_until_full(struct fixture *f)
{
	static const char page[4096];
	struct pollfd pfd = { .fd = f->feed, .events = POLLOUT };
	size_t fed = 0;

	for (;;) {
		f->flow.runnable = true;
		assert_int_equal(step(f), FLOW_BLOCKED);
		if (poll(&pfd, 1, 0) != 1)
			return fed;
		assert_int_equal(write(f->feed, page, sizeof(page)),
		    (ssize_t)sizeof(page));
		fed += sizeof(page);
	}
}

static void
memory_takes_what_the_sink_does_not_until_it_is_full(void **state)
{
	struct fixture f;
	char got[4096];
	ssize_t n;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(fcntl(f.feed, F_SETPIPE_SZ, 4096), 4096);
	assert_int_equal(fcntl(f.drink, F_SETPIPE_SZ, 4096), 4096);
	f.flow.memory = 100000;
	f.flow.keep_capacity = true;
	assert_int_equal(flow_start(&f.flow), 0);
	assert_string_equal(flow_transport_name(&f.flow), "copy");
	feed(&f, "hello");
	step_until_blocked(&f, SIDE_SOURCE);
	assert_false(flow_waits_for(&f.flow, SIDE_SINK));
	expect(&f, "hello");
	/* A page in each pipe, all else in the ring. */
	assert_in_range(feed_until_full(&f), 100000, 100000 + 2 * 4096);
	assert_int_equal(flow_held(&f.flow), 100000);
	assert_true(flow_waits_for(&f.flow, SIDE_SINK));
	assert_false(flow_waits_for(&f.flow, SIDE_SOURCE));
	/* With room in the ring it waits for both. */
	assert_int_equal(read(f.drink, got, sizeof(got)), sizeof(got));
	f.flow.runnable = true;
	assert_int_equal(step(&f), FLOW_BLOCKED);
	assert_true(flow_waits_for(&f.flow, SIDE_SINK));
	close_fd(&f.feed);
	while ((n = read(f.drink, got, sizeof(got))) > 0 &&
	    !flow_is_over(&f.flow)) {
		f.flow.runnable = true;
		if (step(&f) == FLOW_ENDED)
			close_fd(&f.flow.sink.fd);
	}
	assert_int_equal(f.flow.bytes_out, f.flow.bytes_in);
	assert_int_equal(f.flow.state, FLOW_CLOSED);
	end(&f);
}

static void
memory_waits_for_both_sides_at_a_time(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(fcntl(f.drink, F_SETPIPE_SZ, 4096), 4096);
	f.flow.memory = 1 << 20;
	f.flow.keep_capacity = true;
	assert_int_equal(flow_start(&f.flow), 0);
	for (int i = 0; i < 3; i++) {
		static const char page[4096];

		assert_int_equal(write(f.feed, page, sizeof(page)),
		    (ssize_t)sizeof(page));
	}
	assert_int_equal(step(&f), FLOW_BLOCKED);
	assert_int_equal(flow_held(&f.flow), 2 * 4096);
	assert_true(flow_waits_for(&f.flow, SIDE_SOURCE));
	assert_true(flow_waits_for(&f.flow, SIDE_SINK));
	end(&f);
}

/* What a transport would do whose source breaks: a directory does. */
static void
a_source_that_fails_is_told_when_what_it_gave_is_there(void **state)
{
	struct fixture f;
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char got[4096];

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(fcntl(f.drink, F_SETPIPE_SZ, 4096), 4096);
	f.flow.memory = 1 << 20;
	f.flow.keep_capacity = true;
	assert_int_equal(flow_start(&f.flow), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(write(f.feed, got, sizeof(got)),
		    (ssize_t)sizeof(got));
	assert_int_equal(step(&f), FLOW_BLOCKED);
	assert_int_equal(flow_held(&f.flow), 4096);
	endpoint_finish(&f.flow.source);
	assert_int_equal(endpoint_init(&f.flow.source, dir, O_RDONLY, "dir"),
	    0);
	f.flow.runnable = true;
	assert_int_equal(step(&f), FLOW_BLOCKED);
	assert_int_equal(read(f.drink, got, sizeof(got)), 4096);
	f.flow.runnable = true;
	assert_int_equal(step(&f), FLOW_FAILED);
	assert_int_equal(f.outcome.why, OUTCOME_ERROR);
	assert_int_equal(f.outcome.errnum, EISDIR);
	assert_int_equal(f.outcome.side, SIDE_SOURCE);
	assert_int_equal(f.flow.bytes_out, 8192);
	end(&f);
}

struct seen {
	char		 data[64];
	uint64_t	 length;
};

static void
see(struct flow *flow, const struct iovec *iov, int n, uint64_t offset)
{
	struct seen *seen = flow->arg;

	assert_int_equal(offset, seen->length);
	for (int i = 0; i < n; i++) {
		assert_true(seen->length + iov[i].iov_len <=
		    sizeof(seen->data));
		memcpy(seen->data + seen->length, iov[i].iov_base,
		    iov[i].iov_len);
		seen->length += iov[i].iov_len;
	}
}

static void
an_observer_sees_each_byte_once_and_in_order(void **state)
{
	static const char text[] = "one, two, three, four";
	struct seen seen = { .length = 0 };
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	f.flow.observe = see;
	f.flow.arg = &seen;
	f.flow.memory = 7;	/* so that the ring wraps round */
	assert_int_equal(flow_hold(&f.flow, "zero, ", 6), 0);
	assert_int_equal(flow_start(&f.flow), 0);
	assert_string_equal(flow_transport_name(&f.flow), "copy");
	feed(&f, text);
	close_fd(&f.feed);
	assert_int_equal(step(&f), FLOW_ENDED);
	assert_int_equal(seen.length, 6 + strlen(text));
	assert_memory_equal(seen.data, "zero, ", 6);
	assert_memory_equal(seen.data + 6, text, strlen(text));
	end(&f);
}

static void
check_rate(bool copy, size_t memory)
{
	enum {
		SIZE = 60000,
		RATE = 200000
	};
	static const char data[SIZE];
	const struct limits limits = {
		.deadline = DEADLINE_NEVER, .idle_timeout = 15 * NS_PER_MS
	};
	int64_t began = deadline_now();
	struct limiter limiter;
	struct fixture f;

	begin(&f, make_pipe, make_pipe);
	/* Each piece takes a slot, and nobody reads meanwhile. */
	assert_true(fcntl(f.drink, F_SETPIPE_SZ, 1 << 20) > 0);
	limiter_init(&limiter, RATE, began);
	f.flow.limiter = &limiter;
	f.flow.no_splice = copy;
	f.flow.memory = memory;
	assert_int_equal(flow_start(&f.flow), 0);
	assert_int_equal(write(f.feed, data, SIZE), SIZE);
	close_fd(&f.feed);
	assert_int_equal(relay_run(&f.flow, 1, &limits, &f.outcome), 0);
	assert_int_equal(f.flow.bytes_out, SIZE);
	/* But for the burst, a tenth of a second's worth. */
	assert_true(deadline_now() - began >=
	    (SIZE - RATE / 10) * NS_PER_SEC / RATE);
	assert_true(flow_wait_ns(&f.flow, SIDE_NONE) > 0);
	end(&f);
}

static void
a_limiter_holds_a_flow_back_and_that_is_not_idleness(void **state)
{
	(void)state;
	check_rate(false, 0);
	check_rate(true, 0);
	check_rate(true, 1 << 20);
	check_rate(true, 1000);
}

static void
a_ring_fills_while_a_limiter_holds_the_sink_back(void **state)
{
	static const char data[40000];
	struct limiter limiter;
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	limiter_init(&limiter, 1, deadline_now());
	f.flow.limiter = &limiter;
	f.flow.memory = 1 << 20;
	assert_int_equal(flow_start(&f.flow), 0);
	assert_int_equal(write(f.feed, data, sizeof(data)),
	    (ssize_t)sizeof(data));
	assert_int_equal(step(&f), FLOW_BLOCKED);
	assert_int_equal(f.flow.bytes_in, sizeof(data));
	assert_true(flow_waits_for(&f.flow, SIDE_SOURCE));
	assert_false(flow_waits_for(&f.flow, SIDE_SINK));
	end(&f);
}

static int64_t
tick(void *arg, int64_t now)
{
	++*(int *)arg;
	return now + NS_PER_MS;
}

static void
the_relay_ticks_while_nothing_moves(void **state)
{
	int ticks = 0;
	const struct limits limits = {
		.deadline = deadline_now() + 100 * NS_PER_MS,
		.tick = tick, .arg = &ticks
	};
	struct fixture f;

	(void)state;
	begin(&f, make_pipe, make_pipe);
	assert_int_equal(flow_start(&f.flow), 0);
	assert_int_equal(relay_run(&f.flow, 1, &limits, &f.outcome), -1);
	assert_int_equal(f.outcome.why, OUTCOME_TOTAL_TIMEOUT);
	assert_in_range(ticks, 2, 101);
	end(&f);
}

static int
setup(void **state)
{
	(void)state;
	alarm(60);		/* nothing here may hang */
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_goes_from_open_to_closed),
		cmocka_unit_test(an_empty_source_closes_a_flow),
		cmocka_unit_test(
		    a_slow_sink_holds_the_source_up_and_loses_nothing),
		cmocka_unit_test(a_limit_takes_no_byte_more),
		cmocka_unit_test(a_limit_of_nothing_takes_nothing),
		cmocka_unit_test(a_broken_sink_discards_what_is_held),
		cmocka_unit_test(
		    held_bytes_of_a_broken_sink_are_counted_as_discarded),
		cmocka_unit_test(
		    a_sink_that_may_leave_ends_the_flow_without_failure),
		cmocka_unit_test(
		    a_sink_that_left_after_the_last_byte_is_not_broken),
		cmocka_unit_test(an_append_sink_is_copied_to),
		cmocka_unit_test(a_refusal_in_the_middle_falls_back_to_copy),
		cmocka_unit_test(
		    the_transport_is_chosen_by_the_kinds_of_the_ends),
		cmocka_unit_test(messages_are_written_one_by_one),
		cmocka_unit_test(sources_follow_one_another),
		cmocka_unit_test(a_limit_is_kept_across_sources),
		cmocka_unit_test(sink_now_makes_a_full_sink_an_outcome),
		cmocka_unit_test(source_now_ends_at_the_first_gap),
		cmocka_unit_test(whole_records_go_one_write_each),
		cmocka_unit_test(capacity_is_raised_for_long_flows_only),
		cmocka_unit_test(inherited_flags_are_left_alone),
		cmocka_unit_test(ends_without_the_right_access_are_refused),
		cmocka_unit_test(
		    the_relay_moves_everything_and_closes_the_ends),
		cmocka_unit_test(
		    the_relay_hands_on_an_end_while_the_other_flow_goes_on),
		cmocka_unit_test(the_relay_keeps_its_limits),
		cmocka_unit_test(
		    the_relay_notices_a_reader_that_leaves_while_nothing_comes),
		cmocka_unit_test(nothing_to_relay_is_done_at_once),
		cmocka_unit_test(
		    memory_takes_what_the_sink_does_not_until_it_is_full),
		cmocka_unit_test(memory_waits_for_both_sides_at_a_time),
		cmocka_unit_test(
		    a_source_that_fails_is_told_when_what_it_gave_is_there),
		cmocka_unit_test(an_observer_sees_each_byte_once_and_in_order),
		cmocka_unit_test(
		    a_limiter_holds_a_flow_back_and_that_is_not_idleness),
		cmocka_unit_test(
		    a_ring_fills_while_a_limiter_holds_the_sink_back),
		cmocka_unit_test(the_relay_ticks_while_nothing_moves),
	};

	return cmocka_run_group_tests_name("flow", tests, setup, NULL);
}
