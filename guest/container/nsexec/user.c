/* SPDX-License-Identifier: Apache-2.0 */

/* Directory, user and capabilities of a new process. */

#define _GNU_SOURCE
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void drop_bounding_set(uint64_t keep)
{
	for (unsigned long c = 0; c < 64; c++) {
		if (keep >> c & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0)
			continue;
		if (errno != EINVAL)
			fail(STEP_BOUNDING, errno);
		return; /* the kernel has no more capabilities */
	}
}

static int filter_without_no_new_privs(const struct request *r)
{
	return r->filters && !(r->flags & FLAG_NO_NEW_PRIVS);
}

static void set_capabilities(const struct request *r)
{
	const uint64_t *caps = r->caps;
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	/* See keep_filter_right. */
	uint64_t kept = filter_without_no_new_privs(r) ? 1ULL << CAP_SYS_ADMIN : 0;

	for (int i = 0; i < 2; i++) {
		d[i].effective = (caps[EFFECTIVE] | kept) >> 32 * i;
		d[i].permitted = (caps[PERMITTED] | kept) >> 32 * i;
		d[i].inheritable = caps[INHERITABLE] >> 32 * i;
	}
	if (syscall(SYS_capset, &h, d))
		fail(STEP_CAPS, errno);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		fail(STEP_CAPS, errno);
	/* One that is not permitted and inheritable cannot be raised; that is no error. */
	for (unsigned long c = 0; c < 64; c++)
		if (caps[AMBIENT] >> c & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0);
}

/* Without no_new_privs a filter needs CAP_SYS_ADMIN, which so stays until the filter is
 * loaded. execve takes it away: what a program is permitted comes from the inheritable,
 * the ambient and the bounding set, and the file (capabilities(7)). The change of user has
 * taken it out of the effective set. */
void keep_filter_right(const struct request *r)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	if (!filter_without_no_new_privs(r) || syscall(SYS_capget, &h, d))
		return;
	d[0].effective |= d[0].permitted & 1U << CAP_SYS_ADMIN;
	if (syscall(SYS_capset, &h, d))
		fail(STEP_CAPS, errno);
}

/* Gives pipes and terminals to the user, so that /dev/stdout can be opened again. */
static void own_stdio(uint32_t uid)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat s;

		if (fstat(fd, &s))
			fail(STEP_CHOWN, errno);
		if (s.st_uid == uid || (S_ISCHR(s.st_mode) && s.st_rdev == makedev(1, 3)))
			continue;
		/* The owner may have no id in the user namespace, or /dev be read-only. */
		if (fchown(fd, uid, -1) && errno != EPERM && errno != EROFS)
			fail(STEP_CHOWN, errno);
	}
}

static int groups_denied(void)
{
	char text[8] = "";
	int fd = openat(PROC_FD, "self/setgroups", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		if (errno != ENOENT)
			fail(STEP_GROUPS, errno);
		return 0;
	}
	if (read(fd, text, sizeof text) < 0)
		fail(STEP_GROUPS, errno);
	close(fd);
	return !strncmp(text, "deny", 4);
}

/* A directory that is reached by a descriptor of the agent's would be outside. The kernel
 * says so in what it returns. */
static void check_cwd(void)
{
	char where[4096];
	long n = syscall(SYS_getcwd, where, sizeof where);

	if (n < 0 && errno == ERANGE)
		return; /* a long path is a path from the root */
	if (n < 0)
		fail(errno == ENOENT ? STEP_ESCAPE : STEP_CWD, errno);
	if (where[0] != '/')
		fail(STEP_ESCAPE, ENOENT);
}

void change_user(const struct request *r, const uint32_t *groups, const char *cwd)
{
	/* As root first; a directory that only the user can reach, as the user. */
	int later = *cwd && chdir(cwd);

	if (later && errno != EACCES && errno != EPERM)
		fail(STEP_CWD, errno);
	if (r->flags & FLAG_CAPS)
		drop_bounding_set(r->caps[BOUNDING]);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		fail(STEP_CAPS, errno);
	own_stdio(r->uid);
	if (!(r->flags & FLAG_USERNS && groups_denied()) &&
	    syscall(SYS_setgroups, (size_t)r->groups, groups))
		fail(STEP_GROUPS, errno);
	if (syscall(SYS_setresgid, r->gid, r->gid, r->gid))
		fail(STEP_GID, errno);
	if (syscall(SYS_setresuid, r->uid, r->uid, r->uid))
		fail(STEP_UID, errno);
	if (later && chdir(cwd))
		fail(STEP_CWD, errno);
	check_cwd();
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
		fail(STEP_CAPS, errno);
	if (r->flags & FLAG_CAPS)
		set_capabilities(r);
	keep_filter_right(r);
}

/* write_attribute sets what the next execve takes on for a security module. The kernel
 * wants the opener's credentials to be the writer's, so it is opened each time. */
void write_attribute(const char *name, const char *fallback, const char *prefix,
		     const char *value, enum step step)
{
	char text[4096];
	size_t p = strlen(prefix), n = strlen(value);

	if (!n)
		return;
	if (p + n > sizeof text)
		fail(step, ENAMETOOLONG);
	memcpy(text, prefix, p);
	memcpy(text + p, value, n);
	int fd = openat(PROC_FD, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && fallback)
		fd = openat(PROC_FD, fallback, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, p + n) != (ssize_t)(p + n))
		fail(step, errno);
	close(fd);
}
