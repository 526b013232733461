/*
 * place - put a new FIFO under its name, and take it away again.
 *
 * Names can be swapped under us at any moment.  So a FIFO that has to be
 * recognised later, or may not be seen half done, is made aside: in a
 * directory of mode 0700 beside its name, where nobody else can swap names.
 * From there it is linked in; and what has to go is moved there, and only
 * removed when it turns out to be the right one.
 */
#ifndef PLACE_H
#define PLACE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "aside.h"

#define PLACE_KEPT	(ASIDE_NAME + sizeof(".kept") - 1)

#define PLACE_ID_NONE	(-1)	/* leave the owner or the group as it is */

/* How the FIFO shall be. */
struct place_wish {
	bool	 has_mode;	/* mode is exact; else a=rw less the umask */
	mode_t	 mode;
	uid_t	 uid;		/* (uid_t)PLACE_ID_NONE: ours */
	gid_t	 gid;		/* (gid_t)PLACE_ID_NONE: as the system has it */
	bool	 replace;	/* take the place of another FIFO */
	bool	 pin;		/* it will be opened, or removed */
};

struct place {
	const char	*path;		/* borrowed */
	const char	*base;		/* within path */
	int		 dir_fd;	/* owned, O_PATH; -1: not open */
	int		 fd;		/* owned, O_PATH; -1: nothing pinned */
	bool		 made;		/* by us: the rest is about that one */
	dev_t		 dev;		/* of what is pinned */
	ino_t		 ino;
	uid_t		 uid;		/* PLACE_FOREIGN: whose it is */
	/* The name of somebody else's that could not be put back, or "". */
	char		 kept[PLACE_KEPT];
	/* Our own directory that could not be removed, or "", and why. */
	char		 left[ASIDE_NAME];
	int		 left_errnum;
};

enum place_result {
	PLACE_MADE,
	PLACE_EXISTS,		/* something has that name; untouched */
	PLACE_NOT_FIFO,		/* to be replaced, but no FIFO; untouched */
	PLACE_FOREIGN,		/* the same, but not the owner's; untouched */
	PLACE_FAILED		/* errno */
};

/*
 * Make the FIFO.  path is borrowed for the life of the place.  With
 * PLACE_MADE and wish->pin the place holds two descriptors; in every other
 * case none.  See mkfifo(3), renameat2(2).
 */
enum place_result	 place_make(struct place *, const char *path,
			    const struct place_wish *);

/*
 * Pin what is there already, links not followed, and what it is in *st: then
 * the place holds one descriptor.  Returns 0, or -1 with errno.
 */
int	 place_adopt(struct place *, const char *path, struct stat *st);

/*
 * Remove the name if it still stands for what was made, and close.  What is
 * there instead by now stays.  Returns 0, or -1 with errno.
 */
int	 place_remove(struct place *);

/* Only close. */
void	 place_close(struct place *);

#endif
