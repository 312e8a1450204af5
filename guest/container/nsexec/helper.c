/* SPDX-License-Identifier: Apache-2.0 */

/* The helper: a single thread of the agent's binary that never boots Go. It turns each
 * request into a child of the agent and waits for nothing else. */

#define _GNU_SOURCE
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

_Alignas(8) char message[MAX_MESSAGE];

/* The number of the request being served. */
static uint64_t serial;

static struct ledger *ledger;

/* What the helper has itself, and so each process that it makes: the agent's protection. */
static int own_oom_score;

/* The kernel's struct clone_args. */
struct clone_arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

int reply(int socket, uint32_t kind, uint32_t step, int error, int pid, int fd)
{
	struct reply r = { kind, step, error, pid };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)];
	struct iovec v = { &r, sizeof r };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	if (fd >= 0) {
		memset(control, 0, sizeof control);
		m.msg_control = control;
		m.msg_controllen = sizeof control;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	return sendmsg(socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

/* inherited_oom_score tells a process whether it has this score by its birth. */
int inherited_oom_score(int score)
{
	return score == own_oom_score;
}

/* unanswered tells a process whether the helper has not answered, or died before. */
int unanswered(void)
{
	return __atomic_load_n(&ledger->answered, __ATOMIC_ACQUIRE) < serial;
}

/* sort finds the meaning of n descriptors; -1 when they do not fit the request. */
static int sort(struct received *r, int *fd, int n, size_t size)
{
	const struct request *q = r->request;
	int terminal = !!(q->flags & FLAG_TERMINAL), memfd = !!(q->flags & FLAG_MEMFD);

	if (n < 1 || q->namespaces > MAX_DESCRIPTORS || q->cgroups > MAX_DESCRIPTORS ||
	    1 + (terminal ? 0 : 3) + q->namespaces + q->cgroups + memfd != (uint32_t)n)
		return -1;
	uint32_t named = !!(q->flags & FLAG_PIDNS) + !!(q->flags & FLAG_USERNS);
	if (named > q->namespaces || (q->flags & FLAG_CGROUP2 && q->cgroups != 1) ||
	    size != sizeof *q + (memfd ? 0 : q->tail))
		return -1;
	r->result = fd[0];
	r->stdio = fd + 1;
	r->namespaces = r->stdio + (terminal ? 0 : 3);
	r->cgroups = r->namespaces + q->namespaces;
	r->memfd = memfd ? fd[n - 1] : -1;
	r->tail = message + sizeof *q;
	return 0;
}

/* start clones the process and answers. Only here does the helper's pid namespace for
 * children differ from its own. */
static void start(struct received *r, int own_pidns)
{
	const struct request *q = r->request;
	int pidfd = -1;
	struct clone_arguments a = {
		/* CLONE_PARENT: the agent is the parent, and its exit signal is taken
		 * over from the helper: SIGCHLD. */
		.flags = CLONE_PARENT | CLONE_PIDFD | CLONE_PARENT_SETTID,
		.pidfd = (uintptr_t)&pidfd,
		.parent_tid = (uintptr_t)&ledger->pid,
	};

	if (q->flags & FLAG_INIT)
		a.flags |= q->seccomp_flags & CLONE_NEWPID;
	if (q->flags & FLAG_CGROUP2) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = r->cgroups[0];
	}
	if (q->flags & FLAG_PIDNS && setns(r->namespaces[0], CLONE_NEWPID)) {
		reply(r->result, REPLY_FAILED, STEP_PIDNS, errno, 0, -1);
		return;
	}
	serial++;
	ledger->pid = 0;
	__atomic_store_n(&ledger->id, q->id, __ATOMIC_RELEASE);
	long pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0 && q->flags & FLAG_INIT)
		become_init(r);
	if (pid == 0)
		become(r);
	int error = errno;
	if (q->flags & FLAG_PIDNS && setns(own_pidns, CLONE_NEWPID))
		_exit(1);
	if (pid < 0)
		reply(r->result, REPLY_FAILED, STEP_CLONE, error, 0, -1);
	else if (reply(r->result, REPLY_STARTED, 0, 0, pid, pidfd))
		/* Nobody is left to own it. */
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	__atomic_store_n(&ledger->answered, serial, __ATOMIC_RELEASE);
}

/* receive_request takes one message; length is 0 when the agent is gone. The result is the
 * number of descriptors that came, or of those, negative and less one, if it was cut off. */
int receive_request(int socket, char *buffer, size_t size, int *fd, ssize_t *length)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
	int n = 0;
	struct iovec v = { buffer, size };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1,
			    .msg_control = control, .msg_controllen = sizeof control };

	do
		*length = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (*length < 0 && errno == EINTR);
	if (*length <= 0) {
		*length = 0;
		return 0;
	}
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fd, CMSG_DATA(c), n * sizeof(int));
	}
	return m.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -n - 1 : n;
}

static void serve(int own_pidns)
{
	for (;;) {
		int fd[MAX_DESCRIPTORS + 1];
		ssize_t size;
		int n = receive_request(REQUEST_FD, message, sizeof message, fd, &size);

		if (!size)
			return; /* the agent is gone */
		struct received r = { .request = (struct request *)message };
		if (n < 0 || (size_t)size < sizeof *r.request || sort(&r, fd, n, size)) {
			if (n > 0 || n < -1)
				reply(fd[0], REPLY_FAILED, STEP_REQUEST, n < 0 ? EMFILE : EINVAL, 0, -1);
		} else {
			start(&r, own_pidns);
		}
		syscall(SYS_close_range, FIRST_FREE_FD, ~0U, 0);
		/* The next process starts as a copy of this one and may belong to another
		 * container: leave it nothing. */
		explicit_bzero(message, size);
	}
}

/* The kernel's struct sigaction; libc's wrapper refuses its own signals 32 and 33. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static void reset_signals(void)
{
	struct kernel_sigaction a = { .handler = (void *)SIG_DFL };
	uint64_t all = ~0ULL;

	for (int s = 1; s <= 64; s++)
		syscall(SYS_rt_sigaction, s, &a, NULL, sizeof a.mask);
	/* Only SIGKILL ends the helper; processes unblock them before execve. */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
}

static void read_oom_score(void)
{
	char text[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);

	own_oom_score = INT_MAX;
	if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
		own_oom_score = atoi(text);
	close(fd);
}

static void run(void)
{
	/* Processes get all CPUs of their cgroup, those plugged in later included, and not
	 * what the agent may have been confined to. */
	static const unsigned char all[8192] = { [0 ... 8191] = 0xff };

	syscall(SYS_sched_setaffinity, 0, sizeof all, all);
	/* Programs in containers get huge pages, as the agent does not (guest/boot/pid1), and
	 * exact timers, as a thread of the agent may not (guest/boot/goruntime). */
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	prctl(PR_SET_TIMERSLACK, 50000UL, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_NAME, "kata-spawner", 0, 0, 0);
	ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED, LEDGER_FD, 0);
	if (ledger == MAP_FAILED)
		_exit(1);
	/* The kernel's entry is made while the helper may be dying, when nothing is paged in. */
	mlock(ledger, sizeof *ledger);
	syscall(SYS_close_range, REQUEST_FD + 1, ~0U, 0);
	read_oom_score();
	/* What the helper needs must be there when the guest has no memory left. */
	mlockall(MCL_CURRENT | MCL_ONFAULT);
	reset_signals();
	setsid();
	if (chdir("/") || open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC) != PIDNS_FD)
		_exit(1);
	serve(PIDNS_FD);
	_exit(0);
}

/* Constructors run before the Go runtime starts; glibc gives them main's arguments. */
__attribute__((constructor)) static void enter(int argc, char **argv)
{
	if (argc == 1 && argv && argv[0] && !strcmp(argv[0], "kata-spawner"))
		run();
}
