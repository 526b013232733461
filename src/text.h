/*
 * text - a text in memory that is put together by stdio.  open_memstream(3) of
 * glibc does not say so when it had to leave a piece out for want of memory.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct text {
	FILE	*f;		/* to write to */
	char	*bytes;
	size_t	 length;
	size_t	 room;
	bool	 failed;
};

/* Returns 0, or -1 with ENOMEM: then there is nothing to end. */
int	 text_begin(struct text *);

/*
 * The whole text, which ends in NUL and is the caller's to free; or NULL with
 * ENOMEM.
 */
char	*text_end(struct text *);

#endif
