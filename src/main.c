/*
 * ipctool - pipes and named pipes, usable from shells and scripts.
 *
 * Where everything is:
 *
 *	main.c		the guard of 0, 1, 2; the command table; dispatch
 *	options.c	tables of options -> getopt_long(3), --help; the common
 *			options
 *	cmd-*.c		one command each: its options, its ends, its run
 *	outlet.c	pipe-relay's outputs, taps, meter, dump
 *	pipeline.c	pipe-relay's commands with pipes between them
 *	run.c		a run of flows for a command: limits, messages, status
 *	relay.c		the one loop: ppoll(2), signals, deadlines
 *	flow.c		one direction: states, accounts
 *	flow-end.c	what the end of a source or a sink means, who failed
 *	flow-step.c	moves what can be moved, finds whom to wait for
 *	branch.c	duplicates of a flow for other flows: fan-out, taps
 *	transport-*.c	how bytes move: splice(2), tee(2), copied, or dropped
 *	buffer.c	the ring that they are copied through
 *	record.c	where a line ends
 *	framing.c	which held bytes go to the sink together
 *	quota.c		how much may be taken, and not a byte more
 *	peek.c		what a source holds, without taking it
 *	endpoint.c	one open end: what it is, capacity, closing
 *	fifo.c		how FIFOs open, reopen, vanish
 *	rendezvous.c	how a writer waits for readers in open(2)
 *	waiting.c	what a flow waits for that poll(2) cannot tell
 *	drain.c		whether readers have taken everything
 *	path.c		ends that the command line names
 *	place.c		how a FIFO gets its name, and loses it again
 *	aside.c		a directory of ours for that, for a moment
 *	channel.c	the two sides of duplex, and how they are joined
 *	partner.c	a pair of FIFOs as a side of it
 *	server.c	a command behind such a pair, and its clients
 *	ticket.c	whose turn it is there
 *	rest.c		whether a command has done with what it was told
 *	deadlock.c	whether both sides wait for each other
 *	procfs.c	what /proc says of other processes
 *	calls.c		the system calls that it may be in
 *	doing.c		what a thread of one does
 *	opened.c	which file it is that it opens
 *	pipeinfo.c	what a pipe is, who holds it, who waits at it
 *	pipewait.c	who waits for whom
 *	wakeup.c	what of its own may end a wait
 *	child.c		commands that we run: start, reap, end
 *	limiter.c	a token bucket for --rate-limit
 *	dump.c		traffic made readable
 *	kin.c		what these have started in turn
 *	chore.c		what else a wait looks after
 *	signals.c	handlers, masks, what was inherited, dying
 *	print.c		text on standard output
 *	text.c		a text in memory that is put together by stdio
 *	report.c	counters as text or JSON
 *	table.c		tables, trees and JSON by libsmartcols
 *	progress.c	the meter on a terminal
 *	limit.c		what ends a wait: signals, the time of the run
 *	status.c	outcomes -> exit statuses
 *	trace.c		--verbose, IPCTOOL_DEBUG, names made safe
 *	sides.c		commands with a separator between them
 *	ready.c		tells that everything stands
 *	parse.c		sizes, durations, delimiters; "did you mean"
 *	deadline.c	monotonic time
 *	transient.c	calls that fail because something is short for a moment
 *	installed.c	what programs and pages are called once installed
 *	stdfds.c	0, 1, 2 that were inherited closed
 *
 * Everything but main.c and cmd-*.c is libipctool.a and never exits; only
 * print.c writes text to standard output.  HACKING.md has the ideas.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "compat.h"
#include "deadline.h"
#include "installed.h"
#include "parse.h"
#include "print.h"
#include "signals.h"
#include "status.h"
#include "stdfds.h"
#include "trace.h"

static const struct command *const commands[] = {
	&cmd_pipe_relay,
	&cmd_fifo_create,
	&cmd_fifo_read,
	&cmd_fifo_write,
	&cmd_duplex,
	&cmd_fifo_stat,
};

static void
print_usage(FILE *to)
{
	const char *me = installed_name(PACKAGE_NAME);

	fprintf(to, "Usage: %s [--help | --version | --list]\n"
	    "       %s COMMAND [OPTION]... [OPERAND]...\n"
	    "       %s help [COMMAND]\n\n"
	    "Commands:\n", me, me, me);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-12s %s\n", commands[i]->name,
		    commands[i]->summary);
	fprintf(to, "\n'%s COMMAND --help' lists a command's options, "
	    "'%s help COMMAND' shows\nits manual page.\n", me, me);
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* The command that a link is named after, as installed or longer. */
static const struct command *
find_by_link(const char *argv0)
{
	const char *base = strrchr(argv0, '/'), *origin;

	base = base == NULL ? argv0 : base + 1;
	origin = installed_origin(base);
	if (origin != NULL)
		return find_command(origin);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strstr(base, commands[i]->name) != NULL)
			return commands[i];
	return NULL;
}

static int
run_command(const struct command *command, int argc, char **argv)
{
	static char name[64];

	/* Every message begins with it, err(3)'s and getprogname()'s users'. */
	snprintf(name, sizeof(name), "%s %s", installed_name(PACKAGE_NAME),
	    command->name);
	setprogname(name);
	return command->run(command, argc, argv);
}

static int
unknown(const char *what, const char *word, const char *prefix,
    const char *const *names)
{
	const char *meant = parse_suggest(word, names);

	if (meant == NULL)
		return options_usage("unknown %s '%s%s'", what, prefix,
		    trace_safe(word));
	return options_usage("unknown %s '%s%s'; did you mean '%s%s'?", what,
	    prefix, trace_safe(word), prefix, meant);
}

static int
unknown_command(const char *word)
{
	const char *names[ARRAY_SIZE(commands) + 2];
	size_t n = 0;

	for (; n < ARRAY_SIZE(commands); n++)
		names[n] = commands[n]->name;
	names[n++] = "help";
	names[n] = NULL;
	return unknown("command", word, "", names);
}

static int
unknown_option(const char *word)
{
	static const char *const names[] = { "help", "version", "list", NULL };

	if (strncmp(word, "--", 2) != 0)
		return options_usage("invalid option '%s'", trace_safe(word));
	return unknown("option", word + 2, "--", names);
}

/* Whether man(1) is there and has that page. */
static bool
has_page(char *name)
{
	static char script[] = "exec man -w \"$1\" >/dev/null 2>&1";
	static char sh[] = "sh", dash_c[] = "-c";
	char *argv[] = { sh, dash_c, script, sh, name, NULL };
	struct child child = { .argv = argv, .in = -1, .out = -1 };

	if (child_start(&child) == -1)
		return false;
	child_wait(&child);
	return child.status == 0;
}

/* The manual page by man(1), or --help where one of them is missing. */
static int
show_help(const char *page, const struct command *command)
{
	static char name[64];

	strlcpy(name, installed_name(page), sizeof(name));
	if (has_page(name)) {
		signals_give_back();
		execlp("man", "man", name, NULL);
	}
	if (command == NULL)
		print_usage(print_stream());
	else
		options_print_help(command);
	return STATUS_OK;
}

/* The pages that are no command's. */
static bool
is_other_page(const char *name)
{
	return strcmp(name, PACKAGE_NAME) == 0 ||
	    strcmp(name, PACKAGE_NAME "-fifo") == 0;
}

static int
help(int argc, char **argv)
{
	const char *page = argc == 2 ? argv[1] : PACKAGE_NAME;
	const struct command *command = find_command(page);

	if (argc > 2)
		return options_usage("help takes one command");
	if (command == NULL && !is_other_page(page))
		return unknown_command(page);
	return show_help(page, command);
}

static int
dispatch(int argc, char **argv)
{
	const struct command *command;
	const char *word;

	command = argc > 0 ? find_by_link(argv[0]) : NULL;
	if (command != NULL)
		return run_command(command, argc, argv);
	if (argc < 2) {
		print_usage(stderr);
		return STATUS_USAGE;
	}
	word = argv[1];
	command = find_command(word);
	if (command != NULL)
		return run_command(command, argc - 1, argv + 1);
	if (strcmp(word, "help") == 0)
		return help(argc - 1, argv + 1);
	if (strcmp(word, "--help") == 0)
		print_usage(print_stream());
	else if (strcmp(word, "--version") == 0)
		print("%s\n", PACKAGE_STRING);
	else if (strcmp(word, "--list") == 0)
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
			print("%s\n", commands[i]->name);
	else if (word[0] == '-')
		return unknown_option(word);
	else
		return unknown_command(word);
	if (argc > 2)
		return options_usage("%s takes no operand", word);
	return STATUS_OK;
}

/*
 * What was printed has to arrive.  Descriptor 1 may be closed by now: a
 * relay closes its sink and reports that itself.
 */
static int
finish_stdout(int status)
{
	if (print_flush() == 0 && (close(STDOUT_FILENO) == 0 ||
	    errno == EBADF || errno == EINTR))
		return status;
	if (errno == EINTR && signals_fatal() != 0)
		return status;
	if (errno == EPIPE && signals_pipe_kills())
		signals_condemn(SIGPIPE);
	else
		warn("standard output");
	return status_join(status, STATUS_ERROR);
}

int
main(int argc, char **argv)
{
	static char stderr_buffer[BUFSIZ];
	int status;

	signals_early();
	stdfds_guard();
	/* A line is one write(2), so that those of several runs do not mix. */
	setvbuf(stderr, stderr_buffer, _IOLBF, sizeof(stderr_buffer));
	setprogname(installed_name(PACKAGE_NAME));
	trace_init(deadline_now());
	if (print_begin() == -1)
		err(STATUS_ERROR, NULL);
	status = finish_stdout(dispatch(argc, argv));
	signals_die();
	return status;
}
