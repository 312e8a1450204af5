/* SPDX-License-Identifier: Apache-2.0 */

/* The terminal of a new process, out of the container's own devpts. */

#define _GNU_SOURCE
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* open_ptmx opens /dev/pts/ptmx, but only if it is one: the container could have put any
 * file there. On a devpts it is inode 2. */
static int open_ptmx(void)
{
	char link[32];
	struct stat s;
	struct statfs fs;
	int path = open("/dev/pts/ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (path < 0 || fstat(path, &s) || fstatfs(path, &fs))
		fail(STEP_PTMX, errno);
	if (fs.f_type != DEVPTS_SUPER_MAGIC || s.st_ino != 2 || !S_ISCHR(s.st_mode) ||
	    s.st_rdev != makedev(5, 2))
		fail(STEP_PTMX, ENODEV);
	snprintf(link, sizeof link, "thread-self/fd/%d", path);
	int fd = openat(PROC_FD, link, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fail(STEP_PTMX, errno);
	return fd;
}

void open_terminal(const struct request *r)
{
	int unlocked = 0, master = open_ptmx();
	struct winsize size = { .ws_row = r->rows, .ws_col = r->columns };

	if (ioctl(master, TIOCSPTLCK, &unlocked))
		fail(STEP_PTY, errno);
	if (r->rows && r->columns && ioctl(master, TIOCSWINSZ, &size))
		fail(STEP_PTY, errno);
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		fail(STEP_PTY, errno);
	if (reply(RESULT_FD, REPLY_TERMINAL, 0, 0, 0, master))
		fail(STEP_PTY, errno);
	for (int i = 0; i < 3; i++)
		if (dup3(slave, i, 0) < 0)
			fail(STEP_STDIO, errno);
}
