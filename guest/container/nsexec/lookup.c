/* SPDX-License-Identifier: Apache-2.0 */

/* Finding the program, inside the container and as its user. */

#define _GNU_SOURCE
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* executable is 0 or an errno. */
static int executable(const char *file)
{
	struct stat s;

	if (stat(file, &s))
		return errno;
	if (S_ISDIR(s.st_mode))
		return EISDIR;
	if (!syscall(SYS_faccessat2, AT_FDCWD, file, X_OK, AT_EACCESS))
		return 0;
	/* An old kernel, or a seccomp filter that does not know the call. */
	if (errno == ENOSYS || errno == EPERM)
		return s.st_mode & 0111 ? 0 : EACCES;
	return errno;
}

/* look_up finds file in path, a list as in $PATH; a name with a slash is taken as it is. */
const char *look_up(const char *file, const char *path, char *buffer, size_t size)
{
	size_t name = strlen(file) + 1;

	if (strchr(file, '/')) {
		int error = executable(file);
		if (error)
			fail(STEP_FILE, error);
		return file;
	}
	while (*path) {
		size_t n = strcspn(path, ":");

		if (n + 1 + name <= size) {
			memcpy(buffer, path, n);
			char *end = buffer + n;
			if (n == 0)
				*end++ = '.';
			if (end[-1] != '/')
				*end++ = '/';
			if (end + name <= buffer + size) {
				memcpy(end, file, name);
				if (name > 1 && !executable(buffer)) {
					/* As Go does it: not by chance from the cwd. */
					if (buffer[0] != '/')
						fail(STEP_RELATIVE, ENOENT);
					return buffer;
				}
			}
		}
		path += n + (path[n] == ':');
	}
	fail(STEP_LOOKUP, ENOENT);
}
