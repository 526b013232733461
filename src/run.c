/*
 * run - one run of flows on behalf of a command.
 */
#include "config.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chore.h"
#include "command.h"
#include "deadline.h"
#include "relay.h"
#include "report.h"
#include "run.h"
#include "signals.h"
#include "trace.h"
#include "transient.h"

static void
print_stats(const struct run *run, enum stats_form form, int status)
{
	struct report report = {
		.command = run->command->name,
		.flows = run->flows,
		.nflows = run->nflows,
		.elapsed_ns = deadline_now() - run->started_at,
		.status = status,
		.pipeline = run->pipeline,
	};

	signals_print_begin();
	report_stats(&report, form);
	signals_print_end();
}

/* SIGUSR1: as text, unless JSON was asked for. */
static void
report_now(void *arg)
{
	const struct run *run = arg;

	print_stats(run, run->common->stats == STATS_JSON ? STATS_JSON :
	    STATS_TEXT, REPORT_STATUS_NONE);
}

void
run_init(struct run *run, const struct options *options, struct flow *flows,
    size_t nflows)
{
	const struct common_options *common = &options->common;

	memset(run, 0, sizeof(*run));
	run->command = options->command;
	run->common = common;
	run->flows = flows;
	run->nflows = nflows;
	for (size_t i = 0; i < nflows; i++)
		flow_init(&flows[i]);
	run->started_at = trace_start();
	run->limits = (struct limits){
		.nonblock = common->nonblock,
		.open_timeout = common->open_timeout,
		.idle_timeout = common->idle_timeout,
		.deadline = deadline_after(run->started_at, common->timeout),
		.report = report_now,
		.arg = run,
	};
	trace_set_verbose(common->verbose);
	signals_start();
}

void
run_say_lost(const struct child *children, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (children[i].lost)
			warnx("%s: its exit status was lost",
			    trace_safe(children[i].argv[0]));
}

int
run_say_left(struct place *place)
{
	int saved = errno, status = *place->left == '\0' ? STATUS_OK :
	    STATUS_ERROR;

	/* Names were swapped, again and again, while we looked. */
	if (*place->kept != '\0')
		warnx("%s: another file was in the way; it is called %s now",
		    trace_safe(place->path), place->kept);
	if (*place->left != '\0')
		warnc(place->left_errnum, "%s: the directory %s beside it was "
		    "not removed", trace_name(place->path), place->left);
	*place->kept = *place->left = '\0';
	errno = saved;
	return status;
}

int
run_remove_place(struct place *place)
{
	int status = STATUS_OK;

	if (place_remove(place) == -1) {
		warn("%s: not removed", trace_name(place->path));
		status = STATUS_ERROR;
	}
	return status_join(status, run_say_left(place));
}

void
run_stats(const struct run *run, int status)
{
	if (run->common->stats != STATS_NONE)
		print_stats(run, run->common->stats, status);
}

static int
take_standard(struct endpoint *ep, int fd, int access, enum side side,
    const char *name, struct outcome *outcome)
{
	if (endpoint_init(ep, fd, access, name) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, side, errno, name);
	return 0;
}

int
run_take_stdin(struct endpoint *ep, struct outcome *outcome)
{
	return take_standard(ep, STDIN_FILENO, O_RDONLY, SIDE_SOURCE,
	    "standard input", outcome);
}

bool
run_stdin_feeds(const struct endpoint *sink)
{
	struct outcome outcome;
	struct endpoint in;

	return run_take_stdin(&in, &outcome) == 0 &&
	    endpoint_feeds(&in, sink);
}

int
run_take_stdout(struct endpoint *ep, struct outcome *outcome)
{
	return take_standard(ep, STDOUT_FILENO, O_WRONLY, SIDE_SINK,
	    "standard output", outcome);
}

/* A duration as the user gave it, with its unit. */
static const char *
duration(const char *text)
{
	static char buffer[64];
	size_t length = strlen(text);

	if (length == 0 || length > sizeof(buffer) - sizeof("s") ||
	    isalpha((unsigned char)text[length - 1]))
		return text;
	snprintf(buffer, sizeof(buffer), "%ss", text);
	return buffer;
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/*
 * For a writer: how much its sink has accepted, to end a message that says
 * why that was not all.
 */
static const char *
accepted(const struct run *run, const struct outcome *outcome)
{
	static char text[64];
	const struct flow *flow, *end = run->flows + run->nflows;

	if (!run->tells_accepted)
		return "";
	for (flow = run->flows; flow + 1 < end; flow++)
		if (outcome->name == flow->sink.name || run->nflows == 1)
			break;
	if (flow->bytes_out == 0 || (outcome->name == NULL &&
	    run->nflows > 1))
		return "";
	snprintf(text, sizeof(text), ", after %" PRIu64 " byte%s",
	    flow->bytes_out, plural(flow->bytes_out));
	return text;
}

/* Of a sink that broke: our own standard output, or a peer's end? */
static int
explain_broken(const struct outcome *outcome)
{
	if (outcome->standard && signals_pipe_kills()) {
		signals_condemn(SIGPIPE);
		return STATUS_SIGNAL + SIGPIPE;
	}
	if (outcome->standard) {
		warnx("%s: %s", trace_safe(outcome->name), strerror(EPIPE));
		return STATUS_ERROR;
	}
	if (outcome->drained)
		warnx("%s: the reader left with %" PRIu64 " byte%s unread, "
		    "after %" PRIu64 " byte%s", trace_safe(outcome->name),
		    outcome->unread, plural(outcome->unread), outcome->bytes,
		    plural(outcome->bytes));
	else
		warnx("%s: the reader left after %" PRIu64 " byte%s",
		    trace_safe(outcome->name), outcome->bytes,
		    plural(outcome->bytes));
	return STATUS_PEER_LEFT;
}

static int
explain(const struct run *run, const struct outcome *outcome)
{
	const struct common_options *common = run->common;
	const char *peer = outcome->side == SIDE_SINK ? "reader" :
	    outcome->side == SIDE_SOURCE ? "writer" : "turn";
	const char *name = outcome->name == NULL ? "" :
	    trace_name(outcome->name);

	switch (outcome->why) {
	case OUTCOME_DONE:
	case OUTCOME_HALF_CLOSED:
	case OUTCOME_DEADLOCK:
		break;
	case OUTCOME_SIGNAL:
		signals_condemn(outcome->signo);
		break;
	case OUTCOME_PEER_LEFT:
		return explain_broken(outcome);
	case OUTCOME_ERROR:
		warnx("%s%s%s%s", name, *name == '\0' ? "" : ": ",
		    strerror(outcome->errnum), outcome->side == SIDE_SINK ?
		    accepted(run, outcome) : "");
		break;
	case OUTCOME_NO_PEER:
		warnx("%s: no %s", name, peer);
		break;
	case OUTCOME_WOULD_BLOCK:
		if (outcome->side == SIDE_SOURCE)
			warnx("%s: a writer holds it, but nothing is queued",
			    name);
		else
			warnx("%s: full after %" PRIu64 " byte%s", name,
			    outcome->bytes, plural(outcome->bytes));
		break;
	case OUTCOME_NOT_FIFO:
		warnx("%s: not a FIFO", name);
		break;
	case OUTCOME_FOREIGN:
		warnx("%s: does not belong to %s", name,
		    trace_safe(run->owner));
		break;
	case OUTCOME_LOCKED:
		warnx("%s: locked by another process%s", name,
		    outcome->side == SIDE_SINK ? accepted(run, outcome) : "");
		break;
	case OUTCOME_TOO_LONG:
		warnx("%s: a record longer than %d bytes cannot be atomic%s",
		    name, PIPE_BUF, accepted(run, outcome));
		break;
	case OUTCOME_UNCONFIRMED:
		warnx("%s: cannot confirm that all was read: others write to "
		    "it, too%s", name, accepted(run, outcome));
		break;
	case OUTCOME_SAME_FILE:
		warnx("%s: input file is output file", name);
		break;
	case OUTCOME_REMOVED:
		warnx("%s: removed while waiting for a %s%s", name, peer,
		    accepted(run, outcome));
		break;
	case OUTCOME_OPEN_TIMEOUT:
		warnx("%s: no %s within %s%s", name, peer,
		    duration(common->open_timeout_text),
		    accepted(run, outcome));
		break;
	case OUTCOME_IDLE_TIMEOUT:
		warnx("nothing moved for %s (--idle-timeout)%s",
		    duration(common->idle_timeout_text),
		    accepted(run, outcome));
		break;
	case OUTCOME_TOTAL_TIMEOUT:
		warnx("not done within %s (--timeout)%s",
		    duration(common->timeout_text), accepted(run, outcome));
		break;
	}
	return status_from_outcome(outcome);
}

int
run_explain(const struct run *run, const struct outcome *outcome)
{
	int status;

	signals_print_begin();
	status = explain(run, outcome);
	signals_print_end();
	return status;
}

/* Finish what is left; the first error of a close counts. */
static int
finish_flows(struct run *run, int status)
{
	struct flow *flow;

	for (flow = run->flows; flow < run->flows + run->nflows; flow++) {
		if (flow_finish(flow) == -1) {
			warn("%s", trace_safe(flow->sink.name));
			status = status_join(status, STATUS_ERROR);
		}
	}
	return status;
}

int
run_conclude(struct run *run)
{
	/* Whoever ended by now did so before we close the ends. */
	if (run->limits.reap != NULL)
		run->limits.reap(run->limits.arg);
	return finish_flows(run, run_explain(run, &run->outcome));
}

/* Whether the wait must end now, as run->outcome says then. */
static bool
wait_is_over(struct run *run, int64_t now, int64_t idle_by)
{
	if (limit_check(&run->limits, now, SIDE_NONE, NULL,
	    &run->outcome) == -1)
		return true;
	if (now < idle_by)
		return false;
	outcome_set(&run->outcome, OUTCOME_IDLE_TIMEOUT, SIDE_NONE, 0, NULL);
	return true;
}

int
run_wait(struct run *run, struct child *children, size_t n, bool forever,
    int64_t idle_by)
{
	int64_t end, now;
	struct timespec ts;

	outcome_set(&run->outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
	while (child_reap(children, n) > 0 || forever) {
		now = deadline_now();
		if (run->limits.reap != NULL)
			run->limits.reap(run->limits.arg);
		if (wait_is_over(run, now, idle_by) ||
		    chore_run(run->limits.chores, NULL, now,
		    &run->outcome) == -1)
			break;
		end = chore_next(run->limits.chores,
		    deadline_min(run->limits.deadline, idle_by));
		transient_ppoll(NULL, 0, deadline_left(signals_arrived() ? now :
		    end, now, &ts), signals_wait_mask());
	}
	return run_explain(run, &run->outcome);
}

int
run_flows(struct run *run)
{
	for (size_t i = 0; i < run->nflows; i++) {
		if (flow_feeds_itself(&run->flows[i])) {
			outcome_set(&run->outcome, OUTCOME_SAME_FILE,
			    SIDE_SOURCE, 0, run->flows[i].source.name);
			goto out;
		}
		if (flow_start(&run->flows[i]) == -1) {
			outcome_set(&run->outcome, OUTCOME_ERROR, SIDE_NONE,
			    errno, NULL);
			goto out;
		}
	}
	relay_run(run->flows, run->nflows, &run->limits, &run->outcome);
	if (run->ended != NULL)
		run->ended(run);
out:
	return run_conclude(run);
}

int
run_whole(struct run *run, bool opened, const int *before)
{
	int status = opened ? run_flows(run) : run_conclude(run);

	if (before != NULL)
		status = status_join(*before, status);
	run_stats(run, status);
	return status;
}
