/*
 * fifo-stat - its columns: of a pipe, and of each of its ends.
 */
#include "config.h"

#include <ctype.h>
#include <err.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "doing.h"
#include "fifo-stat.h"
#include "options.h"
#include "parse.h"
#include "status.h"
#include "trace.h"

/* One line: a pipe, and an end of it or a thread that would have one. */
struct row {
	const struct fifo_stat		*fs;
	const struct pipe_look		*look;
	const struct pipe_info		*pipe;
	const struct pipe_end		*end;		/* NULL: opening */
	const struct process_info	*process;	/* NULL: no end */
	const struct thread_info	*thread;
	const char			*verdict;
	char				*text;	/* room for a cell */
};

#define CELL_SIZE	64	/* of what is no name */

enum {
	OF_END = 1,		/* else of the pipe */
	USUAL = 2,		/* shown unless -o says otherwise */
	WATCHED = 4,		/* the same, under --watch */
	NUMBER = 8
};

static const char *
cell_name(const struct row *row)
{
	return stat_pipe_name(row->pipe);
}

static const char *
cell_type(const struct row *row)
{
	return row->pipe->anonymous ? "pipe" : "fifo";
}

static const char *
cell_state(const struct row *row)
{
	return pipeinfo_state_name(pipeinfo_state(row->look, row->pipe));
}

static const char *
cell_verdict(const struct row *row)
{
	return row->verdict;
}

static const char *
format_number(char text[CELL_SIZE], uint64_t n)
{
	snprintf(text, CELL_SIZE, "%" PRIu64, n);
	return text;
}

static const char *
format_size(char text[CELL_SIZE], int64_t size)
{
	return size == PIPE_UNKNOWN ? NULL :
	    format_number(text, (uint64_t)size);
}

static const char *
cell_unread(const struct row *row)
{
	return format_size(row->text, row->pipe->unread);
}

static const char *
cell_capacity(const struct row *row)
{
	return format_size(row->text, row->pipe->capacity);
}

/* None in sight is not none. */
static const char *
format_count(const struct row *row, unsigned int n,
    enum pipe_unseen unseen)
{
	bool hidden = pipeinfo_misses(row->look);

	if (n == 0 && (unseen == UNSEEN_SOME ||
	    (unseen == UNSEEN_MAYBE && hidden &&
	    row->pipe->nopeners == 0)))
		return NULL;
	return format_number(row->text, n);
}

static const char *
cell_readers(const struct row *row)
{
	return format_count(row, row->pipe->readers,
	    row->pipe->unseen_readers);
}

static const char *
cell_writers(const struct row *row)
{
	return format_count(row, row->pipe->writers,
	    row->pipe->unseen_writers);
}

static const char *
cell_openers(const struct row *row)
{
	return format_number(row->text, row->pipe->nopeners);
}

static const char *
cell_hidden(const struct row *row)
{
	return row->look->hidden_more || procfs_failure() != 0 ? NULL :
	    format_number(row->text, row->look->hidden);
}

static const char *
cell_rate(const struct row *row)
{
	double rate = stat_rate(row->fs, row->pipe);

	if (rate < 0)
		return NULL;
	snprintf(row->text, CELL_SIZE, "%.0f", rate);
	return row->text;
}

static const char *
cell_mode(const struct row *row)
{
	if (row->pipe->lost)
		return NULL;
	strmode(row->pipe->mode, row->text);
	row->text[strcspn(row->text, " ")] = '\0';
	return row->text;
}

static const char *
user_name(uid_t uid, char text[CELL_SIZE])
{
	const char *name = user_from_uid(uid, 1);

	return name != NULL ? trace_safe(name) : format_number(text, uid);
}

static const char *
cell_owner(const struct row *row)
{
	return row->pipe->lost ? NULL : user_name(row->pipe->uid, row->text);
}

static const char *
cell_group(const struct row *row)
{
	const char *name;

	if (row->pipe->lost)
		return NULL;
	name = group_from_gid(row->pipe->gid, 1);
	return name != NULL ? trace_safe(name) :
	    format_number(row->text, row->pipe->gid);
}

static const char *
cell_device(const struct row *row)
{
	if (row->pipe->lost)
		return NULL;
	snprintf(row->text, CELL_SIZE, "%u:%u", major(row->pipe->dev),
	    minor(row->pipe->dev));
	return row->text;
}

static const char *
cell_inode(const struct row *row)
{
	return row->pipe->lost ? NULL :
	    format_number(row->text, row->pipe->ino);
}

static const char *
cell_unlinked(const struct row *row)
{
	return format_number(row->text, row->pipe->unlinked);
}

static const char *
cell_end(const struct row *row)
{
	static const char *const names[] = {
		[PIPE_READ] = "read",
		[PIPE_WRITE] = "write",
		[PIPE_BOTH] = "both",
	};

	return names[row->end != NULL ? row->end->access :
	    row->thread->access];
}

static const char *
cell_pid(const struct row *row)
{
	return format_number(row->text, (uint64_t)row->process->pid);
}

static const char *
cell_tid(const struct row *row)
{
	return row->thread == NULL ? NULL :
	    format_number(row->text, (uint64_t)row->thread->tid);
}

static const char *
cell_ppid(const struct row *row)
{
	return format_number(row->text, (uint64_t)row->process->parent);
}

static const char *
cell_command(const struct row *row)
{
	return trace_safe(row->process->comm);
}

static const char *
cell_user(const struct row *row)
{
	return user_name(row->process->uid, row->text);
}

static const char *
cell_fd(const struct row *row)
{
	return row->end == NULL ? NULL :
	    format_number(row->text, (uint64_t)row->end->fd);
}

static const char *
cell_nonblock(const struct row *row)
{
	return row->end == NULL ? NULL :
	    format_number(row->text, row->end->nonblock);
}

static const char *
cell_doing(const struct row *row)
{
	return pipeinfo_doing_name(row->thread == NULL ? DOING_UNKNOWN :
	    row->thread->doing);
}

static const char *
cell_wait(const struct row *row)
{
	int64_t ns;

	if (row->thread == NULL || row->thread->doing == DOING_RUNNING ||
	    row->thread->doing == DOING_DEAD)
		return NULL;
	ns = pipeinfo_waited(row->look, row->process, row->thread);
	if (ns == -1)
		return NULL;
	if (!row->fs->opt.json && !row->fs->opt.raw)
		return stat_time(ns, row->text);
	snprintf(row->text, CELL_SIZE, "%.3f", (double)ns / (double)NS_PER_SEC);
	return row->text;
}

static const char *
cell_call(const struct row *row)
{
	if (row->thread == NULL || row->thread->call.number < 0)
		return NULL;
	strlcpy(row->text, doing_call_name(row->thread), CELL_SIZE);
	return row->text;
}

static const struct column {
	const char	*name;
	unsigned int	 flags;
	const char	*(*cell)(const struct row *);
	const char	*help;
} columns[] = {
	{ "NAME", USUAL, cell_name, "path, or pipe:[INODE]" },
	{ "PID", OF_END | USUAL | NUMBER, cell_pid, "process at an end" },
	{ "COMMAND", OF_END | USUAL, cell_command, "its name" },
	{ "FD", OF_END | USUAL | NUMBER, cell_fd, "its descriptor" },
	{ "END", OF_END | USUAL, cell_end, "read, write or both" },
	{ "DOING", OF_END | USUAL, cell_doing, "what the process does" },
	{ "WAIT", OF_END | USUAL | NUMBER, cell_wait, "for how long" },
	{ "STATE", USUAL, cell_state, "what is going on, in a word" },
	{ "UNREAD", USUAL | NUMBER, cell_unread, "bytes in it" },
	{ "CAPACITY", USUAL | NUMBER, cell_capacity, "bytes that fit" },
	{ "RATE", WATCHED | NUMBER, cell_rate, "bytes a second, --watch" },
	{ "MODE", USUAL, cell_mode, "type and permissions" },
	{ "OWNER", USUAL, cell_owner, "user whose it is" },
	{ "GROUP", 0, cell_group, "its group" },
	{ "TYPE", 0, cell_type, "fifo or pipe" },
	{ "READERS", NUMBER, cell_readers, "open read ends" },
	{ "WRITERS", NUMBER, cell_writers, "open write ends" },
	{ "OPENING", NUMBER, cell_openers, "threads blocked in open" },
	{ "HIDDEN", NUMBER, cell_hidden, "processes that are not visible" },
	{ "UNLINKED", NUMBER, cell_unlinked, "1: its name is gone" },
	{ "DEVICE", 0, cell_device, "device, as MAJOR:MINOR" },
	{ "INODE", NUMBER, cell_inode, "number of the inode" },
	{ "TID", OF_END | NUMBER, cell_tid, "thread" },
	{ "PPID", OF_END | NUMBER, cell_ppid, "parent of the process" },
	{ "USER", OF_END, cell_user, "user of the process" },
	{ "NONBLOCK", OF_END | NUMBER, cell_nonblock, "1: it never waits" },
	{ "CALL", OF_END, cell_call, "system call that it is in" },
	{ "VERDICT", 0, cell_verdict, "what is going on, in a sentence" },
};

void
stat_list_columns(FILE *f)
{
	fputs("\nCOLUMNS are names with commas between; with + before the "
	    "first, more columns:\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		fprintf(f, "  %-9s %s\n", columns[i].name, columns[i].help);
}

static bool
takes_usual(const struct fifo_stat *fs, const struct column *column)
{
	/* A program can choose by itself. */
	if (fs->opt.json)
		return (column->flags & WATCHED) == 0 || fs->opt.watch;
	return (column->flags & USUAL) != 0 ||
	    (fs->opt.watch && (column->flags & WATCHED) != 0);
}

static void
add_usual(struct fifo_stat *fs)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(columns); i++)
		if (takes_usual(fs, &columns[i]))
			fs->columns[fs->ncolumns++] = i;
}

static int
bad_column(const char *word)
{
	const char *names[ARRAY_SIZE(columns) + 1] = { NULL }, *meant;
	char upper[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(columns); i++)
		names[i] = columns[i].name;
	for (i = 0; i < sizeof(upper) - 1 && word[i] != '\0'; i++)
		upper[i] = (char)toupper((unsigned char)word[i]);
	upper[i] = '\0';
	meant = parse_suggest(upper, names);
	if (meant == NULL)
		return options_usage("unknown column '%s'", trace_safe(word));
	return options_usage("unknown column '%s'; did you mean '%s'?",
	    trace_safe(word), meant);
}

static int
add_column(struct fifo_stat *fs, const char *word)
{
	if (fs->ncolumns == STAT_COLUMNS_MAX)
		return options_usage("too many columns");
	for (unsigned int i = 0; i < ARRAY_SIZE(columns); i++)
		if (strcasecmp(columns[i].name, word) == 0) {
			for (size_t j = 0; j < fs->ncolumns; j++)
				if (fs->columns[j] == i)
					return STATUS_OK;
			fs->columns[fs->ncolumns++] = i;
			return STATUS_OK;
		}
	return bad_column(word);
}

int
stat_parse_columns(struct fifo_stat *fs)
{
	const char *list = fs->opt.columns;
	char *copy, *rest, *word;
	int status = STATUS_OK;

	if (list == NULL || *list == '+')
		add_usual(fs);
	if (list == NULL)
		return STATUS_OK;
	copy = rest = strdup(list + (*list == '+'));
	if (copy == NULL) {
		warn(NULL);
		return STATUS_ERROR;
	}
	while (status == STATUS_OK && (word = strsep(&rest, ",")) != NULL)
		status = add_column(fs, word);
	free(copy);
	return status;
}

bool
stat_begin_table(const struct fifo_stat *fs, struct table *table, FILE *f)
{
	if (!table_begin(table, "fifo-stat", fs->opt.json ? TABLE_JSON :
	    fs->opt.raw ? TABLE_RAW : TABLE_TEXT, f))
		return false;
	if (fs->opt.noheadings)
		table_hide_headings(table);
	return true;
}

/* What is printed, and in which way. */
struct print {
	struct table		 table;
	struct row		 row;
	struct libscols_line	*above;		/* the line of the pipe */
	bool			 ends;		/* some column is of ends */
	bool			 tree;		/* they have their own lines */
};

/* In a tree for people, where the name of the pipe stands above. */
static const char *
label(const struct row *row)
{
	if (row->end == NULL)
		return row->thread->access == PIPE_READ ? "opens to read" :
		    "opens to write";
	switch (row->end->access) {
	case PIPE_READ:
		return "reader";
	case PIPE_WRITE:
		return "writer";
	default:
		return "both";
	}
}

static const char *
get_cell(const struct print *print, const struct column *column)
{
	const struct row *row = &print->row;
	bool of_end = (column->flags & OF_END) != 0;

	if (of_end)
		return row->process == NULL ? NULL : column->cell(row);
	if (!print->tree || row->process == NULL)
		return column->cell(row);
	if (column->cell != cell_name)
		return NULL;
	return row->fs->opt.json ? cell_name(row) : label(row);
}

static void
print_row(struct print *print)
{
	const struct fifo_stat *fs = print->row.fs;
	struct libscols_line *line;

	line = table_add_line(&print->table,
	    print->row.process == NULL ? NULL : print->above);
	if (print->row.process == NULL && print->tree)
		print->above = line;
	for (size_t i = 0; i < fs->ncolumns; i++)
		table_add_cell(&print->table, get_cell(print,
		    &columns[fs->columns[i]]));
}

/* A line for each thread that waits there; else one for the process. */
static void
print_end(struct print *print, const struct pipe_end *end)
{
	const struct process_info *process = end->process;

	print->row.end = end;
	print->row.process = process;
	if (end->nwaiting < 2) {
		print->row.thread = end->waiter != NULL ? end->waiter :
		    pipeinfo_thread(process);
		print_row(print);
		return;
	}
	for (size_t i = 0; i < process->nthreads; i++) {
		if (!pipeinfo_waits_at(&process->threads[i], end))
			continue;
		print->row.thread = &process->threads[i];
		print_row(print);
	}
}

static void
print_ends(struct print *print)
{
	const struct pipe_info *pipe = print->row.pipe;

	print->row.end = NULL;
	for (size_t i = 0; i < pipe->nopeners; i++) {
		print->row.process = pipe->openers[i].process;
		print->row.thread = pipe->openers[i].thread;
		print_row(print);
	}
	for (size_t i = 0; i < pipe->nends; i++)
		print_end(print, pipe->ends[i]);
}

static void
print_pipe(struct print *print, const struct pipe_info *pipe)
{
	char *verdict = stat_verdict(print->row.look, pipe);
	bool empty = pipe->nends == 0 && pipe->nopeners == 0;

	print->row.pipe = pipe;
	print->row.verdict = verdict;
	print->row.process = NULL;
	if (print->tree || !print->ends || empty)
		print_row(print);
	if (print->ends)
		print_ends(print);
	free(verdict);
}

static void
add_columns(struct print *print)
{
	const struct fifo_stat *fs = print->row.fs;
	const struct column *column;
	unsigned int flags;
	bool has_name = false;

	for (size_t i = 0; i < fs->ncolumns; i++) {
		column = &columns[fs->columns[i]];
		print->ends = print->ends || (column->flags & OF_END) != 0;
		has_name = has_name || column->cell == cell_name;
	}
	print->tree = print->ends && !fs->opt.raw && (has_name ||
	    fs->opt.json);
	for (size_t i = 0; i < fs->ncolumns; i++) {
		column = &columns[fs->columns[i]];
		flags = (column->flags & NUMBER) != 0 ? TABLE_RIGHT : 0;
		if (print->tree && (has_name ? column->cell == cell_name :
		    i == 0))
			flags |= TABLE_TREE;
		table_add_column(&print->table, column->name,
		    (column->flags & NUMBER) != 0 ? TABLE_NUMBER :
		    TABLE_STRING, flags);
	}
}

/* The sentences, below a table that somebody reads. */
static void
print_verdicts(const struct fifo_stat *fs, const struct pipe_look *look,
    FILE *f)
{
	char *verdict;

	if (fs->opt.json || fs->opt.raw || fs->opt.columns != NULL)
		return;
	for (size_t i = 0; i < look->npipes; i++) {
		if (!look->pipes[i]->wanted)
			continue;
		verdict = stat_verdict(look, look->pipes[i]);
		fprintf(f, "%s: %s\n", stat_pipe_name(look->pipes[i]),
		    verdict);
		free(verdict);
	}
}

int
stat_print_table(const struct fifo_stat *fs, const struct pipe_look *look,
    FILE *f)
{
	char text[CELL_SIZE];
	struct print print = {
		.row.fs = fs, .row.look = look, .row.text = text,
	};

	if (!stat_begin_table(fs, &print.table, f))
		return STATUS_ERROR;
	add_columns(&print);
	for (size_t i = 0; i < look->npipes; i++)
		if (look->pipes[i]->wanted)
			print_pipe(&print, look->pipes[i]);
	if (table_end(&print.table) == -1)
		return STATUS_ERROR;
	print_verdicts(fs, look, f);
	return STATUS_OK;
}
