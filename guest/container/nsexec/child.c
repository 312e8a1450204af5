/* SPDX-License-Identifier: Apache-2.0 */

/* What a new process does between clone and execve: the same as runc's libcontainer
 * 1.5 does for a process that joins a container, in the same order where it shows. */

#define _GNU_SOURCE
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Noreturn void fail(enum step step, int error)
{
	reply(RESULT_FD, REPLY_FAILED, step, error, 0, -1);
	_exit(255);
}

/* next takes the string at the start of what is left of the tail. */
static char *next(char **string, const char *end)
{
	char *s = *string, *nul = memchr(s, 0, end - s);

	if (!nul)
		fail(STEP_REQUEST, EINVAL);
	*string = nul + 1;
	return s;
}

static void *allocate(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail(STEP_MEMORY, errno);
	return p;
}

/* take_tail makes the tail readable, wherever it is. */
void take_tail(struct received *r)
{
	if (r->memfd < 0)
		return;
	r->tail = mmap(NULL, r->request->tail, PROT_READ | PROT_WRITE, MAP_PRIVATE, r->memfd, 0);
	if (r->tail == MAP_FAILED)
		fail(STEP_MEMORY, errno);
}

void take_apart(struct received *r, struct tail *t)
{
	const struct request *q = r->request;

	take_tail(r);
	/* The agent is trusted, its memory may have been damaged: nothing is read or written past
	 * the end. Each string has a byte at least, so the number of words is bounded too. */
	uint64_t fixed = (uint64_t)q->rlimits * sizeof *t->limits +
		(uint64_t)q->filters * sizeof *t->filters + (uint64_t)q->groups * sizeof *t->groups;
	if (!q->argc || fixed > q->tail || (uint64_t)q->argc + q->envc > q->tail)
		fail(STEP_REQUEST, EINVAL);
	const char *end = r->tail + q->tail;
	t->limits = (struct limit *)r->tail;
	t->filters = (struct sock_filter *)(t->limits + q->rlimits);
	t->groups = (uint32_t *)(t->filters + q->filters);
	char *s = (char *)(t->groups + q->groups);
	t->cwd = next(&s, end);
	t->label = next(&s, end);
	t->apparmor = next(&s, end);
	t->path = next(&s, end);
	size_t words = (size_t)q->argc + q->envc + 2;
	t->argv = t->few;
	if (words > sizeof t->few / sizeof *t->few)
		t->argv = allocate(words * sizeof(char *));
	for (uint32_t i = 0; i < q->argc; i++)
		t->argv[i] = next(&s, end);
	t->argv[q->argc] = NULL;
	t->envp = t->argv + q->argc + 1;
	for (uint32_t i = 0; i < q->envc; i++)
		t->envp[i] = next(&s, end);
	t->envp[q->envc] = NULL;
}

void set_oom_score(int score)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", score);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, n) != n)
		fail(STEP_OOM, errno);
	close(fd);
}

void join_cgroups(struct received *r)
{
	/* A process frozen on the way in stays in write(2), or in clone for cgroup v2. */
	for (uint32_t i = 0; !(r->request->flags & FLAG_CGROUP2) && i < r->request->cgroups; i++)
		if (write(r->cgroups[i], "0", 1) != 1)
			fail(STEP_CGROUP, errno);
}

/* The agent's /proc: what the container has mounted on its own may lie. */
void keep_proc(void)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0 || dup3(proc, PROC_FD, O_CLOEXEC) < 0)
		fail(STEP_PROC, errno);
}

/* Limits can be raised only before the user namespace is joined, and are lowered late:
 * a limit on descriptors would hit the work in between. */
void raise_limits(const struct request *q, const struct limit *l)
{
	for (uint32_t i = 0; i < q->rlimits; i++) {
		struct rlimit64 now;

		if (prlimit64(0, l[i].resource, NULL, &now))
			fail(STEP_RLIMIT, errno);
		if (now.rlim_max >= l[i].hard)
			continue;
		now.rlim_max = l[i].hard;
		if (prlimit64(0, l[i].resource, &now, NULL))
			fail(STEP_RLIMIT, errno);
	}
}

void set_limits(const struct request *q, const struct limit *l)
{
	for (uint32_t i = 0; i < q->rlimits; i++) {
		struct rlimit64 limit = { l[i].soft, l[i].hard };

		if (prlimit64(0, l[i].resource, &limit, NULL))
			fail(STEP_RLIMIT, errno);
	}
}

/* Most namespaces are joined with the agent's rights, before its user namespace is left;
 * what belongs to another user namespace can only be joined from inside. */
static void join_namespaces(struct received *r)
{
	const struct request *q = r->request;
	uint32_t first = q->flags & FLAG_PIDNS ? 1 : 0;
	uint32_t last = q->namespaces - (q->flags & FLAG_USERNS ? 1 : 0);
	uint64_t refused = 0;

	for (uint32_t i = first; i < last; i++) {
		if (!setns(r->namespaces[i], 0))
			continue;
		if (errno != EPERM || last == q->namespaces)
			fail(STEP_SETNS, errno);
		refused |= 1ULL << i;
	}
	if (last == q->namespaces)
		return;
	if (setns(r->namespaces[last], CLONE_NEWUSER) || syscall(SYS_setresuid, 0, 0, 0))
		fail(STEP_USERNS, errno);
	for (uint32_t i = first; i < last; i++)
		if (refused >> i & 1 && setns(r->namespaces[i], 0))
			fail(STEP_SETNS, errno);
	if (syscall(SYS_setresgid, 0, 0, 0))
		fail(STEP_USERNS, errno);
}

/* Keeps nothing but the standard streams, the result socket and maybe /proc: later steps
 * follow paths that the container has a say in, and none may lead to a descriptor. */
static void set_up_stdio(struct received *r, int proc)
{
	if (r->request->flags & FLAG_TERMINAL) {
		open_terminal(r->request);
	} else {
		for (int i = 0; i < 3; i++)
			if (dup3(r->stdio[i], i, 0) < 0)
				fail(STEP_STDIO, errno);
	}
	if (syscall(SYS_close_range, PROC_FD + proc, ~0U, 0))
		fail(STEP_STDIO, errno);
	if (r->request->flags & FLAG_TERMINAL && ioctl(0, TIOCSCTTY, 0))
		fail(STEP_CTTY, errno);
}

static void filter(const struct request *q, struct sock_filter *f)
{
	struct sock_fprog program = { q->filters, f };

	if (q->filters && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, q->seccomp_flags, &program))
		fail(STEP_SECCOMP, errno);
}

/* The last of all: the filter is loaded when nothing is left to be done but the execve, so
 * that it must allow that call alone; and limits when nothing is opened any more. */
_Noreturn void execute(const struct request *q, const struct tail *t, const char *file)
{
	set_limits(q, t->limits);
	filter(q, t->filters);
	execve(file, t->argv, t->envp);
	fail(STEP_EXEC, errno);
}

_Noreturn void become(struct received *r)
{
	const struct request *q = r->request;
	int nnp = q->flags & FLAG_NO_NEW_PRIVS;
	struct tail t;
	char buffer[4096];
	uint64_t no_signals = 0;

	/* Takes the place of the request socket: a process that is held up must not hold
	 * that one open. */
	if (dup3(r->result, RESULT_FD, O_CLOEXEC) < 0)
		_exit(255);
	take_apart(r, &t);
	if (q->flags & FLAG_OOM && !inherited_oom_score(q->oom))
		set_oom_score(q->oom);
	join_cgroups(r);
	int proc = q->flags & (FLAG_TERMINAL | FLAG_USERNS) || *t.label || *t.apparmor;
	if (proc)
		keep_proc();
	raise_limits(q, t.limits);
	join_namespaces(r);
	if (setsid() < 0)
		fail(STEP_SESSION, errno);
	set_up_stdio(r, proc);
	if (nnp && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail(STEP_NO_NEW_PRIVS, errno);
	if (q->flags & FLAG_UMASK)
		umask(q->umask);
	write_attribute("thread-self/attr/exec", NULL, "", t.label, STEP_LABEL);
	change_user(q, t.groups, t.cwd);
	write_attribute("thread-self/attr/apparmor/exec", "thread-self/attr/exec", "exec ",
			t.apparmor, STEP_APPARMOR);
	const char *file = look_up(t.argv[0], t.path, buffer, sizeof buffer);
	syscall(SYS_close_range, PROC_FD, ~0U, 0);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, sizeof no_signals);
	if (unanswered() && reply(RESULT_FD, REPLY_STARTED, 0, 0, 0, -1))
		_exit(255);
	execute(q, &t, file);
}
