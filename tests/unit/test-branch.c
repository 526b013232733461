/*
 * test-branch - one source and several sinks: a flow with branches.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "branch.h"
#include "compat.h"
#include "deadline.h"
#include "flow.h"
#include "relay.h"

#define TOTAL	((size_t)6 << 20)
#define MAX_SINKS 8

static const struct limits no_limits = { .deadline = DEADLINE_NEVER };

/* Sinks first, then the flow that feeds them. */
struct fan {
	struct flow	 flows[MAX_SINKS + 1];
	size_t		 nsinks;
	pid_t		 children[MAX_SINKS + 1];
	size_t		 nchildren;
	struct outcome	 outcome;
	unsigned int	 failures;
};

static unsigned char
pattern(size_t i)
{
	return (unsigned char)(i * 31 + i / 251);
}

/* Write all in pieces of many sizes. */
static void
feed_child(int fd)
{
	static unsigned char data[100000];
	size_t done = 0, n;
	ssize_t written;

	for (unsigned int i = 0; done < TOTAL; i++) {
		n = i % 7 == 0 ? 1 + i % 3 : (i * 7919U) % sizeof(data) + 1;
		n = MIN(n, TOTAL - done);
		for (size_t j = 0; j < n; j++)
			data[j] = pattern(done + j);
		written = write(fd, data, n);
		if (written <= 0)
			_exit(1);
		done += (size_t)written;
	}
	_exit(0);
}

/* Read everything, or only so much, and see that it is right. */
static void
drink_child(int fd, size_t stop, useconds_t pause)
{
	static unsigned char data[50000];
	size_t done = 0;
	ssize_t n;

	while (done < stop && (n = read(fd, data, sizeof(data))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (data[i] != pattern(done + (size_t)i))
				_exit(2);
		done += (size_t)n;
		if (pause > 0)
			usleep(pause);
	}
	_exit(done >= MIN(stop, TOTAL) ? 0 : 3);
}

static void
make_pair(int fds[2], bool use_socket)
{
	if (use_socket)
		assert_int_equal(socketpair(AF_UNIX,
		    SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	else
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
}

static pid_t
start(struct fan *fan)
{
	pid_t pid = fork();

	assert_true(pid != -1);
	if (pid > 0)
		fan->children[fan->nchildren++] = pid;
	return pid;
}

/* In a child: no end of any pipe but these. */
static void
keep_only(int one, int other)
{
	for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
		if (fd != one && fd != other)
			close(fd);
}

static struct flow *
trunk(struct fan *fan)
{
	return &fan->flows[MAX_SINKS];
}

static void
begin(struct fan *fan, bool use_socket)
{
	int fds[2];

	memset(fan, 0, sizeof(*fan));
	for (size_t i = 0; i < ARRAY_SIZE(fan->flows); i++)
		flow_init(&fan->flows[i]);
	make_pair(fds, use_socket);
	if (start(fan) == 0) {
		keep_only(fds[1], fds[1]);
		feed_child(fds[1]);
	}
	close(fds[1]);
	assert_int_equal(endpoint_init(&trunk(fan)->source, fds[0], O_RDONLY,
	    "source"), 0);
}

static void
add_sink_keep(struct fan *fan, bool use_socket, size_t stop, useconds_t pause,
    int keep)
{
	struct flow *flow = &fan->flows[fan->nsinks++];
	int fds[2];

	make_pair(fds, use_socket);
	if (start(fan) == 0) {
		keep_only(fds[0], keep);
		drink_child(fds[0], stop, pause);
	}
	close(fds[0]);
	assert_int_equal(endpoint_init(&flow->sink, fds[1], O_WRONLY, "sink"),
	    0);
	assert_int_equal(flow_add_branch(trunk(fan), flow, false), 0);
}

static void
add_sink(struct fan *fan, bool use_socket, size_t stop, useconds_t pause)
{
	add_sink_keep(fan, use_socket, stop, pause, -1);
}

static int
sink_failed(struct flow *flow, struct outcome *outcome)
{
	struct fan *fan = flow->arg;

	assert_int_equal(outcome->why, OUTCOME_PEER_LEFT);
	fan->failures++;
	return 0;
}

/* Run what has been set up; all children must end well. */
static int
run(struct fan *fan)
{
	int result, status;

	/* Places that are not used look as if they were done. */
	for (size_t i = fan->nsinks; i < MAX_SINKS; i++)
		fan->flows[i].state = FLOW_CLOSED;
	for (size_t i = 0; i <= MAX_SINKS; i++)
		if (fan->flows[i].state != FLOW_CLOSED)
			assert_int_equal(flow_start(&fan->flows[i]), 0);
	result = relay_run(fan->flows, MAX_SINKS + 1, &no_limits,
	    &fan->outcome);
	for (size_t i = 0; i <= MAX_SINKS; i++)
		flow_finish(&fan->flows[i]);
	for (size_t i = 0; i < fan->nchildren; i++) {
		assert_int_equal(waitpid(fan->children[i], &status, 0),
		    fan->children[i]);
		/* The one that feeds may be cut off. */
		if (i > 0 || fan->failures == 0)
			assert_int_equal(status, 0);
	}
	return result;
}

static void
check_all(const struct fan *fan)
{
	for (size_t i = 0; i < fan->nsinks; i++) {
		assert_int_equal(fan->flows[i].state, FLOW_CLOSED);
		assert_int_equal(fan->flows[i].bytes_out, TOTAL);
	}
	assert_int_equal(fan->flows[MAX_SINKS].bytes_in, TOTAL);
	assert_int_equal(fan->flows[MAX_SINKS].discarded, TOTAL);
	assert_int_equal(fan->flows[MAX_SINKS].bytes_out, 0);
}

/* How the bytes may come and go. */
enum way {
	WAY_TEE,
	WAY_COPY,
	WAY_SOCKET,
	WAYS
};

static void
every_sink_gets_everything(void **state)
{
	struct fan fan;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		begin(&fan, way == WAY_SOCKET);
		trunk(&fan)->no_splice = way == WAY_COPY;
		for (int i = 0; i < 5; i++)
			add_sink(&fan, i % 2 == 1, SIZE_MAX,
			    i == 3 ? 2000 : 0);
		assert_int_equal(flow_drop_sink(trunk(&fan)), 0);
		assert_int_equal(run(&fan), 0);
		check_all(&fan);
		assert_string_equal(flow_transport_name(trunk(&fan)),
		    way == WAY_TEE ? "tee" : "copy");
	}
}

static void
pipes_of_different_capacity_lose_nothing(void **state)
{
	struct fan fan;

	(void)state;
	begin(&fan, false);
	for (int i = 0; i < 4; i++) {
		add_sink(&fan, false, SIZE_MAX, 0);
		fan.flows[i].keep_capacity = true;
		assert_true(fcntl(trunk(&fan)->branches[i].fd, F_SETPIPE_SZ,
		    4096 << (i * 3 % 4)) > 0);
	}
	assert_int_equal(flow_drop_sink(trunk(&fan)), 0);
	assert_int_equal(run(&fan), 0);
	check_all(&fan);
}

/* The sink of the trunk itself, and a branch beside it. */
static void
a_sink_with_a_branch_beside_it_gets_everything(void **state)
{
	struct fan fan;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		begin(&fan, way == WAY_SOCKET);
		trunk(&fan)->no_splice = way == WAY_COPY;
		add_sink(&fan, false, SIZE_MAX, 1000);
		add_sink(&fan, false, SIZE_MAX, 0);
		/* The second one becomes the straight sink. */
		trunk(&fan)->sink = fan.flows[1].sink;
		branch_close(&trunk(&fan)->branches[1]);
		endpoint_init_none(&fan.flows[1].sink, "none");
		endpoint_finish(&fan.flows[1].source);
		fan.nsinks = 1;
		assert_int_equal(run(&fan), 0);
		assert_int_equal(fan.flows[0].bytes_out, TOTAL);
		assert_int_equal(trunk(&fan)->bytes_out, TOTAL);
		assert_int_equal(trunk(&fan)->discarded, 0);
	}
}

static void
a_sink_that_dies_does_no_harm_to_the_others(void **state)
{
	struct fan fan;

	(void)state;
	for (int i = 0; i < 20; i++) {
		begin(&fan, i % 3 == 2);
		trunk(&fan)->no_splice = i % 3 == 1;
		add_sink(&fan, false, SIZE_MAX, 0);
		add_sink(&fan, false, (size_t)i * 300000, 0);
		add_sink(&fan, true, SIZE_MAX, 0);
		for (size_t j = 0; j < fan.nsinks; j++) {
			fan.flows[j].sink_failed = sink_failed;
			fan.flows[j].arg = &fan;
		}
		assert_int_equal(flow_drop_sink(trunk(&fan)), 0);
		assert_int_equal(run(&fan), 0);
		assert_int_equal(fan.failures, 1);
		assert_int_equal(fan.flows[0].bytes_out, TOTAL);
		assert_int_equal(fan.flows[2].bytes_out, TOTAL);
		assert_int_equal(fan.flows[1].state, FLOW_BROKEN);
	}
}

static void
it_ends_when_all_sinks_have_died(void **state)
{
	struct fan fan;

	(void)state;
	begin(&fan, false);
	for (size_t i = 0; i < 3; i++) {
		add_sink(&fan, false, 100000 * i, 0);
		fan.flows[i].sink_failed = sink_failed;
		fan.flows[i].arg = &fan;
	}
	assert_int_equal(flow_drop_sink(trunk(&fan)), 0);
	assert_int_equal(run(&fan), 0);
	assert_int_equal(fan.failures, 3);
	assert_int_equal(trunk(&fan)->state, FLOW_BROKEN);
}

/* Nobody reads the tap until all is over. */
static void
a_tap_misses_what_it_cannot_take_and_holds_nobody_up(void **state)
{
	struct fan fan;
	struct flow *tap;
	int fds[2], done[2];
	char c;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		begin(&fan, way == WAY_SOCKET);
		trunk(&fan)->no_splice = way == WAY_COPY;
		/* The reader of the sink has done[1] until it ends. */
		make_pair(done, false);
		add_sink_keep(&fan, false, SIZE_MAX, 0, done[1]);
		close(done[1]);
		tap = &fan.flows[fan.nsinks++];
		make_pair(fds, false);
		assert_int_equal(endpoint_init(&tap->sink, fds[1], O_WRONLY,
		    "tap"), 0);
		tap->keep_capacity = true;
		/* Its reader leaves when the sink has everything. */
		tap->sink_may_leave = true;
		assert_int_equal(flow_add_branch(trunk(&fan), tap, true), 0);
		if (start(&fan) == 0) {
			keep_only(done[0], fds[0]);
			_exit(read(done[0], &c, 1) == 0 ? 0 : 1);
		}
		close(done[0]);
		close(fds[0]);
		assert_int_equal(flow_drop_sink(trunk(&fan)), 0);
		assert_int_equal(run(&fan), 0);
		assert_int_equal(fan.flows[0].bytes_out, TOTAL);
		assert_true(tap->skipped > TOTAL / 2);
		/* The rest is in its pipe. */
		assert_in_range(tap->skipped + tap->bytes_in, TOTAL - 65536,
		    TOTAL);
		assert_true(tap->chunks_skipped > 0);
	}
}

/* Until that is gone, it would miss what comes. */
static void
a_tap_hands_on_in_the_step_of_its_trunk_what_it_gets(void **state)
{
	struct flow flows[2], *from = &flows[0], *tap = &flows[1];
	int in[2], out[2], tapped[2], unread = 0;
	struct outcome outcome;

	(void)state;
	flow_init(from);
	flow_init(tap);
	make_pair(in, false);
	make_pair(out, false);
	make_pair(tapped, false);
	assert_int_equal(endpoint_init(&from->source, in[0], O_RDONLY, "in"),
	    0);
	assert_int_equal(endpoint_init(&from->sink, out[1], O_WRONLY, "out"),
	    0);
	assert_int_equal(endpoint_init(&tap->sink, tapped[1], O_WRONLY, "tap"),
	    0);
	tap->only_records = true;
	tap->delimiter = '\n';
	assert_int_equal(flow_add_branch(from, tap, true), 0);
	assert_int_equal(flow_start(from), 0);
	assert_int_equal(flow_start(tap), 0);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(write(in[1], "one\n", 4), 4);
		assert_int_equal(flow_step(from, &outcome), FLOW_MOVED);
		assert_int_equal(ioctl(tapped[0], FIONREAD, &unread), 0);
		assert_int_equal(unread, 4 * i);
	}
	assert_int_equal(tap->skipped, 0);
	flow_finish(from);
	flow_finish(tap);
	close(in[1]);
	close(out[0]);
	close(tapped[0]);
}

static int
setup(void **state)
{
	(void)state;
	alarm(120);		/* nothing here may hang */
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sink_gets_everything),
		cmocka_unit_test(pipes_of_different_capacity_lose_nothing),
		cmocka_unit_test(
		    a_sink_with_a_branch_beside_it_gets_everything),
		cmocka_unit_test(a_sink_that_dies_does_no_harm_to_the_others),
		cmocka_unit_test(it_ends_when_all_sinks_have_died),
		cmocka_unit_test(
		    a_tap_misses_what_it_cannot_take_and_holds_nobody_up),
		cmocka_unit_test(
		    a_tap_hands_on_in_the_step_of_its_trunk_what_it_gets),
	};

	return cmocka_run_group_tests_name("branch", tests, setup, NULL);
}
