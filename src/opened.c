/*
 * opened - which file it is that a thread of another process is opening.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat.h"
#include "opened.h"
#include "procfs.h"

#define NAME_SIZE	8192	/* a directory and a path from there */

/*
 * What would be ours if we looked for it under its name, as a path below
 * /proc; false for all other paths.
 */
static bool
is_own_path(pid_t tid, const char *path, char *found, size_t size)
{
	static const struct {
		const char	*prefix;
		const char	*stands_for;	/* below /proc/TID */
	} own[] = {
		{ "/proc/self/", "" },
		{ "/proc/thread-self/", "" },
		{ "/dev/fd/", "fd/" },
		{ "/dev/stdin", "fd/0" },
		{ "/dev/stdout", "fd/1" },
		{ "/dev/stderr", "fd/2" },
	};
	size_t length;

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		length = strlen(own[i].prefix);
		if (strncmp(path, own[i].prefix, length) != 0)
			continue;
		snprintf(found, size, "%d/%s%s", tid, own[i].stands_for,
		    path + length);
		return true;
	}
	return false;
}

/* Where a path begins: a link below /proc. */
static void
base_of(pid_t tid, const struct doing_open *wanted, char *base, size_t size)
{
	if (wanted->path[0] == '/')
		snprintf(base, size, "%d/root", tid);
	else if (wanted->dir == AT_FDCWD)
		snprintf(base, size, "%d/cwd", tid);
	else
		snprintf(base, size, "%d/fd/%d", tid, wanted->dir);
}

/* The path from our root, as far as it can be said. */
static void
absolute(int proc, const char *base, const char *path, char *name,
    size_t size)
{
	if (procfs_read_link(proc, base, name, size) == -1)
		name[0] = '\0';
	if (strcmp(name, "/") == 0)
		name[0] = '\0';
	if (name[0] != '\0' || path[0] == '/')
		strlcat(name, path[0] == '/' ? "" : "/", size);
	strlcat(name, path, size);
}

/*
 * Whether a thread sees the files that we see: the same root, in the same
 * mount, which no other mount name space has.
 */
static bool
has_our_root(int proc, pid_t tid)
{
	struct statx ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "%d/root", tid);
	return statx(AT_FDCWD, "/", 0, STATX_INO | STATX_MNT_ID, &ours) == 0 &&
	    statx(proc, path, 0, STATX_INO | STATX_MNT_ID, &theirs) == 0 &&
	    ours.stx_ino == theirs.stx_ino &&
	    ours.stx_dev_major == theirs.stx_dev_major &&
	    ours.stx_dev_minor == theirs.stx_dev_minor &&
	    ours.stx_mnt_id == theirs.stx_mnt_id;
}

static bool
is_same(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* As if a directory were our root, for ".." and absolute links as well. */
static int
open_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT,
	};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/*
 * The path from the root of the thread: what begins in one of its
 * directories is put behind the name of that, if it is the right one.
 */
static int
path_from_root(int proc, int root, pid_t tid, const char *base,
    const char *path, char *whole, size_t size)
{
	char above[64], outer[NAME_SIZE], inner[NAME_SIZE];
	struct stat named, really;
	size_t length;
	int fd, result;

	if (path[0] == '/')
		return strlcpy(whole, path, size) < size ? 0 : -1;
	snprintf(above, sizeof(above), "%d/root", tid);
	if (procfs_read_link(proc, above, outer, sizeof(outer)) == -1 ||
	    procfs_read_link(proc, base, inner, sizeof(inner)) == -1)
		return -1;
	length = strcmp(outer, "/") == 0 ? 0 : strlen(outer);
	if (strncmp(inner, outer, length) != 0 ||
	    (inner[length] != '/' && inner[length] != '\0'))
		return -1;
	fd = open_below(root, inner[length] == '\0' ? "/" : inner + length);
	if (fd == -1)
		return -1;
	result = fstat(fd, &named) == 0 &&
	    fstatat(proc, base, &really, 0) == 0 &&
	    is_same(&named, &really) ? 0 : -1;
	close(fd);
	return result == 0 && (size_t)snprintf(whole, size, "%s/%s",
	    inner + length, path) < size ? 0 : -1;
}

/* Returns a descriptor with O_PATH, which the caller closes, or -1. */
static int
open_inside(int proc, pid_t tid, const char *base, const char *path)
{
	char whole[NAME_SIZE], link[64];
	int root, fd = -1, saved;

	snprintf(link, sizeof(link), "%d/root", tid);
	root = openat(proc, link, O_PATH | O_CLOEXEC);
	if (root == -1)
		return -1;
	errno = EXDEV;
	if (path_from_root(proc, root, tid, base, path, whole,
	    sizeof(whole)) == 0)
		fd = open_below(root, whole);
	else
		errno = EXDEV;
	saved = errno;
	close(root);
	errno = saved;
	return fd;
}

/* A path that proves that there is nothing, and not that we cannot look. */
static bool
proves_absence(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP;
}

/*
 * From another root.  Returns false where openat2(2) cannot tell: it does
 * not follow the links of /proc, and is not to be had everywhere.
 */
static bool
find_inside(int proc, pid_t tid, const char *base, const char *path,
    struct opened *opened, char *name, size_t size)
{
	int fd = open_inside(proc, tid, base, path);
	char link[64];

	if (fd == -1) {
		opened->vanished = proves_absence(errno);
		return opened->vanished;
	}
	opened->found = fstat(fd, &opened->st) == 0;
	snprintf(link, sizeof(link), "self/fd/%d", fd);
	if (procfs_read_link(proc, link, name, size) == -1)
		name[0] = '\0';
	close(fd);
	return true;
}

void
opened_find(int proc, pid_t tid, const struct doing_open *wanted,
    struct opened *opened, char *name, size_t size)
{
	char base[64], path[NAME_SIZE];
	bool own;

	memset(opened, 0, sizeof(*opened));
	name[0] = '\0';
	base_of(tid, wanted, base, sizeof(base));
	own = is_own_path(tid, wanted->path, path, sizeof(path));
	if (!own)
		snprintf(path, sizeof(path), "%s/%s", base, wanted->path);
	if (own || has_our_root(proc, tid) || !find_inside(proc, tid, base,
	    wanted->path, opened, name, size)) {
		opened->found = fstatat(proc, path, &opened->st, 0) == 0;
		opened->vanished = !opened->found && proves_absence(errno);
	}
	/* Of who is blocked at a FIFO, this one came in its place. */
	opened->no_fifo = opened->found && !S_ISFIFO(opened->st.st_mode);
	if (opened->no_fifo) {
		opened->found = false;
		opened->vanished = true;
	}
	if (own)
		procfs_read_link(proc, path, name, size);
	if (name[0] == '\0')
		absolute(proc, base, wanted->path, name, size);
}
