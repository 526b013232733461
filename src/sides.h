/*
 * sides - several commands on one command line, with a separator between
 * them.
 */
#ifndef SIDES_H
#define SIDES_H

#include <stddef.h>

#define SIDES_SEPARATOR	"::"	/* unless --separator says otherwise */

/*
 * Cut argv, which ends in NULL, at the words that are the separator; these
 * become NULL.  starts gets where each side begins, for the first max of
 * them; a side may be empty.  Returns how many sides there are, at least 1.
 */
size_t	 sides_split(char **argv, const char *separator, char ***starts,
	    size_t max);

/*
 * The argument of --separator.  Returns STATUS_OK, or STATUS_USAGE when it
 * can be none, which has been reported.
 */
int	 sides_check_separator(const char *separator);

#endif
