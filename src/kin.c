/*
 * kin - what our children have started in turn.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "kin.h"
#include "procfs.h"
#include "trace.h"

#define BORN_WITH_MAX 64	/* more than a script leaves to us by exec */

static bool adopting;
static pid_t born_with[BORN_WITH_MAX];
static size_t nborn_with;

/* Where the kernel does not have that list, we are taken to have none. */
static void
note_born_with(void)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	char line[BORN_WITH_MAX * 12], *at = line, *end;
	long pid;

	if (file == NULL)
		return;
	if (fgets(line, sizeof(line), file) == NULL)
		*line = '\0';
	fclose(file);
	while (nborn_with < BORN_WITH_MAX && (pid = strtol(at, &end, 10)) > 0) {
		born_with[nborn_with++] = (pid_t)pid;
		at = end;
	}
}

void
kin_adopt(void)
{
	if (adopting || prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		return;
	note_born_with();
	adopting = true;
}

bool
kin_adopts(void)
{
	return adopting;
}

struct listing {
	int		 proc;
	struct kin	*list;
	size_t		 n, room;
};

static int
note_process(void *arg, int pid, int dir)
{
	struct listing *listing = arg;
	struct procfs_stat stat;
	struct kin *bigger;

	(void)dir;
	if (procfs_get_stat(listing->proc, pid, pid, &stat) == -1)
		return 0;
	if (listing->n == listing->room) {
		listing->room = listing->room == 0 ? 64 : 2 * listing->room;
		bigger = reallocarray(listing->list, listing->room,
		    sizeof(*bigger));
		if (bigger == NULL)
			return -1;
		listing->list = bigger;
	}
	listing->list[listing->n] = (struct kin){
		.pid = pid,
		.parent = stat.parent,
		.started_ns = stat.started_ns,
		.ended = stat.state == 'Z' || stat.state == 'X',
	};
	strlcpy(listing->list[listing->n++].name, stat.comm, KIN_NAME);
	return 0;
}

/* Every process, for free(3). */
static size_t
list_all(struct kin **list)
{
	struct listing listing = { .proc = procfs_open() };

	if (listing.proc != -1) {
		procfs_each(listing.proc, ".", note_process, &listing);
		close(listing.proc);
	}
	*list = listing.list;
	return listing.n;
}

static bool
is_child(const struct child *children, size_t n, pid_t pid)
{
	/* 0 is a child that has ended, and the parent of process 1. */
	for (size_t i = 0; pid != 0 && i < n; i++)
		if (children[i].pid == pid)
			return true;
	return false;
}

static bool
was_born_with(pid_t pid)
{
	for (size_t i = 0; i < nborn_with; i++)
		if (born_with[i] == pid)
			return true;
	return false;
}

/* A parent that is a child of ours, or an orphan that we have got. */
static bool
is_next_of_kin(const struct kin *kin, const struct child *children, size_t n)
{
	if (is_child(children, n, kin->pid))
		return false;
	if (is_child(children, n, kin->parent))
		return true;
	return adopting && kin->parent == getpid() &&
	    !was_born_with(kin->pid);
}

static bool
is_related(const struct kin *list, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].related && list[i].pid == pid)
			return true;
	return false;
}

size_t
kin_list(const struct child *children, size_t n, struct kin **list)
{
	size_t count = list_all(list), kept = 0;
	bool more = true;

	for (size_t i = 0; i < count; i++)
		(*list)[i].related = is_next_of_kin(&(*list)[i], children, n);
	/* A process may have a lower number than its parent. */
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			if ((*list)[i].related ||
			    is_child(children, n, (*list)[i].pid) ||
			    !is_related(*list, count, (*list)[i].parent))
				continue;
			(*list)[i].related = more = true;
		}
	}
	for (size_t i = 0; i < count; i++)
		if ((*list)[i].related && !(*list)[i].ended)
			(*list)[kept++] = (*list)[i];
	if (kept == 0) {
		free(*list);
		*list = NULL;
	}
	return kept;
}

size_t
kin_signal(const struct child *children, size_t n, int signo)
{
	pid_t session = getsid(0);
	int proc = procfs_open();
	size_t count, ours = 0;
	struct kin *list;

	count = kin_list(children, n, &list);
	for (size_t i = 0; i < count; i++) {
		if (getsid(list[i].pid) != session)
			continue;
		ours++;
		if (signo == 0)
			continue;
		trace_debug(TRACE_CHILD, "signal %d to process %d (%s)", signo,
		    (int)list[i].pid, trace_safe(list[i].name));
		procfs_terminate(proc, list[i].pid, list[i].started_ns, signo);
	}
	if (proc != -1)
		close(proc);
	free(list);
	return ours;
}

struct holding {
	int		 proc;
	pid_t		 pid;
	dev_t		 dev;
	ino_t		 ino;
	int		 access;
};

static int
check_fd(void *arg, int fd, int dir)
{
	const struct holding *h = arg;
	struct stat st;
	char name[16];
	int flags;

	snprintf(name, sizeof(name), "%d", fd);
	if (procfs_stat_link(dir, name, &st) == -1 || st.st_dev != h->dev ||
	    st.st_ino != h->ino ||
	    procfs_get_flags(h->proc, h->pid, fd, &flags) == -1)
		return 0;
	return (flags & O_ACCMODE) == h->access ||
	    (flags & O_ACCMODE) == O_RDWR;
}

static bool
holds(struct holding *h, pid_t pid)
{
	char path[32];

	h->pid = pid;
	snprintf(path, sizeof(path), "%d/fd", (int)pid);
	return procfs_each(h->proc, path, check_fd, h) == 1;
}

bool
kin_holding(const struct child *children, size_t n, dev_t dev, ino_t ino,
    int access, struct kin *found)
{
	struct holding h = {
		.proc = procfs_open(), .dev = dev, .ino = ino, .access = access
	};
	struct kin *list;
	size_t count;
	bool result = false;

	if (h.proc == -1)
		return false;
	count = kin_list(children, n, &list);
	for (size_t i = 0; !result && i < count; i++) {
		result = holds(&h, list[i].pid);
		if (result)
			*found = list[i];
	}
	free(list);
	close(h.proc);
	return result;
}
