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
#include <sys/param.h>

#include "child.h"
#include "compat.h"
#include "deadline.h"
#include "report.h"
#include "table.h"
#include "trace.h"

/* Of "1.0 GiB" and its end: the size makes humanize_number(3) scale. */
#define HUMAN_SIZE 8

/* Who is waited for less than this part of the time is not slow. */
#define SLOW_PART 10

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

/*
 * Users know their input and their outputs, not the flows between them: one
 * that only feeds another or branches is not shown.
 */
static bool
is_shown(const struct report *report, const struct flow *flow)
{
	if (flow->sink_dropped && flow->bytes_out == 0)
		return false;
	for (size_t i = 0; i < report->nflows; i++)
		if (report->flows[i].feeder == flow)
			return false;
	return true;
}

/* The flow that reads what a flow of ours passes on. */
static const struct flow *
reading(const struct flow *flow)
{
	if (flow->trunk != NULL)
		flow = flow->trunk;
	return flow->feeder == NULL ? flow : flow->feeder;
}

/* Not longer than the run that is reported, by the time of the printing. */
static int64_t
waited(const struct report *report, const struct flow *flow, enum side side)
{
	if (side == SIDE_SOURCE)
		flow = reading(flow);
	return deadline_min(flow_wait_ns(flow, side), report->elapsed_ns);
}

/* The flow that a rate limit holds back for it; NULL if there is none. */
static const struct flow *
limited(const struct flow *flow)
{
	while (flow != NULL && flow->limiter == NULL)
		flow = flow->trunk != NULL ? flow->trunk : flow->feeder;
	return flow;
}

/* Other waits for neither side, as for a tap's reader, are nobody's limit. */
static int64_t
held_back_ns(const struct report *report, const struct flow *flow)
{
	flow = limited(flow);
	return flow == NULL ? 0 : waited(report, flow, SIDE_NONE);
}

/* Several outputs have one rate limit, which is told once. */
static bool
tells_limit(const struct report *report, const struct flow *flow)
{
	const struct flow *other = report->flows;

	if (limited(flow) == NULL)
		return false;
	while (other != flow && (!is_shown(report, other) ||
	    limited(other) != limited(flow)))
		other++;
	return other == flow;
}

/* What a flow that feeds us did in memory was done to our bytes. */
static const char *
whole_transport_name(const struct flow *flow)
{
	const char *name = transport_name(flow);
	const struct flow *before = flow->trunk != NULL ? flow->trunk :
	    flow->feeder;

	if (before == NULL || strcmp(name, "splice") != 0)
		return name;
	return whole_transport_name(before);
}

static void
flow_text(const struct report *report, const struct flow *flow)
{
	char missed[80] = "";

	if (flow->tap)
		snprintf(missed, sizeof(missed), ", skipped %" PRIu64
		    " bytes in %" PRIu64 " chunks", flow->skipped,
		    flow->chunks_skipped);
	else if (flow->drop)
		snprintf(missed, sizeof(missed), ", dropped %" PRIu64
		    " record%s", flow->records_dropped,
		    flow->records_dropped == 1 ? "" : "s");
	warnx("%s -> %s: %" PRIu64 " in, %" PRIu64 " out%s, "
	    "waited %.3f s for input, %.3f s for output",
	    trace_safe(flow->source.name), trace_safe(flow->sink.name),
	    flow->bytes_in, flow->bytes_out, missed,
	    seconds(waited(report, flow, SIDE_SOURCE)),
	    seconds(waited(report, flow, SIDE_SINK)));
	if (tells_limit(report, flow))
		warnx("%s: held back for %.3f s by the rate limit",
		    trace_safe(flow->source.name),
		    seconds(held_back_ns(report, flow)));
}

/*
 * What has gone by, each byte once however many get it; in a pipeline, what
 * came out of it as far as we see that.
 */
static uint64_t
bytes_passed(const struct report *report)
{
	const struct report_pipeline *p = report->pipeline;
	const struct flow *flow;
	uint64_t bytes = 0;

	if (p != NULL && p->njoints > 0)
		return p->joints[p->njoints - 1]->bytes_out;
	for (size_t i = 0; i < report->nflows; i++) {
		flow = &report->flows[i];
		if (flow->sink_dropped)
			bytes += flow->bytes_in;
		else if (flow->trunk == NULL && is_shown(report, flow))
			bytes += flow->bytes_out;
	}
	return bytes;
}

/* When the last of what is behind a joint ended; now while any goes on. */
static int64_t
rest_ended_at(const struct report *report, size_t joint)
{
	const struct report_pipeline *p = report->pipeline;
	const struct flow *last = p->joints[p->njoints - 1];
	int64_t now = deadline_now();
	int64_t at = flow_is_over(last) ? last->ended_at : now;

	for (size_t i = joint + 1; i < p->nstages; i++)
		at = MAX(at, p->stages[i].pid != 0 ? now :
		    p->stages[i].ended_ns);
	return at;
}

/*
 * How long the joint behind a command was kept waiting by what is on that
 * side of it.  One that is over has no more to give: what takes time since is
 * further on, as long as anything goes on there.
 */
static int64_t
kept_waiting(const struct report *report, size_t i, enum side side)
{
	const struct report_pipeline *p = report->pipeline;
	const struct flow *joint = p->joints[i];
	int64_t ns = waited(report, joint, side);

	if (side == SIDE_SINK && flow_is_over(joint))
		ns += MAX(0, rest_ended_at(report, i) - joint->ended_at);
	return deadline_min(ns, report->elapsed_ns);
}

/* How long the rate limit held back what is behind the last command. */
static int64_t
held_back(const struct report *report)
{
	int64_t most = 0;

	for (size_t i = 0; i < report->nflows; i++)
		if (report->flows[i].limiter != NULL)
			most = MAX(most, waited(report, &report->flows[i],
			    SIDE_NONE));
	return most;
}

#define SLOWEST_NONE	(-1)
#define SLOWEST_LIMIT	(-2)

/*
 * Everything to the left of the slowest waits until it takes, everything to
 * the right until it gives.  Returns its number, from 0 on; that of a command
 * more than there are for the reader of our standard output; SLOWEST_LIMIT
 * where the rate limit in front of that reader takes longer; SLOWEST_NONE
 * when nobody is waited for much.
 */
static int
slowest(const struct report *report)
{
	const struct report_pipeline *p = report->pipeline;
	int64_t held = held_back(report), before = 0, sum, most = 0;
	int found = SLOWEST_NONE;

	for (size_t i = 0; i <= p->njoints; i++) {
		sum = before;
		for (size_t j = i; j < p->njoints; j++)
			sum += kept_waiting(report, j, SIDE_SOURCE);
		if (sum > most) {
			most = sum;
			found = (int)i;
		}
		/* It is where the last joint is. */
		if (i + 1 == p->njoints && before + held > most) {
			most = before + held;
			found = SLOWEST_LIMIT;
		}
		if (i < p->njoints)
			before += kept_waiting(report, i, SIDE_SINK);
	}
	if (p->njoints == 0 || most / (int64_t)p->njoints <
	    report->elapsed_ns / SLOW_PART)
		return SLOWEST_NONE;
	return found;
}

static const char *
stage_name(const struct report_pipeline *p, size_t i)
{
	return trace_safe(p->stages[i].argv[0]);
}

/* For JSON; NULL: there is none. */
static const char *
bottleneck(const struct report *report)
{
	const struct report_pipeline *p = report->pipeline;
	int found = slowest(report);

	if (found == SLOWEST_NONE)
		return NULL;
	if (found == SLOWEST_LIMIT)
		return "rate limit";
	return (size_t)found < p->nstages ? stage_name(p, (size_t)found) :
	    "reader of standard output";
}

/* The slowest command, and how that is known. */
static void
slowest_text(const struct report *report)
{
	const struct report_pipeline *p = report->pipeline;
	char before[64] = "", behind[64] = "";
	double elapsed = seconds(report->elapsed_ns);
	int found = slowest(report);
	size_t i = (size_t)found;

	if (found == SLOWEST_NONE) {
		if (p->njoints > 0)
			warnx("no command stands out as the slowest");
		return;
	}
	if (found == SLOWEST_LIMIT) {
		warnx("slowest: the rate limit: held back for %.3f s, "
		    "of %.3f s", seconds(held_back(report)), elapsed);
		return;
	}
	if (i > 0)
		snprintf(before, sizeof(before), "%.3f s before it took",
		    seconds(kept_waiting(report, i - 1, SIDE_SINK)));
	if (i < p->njoints)
		snprintf(behind, sizeof(behind), "%.3f s before it gave",
		    seconds(kept_waiting(report, i, SIDE_SOURCE)));
	if (i == p->nstages)
		warnx("slowest: the reader of standard output: %s, of %.3f s",
		    before, elapsed);
	else
		warnx("slowest: %s (%zu of %zu): its neighbours waited "
		    "%s%s%s, of %.3f s", stage_name(p, i), i + 1, p->nstages,
		    before, *before != '\0' && *behind != '\0' ? ", " : "",
		    behind, elapsed);
}

static void
stages_text(const struct report *report)
{
	const struct report_pipeline *p = report->pipeline;

	for (size_t i = 0; i < p->nstages; i++) {
		if (p->stages[i].pid != 0)
			warnx("%s: runs", stage_name(p, i));
		else
			warnx("%s: status %d", stage_name(p, i),
			    p->stages[i].status);
	}
	slowest_text(report);
}

static void
stats_text(const struct report *report)
{
	const char *transport = NULL, *name;
	char size[HUMAN_SIZE], rate[HUMAN_SIZE];
	uint64_t bytes;
	double elapsed = seconds(report->elapsed_ns);

	if (report->nflows == 0) {
		warnx("commands are joined directly: no bytes were counted, "
		    "%.3f s", elapsed);
		if (report->pipeline != NULL)
			stages_text(report);
		return;
	}
	for (size_t i = 0; i < report->nflows; i++) {
		if (!is_shown(report, &report->flows[i]))
			continue;
		/* A tap takes nothing out of the way of the others. */
		if (report->flows[i].tap)
			continue;
		name = whole_transport_name(&report->flows[i]);
		/* The weakest of them, if they moved anything. */
		if (transport == NULL || strcmp(transport, "none") == 0 ||
		    strcmp(name, "copy") == 0)
			transport = name;
	}
	bytes = bytes_passed(report);
	human(bytes, size);
	human(elapsed > 0 ? (uint64_t)((double)bytes / elapsed) : 0, rate);
	warnx("%" PRIu64 " bytes (%s) in %.3f s, %s/s, %s", bytes, size,
	    elapsed, rate, transport);
	for (size_t i = 0; i < report->nflows; i++)
		if (is_shown(report, &report->flows[i]))
			flow_text(report, &report->flows[i]);
	if (report->pipeline != NULL)
		stages_text(report);
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

/* Where there is no flow, null in each column. */
static void
json_no_flow(struct table *json)
{
	static const char *const texts[] = { "source", "sink", "transport" };
	static const char *const numbers[] = {
		"bytes_in", "bytes_out", "bytes_skipped", "chunks_skipped",
		"records_dropped",
		"wait_source_seconds", "wait_sink_seconds",
		"held_back_seconds"
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		table_null(json, texts[i], TABLE_STRING);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		table_null(json, numbers[i], TABLE_NUMBER);
}

static void
json_flow(struct table *json, const struct report *report,
    const struct flow *flow)
{
	table_string(json, "source", trace_safe(flow->source.name));
	table_string(json, "sink", trace_safe(flow->sink.name));
	table_string(json, "transport", whole_transport_name(flow));
	table_count(json, "bytes_in", flow->bytes_in);
	table_count(json, "bytes_out", flow->bytes_out);
	table_count(json, "bytes_skipped", flow->skipped);
	table_count(json, "chunks_skipped", flow->chunks_skipped);
	table_count(json, "records_dropped", flow->records_dropped);
	table_seconds(json, "wait_source_seconds",
	    waited(report, flow, SIDE_SOURCE));
	table_seconds(json, "wait_sink_seconds",
	    waited(report, flow, SIDE_SINK));
	table_seconds(json, "held_back_seconds",
	    held_back_ns(report, flow));
}

/* A command, and the joint behind it; or a flow that is none. */
static void
json_stage(struct table *json, const struct report *report, size_t i,
    const struct flow *flow)
{
	const struct report_pipeline *p = report->pipeline;

	table_next_line(json);
	table_string(json, "command", report->command);
	if (i < p->nstages) {
		table_count(json, "stage", i + 1);
		table_string(json, "stage_command", stage_name(p, i));
		if (p->stages[i].pid != 0)
			table_null(json, "stage_status", TABLE_NUMBER);
		else
			table_count(json, "stage_status",
			    (uint64_t)p->stages[i].status);
		table_bool(json, "slowest", slowest(report) == (int)i);
	} else {
		table_null(json, "stage", TABLE_NUMBER);
		table_null(json, "stage_command", TABLE_STRING);
		table_null(json, "stage_status", TABLE_NUMBER);
		table_null(json, "slowest", TABLE_BOOLEAN);
	}
	if (bottleneck(report) != NULL)
		table_string(json, "bottleneck", bottleneck(report));
	else
		table_null(json, "bottleneck", TABLE_STRING);
	if (flow != NULL)
		json_flow(json, report, flow);
	else
		json_no_flow(json);
	json_common(json, report);
}

static bool
is_joint(const struct report_pipeline *p, const struct flow *flow)
{
	for (size_t i = 0; i < p->njoints; i++)
		if (p->joints[i] == flow)
			return true;
	return false;
}

static void
json_pipeline(struct table *json, const struct report *report)
{
	const struct report_pipeline *p = report->pipeline;
	const struct flow *flow;

	for (size_t i = 0; i < p->nstages; i++)
		json_stage(json, report, i, i < p->njoints ? p->joints[i] :
		    NULL);
	/* Taps */
	for (size_t i = 0; i < report->nflows; i++) {
		flow = &report->flows[i];
		if (is_shown(report, flow) && !is_joint(p, flow))
			json_stage(json, report, p->nstages, flow);
	}
}

static bool
stats_json(const struct report *report)
{
	struct table json;

	if (!json_begin(&json))
		return false;
	if (report->pipeline != NULL)
		json_pipeline(&json, report);
	for (size_t i = 0; report->pipeline == NULL && i < report->nflows;
	    i++) {
		if (!is_shown(report, &report->flows[i]))
			continue;
		table_next_line(&json);
		table_string(&json, "command", report->command);
		json_flow(&json, report, &report->flows[i]);
		json_common(&json, report);
	}
	if (report->pipeline == NULL && report->nflows == 0) {
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
