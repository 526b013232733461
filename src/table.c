/*
 * table - tables, trees and JSON, by libsmartcols.
 */
#include "config.h"

#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "deadline.h"
#include "table.h"
#include "text.h"

/* The few calls that we make of libsmartcols(3). */
static struct {
	struct libscols_table *(*new_table)(void);
	void	(*unref_table)(struct libscols_table *);
	int	(*enable_json)(struct libscols_table *, int);
	int	(*enable_raw)(struct libscols_table *, int);
	int	(*enable_noheadings)(struct libscols_table *, int);
	int	(*enable_noencoding)(struct libscols_table *, int);
	int	(*enable_ascii)(struct libscols_table *, int);
	int	(*set_termforce)(struct libscols_table *, int);
	int	(*set_name)(struct libscols_table *, const char *);
	int	(*set_stream)(struct libscols_table *, FILE *);
	struct libscols_column *(*new_column)(struct libscols_table *,
		    const char *, double, int);
	int	(*set_json_type)(struct libscols_column *, int);
	struct libscols_line *(*new_line)(struct libscols_table *,
		    struct libscols_line *);
	int	(*set_data)(struct libscols_line *, size_t, const char *);
	int	(*print)(struct libscols_table *);
} scols;

static bool
load(void)
{
	static const struct {
		const char	*name;
		void		*call;
	} symbols[] = {
		{ "scols_new_table", &scols.new_table },
		{ "scols_unref_table", &scols.unref_table },
		{ "scols_table_enable_json", &scols.enable_json },
		{ "scols_table_enable_raw", &scols.enable_raw },
		{ "scols_table_enable_noheadings", &scols.enable_noheadings },
		{ "scols_table_enable_noencoding", &scols.enable_noencoding },
		{ "scols_table_enable_ascii", &scols.enable_ascii },
		{ "scols_table_set_termforce", &scols.set_termforce },
		{ "scols_table_set_name", &scols.set_name },
		{ "scols_table_set_stream", &scols.set_stream },
		{ "scols_table_new_column", &scols.new_column },
		{ "scols_column_set_json_type", &scols.set_json_type },
		{ "scols_table_new_line", &scols.new_line },
		{ "scols_line_set_data", &scols.set_data },
		{ "scols_print_table", &scols.print },
	};
	void *library, *symbol;

	if (scols.print != NULL)
		return true;
	library = dlopen(LIBSMARTCOLS_SONAME, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library != NULL && i < ARRAY_SIZE(symbols); i++) {
		symbol = dlsym(library, symbols[i].name);
		if (symbol == NULL)
			library = NULL;
		else		/* POSIX's way from data to code, dlsym(3p) */
			memcpy(symbols[i].call, &symbol, sizeof(symbol));
	}
	if (library != NULL)
		return true;
	scols.print = NULL;
	return false;
}

static const char *
form_name(enum table_form form)
{
	return form == TABLE_JSON ? "JSON" : "table";
}

/*
 * The library says by -errno what went wrong; a table that is not complete is
 * none.
 */
static void
note(struct table *table, int result)
{
	if (result < 0 && table->failure == 0)
		table->failure = -result;
}

bool
table_begin(struct table *table, const char *name, enum table_form form,
    FILE *stream)
{
	memset(table, 0, sizeof(*table));
	if (!load()) {
		warnx("no %s: %s", form_name(form), dlerror());
		return false;
	}
	table->table = scols.new_table();
	if (table->table == NULL) {
		warn("no %s", form_name(form));
		return false;
	}
	note(table, scols.enable_json(table->table, form == TABLE_JSON));
	note(table, scols.enable_raw(table->table, form == TABLE_RAW));
	/* What comes from outside is safe already; once is enough. */
	note(table, scols.enable_noencoding(table->table, 1));
	note(table, scols.enable_ascii(table->table, 1));
	/* A cell is never cut: half a name is no name. */
	note(table, scols.set_termforce(table->table, SCOLS_TERMFORCE_NEVER));
	note(table, scols.set_name(table->table, name));
	table->stream = stream;
	table->trims = form == TABLE_TEXT;
	return true;
}

void
table_hide_headings(struct table *table)
{
	note(table, scols.enable_noheadings(table->table, 1));
}

void
table_add_column(struct table *table, const char *name, enum table_type type,
    unsigned int flags)
{
	struct libscols_column *column;

	column = scols.new_column(table->table, name, 0,
	    ((flags & TABLE_RIGHT) != 0 ? SCOLS_FL_RIGHT : 0) |
	    ((flags & TABLE_TREE) != 0 ? SCOLS_FL_TREE : 0));
	note(table, column == NULL ? -ENOMEM :
	    scols.set_json_type(column, type == TABLE_NUMBER ?
	    SCOLS_JSON_NUMBER : type == TABLE_BOOLEAN ?
	    SCOLS_JSON_BOOLEAN : SCOLS_JSON_STRING));
	table->columns++;
}

struct libscols_line *
table_add_line(struct table *table, struct libscols_line *parent)
{
	table->line = scols.new_line(table->table, parent);
	note(table, table->line == NULL ? -ENOMEM : 0);
	table->column = 0;
	return table->line;
}

void
table_add_cell(struct table *table, const char *text)
{
	if (table->line != NULL && text != NULL)
		note(table, scols.set_data(table->line, table->column, text));
	table->column++;
}

void
table_next_line(struct table *table)
{
	table->line = NULL;
	table->column = 0;
}

/* A table has to have a column before it takes a line. */
static void
add(struct table *table, const char *name, enum table_type type,
    const char *text)
{
	if (table->line == NULL && table->columns > 0)
		table_add_line(table, NULL);
	if (table->column == table->columns)
		table_add_column(table, name, type, 0);
	if (table->line == NULL)
		table_add_line(table, NULL);
	table_add_cell(table, text);
}

void
table_string(struct table *table, const char *name, const char *text)
{
	add(table, name, TABLE_STRING, text);
}

void
table_count(struct table *table, const char *name, uint64_t count)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, count);
	add(table, name, TABLE_NUMBER, text);
}

void
table_seconds(struct table *table, const char *name, int64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6f", (double)ns / (double)NS_PER_SEC);
	add(table, name, TABLE_NUMBER, text);
}

void
table_bool(struct table *table, const char *name, bool is)
{
	add(table, name, TABLE_BOOLEAN, is ? "1" : "0");
}

void
table_null(struct table *table, const char *name, enum table_type type)
{
	add(table, name, type, NULL);
}

/* Without the blanks that fill empty cells at the ends of lines. */
static void
print_trimmed(const char *text, FILE *stream)
{
	size_t length, end;

	for (; *text != '\0'; text += length + (text[length] == '\n')) {
		length = end = strcspn(text, "\n");
		while (end > 0 && text[end - 1] == ' ')
			end--;
		fprintf(stream, "%.*s\n", (int)end, text);
	}
}

/* The library does not look at what stdio says of its stream. */
static int
print(struct table *table)
{
	struct text whole;
	char *text;
	int result;

	if (text_begin(&whole) == -1)
		return -errno;
	result = scols.set_stream(table->table, whole.f);
	if (result == 0)
		result = scols.print(table->table);
	text = text_end(&whole);
	if (text == NULL)
		return -errno;
	if (result == 0 && table->trims)
		print_trimmed(text, table->stream);
	else if (result == 0)
		fputs(text, table->stream);
	free(text);
	return result;
}

int
table_end(struct table *table)
{
	if (table->failure == 0)
		note(table, print(table));
	scols.unref_table(table->table);
	if (table->failure == 0)
		return 0;
	warnc(table->failure, "no table");
	return -1;
}
