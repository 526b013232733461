/*
 * installed - what the program, its links and its manual pages are called once
 * they are installed: --program-prefix and its like of configure change that.
 */
#ifndef INSTALLED_H
#define INSTALLED_H

/* Of the program, a command or a page: the name it is installed as. */
const char	*installed_name(const char *name);

/* The other way round; NULL if nothing is installed as that. */
const char	*installed_origin(const char *installed);

#endif
