/* SPDX-License-Identifier: Apache-2.0 */

/* A container's first process between clone and the wait for its program. It does what runc's
 * libcontainer 1.5 does in Go, in the same order where it shows, for containers that are plain
 * (plan.go). Where something is not as expected it gives up: libcontainer makes the container then. */

#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* give_up says in which operation. */
_Noreturn void give_up(const struct building *b, int error)
{
	reply(RESULT_FD, REPLY_FAILED, STEP_PLAN, error, b->index, -1);
	_exit(255);
}

static const char *word(const char **strings)
{
	const char *s = *strings;

	*strings = s + strlen(s) + 1;
	return s;
}

/* wait_for_hooks says that all is mounted and waits until hooks have run. */
static void wait_for_hooks(void)
{
	char go;
	ssize_t n;

	if (reply(RESULT_FD, REPLY_MOUNTED, 0, 0, 0, -1))
		_exit(255);
	do
		n = recv(RESULT_FD, &go, sizeof go, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		_exit(255); /* the agent is gone, or does not want it any more */
}

static void enter_namespaces(struct received *r)
{
	const struct request *q = r->request;

	for (uint32_t i = q->flags & FLAG_PIDNS ? 1 : 0; i < q->namespaces; i++)
		if (setns(r->namespaces[i], 0))
			fail(STEP_SETNS, errno);
	/* The pid namespace has been made with the process. */
	if (unshare(q->seccomp_flags & ~CLONE_NEWPID))
		fail(STEP_SETNS, errno);
}

static void take_streams(struct received *r)
{
	for (int i = 0; !(r->request->flags & FLAG_TERMINAL) && i < 3; i++)
		if (dup3(r->stdio[i], i, 0) < 0)
			fail(STEP_STDIO, errno);
	if (syscall(SYS_close_range, PROC_FD + 1, ~0U, 0))
		fail(STEP_STDIO, errno);
}

static void do_operation(struct building *b, const struct operation *o, const struct words *w)
{
	switch (o->kind) {
	case OP_ROOT: root_file_system(b, o, w); return;
	case OP_MOUNT: mount_new(b, o, w); return;
	case OP_BIND: bind_mount(b, o, w); return;
	case OP_PROPAGATE: propagate(b, o->a); return;
	case OP_NODE: make_node(b, o, w); return;
	case OP_LINK: make_link(b, w); return;
	case OP_UNLINK: remove_link(b, w); return;
	case OP_HOOKS: wait_for_hooks(); return;
	case OP_PIVOT: pivot(b); return;
	case OP_DEV_NULL: reopen_null(b); return;
	case OP_CONSOLE: mount_console(b); return;
	case OP_ATTRIBUTES: change_attributes(b, o); return;
	case OP_UMASK: umask(o->x); return;
	case OP_SYSCTL: write_sysctl(b, w); return;
	case OP_READ_ONLY: make_read_only(b, w); return;
	case OP_MASK: mask(b, w); return;
	case OP_UNMOUNT: unmount(b, w); return;
	case OP_MOVE: move_root(b); return;
	case OP_LOOPBACK: bring_loopback_up(b); return;
	case OP_HOSTNAME:
		if (sethostname(w->source, strlen(w->source)))
			give_up(b, errno);
		return;
	case OP_DOMAINNAME:
		if (setdomainname(w->source, strlen(w->source)))
			give_up(b, errno);
		return;
	case OP_DIRECTORY: {
		int fd = make_directories(b->root, w->target);
		if (fd < 0)
			give_up(b, errno);
		close(fd);
		return;
	}
	}
}

static void carry_out(struct received *r)
{
	const struct operation *o = (const struct operation *)r->tail;
	struct building b = { .request = r->request, .root = -1, .last = -1, .mask = -1, .null = -1, .parent = -1 };
	const char *strings;

	if (!sound_plan(r->request, r->tail, &strings))
		fail(STEP_REQUEST, EINVAL);
	for (int i = 0; i < SLOTS; i++)
		b.slots[i] = -1;
	for (; b.index < r->request->argc; b.index++, o++) {
		struct words w;

		w.type = word(&strings);
		w.source = word(&strings);
		w.target = word(&strings);
		w.data = word(&strings);
		do_operation(&b, o, &w);
	}
}

_Noreturn void become_init(struct received *r)
{
	const struct request *q = r->request;

	if (dup3(r->result, RESULT_FD, O_CLOEXEC) < 0)
		_exit(255);
	/* It waits for what it is told here. The agent's end has flags of its own. */
	if (fcntl(RESULT_FD, F_SETFL, 0))
		fail(STEP_REQUEST, errno);
	prctl(PR_SET_NAME, "runc:[3:LAST]", 0, 0, 0);
	take_tail(r);
	if (q->flags & FLAG_OOM && !inherited_oom_score(q->oom))
		set_oom_score(q->oom);
	join_cgroups(r);
	keep_proc();
	enter_namespaces(r);
	if (setsid() < 0 || syscall(SYS_setgroups, (size_t)0, NULL))
		fail(STEP_SESSION, errno);
	take_streams(r);
	carry_out(r);
	if (reply(RESULT_FD, REPLY_BUILT, 0, 0, 0, -1))
		_exit(255);
	/* What was open of the agent's mounts must not be there when the program's user is taken on. */
	if (syscall(SYS_close_range, PROC_FD + 1, ~0U, 0))
		fail(STEP_STDIO, errno);
	finish(1);
}
