/*
 * aside - a directory of ours for one name, for a moment.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "aside.h"
#include "compat.h"
#include "deadline.h"
#include "endpoint.h"

/* Names with 64 random bits that were taken, before giving up. */
#define TRIES	100

#define PREFIX		".ipctool."
#define ASIDE_FIFO	"fifo"

void
aside_private_name(char name[ASIDE_NAME])
{
	uint64_t dice;

	/*
	 * Not arc4random(3), which ends the process when memory is short;
	 * and any name will do, as long as others seldom guess it.
	 */
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != sizeof(dice))
		dice = (uint64_t)deadline_now() * 2654435761U ^
		    (uint64_t)getpid();
	snprintf(name, ASIDE_NAME, PREFIX "%016" PRIx64, dice);
}

void
aside_name_moved(char name[ASIDE_NAME], ino_t ino)
{
	snprintf(name, ASIDE_NAME, "%ju", (uintmax_t)ino);
}

static int
open_dir(int parent_fd, const char *name, int flags)
{
	int fd;

	do {
		fd = openat(parent_fd, name, flags | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
	} while (fd == -1 && errno == EINTR);
	return fd;
}

/* For readdir(3); NULL with errno. */
static DIR *
open_list(int parent_fd)
{
	int fd = open_dir(parent_fd, ".", O_RDONLY);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (dir == NULL && fd != -1)
		close(fd);
	return dir;
}

static int
make_private_dir(struct aside *aside)
{
	mode_t mask = umask(0);
	int result = -1;

	for (int i = 0; i < TRIES && result == -1; i++) {
		aside_private_name(aside->dir);
		result = mkdirat(aside->parent_fd, aside->dir, S_IRWXU);
		if (result == -1 && errno != EEXIST)
			break;
	}
	umask(mask);
	return result;
}

/* 1 if the directory is closed to other users, 0 if not; -1 with errno. */
static int
is_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	return st.st_uid == geteuid() &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/* Whether that is the directory of this name: 1 or 0; -1 with errno. */
static int
is_named(int fd, int parent_fd, const char *name)
{
	struct stat ours, named;

	if (fstat(fd, &ours) == -1)
		return -1;
	if (fstatat(parent_fd, name, &named, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/*
 * The name may be swapped between this look and the removal.  At worst, another
 * empty directory is removed.
 */
static int
remove_dir(int fd, int parent_fd, const char *name)
{
	int named = is_named(fd, parent_fd, name);

	return named == 1 ? unlinkat(parent_fd, name, AT_REMOVEDIR) : named;
}

static void
note_left(struct aside *aside)
{
	if (errno == ENOENT)
		return;
	aside->left_errnum = errno;
	strlcpy(aside->left, aside->dir, sizeof(aside->left));
}

void
aside_close(struct aside *aside)
{
	int saved = errno;

	if (aside->fd == aside->parent_fd)
		return;
	if (remove_dir(aside->fd, aside->parent_fd, aside->dir) == -1)
		note_left(aside);
	close(aside->fd);
	errno = saved;
}

/*
 * A default ACL of the directory takes permissions away, whatever the umask
 * (acl(5)): set them through the pinned descriptor.
 */
int
aside_insist_on_mode(int fd, mode_t mode)
{
	char path[ENDPOINT_PROC_PATH];
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if ((st.st_mode & ALLPERMS) == mode)
		return 0;
	endpoint_proc_path(path, fd);
	if (chmod(path, mode) == 0)
		return 0;
	if (errno == ENOENT)
		errno = ENOSYS;	/* no /proc */
	return -1;
}

/* A default ACL may have made a directory that we cannot search. */
static int
insist_on_access(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	/* Its group, and that of what is made in it, may be inherited. */
	return aside_insist_on_mode(fd, (st.st_mode & S_ISGID) | S_IRWXU);
}

/* Whether this kernel knows of every flock(2) there, and so who lives. */
static bool
has_true_locks(int fd)
{
	static const unsigned long local[] = {
		BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) == -1)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(local); i++)
		if ((unsigned long)fs.f_type == local[i])
			return true;
	return false;
}

/*
 * The lock tells other runs that we live.  It fails with EWOULDBLOCK or ENOENT
 * where one of them was faster and takes the directory for a dead run's.
 */
static int
lock(struct aside *aside)
{
	int fd = open_dir(aside->fd, ".", O_RDONLY), named;

	if (fd == -1)
		return -1;
	close(aside->fd);
	aside->fd = fd;
	/* Elsewhere no run takes another one for dead. */
	if (has_true_locks(fd) && flock(fd, LOCK_EX | LOCK_NB) == -1)
		return -1;
	named = is_named(fd, aside->parent_fd, aside->dir);
	if (named == 0)
		errno = ENOENT;
	return named == 1 ? 0 : -1;
}

static int
make_and_lock(struct aside *aside)
{
	int private, errnum;

	if (make_private_dir(aside) == -1)
		return -1;
	aside->fd = open_dir(aside->parent_fd, aside->dir, O_PATH);
	errnum = errno;
	if (aside->fd == -1) {
		if (unlinkat(aside->parent_fd, aside->dir, AT_REMOVEDIR) == -1)
			note_left(aside);
		errno = errnum;
		return -1;
	}
	private = is_private(aside->fd);
	if (private == 0) {
		close(aside->fd);
		errno = ESTALE;	/* its name was swapped */
		return -1;
	}
	if (private == 1 && insist_on_access(aside->fd) == 0 &&
	    lock(aside) == 0)
		return 0;
	aside_close(aside);
	return -1;
}

int
aside_open(struct aside *aside, int parent_fd)
{
	int result = -1;

	*aside = (struct aside){ .parent_fd = parent_fd, .name = ASIDE_FIFO };
	for (int i = 0; i < TRIES && result == -1; i++) {
		result = make_and_lock(aside);
		if (result == -1 && errno != EWOULDBLOCK && errno != ENOENT)
			break;
	}
	if (result == -1)
		aside->fd = parent_fd;
	return result;
}

/*
 * A removal must not fail because the disk has no block for a directory.  Names
 * beside the real one can be swapped, but only by processes that could remove
 * the FIFO themselves.
 */
void
aside_open_somehow(struct aside *aside, int parent_fd)
{
	if (aside_open(aside, parent_fd) == 0)
		return;
	aside_private_name(aside->name);
}

static bool
is_private_name(const char *name)
{
	const size_t prefix = strlen(PREFIX);

	return strncmp(name, PREFIX, prefix) == 0 &&
	    strlen(name) == ASIDE_NAME - 1 &&
	    strspn(name + prefix, "0123456789abcdef") == strlen(name + prefix);
}

/*
 * A FIFO that a dead run had made but not yet put in place, or the inode that
 * it was about to remove.
 */
static bool
is_expendable(const char *name, const struct stat *st)
{
	char moved[ASIDE_NAME];

	aside_name_moved(moved, st->st_ino);
	return S_ISFIFO(st->st_mode) &&
	    (strcmp(name, ASIDE_FIFO) == 0 || strcmp(name, moved) == 0);
}

static void
remove_content(int fd)
{
	const struct dirent *entry;
	DIR *dir = open_list(fd);
	struct stat st;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
		    0 && is_expendable(entry->d_name, &st))
			unlinkat(fd, entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

static void
remove_if_dead(int parent_fd, const char *name)
{
	int fd = open_dir(parent_fd, name, O_RDONLY);

	if (fd == -1)
		return;
	if (is_private(fd) == 1 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
		remove_content(fd);
		remove_dir(fd, parent_fd, name);
	}
	close(fd);
}

void
aside_clear_dead(int parent_fd)
{
	const struct dirent *entry;
	int saved = errno;
	DIR *dir = has_true_locks(parent_fd) ? open_list(parent_fd) : NULL;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (is_private_name(entry->d_name))
			remove_if_dead(parent_fd, entry->d_name);
	if (dir != NULL)
		closedir(dir);
	errno = saved;
}
