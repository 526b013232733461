/*
 * sides - several commands on one command line.
 */
#include "config.h"

#include <string.h>

#include "options.h"
#include "sides.h"
#include "status.h"

size_t
sides_split(char **argv, const char *separator, char ***starts, size_t max)
{
	size_t n = 0;

	if (n++ < max)
		starts[0] = argv;
	for (; *argv != NULL; argv++) {
		if (strcmp(*argv, separator) != 0)
			continue;
		*argv = NULL;
		if (n++ < max)
			starts[n - 1] = argv + 1;
	}
	return n;
}

int
sides_check_separator(const char *separator)
{
	if (*separator != '\0')
		return STATUS_OK;
	return options_usage("the separator is empty");
}
