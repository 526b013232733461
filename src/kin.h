/*
 * kin - what our children have started in turn, as far as /proc tells.
 */
#ifndef KIN_H
#define KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "child.h"

#define KIN_NAME	64	/* comm, see procfs.h */

struct kin {
	pid_t		 pid;
	pid_t		 parent;
	int64_t		 started_ns;	/* after the boot */
	bool		 ended;		/* a zombie */
	bool		 related;	/* to our children */
	char		 name[KIN_NAME];
};

/*
 * From here on whoever loses its parent among our descendants becomes our
 * child, PR_SET_CHILD_SUBREAPER in prctl(2), so that none gets out of sight.
 * To be called before the first child is started; those that we were born
 * with are nobody's kin.
 */
void	 kin_adopt(void);

/* Whether that was done: there may be children to reap that we do not know. */
bool	 kin_adopts(void);

/*
 * All that still run of what the n children have started, without the
 * children themselves.  Returns how many; *list is for free(3), NULL when
 * there are none or memory or /proc is missing.
 */
size_t	 kin_list(const struct child *, size_t n, struct kin **list);

/*
 * The same, but only those in our session: what left it, by setsid(2), was
 * meant to go on by itself.  Send them a signal, unless it is 0.  Returns how
 * many there are.
 */
size_t	 kin_signal(const struct child *, size_t n, int signo);

/*
 * The first of kin_list() that has a pipe open for reading or writing
 * (access, O_RDONLY or O_WRONLY): dev and ino of fstat(2).  Returns whether
 * there is one; it is in *found.
 */
bool	 kin_holding(const struct child *, size_t n, dev_t dev, ino_t ino,
	    int access, struct kin *found);

#endif
