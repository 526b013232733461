/*
 * racer - swap what a name stands for while a command works with it.
 *
 *	racer [--runs=N] [--seed=N] [--private] [--expendable] [--fifos]
 *	    [--makes-nothing] NAME COMMAND [ARG]...
 *
 * Runs COMMAND N times (1000), one run after the other, in the current
 * directory, which must be empty.  All the while NAME, as quickly as can be,
 * is a FIFO, a regular file, a symbolic link, what COMMAND has made, and
 * nothing at all.  For root the FIFO belongs to another user, and a third
 * one, who owns the directory, swaps the names.  --private: that user also
 * swaps directories named .ipctool.* with one of its own, which is not empty
 * (an empty one can be removed under such a name: it is never known whose
 * name rmdir(2) finds, and nothing is lost).  Without
 * --expendable, there is a FIFO of the user who runs COMMAND as well.  With
 * it, a FIFO that an earlier run has left may be kept beside its name, under
 * .ipctool.*, by a run that says so with status 1.  --fifos: a FIFO may be
 * opened, read and written to, and has a reader at all times; but it may not
 * be changed otherwise, nor removed.  --makes-nothing: COMMAND may not make
 * anything, not even under NAME.  --seed: the same swaps in the same order.
 *
 * None of these may be opened, read, changed or removed by COMMAND; inotify
 * tells.  They may be moved, but stay in the directory.  Nothing else may be
 * left but a FIFO under NAME.  Prints how often which status came and how
 * many swaps there were.  Status 0, or 1 with a message for each finding.
 */
#include "config.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "tool.h"

#define SWAPPER_ID	65534	/* owns the directory, and swaps */
#define VICTIM_ID	65533	/* whose things these are */

#define SLOTS		6	/* names in pool/, two of them free */
#define DECOY		"decoy"

static const char *const kinds[] = { "fifo", "file", "link", "mine" };

struct thing {
	const char	*kind;
	struct stat	 st;
	int		 found;
};

struct shared {
	atomic_bool	 stop;
	atomic_ulong	 swaps;
};

static struct thing things[4];
static size_t nthings;
static struct shared *shared;
static uint64_t seed;			/* --seed, then the state */
static unsigned long kept;		/* how many may be: see above */
static bool fifos;			/* --fifos */
static bool makes_nothing;		/* --makes-nothing */
static bool is_root;			/* of whom others exist, too */
static int findings;

static void
found(const char *what, const char *name)
{
	printf("%s: %s\n", name, what);
	findings++;
}

static void
make_thing(const char *kind, const char *path, int watch_fd)
{
	struct thing *thing = &things[nthings++];
	uint32_t mask = IN_OPEN | IN_ACCESS | IN_MODIFY | IN_ATTRIB |
	    IN_DELETE_SELF | IN_DONT_FOLLOW;
	FILE *file;

	if (strcmp(kind, "file") == 0) {
		file = fopen(path, "w");
		if (file == NULL || fputs("keep me\n", file) == EOF ||
		    fclose(file) == EOF)
			err(1, "%s", path);
	} else if (strcmp(kind, "link") == 0) {
		if (symlink("pool/target", path) == -1)
			err(1, "%s", path);
	} else if (mkfifo(path, 0622) == -1)
		err(1, "%s", path);
	if (is_root && strcmp(kind, "mine") != 0 &&
	    lchown(path, VICTIM_ID, VICTIM_ID) == -1)
		err(1, "%s", path);
	thing->kind = kind;
	if (lstat(path, &thing->st) == -1)
		err(1, "%s", path);
	if (fifos && S_ISFIFO(thing->st.st_mode)) {
		if (open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) == -1)
			err(1, "%s", path);
		mask = IN_ATTRIB | IN_DELETE_SELF;
	}
	if (inotify_add_watch(watch_fd, path, mask) == -1)
		err(1, "inotify_add_watch");
}

static struct thing *
thing_of(const struct stat *st)
{
	for (size_t i = 0; i < nthings; i++)
		if (things[i].st.st_ino == st->st_ino)
			return &things[i];
	return NULL;
}

static void
slot_name(char path[16], uint64_t slot)
{
	snprintf(path, 16, "pool/%u", (unsigned int)(slot % SLOTS));
}

static int
move(const char *from, const char *to, unsigned int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

/* Only we change names in pool/. */
static void
clear_slot(const char *slot)
{
	struct stat st;

	if (lstat(slot, &st) == 0 && thing_of(&st) == NULL)
		unlink(slot);
}

static void
swap_private(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, ".ipctool.", 9) != 0)
			continue;
		if (move(entry->d_name, DECOY, RENAME_EXCHANGE) == 0) {
			usleep((useconds_t)(tool_random(&seed) % 100));
			move(entry->d_name, DECOY, RENAME_EXCHANGE);
		}
		break;
	}
	closedir(dir);
}

static void
swap_once(const char *name, bool privately)
{
	uint64_t dice = tool_random(&seed) >> 8;
	char slot[16];

	slot_name(slot, dice >> 8);
	switch (dice % 8) {
	case 0:
	case 1:			/* away */
		move(name, slot, RENAME_NOREPLACE);
		break;
	case 2:			/* there and back again */
		move(slot, name, RENAME_EXCHANGE);
		move(slot, name, RENAME_EXCHANGE);
		break;
	case 3:
		if (privately)
			swap_private();
		else
			clear_slot(slot);
		break;
	case 4:
		clear_slot(slot);
		break;
	default:
		if (move(slot, name, RENAME_EXCHANGE) == -1)
			move(slot, name, RENAME_NOREPLACE);
		break;
	}
	atomic_fetch_add(&shared->swaps, 1);
	/* Now and then a state lasts long enough for COMMAND to get on. */
	if (dice % 64 == 0)
		usleep((useconds_t)(dice >> 16) % 2000);
	else if (dice % 4 == 0)
		usleep((useconds_t)(dice >> 16) % 50);
}

/* In `unshare -r` we are root, but no file can belong to another user. */
static bool
may_give_away(void)
{
	bool may;
	int fd;

	if (geteuid() != 0)
		return false;
	fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd == -1)
		err(1, "O_TMPFILE");
	may = fchown(fd, VICTIM_ID, VICTIM_ID) == 0 &&
	    fchown(fd, SWAPPER_ID, SWAPPER_ID) == 0;
	close(fd);
	return may;
}

static pid_t
start_swapper(const char *name, bool privately)
{
	pid_t pid = fork();

	if (pid == -1)
		err(1, "fork");
	if (pid != 0)
		return pid;
	if (is_root && (setgid(SWAPPER_ID) == -1 ||
	    setuid(SWAPPER_ID) == -1))
		err(1, "setuid");
	seed = tool_random_start(seed);
	while (!atomic_load(&shared->stop))
		swap_once(name, privately);
	_exit(0);
}

static int
run_command(char **argv)
{
	pid_t pid = fork();
	int status, null;

	if (pid == -1)
		err(1, "fork");
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) == -1)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

static void
check_thing(struct thing *thing, const struct stat *st, const char *path)
{
	thing->found++;
	/* Whoever may write to it changes its times. */
	if (fifos && S_ISFIFO(st->st_mode))
		thing->st.st_mtim = st->st_mtim;
	if (st->st_mode != thing->st.st_mode ||
	    st->st_uid != thing->st.st_uid || st->st_gid != thing->st.st_gid ||
	    st->st_size != thing->st.st_size ||
	    st->st_nlink != thing->st.st_nlink ||
	    st->st_mtim.tv_sec != thing->st.st_mtim.tv_sec ||
	    st->st_mtim.tv_nsec != thing->st.st_mtim.tv_nsec)
		found("was changed", path);
}

static bool
is_kept(const char *name, const struct stat *st)
{
	return S_ISFIFO(st->st_mode) && strncmp(name, ".ipctool.", 9) == 0 &&
	    kept > 0 && kept-- > 0;
}

static void
check_dir(const char *path, const char *name, bool privately)
{
	DIR *dir = opendir(path);
	char inner[512];
	struct dirent *entry;
	struct thing *thing;
	struct stat st;
	bool pool = strcmp(path, "pool") == 0;

	if (dir == NULL)
		err(1, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		if (lstat(inner, &st) == -1)
			err(1, "%s", inner);
		thing = thing_of(&st);
		if (thing != NULL)
			check_thing(thing, &st, inner);
		else if (makes_nothing &&
		    (pool || strcmp(entry->d_name, name) == 0))
			found("was made", inner);
		else if (!pool && strcmp(entry->d_name, name) != 0 &&
		    strcmp(entry->d_name, "pool") != 0 &&
		    strcmp(entry->d_name, DECOY) != 0 &&
		    !(privately && S_ISDIR(st.st_mode)) &&
		    !is_kept(entry->d_name, &st))
			found("was left behind", inner);
	}
	closedir(dir);
}

static void
check_watch(int watch_fd)
{
	char events[4096]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t n = read(watch_fd, events, sizeof(events));
	char what[64];

	if (n == -1 && errno == EAGAIN)
		return;
	if (n == -1)
		err(1, "inotify");
	for (ssize_t at = 0; at < n;
	    at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const struct inotify_event *)(events + at);
		snprintf(what, sizeof(what), "inotify saw 0x%x", event->mask);
		found(what, event->wd >= 1 && (size_t)event->wd <= nthings ?
		    things[event->wd - 1].kind : "another one");
	}
}

static void
set_up(bool expendable, int watch_fd)
{
	char path[16];
	FILE *file;

	umask(022);
	if (mkdir("pool", 0755) == -1 || mkdir(DECOY, 0755) == -1 ||
	    mkdir(DECOY "/full", 0755) == -1)
		err(1, "pool");
	file = fopen("pool/target", "w");
	if (file == NULL || fclose(file) == EOF)
		err(1, "pool/target");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		/* Every FIFO of an ordinary user is its own. */
		if (expendable && (strcmp(kinds[i], "mine") == 0 ||
		    (strcmp(kinds[i], "fifo") == 0 && !is_root)))
			continue;
		slot_name(path, i);
		make_thing(kinds[i], path, watch_fd);
	}
	if (inotify_add_watch(watch_fd, DECOY, IN_DELETE_SELF) == -1 ||
	    inotify_add_watch(watch_fd, "pool/target",
	    IN_OPEN | IN_ACCESS | IN_MODIFY) == -1)
		err(1, "inotify_add_watch");
	if (is_root && (chown(".", SWAPPER_ID, SWAPPER_ID) == -1 ||
	    chown("pool", SWAPPER_ID, SWAPPER_ID) == -1 ||
	    chown(DECOY, SWAPPER_ID, SWAPPER_ID) == -1))
		err(1, "chown");
}

static void
check_all(const char *name, bool privately, int watch_fd)
{
	struct stat st;

	check_watch(watch_fd);
	if (stat("pool/target", &st) == -1 || st.st_size != 0)
		found("was changed", "pool/target");
	unlink("pool/target");
	check_dir(".", name, privately);
	check_dir("pool", name, privately);
	for (size_t i = 0; i < nthings; i++)
		if (things[i].found != 1)
			found("was removed", things[i].kind);
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "private", no_argument, NULL, 'p' },
		{ "expendable", no_argument, NULL, 'e' },
		{ "fifos", no_argument, NULL, 'f' },
		{ "makes-nothing", no_argument, NULL, 'n' },
		{ 0 },
	};
	unsigned long statuses[256] = { 0 };
	bool privately = false, expendable = false;
	uint64_t runs = 1000;
	int key, watch_fd;
	pid_t swapper;

	is_root = may_give_away();
	while ((key = getopt_long(argc, argv, "+", longs, NULL)) != -1) {
		if (key == 'r')
			runs = tool_size(optarg);
		else if (key == 's')
			seed = tool_size(optarg);
		else if (key == 'p')
			privately = is_root;
		else if (key == 'e')
			expendable = true;
		else if (key == 'f')
			fifos = true;
		else if (key == 'n')
			makes_nothing = true;
		else
			return 2;
	}
	if (argc - optind < 2)
		errx(2, "usage: racer [OPTION]... NAME COMMAND [ARG]...");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (shared == MAP_FAILED || watch_fd == -1)
		err(1, NULL);
	set_up(expendable, watch_fd);
	swapper = start_swapper(argv[optind], privately);
	for (uint64_t i = 0; i < runs; i++)
		statuses[run_command(argv + optind + 1)]++;
	atomic_store(&shared->stop, true);
	waitpid(swapper, NULL, 0);
	kept = expendable || fifos ? statuses[1] : 0;
	check_all(argv[optind], privately, watch_fd);
	for (int i = 0; i < 256; i++)
		if (statuses[i] != 0)
			printf("status %d: %lu\n", i, statuses[i]);
	printf("swaps: %lu\n", atomic_load(&shared->swaps));
	return findings == 0 ? 0 : 1;
}
