/* SPDX-License-Identifier: Apache-2.0 */

/* The messages between the agent and the helper; encode.go and reply.go write and read
 * the same structures. Both ends are one binary, so native byte order and no versions. */

#ifndef SPAWN_REQUEST_H
#define SPAWN_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	FLAG_NO_NEW_PRIVS = 1 << 0,
	FLAG_TERMINAL = 1 << 1,
	FLAG_OOM = 1 << 2,
	FLAG_UMASK = 1 << 3,
	FLAG_CAPS = 1 << 4,
	FLAG_PIDNS = 1 << 5,  /* the first namespace is the pid namespace */
	FLAG_USERNS = 1 << 6, /* the last namespace is the user namespace */
	FLAG_CGROUP2 = 1 << 7, /* the only cgroup is a directory to be cloned into */
	FLAG_MEMFD = 1 << 8,   /* the tail is in the last descriptor */
	FLAG_PROC = 1 << 9,    /* to the last stage: the first descriptor is the agent's /proc */
	FLAG_INIT = 1 << 10,   /* a container's first process: see plan.h */
};

/* Where a process can fail; Step in error.go has the same order. */
enum step {
	STEP_REQUEST = 1,
	STEP_PIDNS,
	STEP_CLONE,
	STEP_OOM,
	STEP_CGROUP,
	STEP_PROC,
	STEP_RLIMIT,
	STEP_SETNS,
	STEP_USERNS,
	STEP_SESSION,
	STEP_PTMX,
	STEP_PTY,
	STEP_STDIO,
	STEP_CTTY,
	STEP_NO_NEW_PRIVS,
	STEP_LABEL,
	STEP_SECCOMP,
	STEP_CWD,
	STEP_ESCAPE,
	STEP_BOUNDING,
	STEP_CHOWN,
	STEP_GROUPS,
	STEP_GID,
	STEP_UID,
	STEP_CAPS,
	STEP_APPARMOR,
	STEP_LOOKUP,
	STEP_FILE,
	STEP_RELATIVE,
	STEP_EXEC,
	STEP_MEMORY,
	STEP_READY,
	STEP_PLAN,
};

enum capability_set { BOUNDING, EFFECTIVE, PERMITTED, INHERITABLE, AMBIENT, CAPABILITY_SETS };

/* A request: this, then the tail: rlimits, seccomp filters, groups, and the strings
 * cwd, label, apparmor, path, arguments, environment, each with its NUL. Descriptors:
 * result socket, standard streams (none with a terminal), namespaces, cgroups, tail. */
struct request {
	uint32_t flags;
	uint32_t namespaces, cgroups, groups, rlimits, filters, argc, envc;
	uint32_t seccomp_flags; /* of FLAG_INIT: the namespaces to be made, and argc the operations */
	uint32_t uid, gid, umask;
	int32_t oom;
	uint16_t rows, columns;
	uint32_t tail; /* bytes */
	uint32_t id;   /* for the ledger */
	uint64_t caps[CAPABILITY_SETS];
};

struct limit {
	uint32_t resource, reserved;
	uint64_t soft, hard;
};

enum reply_kind { REPLY_STARTED = 1, REPLY_TERMINAL, REPLY_FAILED, REPLY_READY, REPLY_MOUNTED,
		  REPLY_BUILT };

/* What comes back on the result socket: STARTED with a pidfd and FAILED from the helper,
 * TERMINAL with a pty master and FAILED from the process. Its close is the execve. A
 * process whose helper has not answered says STARTED itself, before it does anything
 * final; the kernel adds its pid to what it sends. So no child can be lost. */
struct reply {
	uint32_t kind, step;
	int32_t error, pid;
};

_Static_assert(sizeof(struct request) == 104, "encode.go");
_Static_assert(sizeof(struct limit) == 24, "encode.go");
_Static_assert(sizeof(struct reply) == 16, "reply.go");

/* The ledger is a page that outlives the helper: the agent has the memfd, the helper and,
 * until execve, its processes the page. The kernel enters the new process (of the request
 * id) before clone returns, so none is unknown, whenever the helper is killed. answered is
 * the serial number, the helper's own, of the last request that was answered. */
struct ledger {
	uint64_t answered;
	uint32_t id;
	int32_t pid; /* 0: none was made for id */
};

_Static_assert(sizeof(struct ledger) == 16, "ledger.go");

enum {
	MAX_INLINE = 32 << 10,
	MAX_MESSAGE = sizeof(struct request) + MAX_INLINE,
	MAX_DESCRIPTORS = 64,

	/* Descriptors of the helper, and of the process until execve. */
	REQUEST_FD = 3,
	PIDNS_FD = 4,  /* the executable until then */
	LEDGER_FD = 5, /* at the start */
	FIRST_FREE_FD = 5,
	RESULT_FD = 3,
	PROC_FD = 4,
};

/* tail is the tail of a request, taken apart. */
struct tail {
	struct limit *limits;
	struct sock_filter *filters;
	uint32_t *groups;
	char *cwd, *label, *apparmor, *path;
	char **argv, **envp, *few[128];
};

/* received are a request's descriptors in the order above, with its tail. */
struct received {
	const struct request *request;
	char *tail;
	int result, *stdio, *namespaces, *cgroups, memfd;
};

/* The message that is being served. */
extern char message[MAX_MESSAGE];

int unanswered(void);
int inherited_oom_score(int score);
int reply(int socket, uint32_t kind, uint32_t step, int error, int pid, int fd);
_Noreturn void fail(enum step step, int error);
_Noreturn void become(struct received *r);
_Noreturn void become_init(struct received *r);
_Noreturn void finish(int own);
void take_tail(struct received *r);
void join_cgroups(struct received *r);
void keep_proc(void);
void set_oom_score(int score);
void raise_limits(const struct request *q, const struct limit *l);
void take_apart(struct received *r, struct tail *t);
void set_limits(const struct request *q, const struct limit *l);
void keep_filter_right(const struct request *q);
_Noreturn void execute(const struct request *q, const struct tail *t, const char *file);
int receive_request(int socket, char *buffer, size_t size, int *fd, ssize_t *length);
void open_terminal(const struct request *r);
void change_user(const struct request *r, const uint32_t *groups, const char *cwd);
void write_attribute(const char *name, const char *fallback, const char *prefix,
		     const char *value, enum step step);
const char *look_up(const char *file, const char *path, char *buffer, size_t size);

#endif
