/*
 * report - counters as text for people or JSON for programs.
 */
#include "config.h"

#include <dlfcn.h>
#include <err.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <libutil.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "deadline.h"
#include "report.h"
#include "trace.h"

/* Of "1.0 GiB" and its end: the size makes humanize_number(3) scale. */
#define HUMAN_SIZE 8

static double
seconds(int64_t ns)
{
	return (double)ns / (double)NS_PER_SEC;
}

/* 1536 as 1.5 KiB. */
static const char *
human(uint64_t bytes, char text[HUMAN_SIZE])
{
	if (bytes > INT64_MAX)
		bytes = INT64_MAX;
	if (humanize_number(text, HUMAN_SIZE, (int64_t)bytes, "B", HN_AUTOSCALE,
	    HN_DECIMAL | HN_IEC_PREFIXES) == -1)
		strlcpy(text, "?", HUMAN_SIZE);
	return text;
}

/* What moved nothing has not shown what it would have used. */
static const char *
transport_name(const struct flow *flow)
{
	return flow->bytes_in == 0 ? "none" : flow_transport_name(flow);
}

/* Not longer than the run that is reported, by the time of the printing. */
static int64_t
waited(const struct report *report, const struct flow *flow, enum side side)
{
	return deadline_min(flow_wait_ns(flow, side), report->elapsed_ns);
}

static void
flow_text(const struct report *report, const struct flow *flow)
{
	warnx("%s -> %s: %" PRIu64 " in, %" PRIu64 " out, "
	    "waited %.3f s for input, %.3f s for output",
	    trace_safe(flow->source.name), trace_safe(flow->sink.name),
	    flow->bytes_in, flow->bytes_out,
	    seconds(waited(report, flow, SIDE_SOURCE)),
	    seconds(waited(report, flow, SIDE_SINK)));
}

static void
stats_text(const struct report *report)
{
	const char *transport = NULL, *name;
	char size[HUMAN_SIZE], rate[HUMAN_SIZE];
	uint64_t bytes = 0;
	double elapsed = seconds(report->elapsed_ns);

	if (report->nflows == 0) {
		warnx("commands are joined directly: no bytes were counted, "
		    "%.3f s", elapsed);
		return;
	}
	for (size_t i = 0; i < report->nflows; i++) {
		bytes += report->flows[i].bytes_out;
		name = transport_name(&report->flows[i]);
		/* The weakest of them, if they moved anything. */
		if (transport == NULL || strcmp(transport, "none") == 0 ||
		    strcmp(name, "copy") == 0)
			transport = name;
	}
	human(bytes, size);
	human(elapsed > 0 ? (uint64_t)((double)bytes / elapsed) : 0, rate);
	warnx("%" PRIu64 " bytes (%s) in %.3f s, %s/s, %s", bytes, size,
	    elapsed, rate, transport);
	for (size_t i = 0; i < report->nflows; i++)
		flow_text(report, &report->flows[i]);
}

/*
 * The few calls of libsmartcols(3) that a table as JSON takes.  Linked, the
 * library would cost every run 80 us and only this one uses it.
 */
static struct {
	int	(*init_debug)(int);
	struct libscols_table *(*new_table)(void);
	void	(*unref_table)(struct libscols_table *);
	int	(*table_enable_json)(struct libscols_table *, int);
	int	(*table_set_name)(struct libscols_table *, const char *);
	int	(*table_set_stream)(struct libscols_table *, FILE *);
	struct libscols_column *(*table_new_column)(struct libscols_table *,
		    const char *, double, int);
	int	(*column_set_json_type)(struct libscols_column *, int);
	struct libscols_line *(*table_new_line)(struct libscols_table *,
		    struct libscols_line *);
	int	(*line_set_data)(struct libscols_line *, size_t, const char *);
	int	(*print_table)(struct libscols_table *);
} scols;

static bool
scols_load(void)
{
	static const struct {
		const char	*name;
		void		*call;
	} symbols[] = {
		{ "scols_init_debug", &scols.init_debug },
		{ "scols_new_table", &scols.new_table },
		{ "scols_unref_table", &scols.unref_table },
		{ "scols_table_enable_json", &scols.table_enable_json },
		{ "scols_table_set_name", &scols.table_set_name },
		{ "scols_table_set_stream", &scols.table_set_stream },
		{ "scols_table_new_column", &scols.table_new_column },
		{ "scols_column_set_json_type", &scols.column_set_json_type },
		{ "scols_table_new_line", &scols.table_new_line },
		{ "scols_line_set_data", &scols.line_set_data },
		{ "scols_print_table", &scols.print_table },
	};
	void *library, *symbol;

	if (scols.print_table != NULL)
		return true;
	library = dlopen(LIBSMARTCOLS_SONAME, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library != NULL && i < ARRAY_SIZE(symbols); i++) {
		symbol = dlsym(library, symbols[i].name);
		if (symbol == NULL)
			library = NULL;
		else		/* POSIX's way from data to code, dlsym(3p) */
			memcpy(symbols[i].call, &symbol, sizeof(symbol));
	}
	if (library != NULL)
		return true;
	scols.print_table = NULL;
	warnx("no JSON: %s", dlerror());
	return false;
}

/* One row of JSON: cells are added in the order of the columns. */
struct json {
	struct libscols_table	*table;
	struct libscols_line	*line;
	size_t			 column;
	size_t			 columns;
};

static bool
json_begin(struct json *json)
{
	memset(json, 0, sizeof(*json));
	if (!scols_load())
		return false;
	json->table = scols.new_table();
	if (json->table == NULL) {
		warn("no JSON");
		return false;
	}
	scols.table_enable_json(json->table, 1);
	scols.table_set_name(json->table, "stats");
	scols.table_set_stream(json->table, stderr);
	return true;
}

static void
json_line(struct json *json)
{
	json->line = NULL;
	json->column = 0;
}

/* Add a cell with a text; the first line defines the columns. */
static void
json_text(struct json *json, const char *name, int type, const char *text)
{
	struct libscols_column *column;

	if (json->line == NULL && json->columns > 0)
		json->line = scols.table_new_line(json->table, NULL);
	if (json->column == json->columns) {
		column = scols.table_new_column(json->table, name, 0, 0);
		if (column != NULL)
			scols.column_set_json_type(column, type);
		json->columns++;
	}
	/* A table has to have a column before it takes a line. */
	if (json->line == NULL)
		json->line = scols.table_new_line(json->table, NULL);
	if (json->line != NULL)
		scols.line_set_data(json->line, json->column, text);
	json->column++;
}

static void
json_string(struct json *json, const char *name, const char *text)
{
	json_text(json, name, SCOLS_JSON_STRING, text);
}

static void
json_count(struct json *json, const char *name, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, count);
	json_text(json, name, SCOLS_JSON_NUMBER, text);
}

static void
json_seconds(struct json *json, const char *name, int64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6f", seconds(ns));
	json_text(json, name, SCOLS_JSON_NUMBER, text);
}

static void
json_end(struct json *json)
{
	if (scols.print_table(json->table) != 0)
		warnx("no JSON");
	scols.unref_table(json->table);
}

static void
json_common(struct json *json, const struct report *report)
{
	json_seconds(json, "seconds", report->elapsed_ns);
	if (report->status != REPORT_STATUS_NONE)
		json_count(json, "status", (uint64_t)report->status);
}

static void
json_flow(struct json *json, const struct report *report,
    const struct flow *flow)
{
	json_line(json);
	json_string(json, "command", report->command);
	json_string(json, "source", trace_safe(flow->source.name));
	json_string(json, "sink", trace_safe(flow->sink.name));
	json_string(json, "transport", transport_name(flow));
	json_count(json, "bytes_in", flow->bytes_in);
	json_count(json, "bytes_out", flow->bytes_out);
	json_seconds(json, "wait_source_seconds",
	    waited(report, flow, SIDE_SOURCE));
	json_seconds(json, "wait_sink_seconds",
	    waited(report, flow, SIDE_SINK));
	json_common(json, report);
}

static bool
stats_json(const struct report *report)
{
	struct json json;

	if (!json_begin(&json))
		return false;
	for (size_t i = 0; i < report->nflows; i++)
		json_flow(&json, report, &report->flows[i]);
	if (report->nflows == 0) {
		json_string(&json, "command", report->command);
		json_string(&json, "transport", "direct");
		json_common(&json, report);
	}
	json_end(&json);
	return true;
}

void
report_stats(const struct report *report, enum stats_form form)
{
	if (form != STATS_JSON || !stats_json(report))
		stats_text(report);
}

void
report_created(const struct report *report, enum stats_form form,
    unsigned int created, unsigned int existed)
{
	struct json json;

	if (form != STATS_JSON || !json_begin(&json)) {
		warnx("%u created, %u existed, %.3f s", created, existed,
		    seconds(report->elapsed_ns));
		return;
	}
	json_string(&json, "command", report->command);
	json_count(&json, "created", created);
	json_count(&json, "existed", existed);
	json_common(&json, report);
	json_end(&json);
}
