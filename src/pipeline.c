/*
 * pipeline - commands that pipe-relay joins by pipes: the kernel's alone, or
 * with a flow at each joint where an option has to see the bytes.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "deadline.h"
#include "kin.h"
#include "pipe-relay.h"
#include "report.h"
#include "sides.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"
#include "transient.h"

/* Between a command and the next one, where bytes pass through us. */
struct joint {
	struct pipe_relay	*pr;
	char			 mark[DUMP_MARK_MAX + 1];
};

/*
 * The commands, and what is between them.  Without flows, a pipe leads from
 * each command to the next; with them, one from each command to the flow,
 * and one on.
 */
struct pipeline {
	struct pipe_relay	*pr;
	struct child		*stages;
	size_t			 nstages;
	bool			 relayed;	/* a flow at each joint */
	bool			 outlet;	/* and one behind the last */
	struct joint		*joints;
	const struct flow	**shown;	/* for the report */
	struct report_pipeline	 report;
};

/* Cut argv at the separators.  Returns STATUS_OK or STATUS_USAGE. */
static int
split(struct pipeline *p, char **argv)
{
	size_t words = 0;
	char ***starts;
	int status = STATUS_OK;

	while (argv[words] != NULL)
		words++;
	starts = calloc(words + 1, sizeof(*starts));
	p->stages = calloc(words + 1, sizeof(*p->stages));
	p->joints = calloc(words + 1, sizeof(*p->joints));
	p->shown = calloc(words + 1, sizeof(void *));
	if (starts == NULL || p->stages == NULL || p->joints == NULL ||
	    p->shown == NULL)
		err(STATUS_ERROR, NULL);
	p->nstages = sides_split(argv, p->pr->opt.separator, starts,
	    words + 1);
	for (size_t i = 0; i < p->nstages; i++) {
		p->stages[i] = (struct child){
			.argv = starts[i], .in = -1, .out = -1
		};
		if (starts[i][0] == NULL)
			status = STATUS_USAGE;
	}
	free(starts);
	if (status != STATUS_OK)
		return options_usage("a command is missing beside '%s'",
		    trace_safe(p->pr->opt.separator));
	return STATUS_OK;
}

/* Who has to see what. */
static void
choose_flows(struct pipeline *p)
{
	const struct pipe_relay_options *opt = &p->pr->opt;
	const struct common_options *common = &p->pr->parsed.common;
	bool idle = common->idle_timeout != 0;

	p->relayed = idle || opt->dump || common->stats != STATS_NONE;
	p->outlet = idle || opt->rate > 0 || opt->memory > 0 ||
	    opt->progress || opt->ntaps > 0 || opt->limit != FLOW_NO_LIMIT;
}

static int
make_pipe(struct pipeline *p, int *read_end, int *write_end)
{
	size_t capacity = p->pr->opt.capacity;
	struct endpoint end;
	int fds[2];

	if (transient_pipe2(fds, O_CLOEXEC) == -1)
		return outcome_set(&p->pr->run.outcome, OUTCOME_ERROR,
		    SIDE_NONE, errno, "pipe");
	*read_end = fds[0];
	*write_end = fds[1];
	if (capacity != CAPACITY_AUTO &&
	    endpoint_init(&end, fds[1], O_WRONLY, "pipe") == 0)
		outlet_set_capacity(p->pr, &end);
	return 0;
}

/* The end of a pipe that we hold, which the flow owns from now on. */
static int
take_end(struct pipeline *p, struct endpoint *end, int fd, int access,
    const struct child *stage)
{
	const char *name = stage->argv == NULL ? "?" : stage->argv[0];

	if (endpoint_init(end, fd, access, name) == 0)
		return 0;
	outcome_set(&p->pr->run.outcome, OUTCOME_ERROR, SIDE_NONE, errno,
	    "pipe");
	close(fd);
	return -1;
}

static void
show(struct flow *flow, const struct iovec *iov, int n, uint64_t offset)
{
	struct joint *joint = flow->arg;

	dump_bytes(joint->pr->dump, joint->mark, offset, iov, n);
}

static int
join_by_flow(struct pipeline *p, struct flow *flow, size_t i)
{
	struct child *left = &p->stages[i], *right = left + 1;
	const struct pipe_relay_options *opt = &p->pr->opt;
	struct joint *joint = &p->joints[i];
	int from = -1, to = -1;

	if (make_pipe(p, &from, &left->out) == -1 ||
	    take_end(p, &flow->source, from, O_RDONLY, left) == -1 ||
	    make_pipe(p, &right->in, &to) == -1 ||
	    take_end(p, &flow->sink, to, O_WRONLY, right) == -1)
		return -1;
	/* A command may stop reading; its status says whether that is bad. */
	flow->sink_may_leave = true;
	flow->no_splice = opt->no_splice;
	flow->keep_capacity = opt->keep_capacity ||
	    opt->capacity != CAPACITY_AUTO;
	joint->pr = p->pr;
	/* There cannot be more joints than an int counts. */
	snprintf(joint->mark, sizeof(joint->mark), "%d>", (int)i + 1);
	flow->arg = joint;
	if (opt->dump)
		flow->observe = show;
	p->shown[i] = flow;
	return 0;
}

/* What the last command says goes to our outputs by flows of their own. */
static int
join_outlet(struct pipeline *p)
{
	struct pipe_relay *pr = p->pr;
	struct child *last = &p->stages[p->nstages - 1];
	int from = -1;

	pr->head = &pr->flows[0];
	pr->head->arg = pr;
	pr->run.nflows = 1;
	if (make_pipe(p, &from, &last->out) == -1 ||
	    take_end(p, &pr->head->source, from, O_RDONLY, last) == -1 ||
	    outlet_open(pr) == -1)
		return -1;
	outlet_equip(pr, pr->opt.size != 0 ? pr->opt.size :
	    pr->opt.limit == FLOW_NO_LIMIT ? 0 : pr->opt.limit);
	return 0;
}

static int
join_all(struct pipeline *p)
{
	struct pipe_relay *pr = p->pr;
	struct run *run = &pr->run;

	run->nflows = 0;
	if (pr->opt.dump && outlet_open_dump(pr) == -1)
		return -1;
	if (p->outlet && join_outlet(p) == -1)
		return -1;
	for (size_t i = 0; i + 1 < p->nstages; i++) {
		if (p->relayed) {
			if (join_by_flow(p, &pr->flows[run->nflows++],
			    i) == -1)
				return -1;
		} else if (make_pipe(p, &p->stages[i + 1].in,
		    &p->stages[i].out) == -1)
			return -1;
	}
	if (!p->relayed)
		trace_event("joined directly");
	p->report = (struct report_pipeline){
		.stages = p->stages,
		.nstages = p->nstages,
		.joints = p->shown,
		.njoints = p->relayed ? p->nstages - 1 : 0
	};
	if (p->outlet && p->report.njoints == p->nstages - 1)
		p->shown[p->report.njoints++] = &pr->flows[0];
	run->pipeline = &p->report;
	return 0;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_stages_ends(struct pipeline *p)
{
	for (size_t i = 0; i < p->nstages; i++) {
		close_fd(&p->stages[i].in);
		close_fd(&p->stages[i].out);
	}
}

static int
start_all(struct pipeline *p)
{
	struct child *stage;

	for (size_t i = 0; i < p->nstages; i++) {
		stage = &p->stages[i];
		if (child_start(stage) == 0)
			continue;
		warn("%s", trace_safe(stage->argv[0]));
		return stage->status;
	}
	return STATUS_OK;
}

/* Whether -c has let through what was wanted: it needs no more of anybody. */
static bool
has_enough(const struct pipeline *p)
{
	return p->outlet && p->pr->head->bytes_in == p->pr->opt.limit;
}

/* Of the last command that failed, as a shell has it with pipefail. */
static int
pipefail(const struct pipeline *p)
{
	int status;

	for (size_t i = p->nstages; i-- > 0;) {
		status = p->stages[i].status;
		if (status == STATUS_SIGNAL + SIGPIPE && has_enough(p))
			continue;
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static void
reap(void *arg)
{
	struct run *run = arg;
	struct pipe_relay *pr = (struct pipe_relay *)((char *)run -
	    offsetof(struct pipe_relay, run));

	child_reap(pr->pipeline->stages, pr->pipeline->nstages);
}

/*
 * The commands have our standard input and output now: whoever waits for the
 * end of them must not have to wait for us.
 */
static void
drop_our_ends(const struct pipeline *p)
{
	stdfds_drop(STDIN_FILENO);
	if (!p->outlet)
		stdfds_drop(STDOUT_FILENO);
}

static int
run_stages(struct pipeline *p)
{
	struct run *run = &p->pr->run;
	int status;

	if (join_all(p) == -1) {
		close_stages_ends(p);
		status = run_conclude(run);
		return status == STATUS_ERROR ? STATUS_FAILED : status;
	}
	kin_adopt();
	status = start_all(p);
	close_stages_ends(p);
	if (status != STATUS_OK) {
		child_end_all(p->stages, p->nstages, false);
		outcome_set(&run->outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
		run_conclude(run);
		return status;
	}
	drop_our_ends(p);
	status = run_flows(run);
	if (status == STATUS_OK)
		status = run_wait(run, p->stages, p->nstages, false,
		    deadline_after(deadline_now(), run->limits.idle_timeout));
	child_end_all(p->stages, p->nstages, status == STATUS_OK);
	run_say_lost(p->stages, p->nstages);
	return status == STATUS_OK ? pipefail(p) : status;
}

int
pipeline_run(struct pipe_relay *pr, char **argv)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	size_t nflows = 1;		/* calloc(3) of nothing may be NULL */
	int status;

	if (p == NULL)
		err(STATUS_ERROR, NULL);
	p->pr = pr;
	status = split(p, argv);
	if (status != STATUS_OK)
		goto out;
	choose_flows(p);
	nflows += (p->outlet ? outlet_flows(&pr->opt) : 0) +
	    (p->relayed ? p->nstages : 0);
	pr->flows = calloc(nflows, sizeof(*pr->flows));
	if (pr->flows == NULL)
		err(STATUS_ERROR, NULL);
	run_init(&pr->run, &pr->parsed, pr->flows, nflows);
	pr->pipeline = p;
	pr->run.limits.reap = reap;
	status = run_stages(p);
	status = status_join(pr->status, status);
	status = outlet_finish(pr, status);
	run_stats(&pr->run, status);
out:
	free(p->stages);
	free(p->joints);
	free(p->shown);
	free(p);
	return status;
}
