/* SPDX-License-Identifier: Apache-2.0 */

/* The root of a container: how it is separated from the agent's mounts, and becomes /. */

#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* part_from_parent sees to it that nothing is told to the mount that a path is on. */
static void part_from_parent(struct building *b, const char *path, unsigned long flags)
{
	char parent[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof parent)
		give_up(b, ENAMETOOLONG);
	memcpy(parent, path, n + 1);
	for (;;) {
		if (!mount(NULL, parent, NULL, flags, NULL))
			return;
		char *end = strrchr(parent, '/');
		if (errno != EINVAL || !end || !end[1]) /* EINVAL: nothing is mounted there */
			give_up(b, errno);
		end[end == parent] = 0;
	}
}

void root_file_system(struct building *b, const struct operation *o, const struct words *w)
{
	if (mount(NULL, "/", NULL, o->a, NULL))
		give_up(b, errno);
	part_from_parent(b, w->source, o->b);
	if (mount(w->source, w->source, NULL, MS_BIND | MS_REC, NULL))
		give_up(b, errno);
	b->root = open(w->source, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (b->root < 0)
		give_up(b, errno);
	b->path = w->source;
	b->path_length = strlen(w->source);
}

/* arrive forgets what was before the root was /. */
static void arrive(struct building *b)
{
	if (b->parent >= 0)
		close(b->parent);
	b->parent = -1;
	close(b->root);
	b->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->root < 0)
		give_up(b, errno);
}

/* pivot makes the root /, and takes all that was there before out of this mount namespace. No
 * directory is needed for it: what was / is put below what is / now, where it can be detached. */
void pivot(struct building *b)
{
	int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0 || fchdir(b->root) || syscall(SYS_pivot_root, ".", ".") || fchdir(old) ||
	    mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) || umount2(".", MNT_DETACH) || chdir("/"))
		give_up(b, errno);
	close(old);
	arrive(b);
}

/* unmount takes a procfs or sysfs of the agent's out of a mount namespace that keeps the agent's
 * mounts below its root. */
void unmount(struct building *b, const struct words *w)
{
	if (mount(NULL, w->target, NULL, MS_SLAVE | MS_REC, NULL)) {
		if (errno != ENOENT) /* gone with what it was below */
			give_up(b, errno);
		return;
	}
	if (umount2(w->target, MNT_DETACH))
		give_up(b, errno);
}

/* move_root puts the root on top of /, where pivot_root is refused. */
void move_root(struct building *b)
{
	if (fchdir(b->root) || mount(b->path, "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		give_up(b, errno);
	arrive(b);
}
