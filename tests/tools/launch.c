/*
 * launch - run a program with unusual things inherited.
 *
 *	launch [OPTION]... COMMAND [ARG]...
 *
 *	--ignore=SIGNAL   ignored (--ignore=CHLD: statuses of children are lost)
 *	--default=SIGNAL  not ignored
 *	--block=SIGNAL    in the signal mask
 *	--unblock=SIGNAL  not in it
 *	--close=FD        closed
 *	--nonblock=FD     O_NONBLOCK on the open file description, which others
 *			  may share
 *	--append=FD       O_APPEND on it
 *	--dup=FD          a copy of standard input there, to be found by
 *			  children that must not have it
 *	--child           a child that has ended and that COMMAND knows nothing
 *			  about
 *
 * Each may be repeated; they are done in the order given.  A signal is a name
 * without SIG, or a number.  The status is COMMAND's; 2 for a mistake here,
 * 126 or 127 if it cannot be run.
 */
#define _GNU_SOURCE

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include "tool.h"

static void
set_disposition(const char *name, void (*handler)(int))
{
	if (signal(tool_signal(name), handler) == SIG_ERR)
		err(2, "%s", name);
}

static void
set_mask(int how, const char *name)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, tool_signal(name));
	if (sigprocmask(how, &set, NULL) == -1)
		err(2, "%s", name);
}

static void
add_flag(const char *name, int flag)
{
	int fd = tool_fd(name);
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | flag) == -1)
		err(2, "%s", name);
}

/* It has ended before COMMAND begins, and stays for COMMAND to reap. */
static void
leave_child(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == -1)
		err(2, "fork");
	if (pid == 0)
		_exit(42);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ignore", required_argument, NULL, 'i' },
		{ "default", required_argument, NULL, 'd' },
		{ "block", required_argument, NULL, 'b' },
		{ "unblock", required_argument, NULL, 'u' },
		{ "close", required_argument, NULL, 'c' },
		{ "nonblock", required_argument, NULL, 'n' },
		{ "append", required_argument, NULL, 'a' },
		{ "dup", required_argument, NULL, 'D' },
		{ "child", no_argument, NULL, 'C' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'i':
			set_disposition(optarg, SIG_IGN);
			break;
		case 'd':
			set_disposition(optarg, SIG_DFL);
			break;
		case 'b':
			set_mask(SIG_BLOCK, optarg);
			break;
		case 'u':
			set_mask(SIG_UNBLOCK, optarg);
			break;
		case 'c':
			if (close(tool_fd(optarg)) == -1)
				err(2, "%s", optarg);
			break;
		case 'n':
			add_flag(optarg, O_NONBLOCK);
			break;
		case 'a':
			add_flag(optarg, O_APPEND);
			break;
		case 'D':
			if (dup2(STDIN_FILENO, tool_fd(optarg)) == -1)
				err(2, "%s", optarg);
			break;
		case 'C':
			leave_child();
			break;
		default:
			exit(2);
		}
	}
	argv += optind;
	if (*argv == NULL)
		errx(2, "usage: launch [OPTION]... COMMAND [ARG]...");
	execvp(*argv, argv);
	c = errno == ENOENT ? 127 : 126;
	err(c, "%s", *argv);
}
