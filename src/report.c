/*
 * report - counters as text for people or JSON for programs.
 */
#include "config.h"

#include <err.h>
#include <inttypes.h>
#include <libutil.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deadline.h"
#include "report.h"
#include "table.h"
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

static bool
json_begin(struct table *json)
{
	return table_begin(json, "stats", TABLE_JSON, stderr);
}

static void
json_common(struct table *json, const struct report *report)
{
	table_seconds(json, "seconds", report->elapsed_ns);
	if (report->status != REPORT_STATUS_NONE)
		table_count(json, "status", (uint64_t)report->status);
}

static void
json_flow(struct table *json, const struct report *report,
    const struct flow *flow)
{
	table_next_line(json);
	table_string(json, "command", report->command);
	table_string(json, "source", trace_safe(flow->source.name));
	table_string(json, "sink", trace_safe(flow->sink.name));
	table_string(json, "transport", transport_name(flow));
	table_count(json, "bytes_in", flow->bytes_in);
	table_count(json, "bytes_out", flow->bytes_out);
	table_seconds(json, "wait_source_seconds",
	    waited(report, flow, SIDE_SOURCE));
	table_seconds(json, "wait_sink_seconds",
	    waited(report, flow, SIDE_SINK));
	json_common(json, report);
}

static bool
stats_json(const struct report *report)
{
	struct table json;

	if (!json_begin(&json))
		return false;
	for (size_t i = 0; i < report->nflows; i++)
		json_flow(&json, report, &report->flows[i]);
	if (report->nflows == 0) {
		table_string(&json, "command", report->command);
		table_string(&json, "transport", "direct");
		json_common(&json, report);
	}
	table_end(&json);
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
	struct table json;

	if (form != STATS_JSON || !json_begin(&json)) {
		warnx("%u created, %u existed, %.3f s", created, existed,
		    seconds(report->elapsed_ns));
		return;
	}
	table_string(&json, "command", report->command);
	table_count(&json, "created", created);
	table_count(&json, "existed", existed);
	json_common(&json, report);
	table_end(&json);
}
