/*
 * duplex - two-way communication between two commands, or a command and us.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "deadline.h"
#include "flow.h"
#include "options.h"
#include "run.h"
#include "sides.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"

enum {
	LEFT,
	RIGHT,
	SIDES
};

/*
 * One side: a command, or our own standard input and output.  Its two
 * descriptors are what the relay holds: `from` to read what it says, `to`
 * to tell it something.
 */
struct duplex_side {
	bool		 ours;		/* `-` */
	struct child	*child;		/* NULL for ours */
	int		 from, to;	/* relayed only; -1: closed */
};

struct duplex {
	struct duplex_side	 sides[SIDES];
	struct child		 children[SIDES];
	size_t			 nchildren;
	struct flow		 flows[SIDES];
	struct run		 run;
	int			 failure;	/* of the first that failed */
};

enum {
	KEY_SEPARATOR = OPTION_LONG
};

static const struct option_spec options[] = {
	{ KEY_SEPARATOR, "separator", "STR", "use STR between the sides" },
	{ 0 },
};

/*
 * Cut argv at the separators.  An empty side is an error, a missing second
 * side is us.
 */
static int
parse_sides(struct duplex *duplex, char **argv, const char *separator)
{
	static char dash[] = "-";
	static char *us[] = { dash, NULL };
	char **starts[SIDES] = { NULL, us };
	struct duplex_side *side;

	if (sides_split(argv, separator, starts, SIDES) > SIDES)
		return options_usage("more than two sides were given");
	for (int i = 0; i < SIDES; i++) {
		side = &duplex->sides[i];
		side->from = side->to = -1;
		if (starts[i][0] == NULL)
			return options_usage("a side without a command");
		side->ours = strcmp(starts[i][0], "-") == 0;
		if (side->ours && starts[i][1] != NULL)
			return options_usage("'-' takes no argument");
		if (side->ours)
			continue;
		side->child = &duplex->children[duplex->nchildren++];
		*side->child = (struct child){
			.argv = starts[i], .in = -1, .out = -1
		};
	}
	if (duplex->nchildren == 0)
		return options_usage("at least one side must be a command");
	return STATUS_OK;
}

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
make_pipe(int *read_end, int *write_end)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	*read_end = fds[0];
	*write_end = fds[1];
	return 0;
}

/* Kernel pipes alone: each command's output is the other one's input. */
static int
join_directly(struct duplex *duplex)
{
	struct child *left = duplex->sides[LEFT].child;
	struct child *right = duplex->sides[RIGHT].child;

	trace_event("joined directly");
	/* The other side is us: the command has our own input and output. */
	if (left == NULL || right == NULL)
		return 0;
	if (make_pipe(&right->in, &left->out) == -1)
		return -1;
	return make_pipe(&left->in, &right->out);
}

/* The names of the ends, for a run that does not come so far. */
static void
name_flow(struct flow *flow, const struct duplex_side *from,
    const struct duplex_side *to)
{
	endpoint_init_none(&flow->source, from->ours ? "standard input" :
	    from->child->argv[0]);
	endpoint_init_none(&flow->sink, to->ours ? "standard output" :
	    to->child->argv[0]);
}

/* Two pipes for each command, whose other ends we hold. */
static int
join_by_relay(struct duplex *duplex)
{
	struct duplex_side *side;

	trace_event("joined by a relay");
	name_flow(&duplex->flows[0], &duplex->sides[LEFT],
	    &duplex->sides[RIGHT]);
	name_flow(&duplex->flows[1], &duplex->sides[RIGHT],
	    &duplex->sides[LEFT]);
	for (side = duplex->sides; side < duplex->sides + SIDES; side++) {
		if (side->ours)
			continue;
		if (make_pipe(&side->child->in, &side->to) == -1 ||
		    make_pipe(&side->from, &side->child->out) == -1)
			return -1;
	}
	return 0;
}

static void
close_children_ends(struct duplex *duplex)
{
	for (size_t i = 0; i < duplex->nchildren; i++) {
		close_fd(&duplex->children[i].in);
		close_fd(&duplex->children[i].out);
	}
}

static int
start_all(struct duplex *duplex)
{
	struct child *child;

	for (size_t i = 0; i < duplex->nchildren; i++) {
		child = &duplex->children[i];
		if (child_start(child) == 0)
			continue;
		warn("%s", trace_safe(child->argv[0]));
		return child->status;
	}
	return STATUS_OK;
}

/* One direction of the relay, out of one side and into the other. */
static int
make_flow(struct flow *flow, struct duplex_side *from, struct duplex_side *to,
    struct outcome *outcome)
{
	if (from->ours) {
		if (run_take_stdin(&flow->source, outcome) == -1)
			return -1;
	} else if (endpoint_init(&flow->source, from->from, O_RDONLY,
	    from->child->argv[0]) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    from->child->argv[0]);
	from->from = -1;		/* the endpoint's by now */
	if (to->ours)
		return run_take_stdout(&flow->sink, outcome);
	if (endpoint_init(&flow->sink, to->to, O_WRONLY,
	    to->child->argv[0]) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
		    to->child->argv[0]);
	to->to = -1;
	/* A command may stop reading; its status says whether that is bad. */
	flow->sink_may_leave = true;
	return 0;
}

static int
relay_sides(struct duplex *duplex)
{
	struct duplex_side *left = &duplex->sides[LEFT];
	struct duplex_side *right = &duplex->sides[RIGHT];
	struct run *run = &duplex->run;

	if (make_flow(&duplex->flows[0], left, right, &run->outcome) == -1 ||
	    make_flow(&duplex->flows[1], right, left, &run->outcome) == -1)
		return run_conclude(run);
	return run_flows(run);
}

/* Of the commands that have failed, the first in time. */
static int
first_failure(const struct duplex *duplex)
{
	const struct child *child, *first = NULL;

	for (child = duplex->children;
	    child < duplex->children + duplex->nchildren; child++) {
		if (child->pid != 0 || child->status == 0)
			continue;
		if (first == NULL || child->ended_ns < first->ended_ns)
			first = child;
	}
	return first == NULL ? STATUS_OK : first->status;
}

/* Reap what has ended, and remember which failed first. */
static void
reap(void *arg)
{
	struct run *run = arg;
	struct duplex *duplex = (struct duplex *)((char *)run -
	    offsetof(struct duplex, run));

	child_reap(duplex->children, duplex->nchildren);
	if (duplex->failure == STATUS_OK)
		duplex->failure = first_failure(duplex);
}

/* What is left once nothing can move any more: that the commands end. */
static int
wait_all(struct duplex *duplex)
{
	return run_wait(&duplex->run, duplex->children, duplex->nchildren,
	    false, deadline_after(deadline_now(),
	    duplex->run.limits.idle_timeout));
}

/*
 * Joined directly to us, a command has our input and output; that it has
 * closed them is seen outside only if we have not got them, too.
 */
static void
drop_our_ends(const struct duplex *duplex)
{
	if (duplex->nchildren == SIDES)
		return;
	stdfds_drop(STDIN_FILENO);
	stdfds_drop(STDOUT_FILENO);
}

/* A child that somebody else reaped: its status is not to be had. */
static void
report_lost(const struct duplex *duplex)
{
	for (size_t i = 0; i < duplex->nchildren; i++)
		if (duplex->children[i].lost)
			warnx("%s: its exit status was lost",
			    trace_safe(duplex->children[i].argv[0]));
}

static int
run_sides(struct duplex *duplex, bool relayed)
{
	int status;

	if ((relayed ? join_by_relay(duplex) : join_directly(duplex)) == -1) {
		warn("pipe");
		close_children_ends(duplex);
		return STATUS_FAILED;
	}
	status = start_all(duplex);
	close_children_ends(duplex);
	if (status != STATUS_OK) {
		child_end_all(duplex->children, duplex->nchildren);
		return status;
	}
	if (relayed)
		status = relay_sides(duplex);
	else
		drop_our_ends(duplex);
	if (status == STATUS_OK) {
		status = wait_all(duplex);
		reap(&duplex->run);
	}
	child_end_all(duplex->children, duplex->nchildren);
	report_lost(duplex);
	/* What was noted failed before we closed or ended anything. */
	return status_join(duplex->failure, status);
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct options parsed;
	struct duplex duplex;
	const char *arg, *separator = SIDES_SEPARATOR;
	bool relayed;
	int status;

	options_init(&parsed, command, argc, argv, true);
	while (options_next(&parsed, &arg) == KEY_SEPARATOR) {
		separator = arg;
		status = sides_check_separator(arg);
		if (status != STATUS_OK)
			return status;
	}
	if (parsed.stopped)
		return parsed.status;
	if (optind == argc)
		return options_usage("no command was given");
	memset(&duplex, 0, sizeof(duplex));
	status = parse_sides(&duplex, argv + optind, separator);
	if (status != STATUS_OK)
		return status;

	/* Only a relay sees that nothing moves. */
	relayed = parsed.common.idle_timeout != 0;
	run_init(&duplex.run, &parsed, duplex.flows, relayed ? SIDES : 0);
	duplex.run.limits.reap = reap;
	status = run_sides(&duplex, relayed);
	run_stats(&duplex.run, status);
	return status;
}

const struct command cmd_duplex = {
	.name = "duplex",
	.summary = "join two commands in both directions",
	.usage = "[OPTION]... SIDE [:: SIDE]",
	.options = options,
	.run = run,
};
