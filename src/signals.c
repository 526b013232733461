/*
 * signals - what arrives, what was inherited, and how to die of it.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "deadline.h"
#include "signals.h"
#include "transient.h"

/*
 * A tick that came just before the blocking call began is lost; the next
 * one follows so much later.  Below what a user notices, and 40 wake-ups a
 * second only after a deadline or a fatal signal.
 */
#define GUARD_REPEAT_NS (25 * NS_PER_MS)

#define STACK_SIZE ((size_t)64 << 10)	/* for a few system calls */

enum slot {
	SLOT_USR1,
	SLOT_INT,
	SLOT_TERM,
	SLOT_HUP,
	SLOT_CHLD,
	SLOT_TICK,
	SLOT_PIPE,
	SLOT_XFSZ,
	SLOTS
};

enum guard {
	GUARD_NONE,		/* not made yet */
	GUARD_TIMER,
	GUARD_ALARM
};

static const int numbers[SLOTS] = {
	SIGUSR1, SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGNAL_TICK, SIGPIPE, SIGXFSZ
};

static struct sigaction inherited[SLOTS];
static sigset_t inherited_mask, wait_mask, closed_mask;
static bool started;
static int condemned;

static volatile sig_atomic_t fatal, report;
static volatile pid_t child;
static volatile sig_atomic_t guarded;
static timer_t guard_timer;
static enum guard guard_kind;
static struct sigaction inherited_alarm;
static void (*before_print)(void);

static void
set_guard(const struct itimerspec *its)
{
	struct itimerval alarm;

	if (guard_kind == GUARD_TIMER) {
		timer_settime(guard_timer, 0, its, NULL);
		return;
	}
	TIMESPEC_TO_TIMEVAL(&alarm.it_interval, &its->it_interval);
	TIMESPEC_TO_TIMEVAL(&alarm.it_value, &its->it_value);
	if (its->it_value.tv_sec == 0 && its->it_value.tv_nsec != 0)
		alarm.it_value.tv_usec++;	/* 0 would be never */
	setitimer(ITIMER_REAL, &alarm, NULL);
}

static void
guard_arm(int64_t first_ns)
{
	struct itimerspec its = { 0 };

	its.it_interval.tv_nsec = GUARD_REPEAT_NS;
	deadline_timespec(first_ns, &its.it_value);
	set_guard(&its);
}

static void
handle(int signo, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	switch (signo) {
	case SIGUSR1:
		report = 1;
		break;
	case SIGCHLD:
		if (child == 0)
			child = info->si_pid;
		break;
	case SIGINT:
	case SIGTERM:
	case SIGHUP:
		if (fatal == 0)
			fatal = signo;
		if (guarded)
			guard_arm(GUARD_REPEAT_NS);
		break;
	default:		/* a tick has done its work */
		break;
	}
	errno = saved;
}

static void
set_handler(int signo, int flags, struct sigaction *old)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = handle;
	sa.sa_flags = flags | SA_SIGINFO;
	sigfillset(&sa.sa_mask);
	sigaction(signo, &sa, old);
}

static void
ignore(enum slot slot)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	sigaction(numbers[slot], &sa, &inherited[slot]);
}

void
signals_early(void)
{
	sigset_t usr1;

	set_handler(SIGUSR1, SA_RESTART, &inherited[SLOT_USR1]);
	ignore(SLOT_XFSZ);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &usr1, &inherited_mask);
}

/* All of them are blocked here, so that nothing comes in between. */
static void
take_over(enum slot slot)
{
	int signo = numbers[slot];

	if (slot == SLOT_USR1) {	/* since signals_early() */
		set_handler(signo, 0, NULL);
	} else if (slot == SLOT_PIPE) {
		ignore(slot);
	} else if (slot != SLOT_XFSZ) {
		set_handler(signo, 0, &inherited[slot]);
		/* What was ignored stays ignored; but we need these two. */
		if (slot != SLOT_CHLD && slot != SLOT_TICK &&
		    inherited[slot].sa_handler == SIG_IGN)
			sigaction(signo, &inherited[slot], NULL);
	}
}

void
signals_start(void)
{
	wait_mask = inherited_mask;
	closed_mask = inherited_mask;
	for (int i = 0; i < SLOTS; i++)
		if (i != SLOT_PIPE && i != SLOT_XFSZ)
			sigaddset(&closed_mask, numbers[i]);
	sigdelset(&wait_mask, SIGUSR1);
	sigdelset(&wait_mask, SIGCHLD);
	sigdelset(&wait_mask, SIGNAL_TICK);
	sigprocmask(SIG_SETMASK, &closed_mask, NULL);
	for (int i = 0; i < SLOTS; i++)
		take_over(i);
	started = true;
}

const sigset_t *
signals_wait_mask(void)
{
	return &wait_mask;
}

void
signals_poll(void)
{
	sigset_t pending;

	/* Nearly always there is nothing: one call instead of two. */
	if (sigpending(&pending) == 0 && sigisemptyset(&pending))
		return;
	sigprocmask(SIG_SETMASK, &wait_mask, NULL);
	sigprocmask(SIG_SETMASK, &closed_mask, NULL);
}

bool
signals_arrived(void)
{
	return fatal != 0 || report != 0 || child != 0;
}

int
signals_fatal(void)
{
	return fatal;
}

bool
signals_take_report(void)
{
	bool taken = report != 0;

	report = 0;
	return taken;
}

bool
signals_has_child(void)
{
	return child != 0;
}

pid_t
signals_take_child(void)
{
	pid_t taken = child;

	child = 0;
	return taken;
}

/*
 * A timer holds one of the signals that the user's processes may have in
 * their queues (RLIMIT_SIGPENDING).  Where that is used up, the alarm that
 * each process has will do, unless it was inherited and runs.
 */
static int
make_guard(void)
{
	struct sigevent event;
	struct itimerval alarm;

	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = SIGNAL_TICK;
	if (timer_create(CLOCK_MONOTONIC, &event, &guard_timer) == 0) {
		guard_kind = GUARD_TIMER;
		return 0;
	}
	if (getitimer(ITIMER_REAL, &alarm) == -1 ||
	    timerisset(&alarm.it_value)) {
		errno = ENOMEM;	/* EAGAIN would mean that a call blocks */
		return -1;
	}
	sigdelset(&wait_mask, SIGALRM);
	sigaddset(&closed_mask, SIGALRM);
	sigprocmask(SIG_SETMASK, &closed_mask, NULL);
	set_handler(SIGALRM, 0, &inherited_alarm);
	guard_kind = GUARD_ALARM;
	return 0;
}

int
signals_guard_begin(int64_t deadline)
{
	int64_t now;

	if (guard_kind == GUARD_NONE && make_guard() == -1)
		return -1;
	guarded = 1;
	now = deadline_now();
	if (deadline != DEADLINE_NEVER)
		guard_arm(deadline > now ? deadline - now : 1);
	sigprocmask(SIG_SETMASK, &wait_mask, NULL);
	return 0;
}

void
signals_guard_end(void)
{
	struct itimerspec off = { 0 };
	int saved = errno;

	sigprocmask(SIG_SETMASK, &closed_mask, NULL);
	guarded = 0;
	set_guard(&off);
	errno = saved;
}

int
signals_helper_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	unsigned tries = 0;
	int errnum;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	do {
		errnum = pthread_create(thread, &attr, run, arg);
	} while (transient_again(errnum, &tries));
	pthread_attr_destroy(&attr);
	return errnum;
}

/* The thread was started with closed_mask. */
void
signals_helper_begin(void)
{
	sigset_t tick;

	sigfillset(&tick);
	sigdelset(&tick, SIGNAL_TICK);
	pthread_sigmask(SIG_SETMASK, &tick, NULL);
}

void
signals_helper_interrupt(pthread_t thread)
{
	pthread_kill(thread, SIGNAL_TICK);
}

void
signals_before_print(void (*clear)(void))
{
	before_print = clear;
}

void
signals_print_begin(void)
{
	if (started)
		signals_guard_begin(DEADLINE_NEVER);
	if (before_print != NULL)
		before_print();
}

void
signals_print_end(void)
{
	if (started && guard_kind != GUARD_NONE)
		signals_guard_end();
}

void
signals_give_back(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (started || i == SLOT_USR1 || i == SLOT_XFSZ)
			sigaction(numbers[i], &inherited[i], NULL);
	if (guard_kind == GUARD_ALARM)
		sigaction(SIGALRM, &inherited_alarm, NULL);
	sigprocmask(SIG_SETMASK, &inherited_mask, NULL);
}

bool
signals_pipe_kills(void)
{
	struct sigaction now;

	if (sigismember(&inherited_mask, SIGPIPE) == 1)
		return false;
	if (started)
		return inherited[SLOT_PIPE].sa_handler != SIG_IGN;
	sigaction(SIGPIPE, NULL, &now);
	return now.sa_handler != SIG_IGN;
}

void
signals_condemn(int signo)
{
	if (condemned == 0)
		condemned = signo;
}

void
signals_die(void)
{
	struct sigaction sa;
	sigset_t only;

	signals_condemn(fatal);
	if (condemned == 0)
		return;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	sigaction(condemned, &sa, NULL);
	sigemptyset(&only);
	sigaddset(&only, condemned);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	coverage_write();
	raise(condemned);
	_exit(128 + condemned);
}
