/*
 * place - put a new FIFO under its name, and take it away again.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "endpoint.h"
#include "place.h"

#define MODE_DEFAULT	(S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | \
			 S_IROTH | S_IWOTH)

/*
 * Names with 64 random bits that were taken, before we believe in no luck;
 * and how often an exchange is tried with somebody who swaps names as well.
 */
#define TRIES	100

#define DEFAULT_ACL	"system.posix_acl_default"	/* acl(5) */

/*
 * Room for one name: "fifo" in a directory of ours, or, where that is not to
 * be had, a private name beside the real one.
 */
struct aside {
	int		 parent_fd;	/* borrowed */
	char		 dir[PLACE_ASIDE];	/* in it; "": none */
	int		 fd;		/* owned, unless it is parent_fd */
	char		 name[PLACE_ASIDE];
	bool		 may_go;	/* what has that name by now */
};

static int
fail_with(int errnum)
{
	errno = errnum;
	return -1;
}

static int
open_path(int dir_fd, const char *name, int flags)
{
	int fd;

	do {
		fd = openat(dir_fd, name, flags | O_PATH | O_CLOEXEC);
	} while (fd == -1 && errno == EINTR);
	return fd;
}

static void
private_name(char name[PLACE_ASIDE])
{
	uint64_t dice;

	/*
	 * Not arc4random(3), which ends the process when memory is short;
	 * and any name will do, as long as others seldom guess it.
	 */
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != sizeof(dice))
		dice = (uint64_t)deadline_now() * 2654435761U ^
		    (uint64_t)getpid();
	snprintf(name, PLACE_ASIDE, ".ipctool.%016" PRIx64, dice);
}

static int
make_private_dir(struct aside *aside)
{
	mode_t mask = umask(0);
	int result = -1;

	for (int i = 0; i < TRIES && result == -1; i++) {
		private_name(aside->dir);
		result = mkdirat(aside->parent_fd, aside->dir, S_IRWXU);
		if (result == -1 && errno != EEXIST)
			break;
	}
	umask(mask);
	return result;
}

/* It is what we made, or as good: nobody else can get in. */
static bool
is_private(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/*
 * Somebody may swap the directory's name between this look and the removal.
 * That costs nobody more than an empty directory of this name.
 */
static int
remove_private_dir(const struct aside *aside)
{
	struct stat ours, named;

	if (fstat(aside->fd, &ours) == -1)
		return -1;
	if (fstatat(aside->parent_fd, aside->dir, &named,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if (ours.st_dev != named.st_dev || ours.st_ino != named.st_ino)
		return 0;
	return unlinkat(aside->parent_fd, aside->dir, AT_REMOVEDIR);
}

/* Keeps errno.  Returns 0, or the error that left the directory behind. */
static int
aside_close(struct aside *aside)
{
	int saved = errno, errnum = 0;

	if (aside->fd == aside->parent_fd)
		return 0;
	if (remove_private_dir(aside) == -1)
		errnum = errno;
	close(aside->fd);
	errno = saved;
	return errnum;
}

/*
 * A default ACL of the directory takes permissions away, whatever the umask
 * (acl(5)): set them through the pinned descriptor.
 */
static int
insist_on_mode(int fd, mode_t mode)
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
	return errno == ENOENT ? fail_with(ENOSYS) : -1;	/* no /proc */
}

/* A default ACL may have made a directory that we cannot search. */
static int
insist_on_access(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	/* Its group, and that of what is made in it, may be inherited. */
	return insist_on_mode(fd, (st.st_mode & S_ISGID) | S_IRWXU);
}

static int
aside_open(struct aside *aside, int dir_fd)
{
	*aside = (struct aside){ .parent_fd = dir_fd, .name = "fifo" };
	if (make_private_dir(aside) == -1)
		return -1;
	aside->fd = open_path(dir_fd, aside->dir, O_DIRECTORY | O_NOFOLLOW);
	if (aside->fd != -1 && is_private(aside->fd)) {
		if (insist_on_access(aside->fd) == 0)
			return 0;
		aside_close(aside);
		return -1;
	}
	if (aside->fd == -1) {
		unlinkat(dir_fd, aside->dir, AT_REMOVEDIR);
		return -1;
	}
	close(aside->fd);
	return fail_with(ESTALE);	/* somebody plays with names */
}

/*
 * To clean up must not fail for want of a block for a directory.  What can
 * go wrong beside the real name is nothing that somebody who may change
 * names there could not do without us.
 */
static void
aside_open_somehow(struct aside *aside, int dir_fd)
{
	if (aside_open(aside, dir_fd) == 0)
		return;
	*aside = (struct aside){ .parent_fd = dir_fd, .fd = dir_fd };
	private_name(aside->name);
}

/* A rename(2) that takes no other name's place. */
static int
rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
	if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* Not every file system has that (nfs(5)); links do the same. */
	if (linkat(from_fd, from, to_fd, to, 0) == -1)
		return -1;
	return unlinkat(from_fd, from, 0);
}

/*
 * Something that was not meant to be moved goes back to the name, unless
 * that is taken by now: then it stays beside it.
 */
static int
put_back(const struct aside *aside, struct place *place)
{
	int result;

	result = rename_new(aside->fd, aside->name, place->dir_fd,
	    place->base);
	for (int i = 0; i < TRIES && result == -1 && errno == EEXIST; i++) {
		private_name(place->kept);
		result = rename_new(aside->fd, aside->name, place->dir_fd,
		    place->kept);
	}
	return result;
}

static int
make_at(int dir_fd, const char *name, const struct place_wish *wish)
{
	mode_t mask;
	int result;

	if (!wish->has_mode)
		return mkfifoat(dir_fd, name, MODE_DEFAULT);
	mask = umask(0);
	result = mkfifoat(dir_fd, name, wish->mode);
	umask(mask);
	return result;
}

static bool
has_owner(const struct place_wish *wish)
{
	return wish->uid != (uid_t)PLACE_ID_NONE ||
	    wish->gid != (gid_t)PLACE_ID_NONE;
}

/* The directory part of a path that ends in base: the caller frees it. */
static char *
dir_of(const char *path, const char *base)
{
	if (base == path)
		return strdup(".");
	/* The root's name is its slash. */
	return strndup(path, base - path == 1 ? 1 :
	    (size_t)(base - path - 1));
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Whether the mode of what is made there is not what mkfifo(3) was told. */
static bool
has_default_acl(const char *path)
{
	char *dir = dir_of(path, base_of(path));
	bool result = dir == NULL || getxattr(dir, DEFAULT_ACL, NULL, 0) > 0;

	free(dir);
	return result;
}

static void
place_init(struct place *place, const char *path)
{
	*place = (struct place){
		.path = path,
		.base = base_of(path),
		.dir_fd = -1,
		.fd = -1,
	};
}

/* The directory of the path, so that all the rest happens in one place. */
static int
open_dir(struct place *place)
{
	struct stat st;
	char *dir;

	if (*place->base == '\0')	/* as mkfifo("name/") */
		return fail_with(lstat(place->path, &st) == 0 ? EEXIST :
		    ENOENT);
	dir = dir_of(place->path, place->base);
	if (dir == NULL)
		return -1;
	place->dir_fd = open_path(AT_FDCWD, dir, O_DIRECTORY);
	free(dir);
	return place->dir_fd == -1 ? -1 : 0;
}

static int
pin(struct place *place, int dir_fd, const char *name, struct stat *st)
{
	place->fd = open_path(dir_fd, name, O_NOFOLLOW);
	if (place->fd == -1 || fstat(place->fd, st) == -1)
		return -1;
	place->dev = st->st_dev;
	place->ino = st->st_ino;
	return 0;
}

/* A FIFO that is finished but for its name, pinned. */
static int
make_aside(struct place *place, struct aside *aside,
    const struct place_wish *wish)
{
	struct stat st;

	if (make_at(aside->fd, aside->name, wish) == -1)
		return -1;
	aside->may_go = true;
	if (pin(place, aside->fd, aside->name, &st) == 0 &&
	    (!has_owner(wish) || fchownat(place->fd, "", wish->uid, wish->gid,
	    AT_EMPTY_PATH) == 0) &&
	    (!wish->has_mode || insist_on_mode(place->fd, wish->mode) == 0))
		return 0;
	return -1;
}

/* 1 if the name is ours, 0 if not; -1 with errno if that cannot be seen. */
static int
look_whose(const struct place *place, int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	return st.st_dev == place->dev && st.st_ino == place->ino;
}

static bool
is_ours(const struct place *place, int dir_fd, const char *name)
{
	return look_whose(place, dir_fd, name) == 1;
}

/* Whether it may be replaced: PLACE_MADE, or why not. */
static enum place_result
judge(struct place *place, int dir_fd, const char *name,
    const struct place_wish *wish)
{
	uid_t owner = wish->uid == (uid_t)PLACE_ID_NONE ? geteuid() :
	    wish->uid;
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return PLACE_FAILED;
	if (!S_ISFIFO(st.st_mode))
		return PLACE_NOT_FIFO;
	place->uid = st.st_uid;
	return st.st_uid == owner || st.st_uid == geteuid() ? PLACE_MADE :
	    PLACE_FOREIGN;
}

static int
swap(const struct aside *aside, const struct place *place)
{
	return renameat2(aside->fd, aside->name, place->dir_fd, place->base,
	    RENAME_EXCHANGE);
}

/*
 * What came out must go back, in exchange for ours.  If somebody has put
 * a third one there meanwhile, that one stays.
 */
static int
swap_back(const struct aside *aside, struct place *place)
{
	if (swap(aside, place) == 0 &&
	    (is_ours(place, aside->fd, aside->name) ||
	    swap(aside, place) == 0))
		if (is_ours(place, aside->fd, aside->name))
			return 0;
	return put_back(aside, place);
}

/*
 * Two names change places.  Look at the other one before, so that what is
 * not to be replaced stays untouched, and again when nobody can swap it any
 * more.
 */
static enum place_result
exchange(struct place *place, struct aside *aside,
    const struct place_wish *wish)
{
	enum place_result result;

	result = judge(place, place->dir_fd, place->base, wish);
	if (result != PLACE_MADE)
		return result;
	if (swap(aside, place) == -1) {
		if (errno == EINVAL || errno == ENOSYS)
			errno = EOPNOTSUPP;	/* by this file system */
		return PLACE_FAILED;
	}
	result = judge(place, aside->fd, aside->name, wish);
	if (result != PLACE_MADE && swap_back(aside, place) == -1) {
		aside->may_go = false;
		return PLACE_FAILED;
	}
	return result;
}

/* From aside to the real name. */
static enum place_result
put_in_place(struct place *place, struct aside *aside,
    const struct place_wish *wish)
{
	enum place_result result;

	for (int i = 0; i < TRIES; i++) {
		if (rename_new(aside->fd, aside->name, place->dir_fd,
		    place->base) == 0) {
			aside->may_go = false;
			return PLACE_MADE;
		}
		if (errno != EEXIST)
			return PLACE_FAILED;
		if (!wish->replace)
			return PLACE_EXISTS;
		result = exchange(place, aside, wish);
		/* It was there and is gone: the first way once more. */
		if (result != PLACE_FAILED || errno != ENOENT)
			return result;
	}
	errno = EBUSY;
	return PLACE_FAILED;
}

/* As mkfifo(2), say first that the name exists, whatever else went wrong. */
static enum place_result
failed_or_exists(const struct place *place, const struct place_wish *wish)
{
	int saved = errno;
	struct stat st;

	if (!wish->replace && fstatat(place->dir_fd, place->base, &st,
	    AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return PLACE_EXISTS;
	}
	errno = saved;
	return PLACE_FAILED;
}

/* Made aside, then put in place; what is left there goes. */
static enum place_result
make_and_put(struct place *place, const struct place_wish *wish)
{
	enum place_result result;
	struct aside aside;
	int saved;

	if (open_dir(place) == -1)
		return errno == EEXIST ? PLACE_EXISTS : PLACE_FAILED;
	if (aside_open(&aside, place->dir_fd) == -1)
		return failed_or_exists(place, wish);
	result = make_aside(place, &aside, wish) == 0 ?
	    put_in_place(place, &aside, wish) :
	    failed_or_exists(place, wish);
	saved = errno;
	if (aside.may_go)
		unlinkat(aside.fd, aside.name, 0);
	errno = saved;
	aside_close(&aside);
	return result;
}

enum place_result
place_make(struct place *place, const char *path,
    const struct place_wish *wish)
{
	enum place_result result;

	place_init(place, path);
	/* Nobody asks afterwards which one was ours: one call does it all. */
	if (!wish->pin && !wish->replace && !has_owner(wish) &&
	    !(wish->has_mode && has_default_acl(path))) {
		if (make_at(AT_FDCWD, path, wish) == 0)
			return PLACE_MADE;
		return errno == EEXIST ? PLACE_EXISTS : PLACE_FAILED;
	}
	result = make_and_put(place, wish);
	place->made = result == PLACE_MADE;
	if (result != PLACE_MADE || !wish->pin)
		place_close(place);
	return result;
}

int
place_adopt(struct place *place, const char *path, struct stat *st)
{
	place_init(place, path);
	if (pin(place, AT_FDCWD, path, st) == 0)
		return 0;
	place_close(place);
	return -1;
}

/* Of what was moved aside: it may not be ours, or no longer. */
static int
remove_aside(struct place *place, const struct aside *aside)
{
	int whose = look_whose(place, aside->fd, aside->name), errnum = errno;

	if (whose == 1)
		return unlinkat(aside->fd, aside->name, 0);
	if (put_back(aside, place) == -1)
		return -1;
	return whose == 0 ? 0 : fail_with(errnum);
}

static int
remove_ours(struct place *place)
{
	int whose = look_whose(place, place->dir_fd, place->base);
	struct aside aside;
	int result, errnum;

	/* If that cannot be seen, ours may be left: an error. */
	if (whose != 1)
		return whose == 0 || errno == ENOENT ? 0 : -1;
	aside_open_somehow(&aside, place->dir_fd);
	if (renameat(place->dir_fd, place->base, aside.fd, aside.name) == -1)
		result = errno == ENOENT ? 0 : -1;
	else
		result = remove_aside(place, &aside);
	errnum = aside_close(&aside);
	return result == 0 && errnum != 0 ? fail_with(errnum) : result;
}

int
place_remove(struct place *place)
{
	int result = place->made ? remove_ours(place) : 0;

	place_close(place);
	return result;
}

void
place_close(struct place *place)
{
	int saved = errno;

	if (place->fd != -1)
		close(place->fd);
	if (place->dir_fd != -1)
		close(place->dir_fd);
	place->fd = place->dir_fd = -1;
	errno = saved;
}
