/* SPDX-License-Identifier: Apache-2.0 */

/* The plan of a container's first process: what it does, one operation after the other, between
 * clone and the wait for its program. plan.go writes the same structures. It is a request with
 * FLAG_INIT, whose tail is the operations and then four strings for each of them. */

#ifndef SPAWN_PLAN_H
#define SPAWN_PLAN_H

#include "request.h"

enum operation_kind {
	OP_ROOT = 1,	  /* source: the root file system; a: propagation of /; b: of its parent mount */
	OP_MOUNT,	  /* type, source, target, data; a: attributes */
	OP_BIND,	  /* source, target; a, b: attributes to be set and cleared */
	OP_PROPAGATE,	  /* a: propagation of the last mount */
	OP_NODE,	  /* target; a: device; b: uid, gid; x: mode */
	OP_LINK,	  /* target: the link; source: its text */
	OP_UNLINK,	  /* target */
	OP_HOOKS,	  /* say that all is mounted, and wait */
	OP_PIVOT,
	OP_DEV_NULL,	  /* a stream that is /dev/null is the container's */
	OP_DIRECTORY,	  /* target */
	OP_CONSOLE,
	OP_ATTRIBUTES,	  /* x: slot of a mount, or SLOT_ROOT; a, b: attributes to be set and cleared */
	OP_UMASK,	  /* x */
	OP_HOSTNAME,	  /* source */
	OP_DOMAINNAME,	  /* source */
	OP_SYSCTL,	  /* target: path below /proc/sys; source: value */
	OP_READ_ONLY,	  /* target */
	OP_MASK,	  /* target */
	OP_LOOPBACK,
	OP_UNMOUNT,	  /* target, in the agent's mounts */
	OP_MOVE,	  /* as OP_PIVOT, where / is the initramfs */
	OP_LAST = OP_MOVE,
};

enum {
	/* Flags of operations. */
	OPERATION_READ_ONLY = 1 << 0, /* of the file system, not of the mount */
	OPERATION_STRICT = 1 << 1,    /* no link in the target's path */
	OPERATION_MODE = 1 << 2,      /* the file system's root has the mode of what it covers */
	OPERATION_RECURSIVE = 1 << 3,
	OPERATION_KEEP = 1 << 4,      /* the mount is kept in slot x */
	OPERATION_ATTRIBUTES = 1 << 5, /* a bind has attributes of its own */

	SLOTS = 16,
	SLOT_ROOT = SLOTS,
	MAX_OPERATIONS = 4096,
};

struct operation {
	uint32_t kind, flags;
	uint64_t a, b;
	uint32_t x, reserved;
};

_Static_assert(sizeof(struct operation) == 32, "plan.go");

/* What an operation says in words, "" where it says nothing. */
struct words {
	const char *type, *source, *target, *data;
};

/* The root file system while it is being built. */
struct building {
	const struct request *request;
	const char *path; /* of the root, in the agent's mounts */
	size_t path_length;
	int root;	   /* its directory; of / after the pivot */
	int last;	   /* the last mount */
	int mask;	   /* the directory that covers others */
	int null;	   /* the container's /dev/null */
	int slots[SLOTS];
	int parent; /* of the last node, and its path */
	const char *parent_path;
	size_t parent_length;
	uint32_t index; /* of the operation */
};

/* The kernel's struct open_how and struct mount_attr. */
struct how {
	uint64_t flags, mode, resolve;
};

struct attributes {
	uint64_t set, clear, propagation, userns;
};

_Noreturn void give_up(const struct building *b, int error);
int sound_plan(const struct request *q, char *tail, const char **strings);

int resolve(int root, const char *path, uint64_t flags, uint64_t extra);
int make_directories(int root, const char *path);
int open_parent(int root, const char *path, const char **name);
void check_place(const struct building *b, int fd, const char *type, int source);

void root_file_system(struct building *b, const struct operation *o, const struct words *w);
void pivot(struct building *b);
void move_root(struct building *b);
void unmount(struct building *b, const struct words *w);
void mount_new(struct building *b, const struct operation *o, const struct words *w);
void bind_mount(struct building *b, const struct operation *o, const struct words *w);
void propagate(struct building *b, uint64_t flags);
void change_attributes(struct building *b, const struct operation *o);
void attach(struct building *b, int mount, int target);
int set_attributes(int mount, unsigned flags, struct attributes *a);
int copy_tree(int fd, const char *path, unsigned flags);
int make_mount(const char *type, const char *source, const char *mode, const char *data, int read_only,
	       uint64_t attributes);

void make_node(struct building *b, const struct operation *o, const struct words *w);
void make_link(struct building *b, const struct words *w);
void remove_link(struct building *b, const struct words *w);
void reopen_null(struct building *b);
void mount_console(struct building *b);

void write_sysctl(struct building *b, const struct words *w);
void make_read_only(struct building *b, const struct words *w);
void mask(struct building *b, const struct words *w);
void bring_loopback_up(struct building *b);

#endif
