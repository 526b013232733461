/*
 * place - put a new FIFO under its name, and take it away again.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "compat.h"
#include "place.h"

#define MODE_DEFAULT	(S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | \
			 S_IROTH | S_IWOTH)

/*
 * Names with 64 random bits that were taken, before we believe in no luck;
 * and how often an exchange is tried with somebody who swaps names as well.
 */
#define TRIES	100

#define DEFAULT_ACL	"system.posix_acl_default"	/* acl(5) */

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
	char private[ASIDE_NAME];
	int result;

	result = rename_new(aside->fd, aside->name, place->dir_fd,
	    place->base);
	for (int i = 0; i < TRIES && result == -1 && errno == EEXIST; i++) {
		aside_private_name(private);
		snprintf(place->kept, sizeof(place->kept), "%s.kept", private);
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
	    (!wish->has_mode ||
	    aside_insist_on_mode(place->fd, wish->mode) == 0))
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

/* Whether it may be replaced: PLACE_MADE, or why not; and what it is. */
static enum place_result
judge(struct place *place, int dir_fd, const char *name,
    const struct place_wish *wish, struct stat *st)
{
	uid_t owner = wish->uid == (uid_t)PLACE_ID_NONE ? geteuid() :
	    wish->uid;

	if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) == -1)
		return PLACE_FAILED;
	if (!S_ISFIFO(st->st_mode))
		return PLACE_NOT_FIFO;
	place->uid = st->st_uid;
	return st->st_uid == owner || st->st_uid == geteuid() ? PLACE_MADE :
	    PLACE_FOREIGN;
}

/* Aside is to have that one, to be removed: a later run can tell. */
static int
name_as(struct aside *aside, ino_t ino)
{
	char name[ASIDE_NAME];

	aside_name_moved(name, ino);
	if (renameat(aside->fd, aside->name, aside->fd, name) == -1)
		return -1;
	strlcpy(aside->name, name, sizeof(aside->name));
	return 0;
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
	struct stat old;

	result = judge(place, place->dir_fd, place->base, wish, &old);
	if (result != PLACE_MADE)
		return result;
	if (name_as(aside, old.st_ino) == -1)
		return PLACE_FAILED;
	if (swap(aside, place) == -1) {
		if (errno == EINVAL || errno == ENOSYS)
			errno = EOPNOTSUPP;	/* by this file system */
		return PLACE_FAILED;
	}
	result = judge(place, aside->fd, aside->name, wish, &old);
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

/* Keeps errno. */
static void
leave(struct place *place, struct aside *aside)
{
	aside_close(aside);
	place->left_errnum = aside->left_errnum;
	strlcpy(place->left, aside->left, sizeof(place->left));
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
	aside_clear_dead(place->dir_fd);
	result = aside_open(&aside, place->dir_fd) == 0 &&
	    make_aside(place, &aside, wish) == 0 ?
	    put_in_place(place, &aside, wish) :
	    failed_or_exists(place, wish);
	saved = errno;
	if (aside.may_go)
		unlinkat(aside.fd, aside.name, 0);
	errno = saved;
	leave(place, &aside);
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
	int result;

	/* If that cannot be seen, ours may be left: an error. */
	if (whose != 1)
		return whose == 0 || errno == ENOENT ? 0 : -1;
	aside_open_somehow(&aside, place->dir_fd);
	if (aside.fd != place->dir_fd)
		aside_name_moved(aside.name, place->ino);
	if (renameat(place->dir_fd, place->base, aside.fd, aside.name) == -1)
		result = errno == ENOENT ? 0 : -1;
	else
		result = remove_aside(place, &aside);
	leave(place, &aside);
	return result;
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
