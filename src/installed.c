/*
 * installed - what programs and pages are called once they are installed.
 */
#include "config.h"

#include <string.h>

#include "compat.h"
#include "installed.h"

static const struct {
	const char	*name;
	const char	*installed;
} names[] = { INSTALLED_NAMES };

const char *
installed_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].installed;
	return name;
}

const char *
installed_origin(const char *installed)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i].installed, installed) == 0)
			return names[i].name;
	return NULL;
}
