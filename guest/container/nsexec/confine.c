/* SPDX-License-Identifier: Apache-2.0 */

/* What a container must not see or change, after its root has become /. */

#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	RECURSIVE = 0x8000, /* AT_RECURSIVE */
	ATTRIBUTE_RDONLY = 1,
};

/* write_sysctl goes by the agent's /proc: what is mounted in the container is not asked. */
void write_sysctl(struct building *b, const struct words *w)
{
	struct how how = {
		.flags = O_WRONLY | O_TRUNC | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	size_t n = strlen(w->source);
	int sys = openat(PROC_FD, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = sys < 0 ? -1 : (int)syscall(SYS_openat2, sys, w->target, &how, sizeof how);

	if (fd < 0 || write(fd, w->source, n) != (ssize_t)n)
		give_up(b, errno);
	close(fd);
	close(sys);
}

/* find opens a path in the container; -1 if there is nothing. */
static int find(struct building *b, const char *path)
{
	int fd = openat(b->root, path, O_PATH | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		give_up(b, errno);
	return fd;
}

void make_read_only(struct building *b, const struct words *w)
{
	struct attributes a = { .set = ATTRIBUTE_RDONLY };
	int fd = find(b, w->target);

	if (fd < 0)
		return;
	int mount = copy_tree(fd, "", AT_EMPTY_PATH | RECURSIVE);
	if (mount < 0 || set_attributes(mount, 0, &a))
		give_up(b, errno);
	attach(b, mount, fd);
}

/* cover makes what a path is covered with: /dev/null, or a directory that is empty and stays so. */
static int cover(struct building *b, int directory)
{
	struct stat s;

	if (directory && b->mask < 0)
		return make_mount("tmpfs", "tmpfs", "", "nr_blocks=1,nr_inodes=1", 1, ATTRIBUTE_RDONLY);
	if (directory)
		return copy_tree(b->mask, "", AT_EMPTY_PATH);
	if (b->null < 0) {
		b->null = open("/dev/null", O_PATH | O_CLOEXEC);
		if (b->null < 0 || fstat(b->null, &s))
			give_up(b, errno);
		if (!S_ISCHR(s.st_mode) || s.st_rdev != makedev(1, 3))
			give_up(b, ENODEV);
	}
	return copy_tree(b->null, "", AT_EMPTY_PATH);
}

void mask(struct building *b, const struct words *w)
{
	struct stat s;
	int fd = find(b, w->target);

	if (fd < 0)
		return;
	if (fstat(fd, &s))
		give_up(b, errno);
	int mount = cover(b, S_ISDIR(s.st_mode));
	if (mount < 0)
		give_up(b, errno);
	attach(b, mount, fd);
	if (S_ISDIR(s.st_mode) && b->mask < 0 && (b->mask = fcntl(mount, F_DUPFD_CLOEXEC, 0)) < 0)
		give_up(b, errno);
}

void bring_loopback_up(struct building *b)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r))
		give_up(b, errno);
	r.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r))
		give_up(b, errno);
	close(fd);
}
