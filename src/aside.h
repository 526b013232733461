/*
 * aside - a directory of mode 0700 beside the name of a FIFO.  In it, no other
 * user can swap names while the FIFO is made or removed.
 *
 * Such a directory is there for a moment.  A run that was killed in it leaves
 * it behind, and the next one that needs such a directory there removes it.
 */
#ifndef ASIDE_H
#define ASIDE_H

#include <stdbool.h>
#include <sys/types.h>

#define ASIDE_NAME	(sizeof(".ipctool.") + 16)

struct aside {
	int	 parent_fd;		/* borrowed */
	char	 dir[ASIDE_NAME];	/* in it; "": none */
	int	 fd;			/* owned, unless it is parent_fd */
	char	 name[ASIDE_NAME];	/* the one name, in fd */
	bool	 may_go;		/* callers': what it stands for */
	char	 left[ASIDE_NAME];	/* what could not be removed, or "" */
	int	 left_errnum;		/* and why */
};

/* A name that nothing has, in all likelihood. */
void	 aside_private_name(char name[ASIDE_NAME]);

/* The name to move a FIFO to, there, that is to be removed. */
void	 aside_name_moved(char name[ASIDE_NAME], ino_t);

/*
 * Makes the directory.  Returns 0, or -1 with errno: then it need not be
 * closed, and may have something left.
 */
int	 aside_open(struct aside *, int parent_fd);

/*
 * The same, for the sake of a removal, which must not fail for want of a block
 * for a directory: then a private name beside the real one is the room.
 */
void	 aside_open_somehow(struct aside *, int parent_fd);

/* Removes the directory, which is empty; or see left.  Keeps errno. */
void	 aside_close(struct aside *);

/*
 * Remove such directories of runs that were killed: they are our user's, and
 * not locked, on a local file system.  A run on another machine, to which this
 * one exports that, looks as if it were dead.
 */
void	 aside_clear_dead(int parent_fd);

/*
 * Give what is pinned by fd (O_PATH) this mode, whatever a default ACL made
 * of it, see acl(5).  Returns 0, or -1 with errno; ENOSYS without /proc.
 */
int	 aside_insist_on_mode(int fd, mode_t mode);

#endif
