/*
 * test-buffer - the ring, against a plain array.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "buffer.h"

#define SIZE_BIGGEST 64

static uint64_t seed;

static size_t
choose(size_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (size_t)(seed >> 33) % below;
}

/* What the ring should hold, in order. */
struct model {
	unsigned char	 data[SIZE_BIGGEST];
	size_t		 held;
	size_t		 size;
	unsigned char	 next;		/* the value that comes in next */
};

static size_t
total(const struct iovec *iov, int count)
{
	size_t n = 0;

	for (int i = 0; i < count; i++) {
		assert_true(iov[i].iov_len > 0);
		n += iov[i].iov_len;
	}
	return n;
}

static void
check(struct buffer *buffer, const struct model *model)
{
	unsigned char got[SIZE_BIGGEST];
	struct iovec iov[2];
	size_t n = 0;
	int count;

	assert_int_equal(buffer_held(buffer), model->held);
	assert_int_equal(buffer_room(buffer), model->size - model->held);
	count = buffer_data(buffer, SIZE_MAX, iov);
	assert_in_range(count, 0, 2);
	assert_int_equal(total(iov, count), model->held);
	for (int i = 0; i < count; i++) {
		memcpy(got + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	assert_memory_equal(got, model->data, n);
}

/* As readv(2) does: some of the space that was asked for. */
static void
fill(struct buffer *buffer, struct model *model)
{
	size_t max = choose(model->size + 3), room, n, left;
	struct iovec iov[2];
	int count;

	room = model->size - model->held;
	count = buffer_space(buffer, max, iov);
	assert_int_equal(total(iov, count), max < room ? max : room);
	n = left = choose(total(iov, count) + 1);
	for (int i = 0; i < count; i++)
		for (size_t j = 0; j < iov[i].iov_len && left > 0; j++) {
			((unsigned char *)iov[i].iov_base)[j] = model->next;
			model->data[model->held++] = model->next++;
			left--;
		}
	buffer_filled(buffer, n);
}

static void
put(struct buffer *buffer, struct model *model)
{
	size_t n = choose(model->size - model->held + 1);

	for (size_t i = 0; i < n; i++)
		model->data[model->held + i] = model->next++;
	buffer_put(buffer, model->data + model->held, n);
	model->held += n;
}

static void
empty(struct buffer *buffer, struct model *model)
{
	size_t max = choose(model->size + 3), n;
	struct iovec iov[2];
	int count;

	count = buffer_data(buffer, max, iov);
	assert_int_equal(total(iov, count),
	    max < model->held ? max : model->held);
	n = choose(total(iov, count) + 1);
	buffer_emptied(buffer, n);
	model->held -= n;
	memmove(model->data, model->data + n, model->held);
}

static void
it_holds_what_an_array_would(void **state)
{
	struct model model = { 0 };
	struct buffer *buffer;

	(void)state;
	for (size_t size = 1; size <= SIZE_BIGGEST; size++) {
		seed = size;
		model.size = size;
		model.held = 0;
		buffer = buffer_new(size);
		assert_non_null(buffer);
		for (int i = 0; i < 3000; i++) {
			switch (choose(4)) {
			case 0:
				fill(buffer, &model);
				break;
			case 1:
				put(buffer, &model);
				break;
			default:
				empty(buffer, &model);
				break;
			}
			check(buffer, &model);
		}
		buffer_free(buffer);
	}
}

static void
what_wraps_around_is_two_pieces(void **state)
{
	struct buffer *buffer = buffer_new(4);
	struct iovec iov[2];

	(void)state;
	assert_non_null(buffer);
	buffer_put(buffer, "abcd", 4);
	assert_int_equal(buffer_space(buffer, SIZE_MAX, iov), 0);
	buffer_emptied(buffer, 3);
	buffer_put(buffer, "ef", 2);
	assert_int_equal(buffer_data(buffer, SIZE_MAX, iov), 2);
	assert_int_equal(iov[0].iov_len, 1);
	assert_memory_equal(iov[0].iov_base, "d", 1);
	assert_int_equal(iov[1].iov_len, 2);
	assert_memory_equal(iov[1].iov_base, "ef", 2);
	assert_int_equal(buffer_data(buffer, 2, iov), 2);
	assert_int_equal(iov[1].iov_len, 1);
	assert_int_equal(buffer_data(buffer, 0, iov), 0);
	buffer_free(buffer);
}

/* So that the next transfer is in one piece. */
static void
an_empty_ring_starts_over(void **state)
{
	struct buffer *buffer = buffer_new(4);
	struct iovec iov[2];

	(void)state;
	assert_non_null(buffer);
	buffer_put(buffer, "abc", 3);
	buffer_emptied(buffer, 3);
	assert_int_equal(buffer_space(buffer, SIZE_MAX, iov), 1);
	assert_int_equal(iov[0].iov_len, 4);
	buffer_free(buffer);
}

/* A number in each 8 bytes, from *next on, until the ring has so many. */
static void
fill_up(struct buffer *buffer, size_t held, uint64_t *next)
{
	while (buffer_held(buffer) < held) {
		assert_int_equal(buffer_reserve(buffer, sizeof(*next)), 0);
		buffer_put(buffer, next, sizeof(*next));
		++*next;
	}
}

static void
drain(struct buffer *buffer, size_t held, uint64_t *next)
{
	struct iovec iov[2];
	uint64_t got;

	while (buffer_held(buffer) > held) {
		assert_int_equal(buffer_data(buffer, sizeof(got), iov), 1);
		memcpy(&got, iov[0].iov_base, sizeof(got));
		assert_true(got == *next);
		buffer_emptied(buffer, sizeof(got));
		++*next;
	}
}

static void
a_large_one_grows_with_what_it_holds(void **state)
{
	struct buffer *buffer = buffer_new(SIZE_MAX / 2);
	const size_t mib = (size_t)1 << 20;
	uint64_t in = 0, out = 0;
	struct iovec iov[2];

	(void)state;
	assert_non_null(buffer);
	/* In one piece, in two pieces, and with a piece of any length. */
	for (size_t held = 0; held < 16 * mib; held += mib + mib / 8) {
		fill_up(buffer, held + mib, &in);
		drain(buffer, held, &out);
		assert_true(buffer_room(buffer) == SIZE_MAX / 2 - held);
		assert_in_range(buffer_space(buffer, mib, iov), 1, 2);
		fill_up(buffer, held + mib, &in);
	}
	drain(buffer, 0, &out);
	assert_true(in == out);
	buffer_free(buffer);
}

#ifndef __SANITIZE_ADDRESS__	/* whose realloc(3) does not fail */
/* As much as there is, if that is enough. */
static void
it_stops_growing_where_memory_ends(void **state)
{
	const size_t mib = (size_t)1 << 20;
	struct buffer *buffer;
	uint64_t in = 0, out = 0;
	struct iovec iov[2];
	size_t room;

	(void)state;
	buffer = buffer_new(SIZE_MAX / 2);
	assert_non_null(buffer);
	fill_up(buffer, mib, &in);
	drain(buffer, mib / 2, &out);
	fill_up(buffer, 2 * mib, &in);
	room = buffer_room(buffer);
	assert_int_equal(buffer_reserve(buffer, room), -1);
	assert_int_equal(errno, ENOMEM);
	assert_true(buffer_room(buffer) < room);
	room = buffer_room(buffer);
	assert_int_equal(buffer_space(buffer, SIZE_MAX, iov) > 0, room > 0);
	drain(buffer, 0, &out);
	assert_true(in == out);
	buffer_free(buffer);
	buffer_free(NULL);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_an_array_would),
		cmocka_unit_test(what_wraps_around_is_two_pieces),
		cmocka_unit_test(an_empty_ring_starts_over),
		cmocka_unit_test(a_large_one_grows_with_what_it_holds),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(it_stops_growing_where_memory_ends),
#endif
	};

	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
