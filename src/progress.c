/*
 * progress - the meter: one line on a terminal that says how far it is.
 */
#include "config.h"

#include <inttypes.h>
#include <langinfo.h>
#include <libutil.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "progress.h"
#include "signals.h"

/*
 * So often at the most a wait may wake us for nothing; the first line comes
 * sooner, for runs that are short.
 */
#define TICK_NS		NS_PER_SEC
#define FIRST_TICK_NS	(NS_PER_SEC / 4)

/* Waiting for this part of the time is worth a word. */
#define WAIT_PART	4

#define COLUMNS_DEFAULT	80
#define COLUMNS_WIDE	79		/* the last one stays empty */
#define SPARK_LEAST	4
#define BAR_LEAST	8		/* with its brackets */
#define NUMBER_SIZE	8		/* "1023 MiB" without its NUL is 8 */

struct progress {
	uint64_t	 size;
	int64_t		 started_at, last_at;
	struct progress_count last;
	uint64_t	 rates[PROGRESS_HISTORY];
	size_t		 nrates;
	size_t		 shown;		/* columns of the line that is there */
	bool		 utf8;
};

/* The one whose line is on the terminal; what is printed clears it first. */
static struct progress *on_screen;

/* 1536 as 1.5 KiB. */
static const char *
human(uint64_t bytes, char text[NUMBER_SIZE + 1])
{
	if (bytes > INT64_MAX)
		bytes = INT64_MAX;
	if (humanize_number(text, NUMBER_SIZE, (int64_t)bytes, "B",
	    HN_AUTOSCALE, HN_DECIMAL | HN_IEC_PREFIXES) == -1)
		strlcpy(text, "?", NUMBER_SIZE);
	return text;
}

/* 0:07, 1:02:07. */
static void
clock_text(char *text, size_t size, const char *before, int64_t ns)
{
	int64_t s = ns / NS_PER_SEC;

	if (s >= 3600)
		snprintf(text, size, "%s%" PRId64 ":%02" PRId64 ":%02" PRId64,
		    before, s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(text, size, "%s%" PRId64 ":%02" PRId64, before,
		    s / 60, s % 60);
}

/* In the order in which they stand. */
enum field {
	FIELD_BYTES,
	FIELD_ELAPSED,
	FIELD_RATE,
	FIELD_AVERAGE,
	FIELD_SPARK,
	FIELD_BAR,
	FIELD_PERCENT,
	FIELD_ETA,
	FIELD_WAIT,
	FIELDS
};

/* In the order in which they matter. */
static const enum field by_worth[] = {
	FIELD_BYTES, FIELD_PERCENT, FIELD_WAIT, FIELD_RATE, FIELD_ELAPSED,
	FIELD_ETA, FIELD_AVERAGE, FIELD_BAR, FIELD_SPARK
};

#define FIELD_TEXT 32

struct layout {
	char	 text[FIELDS][FIELD_TEXT];	/* empty: nothing to show */
	size_t	 columns[FIELDS];		/* 0: left out */
};

static double
part_done(const struct progress_view *v)
{
	if (v->bytes >= v->size)
		return 1;
	return (double)v->bytes / (double)v->size;
}

static const char *
wait_text(const struct progress_view *v, bool narrow)
{
	static const char *const texts[][2] = {
		[PROGRESS_BUSY] = { "", "" },
		[PROGRESS_INPUT] = { "waits for input", "<input" },
		[PROGRESS_OUTPUT] = { "waits for output", ">output" },
		[PROGRESS_LIMIT] = { "held back", "held" },
	};

	return v->over ? "" : texts[v->wait][narrow];
}

static void
fill_texts(const struct progress_view *v, size_t columns, struct layout *l)
{
	char number[NUMBER_SIZE + 1];
	double left;

	memset(l, 0, sizeof(*l));
	snprintf(l->text[FIELD_BYTES], FIELD_TEXT, "%s",
	    human(v->bytes, number));
	clock_text(l->text[FIELD_ELAPSED], FIELD_TEXT, "", v->elapsed_ns);
	/* At the end the present does not matter any more. */
	if (!v->over)
		snprintf(l->text[FIELD_RATE], FIELD_TEXT, "%s/s",
		    human(v->rate, number));
	snprintf(l->text[FIELD_AVERAGE], FIELD_TEXT, "avg %s/s",
	    human(v->average, number));
	strlcpy(l->text[FIELD_WAIT], wait_text(v, columns < COLUMNS_WIDE),
	    FIELD_TEXT);
	if (v->nrates > 0)
		strlcpy(l->text[FIELD_SPARK], "spark", FIELD_TEXT);
	if (v->size == 0)
		return;
	strlcpy(l->text[FIELD_BAR], "bar", FIELD_TEXT);
	/* 100 only when all of it is there. */
	snprintf(l->text[FIELD_PERCENT], FIELD_TEXT, "%d%%",
	    (int)(part_done(v) * 100));
	if (v->over || v->average == 0 || v->bytes >= v->size)
		return;
	left = (double)(v->size - v->bytes) / (double)v->average;
	if (left < 360000)	/* beyond 100 hours it is a guess */
		clock_text(l->text[FIELD_ETA], FIELD_TEXT, "ETA ",
		    (int64_t)(left * (double)NS_PER_SEC));
}

/* What has room, and what is left then to the bar or the sparkline. */
static void
choose_fields(const struct progress_view *v, size_t columns,
    struct layout *l)
{
	size_t used = 0, width, before;
	enum field field;

	for (size_t i = 0; i < ARRAY_SIZE(by_worth); i++) {
		field = by_worth[i];
		width = field == FIELD_SPARK ? MAX(v->nrates, SPARK_LEAST) :
		    field == FIELD_BAR ? BAR_LEAST : strlen(l->text[field]);
		before = used == 0 ? 0 : 1;
		if (field == FIELD_SPARK && used + 1 + SPARK_LEAST <= columns)
			width = MIN(width, columns - used - 1);
		if (l->text[field][0] == '\0' ||
		    used + before + width > columns)
			continue;
		l->columns[field] = width;
		used += before + width;
	}
	/* A bar as long as there is room for, but not without measure. */
	if (l->columns[FIELD_BAR] > 0)
		l->columns[FIELD_BAR] += MIN(columns - used, 32);
}

static char *
put_spark(char *at, const struct progress_view *v, bool utf8, size_t width)
{
	static const char ascii[] = "_.,-=+*#";
	size_t n = MIN(width, v->nrates);
	const uint64_t *rates = v->rates + v->nrates - n;
	uint64_t most = 1;
	int level;

	for (size_t i = 0; i < n; i++)
		most = MAX(most, rates[i]);
	for (size_t i = 0; i < width - n; i++)
		*at++ = ' ';
	for (size_t i = 0; i < n; i++) {
		level = (int)((double)rates[i] / (double)most * 7.0 + 0.5);
		if (!utf8) {
			*at++ = ascii[level];
			continue;
		}
		/* U+2581 to U+2588 */
		*at++ = '\342';
		*at++ = '\226';
		*at++ = (char)(0x81 + level);
	}
	return at;
}

static char *
put_bar(char *at, const struct progress_view *v, size_t width)
{
	size_t inner = width - 2;
	size_t done = (size_t)(part_done(v) * (double)inner);

	*at++ = '[';
	for (size_t i = 0; i < inner; i++)
		*at++ = i < done ? '=' : i == done ? '>' : ' ';
	*at++ = ']';
	return at;
}

size_t
progress_line(const struct progress_view *v, bool utf8, size_t columns,
    char line[PROGRESS_LINE])
{
	struct layout l;
	size_t used = 0, length;
	char *at = line;

	columns = MIN(columns, PROGRESS_COLUMNS_MAX);
	fill_texts(v, columns, &l);
	choose_fields(v, columns, &l);
	for (int field = 0; field < FIELDS; field++) {
		if (l.columns[field] == 0)
			continue;
		if (used > 0) {
			*at++ = ' ';
			used++;
		}
		used += l.columns[field];
		if (field == FIELD_SPARK)
			at = put_spark(at, v, utf8, l.columns[field]);
		else if (field == FIELD_BAR)
			at = put_bar(at, v, l.columns[field]);
		else {
			length = strlen(l.text[field]);
			memcpy(at, l.text[field], length);
			at += length;
		}
	}
	*at = '\0';
	return used;
}

static bool
is_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool yes;

	if (locale == (locale_t)0)
		return false;
	yes = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return yes;
}

/* Asked anew for each line, so that a resized window is no event. */
static size_t
terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

/* In the background it would be in the way, or stop us (TOSTOP). */
static bool
may_show(void)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return tcgetpgrp(STDERR_FILENO) == getpgrp() &&
	    poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLOUT) != 0;
}

static void
clear_line(void)
{
	struct progress *p = on_screen;

	if (p == NULL)
		return;
	on_screen = NULL;
	if (may_show())
		fprintf(stderr, "\r%*s\r", (int)MIN(p->shown,
		    terminal_columns() - 1), "");
	p->shown = 0;
}

struct progress *
progress_new(uint64_t size, int64_t now)
{
	struct progress *p;

	if (!isatty(STDERR_FILENO))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->size = size;
	p->started_at = p->last_at = now;
	p->utf8 = is_utf8();
	signals_before_print(clear_line);
	return p;
}

static void
add_rate(struct progress *p, uint64_t rate)
{
	if (p->nrates == PROGRESS_HISTORY) {
		memmove(p->rates, p->rates + 1,
		    sizeof(p->rates) - sizeof(p->rates[0]));
		p->nrates--;
	}
	p->rates[p->nrates++] = rate;
}

static uint64_t
rate_of(uint64_t bytes, int64_t ns)
{
	return ns <= 0 ? 0 : (uint64_t)((double)bytes * (double)NS_PER_SEC /
	    (double)ns);
}

static enum progress_wait
what_waited(const struct progress *p, const struct progress_count *count,
    int64_t span)
{
	int64_t input = count->input_ns - p->last.input_ns;
	int64_t output = count->output_ns - p->last.output_ns;
	int64_t limit = count->limit_ns - p->last.limit_ns;
	int64_t most = MAX(input, MAX(output, limit));

	if (most < span / WAIT_PART)
		return PROGRESS_BUSY;
	return most == limit ? PROGRESS_LIMIT :
	    most == output ? PROGRESS_OUTPUT : PROGRESS_INPUT;
}

static void
show(struct progress *p, const struct progress_view *v)
{
	char line[PROGRESS_LINE];
	size_t before, columns;

	if (!may_show())
		return;
	before = on_screen == p ? p->shown : 0;
	/* Nothing in the last column: some terminals would wrap there. */
	columns = terminal_columns() - 1;
	on_screen = NULL;		/* we take its place ourselves */
	p->shown = progress_line(v, p->utf8, columns, line);
	signals_print_begin();
	fprintf(stderr, "\r%s%*s%s", line, (int)(before > p->shown ?
	    MIN(before, columns) - MIN(p->shown, columns) : 0), "",
	    v->over ? "\n" : "");
	fflush(stderr);
	signals_print_end();
	on_screen = v->over ? NULL : p;
}

static void
update(struct progress *p, const struct progress_count *count, int64_t now,
    bool over)
{
	int64_t span = now - p->last_at;
	struct progress_view v = {
		.bytes = count->bytes,
		.size = p->size,
		.elapsed_ns = now - p->started_at,
		.rate = rate_of(count->bytes - p->last.bytes, span),
		.average = rate_of(count->bytes, now - p->started_at),
		.wait = what_waited(p, count, span),
		.over = over,
	};

	add_rate(p, v.rate);
	v.rates = p->rates;
	v.nrates = p->nrates;
	show(p, &v);
	p->last = *count;
	p->last_at = now;
}

int64_t
progress_tick(struct progress *p, const struct progress_count *count,
    int64_t now)
{
	if (now < p->started_at + FIRST_TICK_NS)
		return p->started_at + FIRST_TICK_NS;
	update(p, count, now, false);
	return now + TICK_NS;
}

void
progress_finish(struct progress *p, const struct progress_count *count,
    int64_t now)
{
	if (p == NULL)
		return;
	update(p, count, now, true);
	signals_before_print(NULL);
	on_screen = NULL;
	free(p);
}
