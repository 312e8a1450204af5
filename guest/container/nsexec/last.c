/* SPDX-License-Identifier: Apache-2.0 */

/* The last stage of a container's own first process. Where libcontainer prepares the container, in
 * a Go program, it executes this binary in place of the container's program: a single thread,
 * before Go boots. What would hit Go, limits and the seccomp filter, comes here. A process that was
 * prepared in C (init.c) goes on here without executing anything. */

#define _GNU_SOURCE
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* receive takes the request. procfs is the agent's /proc, or -1. */
static void receive(struct received *r, int *procfs)
{
	int fd[MAX_DESCRIPTORS + 1];
	ssize_t size;
	int n = receive_request(RESULT_FD, message, sizeof message, fd, &size);

	if (!size)
		_exit(255); /* the agent is gone */
	r->request = (struct request *)message;
	r->tail = message + sizeof *r->request;
	r->memfd = -1;
	if (n < 0 || (size_t)size < sizeof *r->request)
		fail(STEP_REQUEST, n < 0 ? EMFILE : EINVAL);
	int proc = !!(r->request->flags & FLAG_PROC), memfd = !!(r->request->flags & FLAG_MEMFD);
	if (n != proc + memfd || (size_t)size != sizeof *r->request + (memfd ? 0 : r->request->tail))
		fail(STEP_REQUEST, EINVAL);
	*procfs = proc ? fd[0] : -1;
	if (memfd)
		r->memfd = fd[n - 1];
}

/* wait_for_go returns when the container is to be started. */
static void wait_for_go(void)
{
	char go;
	ssize_t n;
	int ends[2];

	/* Of this pipe nobody else has the writing end, so its end is the execve or the death
	 * of this process. A hook may have kept the socket. */
	if (pipe2(ends, O_CLOEXEC))
		fail(STEP_STDIO, errno);
	if (reply(RESULT_FD, REPLY_READY, STEP_READY, 0, 0, ends[0]))
		_exit(255);
	close(ends[0]);
	do
		n = recv(RESULT_FD, &go, sizeof go, 0);
	while (n < 0 && errno == EINTR);
	/* Says that what comes now is the program's, its end too. */
	if (n <= 0 || write(ends[1], &go, sizeof go) != sizeof go)
		_exit(255);
}

/* finish takes the request for the program and becomes that. own says that the agent's /proc is
 * open already. */
_Noreturn void finish(int own)
{
	struct received r;
	struct tail t;
	char buffer[4096];
	uint64_t no_signals = 0;
	int procfs;

	/* The helper has all of them blocked. */
	if (own && syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, sizeof no_signals))
		fail(STEP_SESSION, errno);
	receive(&r, &procfs);
	const struct request *q = r.request;
	take_apart(&r, &t);
	if (procfs >= 0 && procfs != PROC_FD && dup3(procfs, PROC_FD, O_CLOEXEC) < 0)
		fail(STEP_PROC, errno);
	if (syscall(SYS_close_range, PROC_FD + (own || procfs >= 0), ~0U, 0))
		fail(STEP_STDIO, errno);
	if (own)
		raise_limits(q, t.limits);
	if (q->flags & FLAG_NO_NEW_PRIVS && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail(STEP_NO_NEW_PRIVS, errno);
	write_attribute("thread-self/attr/exec", NULL, "", t.label, STEP_LABEL);
	change_user(q, t.groups, t.cwd);
	write_attribute("thread-self/attr/apparmor/exec", "thread-self/attr/exec", "exec ",
			t.apparmor, STEP_APPARMOR);
	const char *file = look_up(t.argv[0], t.path, buffer, sizeof buffer);
	syscall(SYS_close_range, PROC_FD, ~0U, 0);
	wait_for_go();
	execute(q, &t, file);
}

/* begin makes a last stage of a program that has just been executed. */
static _Noreturn void begin(void)
{
	/* Before anything of the container's user is taken on: nobody in the container can
	 * reach this process's memory or descriptors then. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NAME, "runc:[3:LAST]", 0, 0, 0);
	if (fcntl(RESULT_FD, F_SETFD, FD_CLOEXEC))
		_exit(255);
	finish(0);
}

/* binary_is_static tells whether the kernel has loaded this binary alone: in a container's root
 * file system there is no interpreter for it. */
int binary_is_static(void)
{
	return getauxval(AT_BASE) == 0;
}

/* Before the constructors of other packages, which take process 1 for the guest's init. */
__attribute__((constructor(101))) static void enter(int argc, char **argv)
{
	if (argc == 2 && argv && !strncmp(argv[0], "/proc/self/fd/", 14) && !strcmp(argv[1], "kata-last-stage"))
		begin();
}
