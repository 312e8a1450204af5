/* SPDX-License-Identifier: Apache-2.0 */

/* Device nodes, links in /dev and the console of a container. */

#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* directory_of opens the directory that a node is in. Most are in the same one. */
static int directory_of(struct building *b, const char *path, const char **name)
{
	const char *end = strrchr(path, '/');
	size_t n = end ? (size_t)(end - path) : 0;

	if (b->parent >= 0 && n == b->parent_length && !memcmp(path, b->parent_path, n)) {
		*name = end + 1;
		if (!**name || !strcmp(*name, ".") || !strcmp(*name, "..")) {
			errno = EINVAL;
			return -1;
		}
		return b->parent;
	}
	if (b->parent >= 0)
		close(b->parent);
	b->parent = open_parent(b->root, path, name);
	b->parent_path = path;
	b->parent_length = n;
	return b->parent;
}

void make_node(struct building *b, const struct operation *o, const struct words *w)
{
	const char *name;
	struct stat s;
	uid_t uid = o->b >> 32, gid = (uint32_t)o->b;
	int dir = directory_of(b, w->target, &name);

	if (dir < 0)
		give_up(b, errno);
	mode_t old = umask(0);
	int failed = mknodat(dir, name, o->x, o->a);
	int error = errno;
	umask(old);
	if (failed && error == EEXIST)
		return; /* the image has it */
	if (failed)
		give_up(b, error);
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &s))
		give_up(b, errno);
	if (s.st_mode != o->x || (!S_ISFIFO(s.st_mode) && s.st_rdev != o->a))
		give_up(b, EXDEV); /* somebody else's */
	if ((s.st_uid != uid || s.st_gid != gid) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH))
		give_up(b, errno);
	close(fd);
}

void make_link(struct building *b, const struct words *w)
{
	const char *name;
	int dir = directory_of(b, w->target, &name);

	if (dir < 0 || (symlinkat(w->source, dir, name) && errno != EEXIST))
		give_up(b, errno);
}

void remove_link(struct building *b, const struct words *w)
{
	const char *name;
	int dir = directory_of(b, w->target, &name);

	if (dir < 0 || (unlinkat(dir, name, 0) && errno != ENOENT))
		give_up(b, errno);
}

static int is_null(int fd)
{
	struct stat s;

	return !fstat(fd, &s) && S_ISCHR(s.st_mode) && s.st_rdev == makedev(1, 3);
}

void reopen_null(struct building *b)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (null < 0)
		give_up(b, errno);
	if (!is_null(null))
		give_up(b, ENODEV);
	for (int i = 0; i < 3; i++)
		if (is_null(i) && dup3(null, i, 0) < 0)
			give_up(b, errno);
	close(null);
}

/* mount_console gives the process a terminal, which is the container's /dev/console too. */
void mount_console(struct building *b)
{
	open_terminal(b->request);
	int place = open("/dev/console", O_RDONLY | O_NOFOLLOW | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	if (place < 0)
		give_up(b, errno);
	int mount = copy_tree(0, "", AT_EMPTY_PATH);
	if (mount < 0)
		give_up(b, errno);
	attach(b, mount, place);
	if (ioctl(0, TIOCSCTTY, 0))
		give_up(b, errno);
}
