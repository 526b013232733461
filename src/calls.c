/*
 * calls - the system calls that wait for long.
 */
#include "config.h"

#include <sys/syscall.h>

#include "calls.h"
#include "compat.h"

/*
 * No machine has all of them, and hardly one of them is on every machine.
 * Those of 32 bits have some twice, with times of 64 bits in the second.  The
 * arguments that we look at stand at the same place in both.
 */
static const struct call calls[] = {
#ifdef SYS_open
	{ SYS_open, CALL_OPEN, "open" },
#endif
#ifdef SYS_creat
	{ SYS_creat, CALL_CREAT, "creat" },
#endif
#ifdef SYS_openat
	{ SYS_openat, CALL_OPENAT, "openat" },
#endif
#ifdef SYS_openat2
	{ SYS_openat2, CALL_OPENAT2, "openat2" },
#endif
#ifdef SYS_read
	{ SYS_read, CALL_READ, "read" },
#endif
#ifdef SYS_readv
	{ SYS_readv, CALL_READ, "readv" },
#endif
#ifdef SYS_preadv2
	{ SYS_preadv2, CALL_READ, "preadv2" },
#endif
#ifdef SYS_write
	{ SYS_write, CALL_WRITE, "write" },
#endif
#ifdef SYS_writev
	{ SYS_writev, CALL_WRITE, "writev" },
#endif
#ifdef SYS_pwritev2
	{ SYS_pwritev2, CALL_WRITE, "pwritev2" },
#endif
#ifdef SYS_vmsplice
	{ SYS_vmsplice, CALL_WRITE, "vmsplice" },
#endif
#ifdef SYS_splice
	{ SYS_splice, CALL_SPLICE, "splice" },
#endif
#ifdef SYS_tee
	{ SYS_tee, CALL_TEE, "tee" },
#endif
#ifdef SYS_sendfile
	{ SYS_sendfile, CALL_SENDFILE, "sendfile" },
#endif
#ifdef SYS_sendfile64
	{ SYS_sendfile64, CALL_SENDFILE, "sendfile" },
#endif
#ifdef SYS_poll
	{ SYS_poll, CALL_POLL, "poll" },
#endif
#ifdef SYS_ppoll
	{ SYS_ppoll, CALL_PPOLL, "ppoll" },
#endif
#ifdef SYS_ppoll_time64
	{ SYS_ppoll_time64, CALL_PPOLL, "ppoll" },
#endif
/* Where there is a _newselect, select has its arguments in memory. */
#if defined(SYS_select) && defined(SYS__newselect)
	{ SYS_select, CALL_OTHER, "select" },
#elif defined(SYS_select)
	{ SYS_select, CALL_SELECT, "select" },
#endif
#ifdef SYS__newselect
	{ SYS__newselect, CALL_SELECT, "select" },
#endif
#ifdef SYS_pselect6
	{ SYS_pselect6, CALL_SELECT, "pselect6" },
#endif
#ifdef SYS_pselect6_time64
	{ SYS_pselect6_time64, CALL_SELECT, "pselect6" },
#endif
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait, CALL_EPOLL, "epoll_wait" },
#endif
#ifdef SYS_epoll_pwait
	{ SYS_epoll_pwait, CALL_EPOLL, "epoll_pwait" },
#endif
#ifdef SYS_epoll_pwait2
	{ SYS_epoll_pwait2, CALL_EPOLL2, "epoll_pwait2" },
#endif
#ifdef SYS_nanosleep
	{ SYS_nanosleep, CALL_SLEEP, "nanosleep" },
#endif
#ifdef SYS_clock_nanosleep
	{ SYS_clock_nanosleep, CALL_SLEEP, "clock_nanosleep" },
#endif
#ifdef SYS_clock_nanosleep_time64
	{ SYS_clock_nanosleep_time64, CALL_SLEEP, "clock_nanosleep" },
#endif
#ifdef SYS_waitpid
	{ SYS_waitpid, CALL_WAIT, "waitpid" },
#endif
#ifdef SYS_wait4
	{ SYS_wait4, CALL_WAIT, "wait4" },
#endif
#ifdef SYS_waitid
	{ SYS_waitid, CALL_WAITID, "waitid" },
#endif
#ifdef SYS_vfork
	{ SYS_vfork, CALL_VFORK, "vfork" },
#endif
#ifdef SYS_clone
	{ SYS_clone, CALL_VFORK, "clone" },
#endif
#ifdef SYS_clone3
	{ SYS_clone3, CALL_VFORK, "clone3" },
#endif
#ifdef SYS_futex
	{ SYS_futex, CALL_FUTEX, "futex" },
#endif
#ifdef SYS_futex_time64
	{ SYS_futex_time64, CALL_FUTEX, "futex" },
#endif
#ifdef SYS_restart_syscall
	{ SYS_restart_syscall, CALL_RESTART, "restart_syscall" },
#endif
#ifdef SYS_flock
	{ SYS_flock, CALL_FD, "flock" },
#endif
#ifdef SYS_fcntl
	{ SYS_fcntl, CALL_FD, "fcntl" },
#endif
#ifdef SYS_fcntl64
	{ SYS_fcntl64, CALL_FD, "fcntl" },
#endif
#ifdef SYS_ioctl
	{ SYS_ioctl, CALL_FD, "ioctl" },
#endif
#ifdef SYS_accept
	{ SYS_accept, CALL_FD, "accept" },
#endif
#ifdef SYS_accept4
	{ SYS_accept4, CALL_FD, "accept4" },
#endif
#ifdef SYS_connect
	{ SYS_connect, CALL_FD, "connect" },
#endif
#ifdef SYS_recvfrom
	{ SYS_recvfrom, CALL_FD, "recvfrom" },
#endif
#ifdef SYS_recvmsg
	{ SYS_recvmsg, CALL_FD, "recvmsg" },
#endif
#ifdef SYS_recvmmsg
	{ SYS_recvmmsg, CALL_FD, "recvmmsg" },
#endif
#ifdef SYS_recvmmsg_time64
	{ SYS_recvmmsg_time64, CALL_FD, "recvmmsg" },
#endif
#ifdef SYS_sendto
	{ SYS_sendto, CALL_FD, "sendto" },
#endif
#ifdef SYS_sendmsg
	{ SYS_sendmsg, CALL_FD, "sendmsg" },
#endif
#ifdef SYS_socketcall
	{ SYS_socketcall, CALL_OTHER, "socketcall" },
#endif
#ifdef SYS_fsync
	{ SYS_fsync, CALL_FD, "fsync" },
#endif
#ifdef SYS_fdatasync
	{ SYS_fdatasync, CALL_FD, "fdatasync" },
#endif
#ifdef SYS_pause
	{ SYS_pause, CALL_OTHER, "pause" },
#endif
#ifdef SYS_sigsuspend
	{ SYS_sigsuspend, CALL_OTHER, "sigsuspend" },
#endif
#ifdef SYS_rt_sigsuspend
	{ SYS_rt_sigsuspend, CALL_OTHER, "sigsuspend" },
#endif
#ifdef SYS_rt_sigtimedwait
	{ SYS_rt_sigtimedwait, CALL_OTHER, "sigtimedwait" },
#endif
#ifdef SYS_rt_sigtimedwait_time64
	{ SYS_rt_sigtimedwait_time64, CALL_OTHER, "sigtimedwait" },
#endif
#ifdef SYS_semop
	{ SYS_semop, CALL_OTHER, "semop" },
#endif
#ifdef SYS_semtimedop
	{ SYS_semtimedop, CALL_OTHER, "semtimedop" },
#endif
#ifdef SYS_semtimedop_time64
	{ SYS_semtimedop_time64, CALL_OTHER, "semtimedop" },
#endif
#ifdef SYS_msgrcv
	{ SYS_msgrcv, CALL_OTHER, "msgrcv" },
#endif
#ifdef SYS_msgsnd
	{ SYS_msgsnd, CALL_OTHER, "msgsnd" },
#endif
#ifdef SYS_ipc
	{ SYS_ipc, CALL_OTHER, "ipc" },
#endif
#ifdef SYS_io_uring_enter
	{ SYS_io_uring_enter, CALL_OTHER, "io_uring_enter" },
#endif
};

const struct call *
calls_find(long number)
{
	static const struct call unknown = { .kind = CALL_OTHER };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].number == number)
			return &calls[i];
	return &unknown;
}
