/*
 * text - a text in memory that is put together by stdio.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "text.h"

#define ROOM_FIRST	1024

static ssize_t
append(void *cookie, const char *bytes, size_t n)
{
	struct text *text = cookie;
	size_t room = text->room;
	char *larger;

	/* One more for the NUL. */
	while (room - text->length <= n)
		room = room == 0 ? ROOM_FIRST : 2 * room;
	if (room > text->room) {
		larger = realloc(text->bytes, room);
		if (larger == NULL) {
			text->failed = true;
			return 0;
		}
		text->bytes = larger;
		text->room = room;
	}
	memcpy(text->bytes + text->length, bytes, n);
	text->length += n;
	return (ssize_t)n;
}

int
text_begin(struct text *text)
{
	static const cookie_io_functions_t functions = { .write = append };

	*text = (struct text){ 0 };
	text->f = fopencookie(text, "w", functions);
	append(text, "", 0);
	if (text->f != NULL && !text->failed)
		return 0;
	free(text->bytes);
	if (text->f != NULL)
		fclose(text->f);
	errno = ENOMEM;
	return -1;
}

char *
text_end(struct text *text)
{
	if (fclose(text->f) != 0)
		text->failed = true;
	if (text->failed) {
		free(text->bytes);
		errno = ENOMEM;
		return NULL;
	}
	text->bytes[text->length] = '\0';
	return text->bytes;
}
