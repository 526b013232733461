/*
 * path - ends that the command line names: a file, a FIFO, a device, or a
 * descriptor (/dev/fd/N).
 *
 * The names are borrowed for the endpoints' lives.  Each returns 0, or -1
 * with the outcome filled in.
 */
#ifndef PATH_H
#define PATH_H

#include <stdbool.h>

#include "endpoint.h"
#include "limit.h"
#include "status.h"

/* To read; - is standard input.  Waits for nobody. */
int	 path_open_input(struct endpoint *, const char *path,
	    const struct limits *, struct outcome *);

/*
 * To write.  A FIFO waits for its reader, as fifo_open_write() does; a file
 * is made if it is missing, and not truncated yet: path_truncate() does that
 * once it is known that it is no input, too.
 */
int	 path_open_output(struct endpoint *, const char *path, bool append,
	    const struct limits *, struct outcome *);

/*
 * The same for what is no FIFO; one that is there all the same is opened
 * without waiting, and without a reader it fails (ENXIO).
 */
int	 path_open_file(struct endpoint *, const char *path, bool append,
	    struct outcome *);

/*
 * Cut off what was in a file that path_open_output() opened by its name; and
 * whether that is to be done.
 */
bool	 path_is_truncated(const struct endpoint *);
int	 path_truncate(struct endpoint *, struct outcome *);

#endif
