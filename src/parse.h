/*
 * parse - sizes, durations and delimiters from the command line, strictly.
 *
 * Each returns 0, or -1 with errno set: EINVAL for what is no such thing,
 * ERANGE for what is too large.  Nothing is stored on failure.
 */
#ifndef PARSE_H
#define PARSE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Decimal digits, then nothing, B, or one of k K M m G g T t with optional
 * iB: powers of 1024.  At most INT64_MAX.
 */
int	 parse_size(const char *text, uint64_t *bytes);

/*
 * A capacity of a pipe: a size from 1 to INT_MAX, see F_SETPIPE_SZ in
 * fcntl(2), or "max": SIZE_MAX.
 */
int	 parse_capacity(const char *text, size_t *bytes);

/*
 * The size of a buffer in memory: from 1 to SIZE_MAX / 2, so that there is
 * room for what stands beside it.
 */
int	 parse_memory(const char *text, size_t *bytes);

/*
 * A decimal number with optional fraction, then nothing or s, m, h, d as in
 * timeout(1), or us or ms; also inf and infinity.  In nanoseconds, rounded
 * up; 0 means no limit.
 */
int	 parse_duration(const char *text, int64_t *timeout_ns);

/* A plain decimal number from 0 to max. */
int	 parse_number(const char *text, long long max, long long *number);

/* A user or a group: a name, or a number; getpwnam(3), getgrnam(3). */
int	 parse_user(const char *text, uid_t *uid);
int	 parse_group(const char *text, gid_t *gid);

/*
 * Permissions, octal or as chmod(1) has them, which start from a=rw as with
 * mkfifo(1); EPERM for other bits than these nine.
 */
int	 parse_mode(const char *text, mode_t *mode);

/* One byte, or one escape as vis(3) writes it: \n, \t, \0, \033. */
int	 parse_delimiter(const char *text, unsigned char *delimiter);

/*
 * The name out of a NULL-ended list that a mistyped word most likely meant,
 * or NULL when none is near.  Borrowed from the list.
 */
const char	*parse_suggest(const char *word, const char *const *names);

#endif
