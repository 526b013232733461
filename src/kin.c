/*
 * kin - what our children have started in turn.
 */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "kin.h"
#include "trace.h"

#define BORN_WITH_MAX 64	/* more than a script leaves to us by exec */

static bool adopting;
static pid_t born_with[BORN_WITH_MAX];
static size_t nborn_with;

static FILE *
open_proc(pid_t pid, const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	return fopen(path, "re");
}

/* Where the kernel does not have that list, we are taken to have none. */
static void
note_born_with(void)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	int pid;

	if (file == NULL)
		return;
	while (nborn_with < BORN_WITH_MAX && fscanf(file, "%d", &pid) == 1)
		born_with[nborn_with++] = pid;
	fclose(file);
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

/* "pid (comm) state ppid pgrp session": comm may hold anything. */
static bool
read_stat(pid_t pid, struct kin *kin)
{
	FILE *file = open_proc(pid, "stat");
	char line[512], *open, *close, state;
	int parent, group, session;
	size_t n;

	if (file == NULL)
		return false;
	n = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[n] = '\0';
	open = strchr(line, '(');
	close = strrchr(line, ')');
	if (open == NULL || close == NULL || close < open ||
	    sscanf(close + 1, " %c %d %d %d", &state, &parent, &group,
	    &session) != 4)
		return false;
	*close = '\0';
	*kin = (struct kin){
		.pid = pid,
		.parent = parent,
		.session = session,
		.ended = state == 'Z' || state == 'X',
	};
	strlcpy(kin->name, open + 1, sizeof(kin->name));
	return true;
}

/* Every process, for free(3). */
static size_t
list_all(struct kin **list)
{
	DIR *dir = opendir("/proc");
	size_t n = 0, room = 0;
	struct dirent *entry;
	struct kin *bigger;

	*list = NULL;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		if (n == room) {
			room = room == 0 ? 64 : 2 * room;
			bigger = reallocarray(*list, room, sizeof(**list));
			if (bigger == NULL)
				break;
			*list = bigger;
		}
		if (read_stat((pid_t)atoi(entry->d_name), &(*list)[n]))
			n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
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
	size_t count, ours = 0;
	struct kin *list;

	count = kin_list(children, n, &list);
	for (size_t i = 0; i < count; i++) {
		if (list[i].session != session)
			continue;
		ours++;
		if (signo == 0)
			continue;
		trace_debug(TRACE_CHILD, "signal %d to process %d (%s)", signo,
		    (int)list[i].pid, trace_safe(list[i].name));
		kill(list[i].pid, signo);
		kill(list[i].pid, SIGCONT);
	}
	free(list);
	return ours;
}

/* The access mode of a descriptor, from its fdinfo; -1: not to be had. */
static int
access_mode(pid_t pid, const char *fd)
{
	char what[64], line[64];
	unsigned int flags;
	int result = -1;
	FILE *file;

	snprintf(what, sizeof(what), "fdinfo/%.20s", fd);
	file = open_proc(pid, what);
	if (file == NULL)
		return -1;
	while (result == -1 && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "flags: %o", &flags) == 1)
			result = (int)(flags & O_ACCMODE);
	fclose(file);
	return result;
}

static bool
holds(pid_t pid, dev_t dev, ino_t ino, int access)
{
	struct dirent *entry;
	bool found = false;
	char path[64];
	struct stat st;
	int mode;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (!found && dir != NULL && (entry = readdir(dir)) != NULL) {
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == -1 ||
		    st.st_dev != dev || st.st_ino != ino)
			continue;
		mode = access_mode(pid, entry->d_name);
		found = mode == access || mode == O_RDWR;
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

bool
kin_holding(const struct child *children, size_t n, dev_t dev, ino_t ino,
    int access, struct kin *found)
{
	struct kin *list;
	size_t count;
	bool result = false;

	count = kin_list(children, n, &list);
	for (size_t i = 0; !result && i < count; i++) {
		result = holds(list[i].pid, dev, ino, access);
		if (result)
			*found = list[i];
	}
	free(list);
	return result;
}
