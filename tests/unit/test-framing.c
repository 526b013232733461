/*
 * test-framing - which bytes go to the sink together, step by step.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "compat.h"
#include "fifo.h"
#include "framing.h"

/* A flow that holds bytes of a source which is not at its end. */
static void
begin(struct flow *flow, size_t size)
{
	flow_init(flow);
	flow->source.kind = ENDPOINT_PIPE;
	flow->delimiter = '\n';
	flow->state = FLOW_OPEN;
	flow->buffer = buffer_new(size);
	assert_non_null(flow->buffer);
}

static void
put(struct flow *flow, const char *text)
{
	buffer_put(flow->buffer, text, strlen(text));
}

static void
put_many(struct flow *flow, char c, size_t n)
{
	while (n-- > 0)
		buffer_put(flow->buffer, &c, 1);
}

/* So many bytes may go now. */
static void
may_go(struct flow *flow, size_t wanted)
{
	struct move move = { 0 };
	size_t length = SIZE_MAX;

	assert_int_equal(framing_next(flow, &length, &move), MOVE_SOME);
	assert_int_equal(length, wanted);
}

static void
nothing_goes(struct flow *flow, enum move_result why, enum side side)
{
	struct move move = { 0 };
	size_t length;

	assert_int_equal(framing_next(flow, &length, &move), why);
	assert_int_equal(move.side, side);
}

static void
took(struct flow *flow, size_t n)
{
	framing_took(flow, n);
	buffer_emptied(flow->buffer, n);
}

static void
a_stream_goes_as_it_comes(void **state)
{
	struct flow flow;

	(void)state;
	begin(&flow, 64);
	put(&flow, "one\ntw");
	may_go(&flow, 6);
	took(&flow, 2);
	may_go(&flow, 4);
	framing_end(&flow);
	assert_int_equal(buffer_held(flow.buffer), 4);
	flow_finish(&flow);
}

static void
records_go_one_by_one(void **state)
{
	struct flow flow;

	(void)state;
	begin(&flow, 64);
	flow.whole_records = true;
	put(&flow, "one\n\nthr");
	may_go(&flow, 4);
	took(&flow, 4);
	may_go(&flow, 1);
	took(&flow, 1);
	nothing_goes(&flow, MOVE_END, SIDE_NONE);
	put(&flow, "ee\n");
	may_go(&flow, 6);
	/* Only a part was taken: the rest is not waited for. */
	took(&flow, 2);
	assert_true(flow.mid_record);
	may_go(&flow, 4);
	took(&flow, 4);
	assert_false(flow.mid_record);
	/* The last one without its delimiter */
	put(&flow, "four");
	nothing_goes(&flow, MOVE_END, SIDE_NONE);
	flow.state = FLOW_DRAINING;
	may_go(&flow, 4);
	took(&flow, 4);
	assert_false(flow.mid_record);
	flow_finish(&flow);
}

static void
a_record_that_is_too_long_to_hold_goes_in_parts(void **state)
{
	struct flow flow;

	(void)state;
	begin(&flow, 3 * PIPE_BUF);
	flow.whole_records = true;
	put_many(&flow, 'x', PIPE_BUF);
	nothing_goes(&flow, MOVE_END, SIDE_NONE);
	put_many(&flow, 'x', 1);
	may_go(&flow, PIPE_BUF + 1);
	took(&flow, 10);
	/* What belongs to it goes at once. */
	may_go(&flow, PIPE_BUF - 9);
	took(&flow, PIPE_BUF - 9);
	put(&flow, "y");
	may_go(&flow, 1);
	took(&flow, 1);
	put(&flow, "\nnext");
	may_go(&flow, 1);
	took(&flow, 1);
	nothing_goes(&flow, MOVE_END, SIDE_NONE);
	flow_finish(&flow);
}

static void
atomic_records_are_refused_when_too_long(void **state)
{
	struct move move = { 0 };
	struct flow flow;
	size_t length;

	(void)state;
	begin(&flow, 3 * PIPE_BUF);
	flow.whole_records = flow.atomic = true;
	put_many(&flow, 'x', PIPE_BUF - 1);
	put(&flow, "\n");
	may_go(&flow, PIPE_BUF);
	took(&flow, PIPE_BUF);
	/* As many whole ones as are atomic together */
	put(&flow, "one\ntwo\n");
	put_many(&flow, 'y', PIPE_BUF - 8);
	put(&flow, "\n");
	may_go(&flow, 8);
	took(&flow, 8);
	may_go(&flow, PIPE_BUF - 7);
	took(&flow, PIPE_BUF - 7);
	put_many(&flow, 'z', PIPE_BUF);
	nothing_goes(&flow, MOVE_END, SIDE_NONE);
	put(&flow, "\n");
	assert_int_equal(framing_next(&flow, &length, &move), MOVE_FAILED);
	assert_int_equal(move.side, SIDE_SINK);
	assert_int_equal(move.why, OUTCOME_TOO_LONG);
	flow_finish(&flow);
}

static void
two_flows_take_turns_by_records(void **state)
{
	struct turn turn = { NULL };
	struct flow a, b;

	(void)state;
	begin(&a, 16);
	begin(&b, 64);
	a.turn = b.turn = &turn;
	put(&a, "on");
	put(&b, "1\n2\n3");
	nothing_goes(&a, MOVE_END, SIDE_NONE);
	may_go(&b, 4);
	took(&b, 3);
	/* In the midst of "2": nobody else may. */
	assert_ptr_equal(turn.owner, &b);
	put(&a, "e\n");
	nothing_goes(&a, MOVE_BLOCKED, SIDE_OTHERS);
	may_go(&b, 1);
	took(&b, 1);
	assert_null(turn.owner);
	may_go(&a, 4);
	took(&a, 4);
	/* Too long to be held: it keeps its turn to the end. */
	put_many(&a, 'x', 15);
	may_go(&a, 15);
	took(&a, 15);
	put(&b, "\n");
	nothing_goes(&b, MOVE_BLOCKED, SIDE_OTHERS);
	nothing_goes(&a, MOVE_END, SIDE_NONE);
	put(&a, "\n");
	took(&a, 1);
	may_go(&b, 2);
	/* A flow that is over gives its turn back. */
	took(&b, 1);
	framing_stop(&b);
	assert_null(turn.owner);
	flow_finish(&a);
	flow_finish(&b);
}

static void
a_last_record_gets_its_delimiter_in_turn(void **state)
{
	struct turn turn = { NULL };
	struct flow flow;

	(void)state;
	begin(&flow, 16);
	flow.turn = &turn;
	framing_end(&flow);
	assert_int_equal(buffer_held(flow.buffer), 0);
	put(&flow, "one\n");
	framing_end(&flow);
	assert_int_equal(buffer_held(flow.buffer), 4);
	put(&flow, "two");
	framing_end(&flow);
	assert_int_equal(buffer_held(flow.buffer), 8);
	assert_int_equal(flow.bytes_added, 1);
	flow.state = FLOW_DRAINING;
	may_go(&flow, 8);
	took(&flow, 8);
	/* One of which all but the delimiter went */
	flow.state = FLOW_OPEN;
	flow.mid_record = true;
	framing_end(&flow);
	assert_int_equal(buffer_held(flow.buffer), 1);
	flow_finish(&flow);
}

static void
open_sink(struct flow *flow, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(endpoint_init(&flow->sink, fd, O_WRONLY, "sink"), 0);
}

static void
a_lock_lasts_for_one_record(void **state)
{
	char name[] = "/tmp/test-framing.XXXXXX";
	struct flow mine, other;
	char path[sizeof(name) + 2];
	int both;

	(void)state;
	assert_non_null(mkdtemp(name));
	snprintf(path, sizeof(path), "%s/q", name);
	assert_int_equal(mkfifo(path, 0600), 0);
	both = open(path, O_RDWR | O_CLOEXEC);
	assert_true(both >= 0);
	begin(&mine, 64);
	begin(&other, 64);
	open_sink(&mine, path);
	open_sink(&other, path);
	mine.whole_records = mine.lock = true;
	other.whole_records = other.lock = true;
	put(&mine, "one\ntwo\n");
	put(&other, "three\n");
	may_go(&mine, 4);
	assert_true(mine.locked);
	nothing_goes(&other, MOVE_BLOCKED, SIDE_LOCK);
	took(&mine, 2);
	nothing_goes(&other, MOVE_BLOCKED, SIDE_LOCK);
	took(&mine, 2);
	assert_false(mine.locked);
	may_go(&other, 6);
	nothing_goes(&mine, MOVE_BLOCKED, SIDE_LOCK);
	framing_stop(&other);
	may_go(&mine, 4);
	flow_finish(&mine);
	flow_finish(&other);
	close(both);
	unlink(path);
	rmdir(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_goes_as_it_comes),
		cmocka_unit_test(records_go_one_by_one),
		cmocka_unit_test(
		    a_record_that_is_too_long_to_hold_goes_in_parts),
		cmocka_unit_test(atomic_records_are_refused_when_too_long),
		cmocka_unit_test(two_flows_take_turns_by_records),
		cmocka_unit_test(a_last_record_gets_its_delimiter_in_turn),
		cmocka_unit_test(a_lock_lasts_for_one_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
