/* SPDX-License-Identifier: Apache-2.0 */

/* Mounts of a container, by the mount API that goes by descriptors (Linux 5.12): a mount is made, and
 * has its attributes, before it is put in its place. */

#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

/* Of linux/mount.h, which does not go with sys/mount.h everywhere. */
enum {
	OPEN_CLONE = 1,
	OPEN_CLOEXEC = O_CLOEXEC,
	RECURSIVE = 0x8000, /* AT_RECURSIVE */
	FROM_EMPTY_PATH = 0x4,
	TO_EMPTY_PATH = 0x40,
	CONFIG_FLAG = 0,
	CONFIG_STRING = 1,
	CONFIG_CREATE = 6,
	ATTRIBUTE_NOSYMFOLLOW = 0x200000,
};

/* configure hands the options of a mount to a file system that is being made, as mount(2) would. */
static int configure(int fs, const char *options)
{
	char word[4096];

	while (*options) {
		size_t n = strcspn(options, ",");

		if (n >= sizeof word) {
			errno = E2BIG;
			return -1;
		}
		memcpy(word, options, n);
		word[n] = 0;
		options += n + (options[n] == ',');
		if (!n)
			continue;
		char *value = strchr(word, '=');
		if (value)
			*value++ = 0;
		if (syscall(SYS_fsconfig, fs, value ? CONFIG_STRING : CONFIG_FLAG, word, value, 0))
			return -1;
	}
	return 0;
}

/* make_mount makes a file system and a mount of it that is nowhere yet. */
int make_mount(const char *type, const char *source, const char *mode, const char *data, int read_only,
	       uint64_t attributes)
{
	int fs = syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */), mount = -1;

	if (fs < 0)
		return -1;
	if ((!*source || !syscall(SYS_fsconfig, fs, CONFIG_STRING, "source", source, 0)) &&
	    (!read_only || !syscall(SYS_fsconfig, fs, CONFIG_FLAG, "ro", NULL, 0)) &&
	    !configure(fs, mode) && !configure(fs, data) &&
	    !syscall(SYS_fsconfig, fs, CONFIG_CREATE, NULL, NULL, 0))
		mount = syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, attributes);
	int error = errno;
	close(fs);
	errno = error;
	return mount;
}

/* copy_tree makes a mount of a file or directory that is mounted somewhere. */
int copy_tree(int fd, const char *path, unsigned flags)
{
	return syscall(SYS_open_tree, fd, path, OPEN_CLONE | OPEN_CLOEXEC | flags);
}

int set_attributes(int mount, unsigned flags, struct attributes *a)
{
	int failed = syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, a, sizeof *a);

	/* Before Linux 5.14 there was no such attribute, so none needs to be taken away. */
	if (failed && errno == EINVAL && a->clear & ATTRIBUTE_NOSYMFOLLOW && !(a->set & ATTRIBUTE_NOSYMFOLLOW)) {
		a->clear &= ~(uint64_t)ATTRIBUTE_NOSYMFOLLOW;
		failed = syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, a, sizeof *a);
	}
	return failed;
}

void attach(struct building *b, int mount, int target)
{
	if (syscall(SYS_move_mount, mount, "", target, "", FROM_EMPTY_PATH | TO_EMPTY_PATH))
		give_up(b, errno);
	close(target);
	if (b->last >= 0)
		close(b->last);
	b->last = mount;
}

static void keep(struct building *b, const struct operation *o)
{
	if (!(o->flags & OPERATION_KEEP))
		return;
	b->slots[o->x] = fcntl(b->last, F_DUPFD_CLOEXEC, 0);
	if (b->slots[o->x] < 0)
		give_up(b, errno);
}

/* mount_point opens where a directory is to be mounted, and makes it. */
static int mount_point(struct building *b, const struct operation *o, const char *target, char mode[16])
{
	uint64_t strict = o->flags & OPERATION_STRICT ? RESOLVE_NO_SYMLINKS : 0;
	struct stat s;
	int fd = resolve(b->root, target, O_PATH, strict);

	if (fd >= 0 && o->flags & OPERATION_MODE) {
		if (fstat(fd, &s))
			give_up(b, errno);
		snprintf(mode, 16, "mode=%04o", s.st_mode & 07777);
	}
	if (fd < 0 && errno == ENOENT)
		fd = make_directories(b->root, target);
	if (fd < 0 || fstat(fd, &s))
		give_up(b, errno);
	if (!S_ISDIR(s.st_mode))
		give_up(b, ENOTDIR);
	return fd;
}

void mount_new(struct building *b, const struct operation *o, const struct words *w)
{
	char mode[16] = "";
	int target = mount_point(b, o, w->target, mode);

	check_place(b, target, w->type, -1);
	int mount = make_mount(w->type, w->source, mode, w->data, o->flags & OPERATION_READ_ONLY, o->a);
	if (mount < 0)
		give_up(b, errno);
	attach(b, mount, target);
	keep(b, o);
}

/* bind_point opens where something is to be mounted, and makes a file or directory as that is one. */
static int bind_point(struct building *b, const char *target, int source)
{
	const char *name;
	struct stat s;
	int fd = resolve(b->root, target, O_PATH, 0);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (fstat(source, &s))
		return -1;
	if (S_ISDIR(s.st_mode))
		return make_directories(b->root, target);
	int parent = open_parent(b->root, target, &name);
	if (parent < 0)
		return -1;
	fd = openat(parent, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int error = errno;
	close(parent);
	errno = error;
	return fd;
}

void bind_mount(struct building *b, const struct operation *o, const struct words *w)
{
	int mount = copy_tree(AT_FDCWD, w->source, o->flags & OPERATION_RECURSIVE ? RECURSIVE : 0);
	struct attributes a = { .set = o->a, .clear = o->b };

	if (mount < 0)
		give_up(b, errno);
	int target = bind_point(b, w->target, mount);
	if (target < 0)
		give_up(b, errno);
	check_place(b, target, "", mount);
	if (o->flags & OPERATION_ATTRIBUTES && set_attributes(mount, 0, &a))
		give_up(b, errno);
	attach(b, mount, target);
	keep(b, o);
}

void propagate(struct building *b, uint64_t flags)
{
	struct attributes a = { .propagation = flags & ~(uint64_t)MS_REC };

	if (set_attributes(b->last, flags & MS_REC ? RECURSIVE : 0, &a))
		give_up(b, errno);
}

void change_attributes(struct building *b, const struct operation *o)
{
	struct attributes a = { .set = o->a, .clear = o->b };

	if (set_attributes(o->x == SLOT_ROOT ? b->root : b->slots[o->x], 0, &a))
		give_up(b, errno);
}
