/*
 * fifo-stat --graph - processes and pipes as a picture: a tree in the
 * direction of the data, or input for graphviz.
 *
 * A picture has the pipes that were named, what comes from there, and what
 * leads to there; not what else these processes have open.
 */
#include "config.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "fifo-stat.h"
#include "status.h"
#include "trace.h"

struct graph {
	const struct fifo_stat	*fs;
	const struct pipe_look	*look;
	/* What data that is in a wanted one may have come and go through. */
	struct pipe_info	**pipes;
	size_t			 npipes;
	struct table		 table;
};

enum {
	DOWN = 1,		/* with the data */
	UP = 2
};

struct walk {
	struct graph		*graph;
	struct pipe_info	**queue;
	size_t			 n;
};

static void
reach_pipe(struct walk *walk, struct pipe_info *pipe, unsigned int way)
{
	if ((pipe->reached & way) != 0)
		return;
	if (pipe->reached == 0)
		walk->graph->pipes[walk->graph->npipes++] = pipe;
	pipe->reached |= way;
	walk->queue[walk->n++] = pipe;
}

/* What it writes to, when we came to it with the data; else the opposite. */
static void
reach_process(struct walk *walk, struct process_info *process,
    unsigned int way)
{
	enum pipe_access access = way == DOWN ? PIPE_WRITE : PIPE_READ;
	const struct thread_info *thread;

	if ((process->reached & way) != 0)
		return;
	process->reached |= way;
	for (size_t i = 0; i < process->nends; i++)
		if ((process->ends[i]->access & access) != 0)
			reach_pipe(walk, process->ends[i]->pipe, way);
	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->doing == DOING_OPENING &&
		    thread->access == access)
			reach_pipe(walk, thread->pipe, way);
	}
}

static void
reach_all(struct graph *graph, unsigned int way)
{
	enum pipe_access access = way == DOWN ? PIPE_READ : PIPE_WRITE;
	struct walk walk = { .graph = graph };
	const struct pipe_info *pipe;

	walk.queue = calloc(graph->look->npipes + 1,
	    sizeof(struct pipe_info *));
	if (walk.queue == NULL)
		err(STATUS_ERROR, NULL);
	for (size_t i = 0; i < graph->look->npipes; i++)
		if (graph->look->pipes[i]->wanted)
			reach_pipe(&walk, graph->look->pipes[i], way);
	/* The queue grows meanwhile. */
	for (size_t i = 0; i < walk.n; i++) {
		pipe = walk.queue[i];
		for (size_t j = 0; j < pipe->nends; j++)
			if ((pipe->ends[j]->access & access) != 0)
				reach_process(&walk, pipe->ends[j]->process,
				    way);
		for (size_t j = 0; j < pipe->nopeners; j++)
			if (pipe->openers[j].thread->access == access)
				reach_process(&walk, pipe->openers[j].process,
				    way);
	}
	free(walk.queue);
}

/* As a tree */

static struct libscols_line *
print_node(struct graph *graph, const char *node, int fd, const char *state,
    struct libscols_line *above)
{
	struct libscols_line *line = table_add_line(&graph->table, above);
	char number[16];

	table_add_cell(&graph->table, node);
	snprintf(number, sizeof(number), "%d", fd);
	table_add_cell(&graph->table, fd == -1 ? NULL : number);
	table_add_cell(&graph->table, state);
	return line;
}

static const char *
doing_of(const struct process_info *process)
{
	const struct thread_info *thread = pipeinfo_thread(process);

	return pipeinfo_doing_name(thread == NULL ? DOING_UNKNOWN :
	    thread->doing);
}

static void
print_process(struct graph *, struct process_info *, int fd,
    struct libscols_line *above);

static void
print_pipe(struct graph *graph, struct pipe_info *pipe, int fd,
    struct libscols_line *above)
{
	struct libscols_line *line;
	char state[128];

	if (pipe->shown) {
		print_node(graph, stat_pipe_name(pipe), fd, "see above",
		    above);
		return;
	}
	pipe->shown = true;
	strlcpy(state, pipeinfo_state_name(pipeinfo_state(graph->look, pipe)),
	    sizeof(state));
	if (pipe->unread != PIPE_UNKNOWN && pipe->capacity != PIPE_UNKNOWN)
		snprintf(state + strlen(state), sizeof(state) - strlen(state),
		    ", %" PRId64 " of %" PRId64 " bytes", pipe->unread,
		    pipe->capacity);
	line = print_node(graph, stat_pipe_name(pipe), fd, state, above);
	for (size_t i = 0; i < pipe->nends; i++)
		if ((pipe->ends[i]->access & PIPE_READ) != 0 &&
		    pipe->ends[i]->process->reached != 0)
			print_process(graph, pipe->ends[i]->process,
			    pipe->ends[i]->fd, line);
	for (size_t i = 0; i < pipe->nopeners; i++)
		if (pipe->openers[i].thread->access == PIPE_READ)
			print_process(graph, pipe->openers[i].process, -1,
			    line);
}

static void
print_process(struct graph *graph, struct process_info *process, int fd,
    struct libscols_line *above)
{
	const struct thread_info *thread;
	struct libscols_line *line;
	char node[4 * PROCFS_COMM + 32];

	snprintf(node, sizeof(node), "%s (%d)", trace_safe(process->comm),
	    process->pid);
	if (process->shown) {
		print_node(graph, node, fd, "see above", above);
		return;
	}
	process->shown = true;
	line = print_node(graph, node, fd, doing_of(process), above);
	for (size_t i = 0; i < process->nends; i++)
		if ((process->ends[i]->access & PIPE_WRITE) != 0 &&
		    process->ends[i]->pipe->reached != 0)
			print_pipe(graph, process->ends[i]->pipe,
			    process->ends[i]->fd, line);
	for (size_t i = 0; i < process->nthreads; i++) {
		thread = &process->threads[i];
		if (thread->doing == DOING_OPENING &&
		    thread->access == PIPE_WRITE &&
		    thread->pipe->reached != 0)
			print_pipe(graph, thread->pipe, -1, line);
	}
}

static bool
has_source(const struct pipe_info *pipe)
{
	return pipe->writers > 0 || pipe->opening_write > 0;
}

static bool
reads(const struct process_info *process)
{
	for (size_t i = 0; i < process->nends; i++)
		if ((process->ends[i]->access & PIPE_READ) != 0 &&
		    process->ends[i]->pipe->reached != 0)
			return true;
	for (size_t i = 0; i < process->nthreads; i++)
		if (process->threads[i].doing == DOING_OPENING &&
		    process->threads[i].access == PIPE_READ &&
		    process->threads[i].pipe->reached != 0)
			return true;
	return false;
}

/* Data begins where nobody reads, or nobody writes; circles begin anywhere. */
static void
print_tree(struct graph *graph)
{
	struct process_info *process;

	for (size_t i = 0; i < graph->npipes; i++)
		if (!has_source(graph->pipes[i]) && !graph->pipes[i]->shown)
			print_pipe(graph, graph->pipes[i], -1, NULL);
	for (int circles = 0; circles <= 1; circles++)
		for (size_t i = 0; i < graph->look->nprocesses; i++) {
			process = graph->look->processes[i];
			if (process->reached != 0 && !process->shown &&
			    (circles || !reads(process)))
				print_process(graph, process, -1, NULL);
		}
}

static int
print_text(struct graph *graph, FILE *f)
{
	if (!stat_begin_table(graph->fs, &graph->table, f))
		return STATUS_ERROR;
	table_add_column(&graph->table, "GRAPH", TABLE_STRING, TABLE_TREE);
	table_add_column(&graph->table, "FD", TABLE_NUMBER, TABLE_RIGHT);
	table_add_column(&graph->table, "STATE", TABLE_STRING, 0);
	print_tree(graph);
	return table_end(&graph->table) == -1 ? STATUS_ERROR : STATUS_OK;
}

/* For graphviz */

/* Inside quotes; \n is a new line there. */
static void
print_label(FILE *f, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', f);
		putc(*text, f);
	}
}

static void
print_dot_pipe(const struct graph *graph, const struct pipe_info *pipe,
    size_t number, FILE *f)
{
	enum pipe_state state = pipeinfo_state(graph->look, pipe);

	fprintf(f, "\tpipe%zu [shape=ellipse, label=\"", number);
	print_label(f, stat_pipe_name(pipe));
	fprintf(f, "\\n%s", pipeinfo_state_name(state));
	if (pipe->unread != PIPE_UNKNOWN && pipe->capacity != PIPE_UNKNOWN)
		fprintf(f, "\\n%" PRId64 " of %" PRId64 " bytes",
		    pipe->unread, pipe->capacity);
	fputs("\"];\n", f);
}

static void
print_dot_process(const struct process_info *process, FILE *f)
{
	fprintf(f, "\tprocess%d [shape=box, label=\"", process->pid);
	print_label(f, trace_safe(process->comm));
	fprintf(f, " (%d)\\n%s\"];\n", process->pid, doing_of(process));
}

/* In the direction of the data; red where somebody waits. */
static void
print_dot_edge(pid_t pid, size_t number, enum pipe_access access,
    const char *attributes, FILE *f)
{
	if ((access & PIPE_WRITE) != 0)
		fprintf(f, "\tprocess%d -> pipe%zu [%s];\n", pid, number,
		    attributes);
	if ((access & PIPE_READ) != 0)
		fprintf(f, "\tpipe%zu -> process%d [%s];\n", number, pid,
		    attributes);
}

static void
print_dot_edges(const struct pipe_info *pipe, size_t number, FILE *f)
{
	char attributes[64];

	for (size_t i = 0; i < pipe->nends; i++) {
		if (pipe->ends[i]->process->reached == 0)
			continue;
		snprintf(attributes, sizeof(attributes), "label=\"%d\"%s",
		    pipe->ends[i]->fd, pipe->ends[i]->waiter == NULL ? "" :
		    ", color=red");
		print_dot_edge(pipe->ends[i]->process->pid, number,
		    pipe->ends[i]->access, attributes, f);
	}
	for (size_t i = 0; i < pipe->nopeners; i++)
		if (pipe->openers[i].process->reached != 0)
			print_dot_edge(pipe->openers[i].process->pid, number,
			    pipe->openers[i].thread->access,
			    "label=\"open\", style=dashed, color=red", f);
}

static void
print_dot(const struct graph *graph, FILE *f)
{
	fputs("digraph pipes {\n\trankdir=LR;\n", f);
	for (size_t i = 0; i < graph->look->nprocesses; i++)
		if (graph->look->processes[i]->reached != 0)
			print_dot_process(graph->look->processes[i], f);
	for (size_t i = 0; i < graph->npipes; i++)
		print_dot_pipe(graph, graph->pipes[i], i, f);
	for (size_t i = 0; i < graph->npipes; i++)
		print_dot_edges(graph->pipes[i], i, f);
	fputs("}\n", f);
}

int
stat_print_graph(const struct fifo_stat *fs, const struct pipe_look *look,
    FILE *f)
{
	struct graph graph = { .fs = fs, .look = look };
	int status = STATUS_OK;

	graph.pipes = calloc(look->npipes + 1, sizeof(struct pipe_info *));
	if (graph.pipes == NULL)
		err(STATUS_ERROR, NULL);
	reach_all(&graph, UP);
	reach_all(&graph, DOWN);
	for (size_t i = 0; i < graph.npipes; i++)
		pipeinfo_measure(look, graph.pipes[i]);
	if (fs->opt.graph == GRAPH_DOT)
		print_dot(&graph, f);
	else
		status = print_text(&graph, f);
	free(graph.pipes);
	return status;
}
