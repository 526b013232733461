/*
 * test-table - hostile names through tables and JSON: no raw control byte,
 * JSON for a strict parser, and unvis(3) gives the name back.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "compat.h"
#include "table.h"
#include "trace.h"

#define NAMES	100000
#define LONGEST	40

/* The same names in each run. */
static uint64_t seed = 1;

static unsigned int
next_number(void)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned int)(seed >> 33);
}

static char names[NAMES][LONGEST + 1];

/* Every byte but NUL; those that hurt come more often. */
static void
make_names(void)
{
	static const char bad[] = "\033\n\t\r\"\\ x0^%\177\233'$";
	size_t length;

	for (size_t i = 0; i < NAMES; i++) {
		length = 1 + next_number() % LONGEST;
		for (size_t j = 0; j < length; j++)
			names[i][j] = next_number() % 3 == 0 ?
			    bad[next_number() % (sizeof(bad) - 1)] :
			    (char)(1 + next_number() % 255);
		names[i][length] = '\0';
	}
}

/* A table with all of them. */
static char *
print_names(enum table_form form, size_t *size)
{
	struct table table;
	char *text = NULL;
	FILE *f;

	f = open_memstream(&text, size);
	assert_non_null(f);
	assert_true(table_begin(&table, "names", form, f));
	table_hide_headings(&table);
	table_add_column(&table, "NAME", TABLE_STRING, 0);
	table_add_column(&table, "END", TABLE_STRING, 0);
	for (size_t i = 0; i < NAMES; i++) {
		table_add_line(&table, NULL);
		table_add_cell(&table, trace_name(names[i]));
		table_add_cell(&table, "end");
	}
	assert_int_equal(table_end(&table), 0);
	fclose(f);
	return text;
}

static bool
is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if ((*text < ' ' || *text > '~') && *text != '\n')
			return false;
	return true;
}

static void
gives_back(const char *safe, const char *name)
{
	char *back = malloc(strlen(safe) + 1);

	assert_non_null(back);
	assert_int_not_equal(strunvis(back, safe), -1);
	assert_string_equal(back, name);
	free(back);
}

static void
names_are_safe_in_a_table(void **state)
{
	char *text, *rest, *line, *end;
	size_t size;

	(void)state;
	text = rest = print_names(TABLE_TEXT, &size);
	assert_int_equal(strlen(text), size);
	assert_true(is_printable(text));
	for (size_t i = 0; i < NAMES; i++) {
		line = strsep(&rest, "\n");
		assert_non_null(line);
		/* The last column, and the blanks before it. */
		assert_true(strlen(line) > strlen(" end"));
		end = line + strlen(line) - strlen(" end");
		assert_string_equal(end, " end");
		while (end > line && end[-1] == ' ')
			end--;
		*end = '\0';
		/* Blanks at its own end cannot be told from those. */
		if (names[i][strlen(names[i]) - 1] != ' ')
			gives_back(line, names[i]);
	}
	free(text);
}

/* One string of JSON as RFC 8259 has it; returns what follows, or NULL. */
static const char *
parse_string(const char *at, char *to)
{
	static const char from[] = "\"\\/bfnrt", what[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (*at++ != '"')
		return NULL;
	for (; *at != '"'; at++) {
		if ((unsigned char)*at < ' ')
			return NULL;
		if (*at != '\\') {
			*to++ = *at;
			continue;
		}
		at++;
		found = *at == '\0' ? NULL : strchr(from, *at);
		if (found == NULL)
			return NULL;	/* \u is not needed for ASCII */
		*to++ = what[found - from];
	}
	*to = '\0';
	return at + 1;
}

static const char *
past(const char *at, const char *word)
{
	assert_non_null(at);
	at += strspn(at, " \n");
	assert_int_equal(strncmp(at, word, strlen(word)), 0);
	return at + strlen(word);
}

static void
names_are_safe_in_json(void **state)
{
	char *text, name[4 * LONGEST + 3];
	const char *at;
	size_t size;

	(void)state;
	text = print_names(TABLE_JSON, &size);
	assert_int_equal(strlen(text), size);
	assert_true(is_printable(text));
	at = past(past(past(past(text, "{"), "\"names\""), ":"), "[");
	for (size_t i = 0; i < NAMES; i++) {
		at = past(past(past(at, "{"), "\"name\""), ":");
		at = parse_string(at + strspn(at, " "), name);
		assert_non_null(at);
		gives_back(name, names[i]);
		at = past(past(past(past(at, ","), "\"end\""), ":"),
		    "\"end\"");
		at = past(at, i < NAMES - 1 ? "}," : "}");
	}
	at = past(past(at, "]"), "}");
	assert_string_equal(at + strspn(at, "\n"), "");
	free(text);
}

static void
names_are_safe_in_raw_lines(void **state)
{
	char *text, *rest, *line;
	size_t size;

	(void)state;
	text = rest = print_names(TABLE_RAW, &size);
	assert_true(is_printable(text));
	for (size_t i = 0; i < NAMES; i++) {
		line = strsep(&rest, "\n");
		assert_non_null(line);
		/* Two cells, and one blank. */
		assert_non_null(strchr(line, ' '));
		assert_string_equal(strchr(line, ' '), " end");
	}
	free(text);
}

static void
an_empty_table_is_printed(void **state)
{
	struct table table;
	char *text = NULL;
	size_t size;
	FILE *f;

	(void)state;
	f = open_memstream(&text, &size);
	assert_non_null(f);
	assert_true(table_begin(&table, "none", TABLE_JSON, f));
	table_add_column(&table, "NAME", TABLE_STRING, 0);
	assert_int_equal(table_end(&table), 0);
	fclose(f);
	assert_non_null(strstr(text, "\"none\""));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_safe_in_a_table),
		cmocka_unit_test(names_are_safe_in_json),
		cmocka_unit_test(names_are_safe_in_raw_lines),
		cmocka_unit_test(an_empty_table_is_printed),
	};

	make_names();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
