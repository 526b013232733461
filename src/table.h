/*
 * table - tables, trees and JSON, by libsmartcols as lsfd(1) and lsblk(8)
 * print them.
 *
 * The library is loaded when the first table begins: linked, it would cost
 * every run 80 us, also those that print none.  Cells are copied.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct libscols_table;
struct libscols_line;

enum table_form {
	TABLE_TEXT,
	TABLE_RAW,		/* one blank between cells, none in them */
	TABLE_JSON
};

enum table_type {		/* of a column, for JSON */
	TABLE_STRING,
	TABLE_NUMBER,
	TABLE_BOOLEAN
};

enum table_flag {		/* of a column, for text */
	TABLE_RIGHT = 1,	/* flush right */
	TABLE_TREE = 2		/* lines hang below their parents here */
};

struct table {
	struct libscols_table	*table;		/* owned */
	struct libscols_line	*line;		/* the latest */
	size_t			 column;	/* of the next cell */
	size_t			 columns;
	FILE			*stream;	/* borrowed */
	bool			 trims;		/* no blanks at line ends */
	int			 failure;	/* errno, or 0 */
};

/*
 * Begin a table whose cells go to a stream.  The name is JSON's.  Returns
 * false, having said why, when the library cannot be had: then there is
 * nothing to end.
 */
bool	 table_begin(struct table *, const char *name, enum table_form,
	    FILE *);

/* No line of headings. */
void	 table_hide_headings(struct table *);

/* A column, before the first line. */
void	 table_add_column(struct table *, const char *name, enum table_type,
	    unsigned int flags);

/*
 * A line below another one, or at the top with NULL; borrowed from the
 * table.  NULL when memory is short.
 */
struct libscols_line	*table_add_line(struct table *,
			    struct libscols_line *parent);

/* The next cell of the latest line; NULL is an empty one, null in JSON. */
void	 table_add_cell(struct table *, const char *text);

/*
 * The short way, for a table without trees: cells bring their columns with
 * them.  The first line defines the columns, the first cell after
 * table_next_line() begins another.
 */
void	 table_next_line(struct table *);
void	 table_string(struct table *, const char *name, const char *text);
void	 table_count(struct table *, const char *name, uint64_t);
void	 table_seconds(struct table *, const char *name, int64_t ns);
void	 table_bool(struct table *, const char *name, bool);
void	 table_null(struct table *, const char *name, enum table_type);

/* Print it, and release it.  Returns 0, or -1 having said why. */
int	 table_end(struct table *);

#endif
