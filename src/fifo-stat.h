/*
 * fifo-stat - what the parts of the command share: cmd-fifo-stat.c has the
 * options and the looks, -words.c the sentences, -table.c the columns,
 * -why.c the chain of who waits for whom, -graph.c the picture, -watch.c
 * looks that repeat, -peek.c the bytes.
 */
#ifndef FIFO_STAT_H
#define FIFO_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pipeinfo.h"
#include "table.h"
#include "text.h"

#define STAT_COLUMNS_MAX	40

enum stat_graph {
	GRAPH_NONE,
	GRAPH_TEXT,
	GRAPH_DOT
};

enum stat_event {			/* --wait-for */
	EVENT_NONE,
	EVENT_READER,
	EVENT_WRITER,
	EVENT_DATA,
	EVENT_EMPTY,
	EVENT_GONE
};

struct stat_options {
	bool			 all;		/* -a */
	bool			 json;		/* -J */
	bool			 raw;		/* -r */
	bool			 noheadings;	/* -n */
	const char		*columns;	/* -o; NULL: the usual ones */
	bool			 watch;		/* --watch */
	int64_t			 watch_ns;	/* between two looks */
	bool			 why;		/* --why */
	enum stat_graph		 graph;		/* --graph */
	uint64_t		 peek;		/* --peek, bytes; 0: no */
	enum stat_event		 event;		/* --wait-for */
	int64_t			 timeout_ns;	/* -w; 0: no limit */
	const char		*timeout_text;	/* as it was given */
};

/* What the user named. */
struct stat_target {
	const char		*name;		/* the operand, borrowed */
	pid_t			 pid;		/* 0: a path */
	int			 fd;		/* of PID:FD; -1: all */
	int			 pinned;	/* owned, O_PATH; -1: none */
};

/* What successive looks of --watch know of one pipe. */
struct stat_flow;

struct fifo_stat {
	struct stat_options	 opt;
	struct stat_target	*targets;
	size_t			 ntargets;
	/* -o: indexes of columns, in their order. */
	unsigned int		 columns[STAT_COLUMNS_MAX];
	size_t			 ncolumns;
	struct stat_flow	*flows;		/* --watch; owned */
	size_t			 nflows;
};

/* cmd-fifo-stat.c */

/*
 * One look at all that was named.  Returns the status; what cannot be looked
 * at is said.  *look is the caller's to end, whatever the status; with quiet
 * nothing is said, for looks that repeat.
 */
int	 stat_look(const struct fifo_stat *, struct pipe_look *look,
	    bool quiet);

/*
 * The process that was named, by its number or by that of a thread of it;
 * NULL when it was not seen.
 */
struct process_info	*stat_process_of(const struct pipe_look *,
			    const struct stat_target *);

/* Print a look, as the options say.  Returns the status. */
int	 stat_show(struct fifo_stat *, struct pipe_look *, FILE *);

/* cmd-fifo-stat-words.c */

/* See text.h; where memory is short, a message and the end, status 1. */
void	 stat_text_begin(struct text *);
char	*stat_text_end(struct text *);

/* One sentence for what is going on in a pipe; the caller frees it. */
char	*stat_verdict(const struct pipe_look *, const struct pipe_info *);

/* What a thread does, as the end of a sentence that it begins. */
void	 stat_say_doing(FILE *, const struct pipe_look *,
	    const struct process_info *, const struct thread_info *);

/* Names that are safe to print: "cat (12)", a pipe's, "5 processes". */
void	 stat_say_process(FILE *, const struct process_info *);
const char	*stat_pipe_name(const struct pipe_info *);
void	 stat_say_count(FILE *, uint64_t n, const char *thing);

/* What is not in sight; says nothing when everything is. */
void	 stat_say_hidden(FILE *, const struct pipe_look *,
	    const char *before);

/* 250ms, 12.3s, 5m03s, 3h05m, 2d03h. */
#define STAT_TIME	32
const char	*stat_time(int64_t ns, char text[STAT_TIME]);

/* cmd-fifo-stat-table.c */

/* -o.  Returns a status. */
int	 stat_parse_columns(struct fifo_stat *);

/* Which columns there are, for --help and messages. */
void	 stat_list_columns(FILE *);

int	 stat_print_table(const struct fifo_stat *, const struct pipe_look *,
	    FILE *);

/* Begin a table in the form that the options say; false as table_begin(). */
bool	 stat_begin_table(const struct fifo_stat *, struct table *, FILE *);

/* cmd-fifo-stat-why.c, -graph.c, -peek.c: each prints, and gives a status. */

int	 stat_print_why(const struct fifo_stat *, struct pipe_look *, FILE *);
int	 stat_print_graph(const struct fifo_stat *, const struct pipe_look *,
	    FILE *);
int	 stat_print_peek(const struct fifo_stat *, const struct pipe_look *,
	    FILE *);

/* cmd-fifo-stat-watch.c */

int	 stat_watch(struct fifo_stat *);

/*
 * Bytes a second through a pipe since the look before, -1 when that cannot
 * be known.
 */
double	 stat_rate(const struct fifo_stat *, const struct pipe_info *);

/* cmd-fifo-stat-wait.c */

int	 stat_wait(struct fifo_stat *);

#endif
