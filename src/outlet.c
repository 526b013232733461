/*
 * outlet - where the bytes of pipe-relay go: one output, several by tee(2),
 * taps; and the rate, the ring, the dump and the meter on the way.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deadline.h"
#include "fifo.h"
#include "path.h"
#include "pipe-relay.h"
#include "signals.h"
#include "status.h"
#include "trace.h"
#include "transient.h"

static const struct limits without_waiting = {
	.nonblock = true, .deadline = DEADLINE_NEVER
};

static bool
is_fan_out(const struct pipe_relay_options *opt)
{
	return opt->noutputs > 1;
}

size_t
outlet_flows(const struct pipe_relay_options *opt)
{
	return 2 + opt->noutputs + opt->ntaps;
}

void
outlet_set_capacity(const struct pipe_relay *pr, struct endpoint *ep)
{
	int errnum;

	if (pr->opt.capacity == CAPACITY_AUTO ||
	    endpoint_set_capacity(ep, pr->opt.capacity) == 0 ||
	    pr->run.common->quiet)
		return;
	errnum = errno;
	signals_print_begin();
	warnc(errnum, "%s: capacity not changed", trace_safe(ep->name));
	signals_print_end();
}

/* Say what was passed over, and remember that it failed. */
static void
report(struct pipe_relay *pr, const struct outcome *outcome)
{
	run_explain(&pr->run, outcome);
	pr->status = status_join(pr->status, STATUS_ERROR);
}

/* As tee(1) has it: a sink's end of the run is an error like any other. */
static int
end_run(struct outcome *outcome)
{
	if (outcome->why == OUTCOME_PEER_LEFT)
		outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, EPIPE,
		    outcome->name);
	return -1;
}

static int
output_failed(struct flow *flow, struct outcome *outcome)
{
	struct pipe_relay *pr = flow->arg;
	bool broken = outcome->why == OUTCOME_PEER_LEFT;

	switch (pr->opt.output_error) {
	case OUTPUT_ERROR_DEFAULT:
		if (!broken)
			break;
		outcome->standard = true;	/* any of them is like it */
		return -1;
	case OUTPUT_ERROR_WARN:
		break;
	case OUTPUT_ERROR_WARN_NOPIPE:
		if (broken)
			return 0;
		break;
	case OUTPUT_ERROR_EXIT:
		return end_run(outcome);
	case OUTPUT_ERROR_EXIT_NOPIPE:
		return broken ? 0 : end_run(outcome);
	}
	end_run(outcome);
	report(pr, outcome);
	return 0;
}

/* The errors of a tap do not end the run, but it has not done all it should. */
static int
tap_failed(struct flow *flow, struct outcome *outcome)
{
	end_run(outcome);
	report(flow->arg, outcome);
	return 0;
}

/* A reader of a tap may have come by now. */
static void
open_tap_again(struct flow *flow)
{
	struct endpoint sink;
	struct outcome why;

	if (fifo_open_write(&sink, flow->sink.name, &without_waiting,
	    &why) == -1)
		return;
	flow->sink = sink;
	/* The kernel forgets it when nobody has the FIFO open any more. */
	outlet_set_capacity(flow->arg, &flow->sink);
	if (flow_tap_opened(flow) == -1)
		endpoint_finish(&flow->sink);
}

bool
outlet_feeds(const struct pipe_relay *pr, const struct endpoint *source)
{
	for (size_t i = 0; i < pr->run.nflows; i++)
		if (endpoint_feeds(source, &pr->flows[i].sink))
			return true;
	return pr->dump != NULL && endpoint_feeds(source, dump_end(pr->dump));
}

/* An input that is not open yet, and has anything in it. */
static bool
input_feeds(const char *path, const struct endpoint *sink)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return run_stdin_feeds(sink);
	return stat(path, &st) == 0 && st.st_dev == sink->dev &&
	    st.st_ino == sink->ino && st.st_size > 0;
}

/*
 * An input that is truncated as an output is lost before it is read.  Any
 * other one is passed over when its turn comes.
 */
static int
refuse_same_file(const struct pipe_relay *pr, const struct endpoint *sink,
    struct outcome *outcome)
{
	const struct pipe_relay_options *opt = &pr->opt;
	const char *name = NULL;

	if (!path_is_truncated(sink))
		return 0;
	if (opt->ninputs == 0 && run_stdin_feeds(sink))
		name = "standard input";
	for (size_t i = 0; i < opt->ninputs && name == NULL; i++)
		if (input_feeds(opt->inputs[i], sink))
			name = opt->inputs[i];
	if (name == NULL)
		return 0;
	return outcome_set(outcome, OUTCOME_SAME_FILE, SIDE_SOURCE, 0, name);
}

static bool
is_stdout(const char *path)
{
	return strcmp(path, "-") == 0 ||
	    endpoint_fd_in_path(path) == STDOUT_FILENO;
}

/* One that is no FIFO, or the only one. */
static int
open_output(struct pipe_relay *pr, struct endpoint *sink, const char *path,
    struct outcome *outcome)
{
	int result;

	if (is_stdout(path) && !pr->took_stdout) {
		result = run_take_stdout(sink, outcome);
		pr->took_stdout = true;
	} else
		result = path_open_output(sink, is_stdout(path) ?
		    "/dev/stdout" : path, pr->opt.append, &pr->run.limits,
		    outcome);
	if (result == -1 || refuse_same_file(pr, sink, outcome) == -1)
		return -1;
	return path_truncate(sink, outcome);
}

static void
set_up_sink(struct pipe_relay *pr, struct flow *flow)
{
	flow->no_splice = pr->opt.no_splice;
	flow->keep_capacity = pr->opt.keep_capacity ||
	    pr->run.limits.nonblock || pr->opt.capacity != CAPACITY_AUTO;
	flow->sink_now = pr->run.limits.nonblock && flow->sink.fifo;
	flow->arg = pr;
	outlet_set_capacity(pr, &flow->sink);
}

static int
add_branch(struct pipe_relay *pr, struct flow *flow, bool tap)
{
	set_up_sink(pr, flow);
	if (tap) {
		/* One that is full misses something: that is no outcome. */
		flow->sink_now = false;
		flow->only_records = pr->opt.records;
		flow->memory = pr->opt.tap_memory;
	}
	flow->delimiter = pr->opt.delimiter;
	/* It is ours to give room, whatever the others shall keep. */
	if (flow_add_branch(&pr->flows[0], flow, tap) == -1)
		return outcome_set(&pr->run.outcome, OUTCOME_ERROR, SIDE_NONE,
		    errno, "pipe");
	return 0;
}

static bool
is_fifo(const char *path)
{
	struct stat st;

	return endpoint_fd_in_path(path) == -1 && stat(path, &st) == 0 &&
	    S_ISFIFO(st.st_mode);
}

/* The FIFOs among the outputs at the same time: readers may have any order. */
static int
open_fifos(struct pipe_relay *pr, size_t first)
{
	const struct pipe_relay_options *opt = &pr->opt;
	struct fifo_sink *fifos;
	size_t n = 0;
	int result;

	fifos = reallocarray(NULL, opt->noutputs, sizeof(*fifos));
	if (fifos == NULL)
		return outcome_set(&pr->run.outcome, OUTCOME_ERROR, SIDE_NONE,
		    errno, NULL);
	for (size_t i = 0; i < opt->noutputs; i++)
		if (is_fifo(opt->outputs[i]))
			fifos[n++] = (struct fifo_sink){
				.path = opt->outputs[i],
				.pinned = -1,
				.end = &pr->flows[first + i].sink
			};
	result = fifo_open_write_all(fifos, n, NULL, &pr->run.limits,
	    &pr->run.outcome);
	free(fifos);
	return result;
}

/* As tee(1): what cannot be opened is said, and the others get theirs. */
static int
open_others(struct pipe_relay *pr, size_t first)
{
	const struct pipe_relay_options *opt = &pr->opt;
	struct outcome why;
	struct flow *flow;

	for (size_t i = 0; i < opt->noutputs; i++) {
		flow = &pr->flows[first + i];
		if (flow->sink.fd != -1)
			continue;
		if (open_output(pr, &flow->sink, opt->outputs[i], &why) == 0)
			continue;
		endpoint_finish(&flow->sink);
		if (opt->output_error == OUTPUT_ERROR_EXIT ||
		    opt->output_error == OUTPUT_ERROR_EXIT_NOPIPE ||
		    why.why != OUTCOME_ERROR) {
			pr->run.outcome = why;
			return -1;
		}
		report(pr, &why);
	}
	return 0;
}

/* Leave out the flows whose sinks did not open. */
static size_t
close_gaps(struct pipe_relay *pr, size_t first, size_t end)
{
	size_t n = first;

	for (size_t i = first; i < end; i++)
		if (pr->flows[i].sink.fd != -1)
			pr->flows[n++] = pr->flows[i];
	return n;
}

static int
open_several(struct pipe_relay *pr, size_t *n)
{
	size_t first = *n, end = first + pr->opt.noutputs;

	for (size_t i = first; i < end; i++)
		endpoint_init_none(&pr->flows[i].sink,
		    pr->opt.outputs[i - first]);
	if (open_fifos(pr, first) == -1 || open_others(pr, first) == -1) {
		*n = end;
		return -1;
	}
	*n = close_gaps(pr, first, end);
	if (*n == first)	/* which has been said */
		return outcome_set(&pr->run.outcome, OUTCOME_DONE, SIDE_NONE,
		    0, NULL);
	for (size_t i = first; i < *n; i++) {
		pr->flows[i].sink_failed = output_failed;
		if (add_branch(pr, &pr->flows[i], false) == -1)
			return -1;
	}
	endpoint_init_none(&pr->flows[0].sink, "outputs");
	set_up_sink(pr, &pr->flows[0]);
	if (flow_drop_sink(&pr->flows[0]) == -1)
		return outcome_set(&pr->run.outcome, OUTCOME_ERROR, SIDE_SINK,
		    errno, "/dev/null");
	return 0;
}

static int
open_one(struct pipe_relay *pr)
{
	const char *path = pr->opt.noutputs == 0 ? "-" : pr->opt.outputs[0];
	struct flow *flow = &pr->flows[0];

	endpoint_init_none(&flow->sink, is_stdout(path) ? "standard output" :
	    path);
	if (open_output(pr, &flow->sink, path, &pr->run.outcome) == -1)
		return -1;
	set_up_sink(pr, flow);
	if (pr->opt.output_error != OUTPUT_ERROR_DEFAULT)
		flow->sink_failed = output_failed;
	return 0;
}

/* A FIFO without a reader is no failure: one may come. */
static int
open_tap(struct pipe_relay *pr, struct flow *flow, const char *path)
{
	struct outcome *outcome = &pr->run.outcome;

	flow->sink_failed = tap_failed;
	if (endpoint_fd_in_path(path) == -1) {
		if (fifo_open_write(&flow->sink, path, &without_waiting,
		    outcome) == 0 || outcome->why == OUTCOME_NO_PEER) {
			flow->sink_absent = open_tap_again;
			return add_branch(pr, flow, true);
		}
		if (outcome->why == OUTCOME_ERROR &&
		    outcome->errnum != ENOENT)
			return -1;
		endpoint_init_none(&flow->sink, path);
	}
	if (path_open_output(&flow->sink, path, pr->opt.append,
	    &without_waiting, outcome) == -1 ||
	    refuse_same_file(pr, &flow->sink, outcome) == -1 ||
	    path_truncate(&flow->sink, outcome) == -1)
		return -1;
	/* A file takes all there is, as quickly as its file system does. */
	return add_branch(pr, flow, flow->sink.kind != ENDPOINT_FILE);
}

/* Whether tee(2) has to have a pipe that the source is not. */
static bool
needs_head(const struct pipe_relay *pr, size_t nbranches)
{
	if (nbranches == 0)
		return false;
	return pr->opt.memory > 0 || (is_fan_out(&pr->opt) &&
	    !pr->opt.no_splice && !pr->opt.dump &&
	    (pr->head->source.kind != ENDPOINT_PIPE || pr->opt.ninputs > 1));
}

/* A flow before the trunk, with a pipe between them. */
static int
add_head(struct pipe_relay *pr, struct flow *head)
{
	struct flow *trunk = &pr->flows[0];
	struct endpoint source = trunk->source;
	int fds[2];

	if (transient_pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return outcome_set(&pr->run.outcome, OUTCOME_ERROR, SIDE_NONE,
		    errno, "pipe");
	head->source = source;
	head->no_splice = pr->opt.no_splice;
	head->keep_capacity = trunk->keep_capacity;
	if (endpoint_init(&trunk->source, fds[0], O_RDONLY,
	    source.name) == -1 || endpoint_init(&head->sink, fds[1], O_WRONLY,
	    trunk->sink.name) == -1)
		return outcome_set(&pr->run.outcome, OUTCOME_ERROR, SIDE_NONE,
		    errno, "pipe");
	trunk->source.nonblock = head->sink.nonblock = true;
	/* What the outputs have to say about that is said by the trunk. */
	head->sink_may_leave = true;
	head->source_now = trunk->source_now;
	trunk->source_now = false;
	head->source_ended = trunk->source_ended;
	head->source_failed = trunk->source_failed;
	trunk->source_ended = NULL;
	trunk->source_failed = NULL;
	head->arg = trunk->arg;
	trunk->feeder = head;
	head->feeds = trunk;
	pr->head = head;
	return 0;
}

/* The first input, which was open before the outputs were. */
static int
check_first_input(struct pipe_relay *pr)
{
	struct endpoint *source = &pr->head->source;
	struct outcome *outcome = &pr->run.outcome;

	if (!outlet_feeds(pr, source))
		return 0;
	outcome_set(outcome, OUTCOME_SAME_FILE, SIDE_SOURCE, 0, source->name);
	if (pr->opt.ninputs == 0)
		return -1;
	report(pr, outcome);
	endpoint_finish(source);
	endpoint_init_none(source, "inputs");
	return 0;
}

int
outlet_open(struct pipe_relay *pr)
{
	const struct pipe_relay_options *opt = &pr->opt;
	size_t n = 1;

	if ((is_fan_out(opt) ? open_several(pr, &n) : open_one(pr)) == -1)
		goto fail;
	for (size_t i = 0; i < opt->ntaps; i++) {
		endpoint_init_none(&pr->flows[n].sink, opt->taps[i]);
		if (open_tap(pr, &pr->flows[n++], opt->taps[i]) == -1)
			goto fail;
	}
	pr->run.nflows = n;
	if (check_first_input(pr) == -1)
		goto fail;
	if (!needs_head(pr, n - 1))
		return 0;
	if (add_head(pr, &pr->flows[n++]) == -1)
		goto fail;
	pr->run.nflows = n;
	return 0;
fail:
	pr->run.nflows = n;
	return -1;
}

static struct pipe_relay *
relay_of(struct run *run)
{
	return (struct pipe_relay *)((char *)run -
	    offsetof(struct pipe_relay, run));
}

/* The outputs are as slow as the slowest of them. */
static int64_t
output_wait_ns(const struct pipe_relay *pr)
{
	int64_t most = flow_wait_ns(&pr->flows[0], SIDE_SINK);

	for (size_t i = 1; i < pr->run.nflows; i++)
		if (pr->flows[i].trunk != NULL && !pr->flows[i].tap)
			most = MAX(most, flow_wait_ns(&pr->flows[i],
			    SIDE_SINK));
	return most;
}

static struct progress_count
count(const struct pipe_relay *pr)
{
	const struct flow *trunk = &pr->flows[0];

	return (struct progress_count){
		.bytes = trunk->sink_dropped ? trunk->bytes_in :
		    trunk->bytes_out,
		.input_ns = flow_wait_ns(pr->head, SIDE_SOURCE),
		.output_ns = output_wait_ns(pr),
		.limit_ns = flow_wait_ns(pr->head, SIDE_NONE)
	};
}

static int64_t
tick(void *arg, int64_t now)
{
	struct pipe_relay *pr = relay_of(arg);
	struct progress_count so_far = count(pr);

	return progress_tick(pr->progress, &so_far, now);
}

/* Before anything is said about how it ended. */
static void
end_meter(struct run *run)
{
	struct pipe_relay *pr = relay_of(run);
	struct progress_count all = count(pr);

	progress_finish(pr->progress, &all, deadline_now());
	pr->progress = NULL;
}

int
outlet_open_dump(struct pipe_relay *pr)
{
	const char *path = pr->opt.dump_file;
	struct outcome *outcome = &pr->run.outcome;
	struct endpoint end;

	if (path_open_output(&end, path == NULL ? "/dev/stderr" : path, false,
	    &pr->run.limits, outcome) == -1)
		return -1;
	if (refuse_same_file(pr, &end, outcome) == -1 ||
	    path_truncate(&end, outcome) == -1) {
		endpoint_finish(&end);
		return -1;
	}
	pr->dump_name = end.name;
	pr->dump = dump_new(&end, &pr->run.limits);
	if (pr->dump == NULL) {
		outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    end.name);
		endpoint_finish(&end);
		return -1;
	}
	/* The commands of a pipeline read theirs themselves. */
	return pr->head == NULL ? 0 : check_first_input(pr);
}

void
outlet_equip(struct pipe_relay *pr, uint64_t size)
{
	struct flow *head = pr->head;

	head->limit = pr->opt.limit;
	head->memory = pr->opt.memory;
	if (pr->opt.rate > 0) {
		limiter_init(&pr->limiter, pr->opt.rate, deadline_now());
		head->limiter = &pr->limiter;
	}
	/* A dump on the same terminal would be torn by it. */
	if (pr->opt.progress && (!pr->opt.dump || pr->opt.dump_file != NULL))
		pr->progress = progress_new(size, deadline_now());
	if (pr->progress != NULL) {
		pr->run.limits.tick = tick;
		pr->run.ended = end_meter;
	}
}

/*
 * A reader that opened a tap after the last look would wait inside open(2) for
 * ever: a writer that comes and leaves ends that.
 */
static void
release_readers(const struct pipe_relay *pr)
{
	struct endpoint sink;
	struct outcome why;

	for (size_t i = 0; i < pr->run.nflows; i++)
		if (pr->flows[i].sink_absent != NULL &&
		    fifo_open_write(&sink, pr->flows[i].sink.name,
		    &without_waiting, &why) == 0)
			endpoint_finish(&sink);
}

int
outlet_finish(struct pipe_relay *pr, int status)
{
	struct dump *dump = pr->dump;

	release_readers(pr);
	pr->dump = NULL;
	/* A dump that was cut short by a signal or a time-out: that is said. */
	if (dump == NULL || dump_finish(dump) == 0 || errno == EINTR)
		return status;
	warn("%s", trace_safe(pr->dump_name));
	return status_join(status, STATUS_ERROR);
}
