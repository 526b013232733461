/*
 * command - what each command file exports: one of these.
 *
 * A new command is one file, one pointer in main.c and one line in
 * Makefile.am.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "options.h"

struct command {
	const char	*name;
	const char	*summary;	/* lower case, no full stop */
	const char	*usage;		/* what follows the name, a line each */
	const struct option_spec *options;	/* its own; ends with 0 */
	bool		 own_letters;	/* of the common ones, only --help
					   and --version */
	void		(*help)(FILE *);	/* more of --help, or NULL */
	/* Parse, run, and return the exit status. */
	int		(*run)(const struct command *, int argc, char **argv);
};

extern const struct command	cmd_pipe_relay;
extern const struct command	cmd_fifo_create;
extern const struct command	cmd_fifo_read;
extern const struct command	cmd_fifo_write;
extern const struct command	cmd_duplex;
extern const struct command	cmd_fifo_stat;

#endif
