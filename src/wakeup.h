/*
 * wakeup - what may end the waits of a process though no other one does
 * anything: a handler of a signal, a timer, a ring of io_uring(7).
 */
#ifndef WAKEUP_H
#define WAKEUP_H

#include <stdbool.h>

#include "pipeinfo.h"

/*
 * Fill in acts, signal, heeds_children and turns of a process of which all
 * threads wait.  A timer of setitimer(2) or alarm(2) cannot be seen: who
 * catches its signal is taken to have one.  Signals of people and of other
 * processes count where itself is said to be true: a thread waits for what
 * only its own process could do, such as a handler.
 */
void	 wakeup_find(int proc, struct process_info *, bool itself);

/* SIGTERM, SIGCHLD; of others "signal 35".  Valid until the next call. */
const char	*wakeup_signal_name(int);

#endif
