/* SPDX-License-Identifier: Apache-2.0 */

/* Paths inside a container's root file system. Whoever made the image, or shares a volume with it,
 * has a say in them: the kernel resolves each one within the root, and no name is used twice. */

#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

enum { ATTEMPTS = 32 };

/* resolve opens a path as if root were /. */
int resolve(int root, const char *path, uint64_t flags, uint64_t extra)
{
	struct how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra };
	int fd, attempts = ATTEMPTS;

	/* EAGAIN: a rename elsewhere has got in the way. */
	do
		fd = syscall(SYS_openat2, root, *path ? path : "/", &how, sizeof how);
	while (fd < 0 && errno == EAGAIN && --attempts);
	return fd;
}

/* step goes into a directory that is none of anybody's links. */
static int step(int dir, const char *name)
{
	return openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* make_directories opens a directory, and makes what of its path does not exist: mode 0755. */
int make_directories(int root, const char *path)
{
	char prefix[PATH_MAX], *end;
	size_t n = strlen(path);
	int fd = resolve(root, path, O_PATH | O_DIRECTORY, 0);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (n >= sizeof prefix) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* The longest part that is there. */
	memcpy(prefix, path, n + 1);
	while (fd < 0 && errno == ENOENT && (end = strrchr(prefix, '/'))) {
		*end = 0;
		fd = resolve(root, prefix, O_PATH | O_DIRECTORY, 0);
	}
	for (const char *p = path + strlen(prefix); fd >= 0 && *p;) {
		p += strspn(p, "/");
		size_t length = strcspn(p, "/");
		char name[NAME_MAX + 1];
		if (!length)
			break;
		if (length > NAME_MAX || (length == 2 && !memcmp(p, "..", 2))) {
			close(fd);
			errno = EINVAL;
			return -1;
		}
		memcpy(name, p, length);
		name[length] = 0;
		int made = mkdirat(fd, name, 0755) && errno != EEXIST ? -1 : step(fd, name);
		int error = errno;
		close(fd);
		errno = error;
		fd = made;
		p += length;
	}
	return fd;
}

/* open_parent opens the directory that a path's last name is in, and makes it. */
int open_parent(int root, const char *path, const char **name)
{
	char parent[PATH_MAX];
	const char *end = strrchr(path, '/');

	if (!end || !end[1] || (size_t)(end - path) >= sizeof parent || !strcmp(end, "/..") || !strcmp(end, "/.")) {
		errno = EINVAL;
		return -1;
	}
	*name = end + 1;
	memcpy(parent, path, end - path);
	parent[end - path] = 0;
	return make_directories(root, parent);
}

/* check_place gives up where nothing is to be mounted: outside of the root, on it, and on /proc and
 * below but for a procfs on /proc. */
void check_place(const struct building *b, int fd, const char *type, int source)
{
	char link[32], where[PATH_MAX];
	struct statfs fs;

	snprintf(link, sizeof link, "thread-self/fd/%d", fd);
	ssize_t n = readlinkat(PROC_FD, link, where, sizeof where - 1);
	if (n < 0)
		give_up(b, errno);
	where[n] = 0;
	if ((size_t)n == sizeof where - 1 || (size_t)n <= b->path_length + 1 || memcmp(where, b->path, b->path_length) ||
	    where[b->path_length] != '/')
		give_up(b, EXDEV);
	const char *inside = where + b->path_length;
	int is_proc = !strcmp(inside, "/proc");
	if (!is_proc && strncmp(inside, "/proc/", 6)) {
		if (fstatfs(fd, &fs))
			give_up(b, errno);
		if (fs.f_type == PROC_SUPER_MAGIC)
			give_up(b, EXDEV);
		return;
	}
	if (is_proc && source < 0 && !strcmp(type, "proc"))
		return;
	if (!is_proc || source < 0 || fstatfs(source, &fs) || fs.f_type != PROC_SUPER_MAGIC)
		give_up(b, EXDEV);
}
