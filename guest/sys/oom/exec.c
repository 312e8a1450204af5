// SPDX-License-Identifier: Apache-2.0

// What the agent's binary becomes when it is run by another name, before its Go runtime
// starts. start.go and reserve.go write the arguments.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static int set_score(const char *text)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t size = strlen(text);
	int error = fd < 0 || write(fd, text, size) != size ? errno : 0;

	if (fd >= 0)
		close(fd);
	errno = error;
	return error ? -1 : 0;
}

// Between the agent's fork and the execve of a program: gives the program the OOM score of
// everybody else. Arguments: the number of the descriptor that takes an error, the score,
// the program, its arguments.
static _Noreturn void run(char **argv)
{
	int result = atoi(argv[1]);
	int error;

	fcntl(result, F_SETFD, FD_CLOEXEC);
	if (set_score(argv[2]) == 0) {
		// What the agent has set for itself, see guest/boot.
		prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
		prctl(PR_SET_TIMERSLACK, 50000UL, 0, 0, 0);
		execve(argv[3], argv + 4, environ);
	}
	error = errno;
	if (write(result, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

// Holds memory until the kernel kills it, or the agent is gone. Arguments: the score and the
// number of bytes.
static _Noreturn void hold(char **argv)
{
	size_t size = strtoul(argv[2], NULL, 10);
	char byte;

	prctl(PR_SET_NAME, argv[0], 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (set_score(argv[1]))
		_exit(1);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		_exit(1);
	mlock(memory, size); // not to swap
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

// Before the other constructors of this binary (those without a number): they prepare for
// what this process will not become.
__attribute__((constructor(101))) static void enter(int argc, char **argv)
{
	if (argc >= 5 && argv && argv[0] && strcmp(argv[0], "kata-exec") == 0)
		run(argv);
	if (argc == 3 && argv && argv[0] && strcmp(argv[0], "kata-reserve") == 0)
		hold(argv);
}
