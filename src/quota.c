/*
 * quota - how much may be taken out of sources, and not a byte more.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include "buffer.h"
#include "compat.h"
#include "quota.h"
#include "record.h"

/* What is looked at in one go; a pipe seldom holds more. */
#define LOOK_SIZE	((size_t)64 << 10)

bool
quota_is_used(const struct flow *flow)
{
	return flow->quota != NULL && (flow->quota->bytes == 0 ||
	    (flow->quota->records == 0 && !flow->in_record &&
	    flow->cleared == 0));
}

/* One more record is begun; whether it may be. */
static bool
begin_record(struct flow *flow)
{
	if (flow->in_record)
		return true;
	if (flow->quota->records == 0)
		return false;
	if (flow->quota->records != QUOTA_NONE)
		flow->quota->records--;
	flow->in_record = true;
	return true;
}

/* How much of what was seen may be taken. */
static size_t
allow_records(struct flow *flow, const unsigned char *data, size_t n)
{
	const unsigned char *end;
	size_t done = 0;

	while (done < n && begin_record(flow)) {
		end = memchr(data + done, flow->delimiter, n - done);
		if (end == NULL)
			return n;
		flow->in_record = false;
		done = (size_t)(end - data) + 1;
	}
	return done;
}

/*
 * Where nothing can be seen before it is taken: it is not known yet whether
 * a record begins at all.
 */
static enum move_result
allow_one_byte(struct flow *flow)
{
	if (flow->transport->push == NULL) {
		errno = EOPNOTSUPP;
		return MOVE_REFUSED;	/* so that it copies */
	}
	flow->bytewise = true;
	flow->cleared = flow->in_record || flow->quota->records > 0 ? 1 : 0;
	return MOVE_SOME;
}

static enum move_result
look_ahead(struct flow *flow, struct move *move)
{
	static unsigned char data[LOOK_SIZE];
	ssize_t n;

	flow->bytewise = false;
	n = peek_bytes(&flow->peek, &flow->source, data, sizeof(data));
	if (n > 0)
		flow->cleared = allow_records(flow, data, (size_t)n);
	if (n >= 0)
		return n == 0 ? MOVE_END : MOVE_SOME;
	if (errno == EINTR)
		return MOVE_SOME;
	if (errno == EOPNOTSUPP)
		return allow_one_byte(flow);
	move->side = SIDE_SOURCE;
	move->errnum = errno;
	return errno == EAGAIN ? MOVE_BLOCKED : MOVE_FAILED;
}

enum move_result
quota_allow(struct flow *flow, size_t *max, struct move *move)
{
	enum move_result result = MOVE_SOME;

	if (flow->quota->bytes < *max)
		*max = (size_t)flow->quota->bytes;
	if (flow->counts_records) {
		if (flow->cleared == 0)
			result = look_ahead(flow, move);
		*max = MIN(*max, flow->cleared);
	}
	return result;
}

void
quota_took(struct flow *flow, size_t n)
{
	struct iovec iov[2];
	int count;

	if (flow->quota->bytes != QUOTA_NONE)
		flow->quota->bytes -= n;
	if (!flow->counts_records)
		return;
	flow->cleared = flow->bytewise ? 0 : flow->cleared - n;
	if (!flow->bytewise || n == 0)
		return;
	begin_record(flow);
	count = buffer_last(flow->buffer, n, iov);
	if (record_ends(iov, count, flow->delimiter))
		flow->in_record = false;
}
