/*
 * parse - sizes, durations and delimiters from the command line, strictly.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vis.h>

#include "compat.h"
#include "deadline.h"
#include "parse.h"

#define MODE_BASE	(S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | \
			 S_IROTH | S_IWOTH)
#define MODE_BITS	(S_IRWXU | S_IRWXG | S_IRWXO)

#define SUGGEST_MAX 32		/* longer words are no typing mistakes */

static int
fail(int errnum)
{
	errno = errnum;
	return -1;
}

static int
size_shift(const char *suffix)
{
	static const char letters[] = "kmgt";
	const char *at;

	if (*suffix == '\0' || strcmp(suffix, "B") == 0)
		return 0;
	at = strchr(letters, tolower((unsigned char)*suffix));
	if (at == NULL)
		return -1;
	if (suffix[1] != '\0' && strcmp(suffix + 1, "iB") != 0)
		return -1;
	return 10 * (int)(at - letters + 1);
}

int
parse_size(const char *text, uint64_t *bytes)
{
	uintmax_t number;
	char *end;
	int shift, status;

	/* strtou(3) would take leading blanks and signs. */
	if (!isdigit((unsigned char)*text))
		return fail(EINVAL);
	number = strtou(text, &end, 10, 0, INT64_MAX, &status);
	if (status == ERANGE)
		return fail(ERANGE);
	shift = size_shift(end);
	if (shift == -1)
		return fail(EINVAL);
	if (number > (uintmax_t)INT64_MAX >> shift)
		return fail(ERANGE);
	*bytes = (uint64_t)number << shift;
	return 0;
}

int
parse_capacity(const char *text, size_t *bytes)
{
	uint64_t size;

	if (strcmp(text, "max") == 0) {
		*bytes = SIZE_MAX;
		return 0;
	}
	if (parse_size(text, &size) == -1)
		return -1;
	if (size == 0 || size > INT_MAX)
		return fail(size == 0 ? EINVAL : ERANGE);
	*bytes = (size_t)size;
	return 0;
}

int
parse_memory(const char *text, size_t *bytes)
{
	uint64_t size;

	if (parse_size(text, &size) == -1)
		return -1;
	if (size == 0 || size > SIZE_MAX / 2)
		return fail(size == 0 ? EINVAL : ERANGE);
	*bytes = (size_t)size;
	return 0;
}

static int64_t
duration_unit(const char *suffix)
{
	static const struct {
		const char	*suffix;
		int64_t		 unit_ns;
	} units[] = {
		{ "", NS_PER_SEC },
		{ "s", NS_PER_SEC },
		{ "m", 60 * NS_PER_SEC },
		{ "h", 3600 * NS_PER_SEC },
		{ "d", 86400 * NS_PER_SEC },
		{ "us", 1000 },
		{ "ms", NS_PER_MS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(suffix, units[i].suffix) == 0)
			return units[i].unit_ns;
	return 0;
}

int
parse_duration(const char *text, int64_t *timeout_ns)
{
	size_t whole, fraction = 0, length;
	long double number;
	int64_t unit;

	if (strcmp(text, "inf") == 0 || strcmp(text, "infinity") == 0) {
		*timeout_ns = 0;
		return 0;
	}
	/* What strtold(3) would take beyond this is no duration: -1, 0x1p3. */
	whole = length = strspn(text, "0123456789");
	if (text[length] == '.') {
		fraction = strspn(text + length + 1, "0123456789");
		length += 1 + fraction;
	}
	if (whole + fraction == 0)
		return fail(EINVAL);
	unit = duration_unit(text + length);
	if (unit == 0)
		return fail(EINVAL);
	number = strtold(text, NULL) * (long double)unit;
	if (number >= (long double)INT64_MAX) {
		*timeout_ns = 0;	/* 292 years: no limit */
		return 0;
	}
	*timeout_ns = (int64_t)number;
	if ((long double)*timeout_ns < number)
		*timeout_ns += 1;
	return 0;
}

/* strtonum(3) alone would take blanks and signs. */
int
parse_number(const char *text, long long max, long long *number)
{
	const char *error;
	long long value;

	if (!isdigit((unsigned char)*text))
		return fail(EINVAL);
	value = strtonum(text, 0, max, &error);
	if (error != NULL)
		return -1;
	*number = value;
	return 0;
}

int
parse_user(const char *text, uid_t *uid)
{
	const struct passwd *pw = getpwnam(text);
	long long id;

	if (pw != NULL)
		*uid = pw->pw_uid;
	else if (parse_number(text, UINT32_MAX - 1, &id) == 0)
		*uid = (uid_t)id;
	else
		return fail(EINVAL);
	return 0;
}

int
parse_group(const char *text, gid_t *gid)
{
	const struct group *gr = getgrnam(text);
	long long id;

	if (gr != NULL)
		*gid = gr->gr_gid;
	else if (parse_number(text, UINT32_MAX - 1, &id) == 0)
		*gid = (gid_t)id;
	else
		return fail(EINVAL);
	return 0;
}

int
parse_mode(const char *text, mode_t *mode)
{
	void *set = setmode(text);
	mode_t result;

	if (set == NULL) {
		errno = EINVAL;
		return -1;
	}
	result = getmode(set, MODE_BASE);
	free(set);
	if ((result & ~(mode_t)MODE_BITS) != 0) {
		errno = EPERM;
		return -1;
	}
	*mode = result;
	return 0;
}

int
parse_delimiter(const char *text, unsigned char *delimiter)
{
	char *decoded;
	int length;

	if (text[0] != '\0' && text[1] == '\0') {
		*delimiter = (unsigned char)text[0];
		return 0;
	}
	/* unvis(3) lets escapes pass that it does not know. */
	if (text[0] != '\\' || strchr("\\abfnrstv01234567", text[1]) == NULL)
		return fail(EINVAL);
	decoded = malloc(strlen(text) + 1);
	if (decoded == NULL)
		return -1;
	length = strunvis(decoded, text);
	if (length == 1)
		*delimiter = (unsigned char)decoded[0];
	free(decoded);
	return length == 1 ? 0 : fail(EINVAL);
}

/* Edits between two words, a swap of neighbours counting as one. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[3][SUGGEST_MAX + 1];
	size_t *before = row[0], *last = row[1], *now = row[2], *spare;
	size_t la = strlen(a), lb = strlen(b), best;

	if (la > SUGGEST_MAX || lb > SUGGEST_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		last[j] = j;
	for (size_t i = 1; i <= la; i++) {
		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			best = last[j - 1] + (a[i - 1] != b[j - 1]);
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

const char *
parse_suggest(const char *word, const char *const *names)
{
	const char *nearest = NULL;
	size_t length = strlen(word), best = length / 3 + 1, distance;

	for (; *names != NULL; names++) {
		/* An abbreviation means what it begins. */
		if (length >= 3 && strncmp(*names, word, length) == 0)
			return *names;
		distance = edit_distance(word, *names);
		if (distance <= best && (nearest == NULL || distance < best)) {
			nearest = *names;
			best = distance;
		}
	}
	return nearest;
}
