/*
 * test-procfs - the files of /proc, as hostile as processes can make them.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat.h"
#include "procfs.h"

/* What follows the name: state, parent, ..., processor. */
#define REST " S 7 1 1 0 -1 4194304 129 0 0 0 3 4 0 0 20 0 1 0 100 2994 380 " \
	     "18446744073709551615 9413360 9413361 0 0 0 0 0 6 0 1 0 0 17 5 " \
	     "0 0 0 0 0\n"

static void
a_name_may_have_any_byte(void **state)
{
	static const char *const names[] = {
		"cat",
		"",
		")",
		"(",
		") R 1 1 1 0",
		"a (b) c",
		"new\nline",
		"\033[2J\001\177\377",
		"))))(((",
		"15 bytes long..",
	};
	struct procfs_stat stat;
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(text, sizeof(text), "12 (%s)" REST, names[i]);
		assert_int_equal(procfs_parse_stat(text, &stat), 0);
		assert_string_equal(stat.comm, names[i]);
		assert_int_equal(stat.state, 'S');
		assert_int_equal(stat.parent, 7);
		assert_int_equal(stat.cpu, 5);
		assert_false(stat.kernel);
	}
}

static void
a_stat_beyond_all_times_is_refused(void **state)
{
	struct procfs_stat stat;

	(void)state;
	assert_int_equal(procfs_parse_stat("1 (a) S 7 1 1 0 -1 4194304 129 0 "
	    "0 0 3 4 0 0 20 0 1 0 1844674407370955 2994 380 1 1 1 0 0 0 0 0 "
	    "6 0 1 0 0 17 5 0 0 0 0 0\n", &stat), -1);
	assert_int_equal(errno, ERANGE);
}

static void
a_stat_that_is_cut_is_refused(void **state)
{
	char text[512];
	struct procfs_stat stat;

	(void)state;
	snprintf(text, sizeof(text), "12 (cat)" REST);
	for (size_t n = strlen("12 (cat) S 7 1 1 0 -1 4194304 129"); n > 0;
	    n--) {
		text[n] = '\0';
		assert_int_equal(procfs_parse_stat(text, &stat), -1);
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(procfs_parse_stat("", &stat), -1);
	assert_int_equal(procfs_parse_stat(")(", &stat), -1);
}

static void
a_longer_name_is_cut(void **state)
{
	struct procfs_stat stat;
	char name[200], text[512];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "12 (%s)" REST, name);
	assert_int_equal(procfs_parse_stat(text, &stat), 0);
	assert_int_equal(strlen(stat.comm), PROCFS_COMM - 1);
}

static void
a_call_has_six_arguments(void **state)
{
	struct procfs_call call;

	(void)state;
	assert_int_equal(procfs_parse_call("257 0xffffff9c 0x7ffd2e51c9d0 0x0 "
	    "0x1 0x2 0x3 0x7ffd2e51bec0 0x7fe6fa333011\n", &call), 0);
	assert_int_equal(call.number, 257);
	assert_int_equal((int)call.args[0], AT_FDCWD);
	assert_int_equal(call.args[1], 0x7ffd2e51c9d0);
	assert_int_equal(call.args[5], 3);
}

static void
no_call_and_running_are_told(void **state)
{
	struct procfs_call call;

	(void)state;
	assert_int_equal(procfs_parse_call("running\n", &call), 0);
	assert_int_equal(call.number, PROCFS_RUNNING);
	assert_int_equal(procfs_parse_call("-1 0x7ffd 0x7fe6\n", &call), 0);
	assert_int_equal(call.number, PROCFS_NO_CALL);
}

static void
a_call_that_is_cut_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "\n", "x", "257", "257 0x1 0x2", "0 0x1 0x2 0x3 0x4 0x5\n",
	};
	struct procfs_call call;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(procfs_parse_call(bad[i], &call), -1);
		assert_int_equal(errno, EINVAL);
	}
}

static void
flags_are_octal(void **state)
{
	int flags;

	(void)state;
	assert_int_equal(procfs_parse_flags("pos:\t0\nflags:\t0102001\n"
	    "mnt_id:\t27\n", &flags), 0);
	assert_int_equal(flags, 0102001);
	assert_int_equal(procfs_parse_flags("pos:\t0\n", &flags), -1);
	assert_int_equal(procfs_parse_flags("flags:\tx\n", &flags), -1);
}

static void
the_last_run_is_not_taken_from_a_name(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(procfs_parse_last_run("cat (12, #threads: 1)\n---\n"
	    "se.exec_start        :      1234.567890\nse.x : 1\n", &ns), 0);
	assert_int_equal(ns, 1234567890);
	/* The name of a thread stands first, and may be this. */
	assert_int_equal(procfs_parse_last_run("\nse.exec_start:9.000001"
	    " (12, #threads: 1)\nse.exec_start : 2.000001\n", &ns), 0);
	assert_int_equal(ns, 2000001);
	assert_int_equal(procfs_parse_last_run("cat (12)\n", &ns), -1);
	assert_int_equal(errno, ENODATA);
}

static void
private_memory_is_told_from_shared(void **state)
{
	static const char own[] = "7f00000000-7f00001000 rw-p 00000000 00:00 0";
	static const char shared[] = "7f00000000-7f00001000 rw-s 00000000 00:1";

	(void)state;
	assert_true(procfs_parse_mapping(own, 0x7f00000000));
	assert_true(procfs_parse_mapping(own, 0x7f00000fff));
	assert_false(procfs_parse_mapping(own, 0x7f00001000));
	assert_false(procfs_parse_mapping(own, 0x7effffffff));
	assert_false(procfs_parse_mapping(shared, 0x7f00000000));
	assert_false(procfs_parse_mapping("", 0));
	assert_false(procfs_parse_mapping("x-y rw-p", 0));
	assert_false(procfs_parse_mapping("0-10", 1));
}

/* One thread, or more under an emulator, which has its own. */
static unsigned int
count_entries(const char *path)
{
	unsigned int n = 0;
	DIR *dir = opendir(path);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			n++;
	closedir(dir);
	return n;
}

static void
we_can_be_looked_at(void **state)
{
	int proc = procfs_open(), flags, null;
	struct procfs_stat stat;
	unsigned int threads;

	(void)state;
	assert_int_not_equal(proc, -1);
	assert_int_equal(procfs_get_stat(proc, getpid(), getpid(), &stat), 0);
	assert_int_equal(stat.parent, getppid());
	assert_int_equal(procfs_count_threads(proc, getpid(), &threads), 0);
	assert_int_equal(threads, count_entries("/proc/self/task"));
	null = open("/dev/null", O_RDWR | O_NONBLOCK);
	assert_int_equal(procfs_get_flags(proc, getpid(), null, &flags), 0);
	assert_int_equal(flags & (O_ACCMODE | O_NONBLOCK),
	    O_RDWR | O_NONBLOCK);
	close(null);
	assert_int_equal(procfs_get_flags(proc, getpid(), null, &flags), -1);
	close(proc);
}

static void
our_memory_can_be_read(void **state)
{
	static const char ours[] = "string";
	const uint64_t address = (uintptr_t)ours;
	char text[8];

	(void)state;
	/* tests/architectures sets it; qemu-user has no process_vm_readv(2). */
	if (getenv("EMULATED") != NULL) {
		assert_int_equal(procfs_get_string(getpid(), address, text,
		    sizeof(text)), -1);
		assert_int_equal(errno, ENOSYS);
		return;
	}
	assert_int_equal(procfs_get_string(getpid(), address, text,
	    sizeof(text)), 0);
	assert_string_equal(text, "string");
	/* None of ours, of however many bits they are. */
	assert_int_equal(procfs_get_string(getpid(), address |
	    UINT64_C(1) << 63, text, sizeof(text)), -1);
	assert_int_equal(errno, EFAULT);
}

static void
what_is_gone_is_an_error(void **state)
{
	int proc = procfs_open(), flags;
	struct procfs_stat stat;

	(void)state;
	assert_int_equal(procfs_get_stat(proc, 999999999, 999999999, &stat),
	    -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(procfs_get_flags(proc, 999999999, 0, &flags), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(procfs_take_fd(999999999, 0), -1);
	close(proc);
}

static void
a_mount_has_a_type(void **state)
{
	char type[PROCFS_TYPE];

	(void)state;
	assert_int_equal(procfs_parse_mount("36 35 98:0 /a /b\\040-\\040c rw "
	    "master:1 shared:2 - fuse.sshfs me@there:/ rw\n", 36, type), 0);
	assert_string_equal(type, "fuse.sshfs");
	assert_int_equal(procfs_parse_mount("36 35 98:0 / / rw - ext4 /dev/a "
	    "rw\n", 35, type), -1);
	assert_int_equal(procfs_parse_mount("36 35 98:0 / / rw\n", 36, type),
	    -1);
	assert_int_equal(procfs_parse_mount("36 35 98:0 / / rw - \n", 36,
	    type), -1);
	assert_int_equal(procfs_parse_mount("36 35 98:0 / / rw - "
	    "a-type-whose-name-is-much-too-long x rw\n", 36, type), -1);
	assert_int_equal(procfs_parse_mount("", 0, type), -1);
	assert_int_equal(errno, ENOENT);
}

/* With a name that looks like what follows. */
#define STATUS "Name:\tSigCgt:\\nTgid:\\t9\nUmask:\t0022\n" \
	       "State:\tS (sleeping)\nTgid:\t12\nPid:\t13\n" \
	       "TracerPid:\t14\n" \
	       "SigBlk:\t8000000000000000\nSigIgn:\t0000000000000001\n" \
	       "SigCgt:\t0000000000010000\n" \
	       "voluntary_ctxt_switches:\t150\n" \
	       "nonvoluntary_ctxt_switches:\t545\n"

static void
a_status_has_signals_and_turns(void **state)
{
	struct procfs_status status;
	char cut[sizeof(STATUS)];

	(void)state;
	assert_int_equal(procfs_parse_status(STATUS, &status), 0);
	assert_int_equal(status.group, 12);
	assert_int_equal(status.tracer, 14);
	assert_int_equal(status.caught, 1 << 16);
	assert_true(status.blocked == UINT64_C(1) << 63);
	assert_int_equal(status.turns, 150 + 545);
	/* All but the last number is needed. */
	memcpy(cut, STATUS, sizeof(STATUS));
	for (size_t n = sizeof(STATUS) - strlen("545\n") - 1; n > 0; n--) {
		cut[n] = '\0';
		assert_int_equal(procfs_parse_status(cut, &status), -1);
		assert_int_equal(errno, EINVAL);
	}
}

static void
a_process_lives_in_its_threads(void **state)
{
	int proc = procfs_open();
	struct procfs_status status;

	(void)state;
	assert_int_not_equal(proc, -1);
	assert_int_equal(procfs_living_thread(proc, getpid()), getpid());
	assert_int_equal(procfs_get_status(proc, getpid(), getpid(), &status),
	    0);
	assert_int_equal(status.group, getpid());
	assert_false(procfs_has_timers(proc, getpid()));
	close(proc);
}

static pid_t
start_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	assert_int_not_equal(pid, -1);
	return pid;
}

static void
only_the_process_that_was_seen_gets_a_signal(void **state)
{
	int proc = procfs_open(), wstatus;
	struct procfs_stat stat;
	pid_t pid = start_child();

	(void)state;
	assert_int_equal(procfs_get_stat(proc, pid, pid, &stat), 0);
	/* Another one has had the number before. */
	assert_int_equal(procfs_terminate(proc, pid, stat.started_ns - 1,
	    SIGKILL), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(waitpid(pid, &wstatus, WNOHANG), 0);
	/* It is stopped, and ends all the same. */
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &wstatus, WUNTRACED), pid);
	assert_int_equal(procfs_terminate(proc, pid, stat.started_ns,
	    SIGTERM), 0);
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_true(WIFSIGNALED(wstatus));
	assert_int_equal(WTERMSIG(wstatus), SIGTERM);
	assert_int_equal(procfs_terminate(proc, pid, stat.started_ns,
	    SIGTERM), -1);
	assert_int_equal(errno, ESRCH);
	close(proc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_may_have_any_byte),
		cmocka_unit_test(a_stat_beyond_all_times_is_refused),
		cmocka_unit_test(a_stat_that_is_cut_is_refused),
		cmocka_unit_test(a_longer_name_is_cut),
		cmocka_unit_test(a_call_has_six_arguments),
		cmocka_unit_test(no_call_and_running_are_told),
		cmocka_unit_test(a_call_that_is_cut_is_refused),
		cmocka_unit_test(flags_are_octal),
		cmocka_unit_test(the_last_run_is_not_taken_from_a_name),
		cmocka_unit_test(private_memory_is_told_from_shared),
		cmocka_unit_test(a_mount_has_a_type),
		cmocka_unit_test(a_status_has_signals_and_turns),
		cmocka_unit_test(a_process_lives_in_its_threads),
		cmocka_unit_test(we_can_be_looked_at),
		cmocka_unit_test(our_memory_can_be_read),
		cmocka_unit_test(what_is_gone_is_an_error),
		cmocka_unit_test(only_the_process_that_was_seen_gets_a_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
