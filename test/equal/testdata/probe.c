// SPDX-License-Identifier: Apache-2.0
//
// The program of the containers that the equality test compares. It writes all that a process can see
// of how it was started to its output: lines of a section, a tab and text. Its arguments are paths to
// look at more closely. It is linked statically, and uses no library that asks the system for more.

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

static char text[1 << 16];

// out buffers everything: nothing is written while it is looked at.
static FILE *out;

__attribute__((format(printf, 2, 3))) static void say(const char *section, const char *format, ...)
{
	va_list args;
	fprintf(out, "%s\t", section);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n, have = 0;

	if (fd < 0)
		return -1;
	while ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += n;
	close(fd);
	text[have] = 0;
	return n < 0 ? -1 : have;
}

// file shows a file line by line.
static void file(const char *section, const char *path)
{
	if (slurp(path) < 0) {
		say(section, "%s: %s", path, strerror(errno));
		return;
	}
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		say(section, "%s", line);
}

static void link_to(const char *section, const char *name, const char *path)
{
	char to[4096];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0) {
		say(section, "%s: %s", name, strerror(errno));
		return;
	}
	to[n] = 0;
	say(section, "%s -> %s", name, to);
}

static void node(const char *section, const char *path, const struct stat *st)
{
	char to[4096] = "";

	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlink(path, to, sizeof(to) - 1);
		to[n < 0 ? 0 : n] = 0;
	}
	say(section, "%s %06o %u:%u dev %u:%u%s%s", path, st->st_mode, st->st_uid, st->st_gid, major(st->st_rdev), minor(st->st_rdev), *to ? " -> " : "", to);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

// kernels tells whether a file system is one of the kernel's own: those are not walked through.
static int kernels(const char *path)
{
	static const long types[] = {0x9fa0 /* proc */, 0x62656572 /* sysfs */, 0x27e0eb /* cgroup */, 0x63677270 /* cgroup2 */};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (fs.f_type == types[i])
			return 1;
	return 0;
}

// tree shows a directory with everything below it, but for one that has a section of its own.
static void tree(const char *section, const char *dir, const char *skip)
{
	struct dirent **names;
	int n = scandir(*dir ? dir : "/", &names, NULL, by_name);

	if (n < 0) {
		say(section, "%s: %s", dir, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];
		struct stat st;
		int skipped = !strcmp(names[i]->d_name, ".") || !strcmp(names[i]->d_name, "..");

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		free(names[i]);
		if (skipped)
			continue;
		if (lstat(path, &st) < 0) {
			say(section, "%s: %s", path, strerror(errno));
			continue;
		}
		node(section, path, &st);
		if (S_ISDIR(st.st_mode) && strcmp(path, skip) && !kernels(path))
			tree(section, path, skip);
	}
	free(names);
}

// look shows one path: what it is, what can be read there, and whether it can be written to.
static void look(const char *path)
{
	struct stat st;
	struct statfs fs;
	ssize_t n;
	int fd;

	if (lstat(path, &st) < 0) {
		say("look", "%s: %s", path, strerror(errno));
		return;
	}
	node("look", path, &st);
	if (stat(path, &st) < 0)
		say("look", "%s followed: %s", path, strerror(errno));
	else
		node("look", path, &st);
	if (statfs(path, &fs) == 0)
		say("look", "%s on type %lx flags %lx", path, (long)fs.f_type, (long)fs.f_flags);
	if (S_ISDIR(st.st_mode)) {
		struct dirent **names;
		n = scandir(path, &names, NULL, by_name);
		say("look", "%s holds %s", path, n < 0 ? strerror(errno) : n > 2 ? "something" : "nothing");
		say("look", "%s access %d", path, access(path, W_OK) ? errno : 0);
		return;
	}
	if (S_ISFIFO(st.st_mode) || S_ISBLK(st.st_mode))
		return;
	n = slurp(path);
	// What procfs files hold changes from one moment to the next.
	say("look", "%s read: %s", path, n < 0 ? strerror(errno) : n > 0 ? "something" : "nothing");
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	say("look", "%s write: %s", path, fd < 0 ? strerror(errno) : "open");
	if (fd >= 0)
		close(fd);
}

static void descriptors(void)
{
	char path[64], name[16];
	struct stat st;

	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFL), own = fcntl(fd, F_GETFD);
		if (own < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		snprintf(name, sizeof(name), "%d", fd);
		link_to("fd", name, path);
		say("fd", "%d flags %o, close on exec %d", fd, flags, own & FD_CLOEXEC);
		if (fstat(fd, &st) == 0)
			say("fd", "%d mode %06o owner %u:%u rdev %u:%u", fd, st.st_mode, st.st_uid, st.st_gid, major(st.st_rdev), minor(st.st_rdev));
	}
}

static void namespaces(void)
{
	static const char *names[] = {"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts"};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		link_to("ns", names[i], path);
	}
	file("idmap", "/proc/self/uid_map");
	file("idmap", "/proc/self/gid_map");
	file("idmap", "/proc/self/setgroups");
	file("timens", "/proc/self/timens_offsets");
}

static void words(const char *section, const char *path)
{
	ssize_t n = slurp(path);

	if (n < 0)
		say(section, "%s: %s", path, strerror(errno));
	for (char *p = text; p < text + n; p += strlen(p) + 1)
		say(section, "%s", p);
}

static void credentials(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{0}};
	uid_t r, e, s;
	gid_t g[256];
	int n;

	getresuid(&r, &e, &s);
	say("ids", "uid %u %u %u", r, e, s);
	getresgid(&r, &e, &s);
	say("ids", "gid %u %u %u", r, e, s);
	n = getgroups(256, g);
	for (int i = 0; i < n; i++)
		say("ids", "group %u", g[i]);
	syscall(SYS_capget, &header, data);
	for (int i = 0; i < 2; i++)
		say("caps", "%d: %x %x %x", i, data[i].effective, data[i].permitted, data[i].inheritable);
	for (int c = 0; c < 64; c++) {
		int bounding = prctl(PR_CAPBSET_READ, c), ambient = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0);
		if (bounding > 0 || ambient > 0)
			say("caps", "capability %d bounding %d ambient %d", c, bounding, ambient);
	}
	say("caps", "securebits %d, keep %d", prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS));
}

static void control(void)
{
	int value = -1, filter;

	say("prctl", "no new privileges %d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("prctl", "dumpable %d", prctl(PR_GET_DUMPABLE));
	prctl(PR_GET_PDEATHSIG, &value);
	say("prctl", "death signal %d", value);
	prctl(PR_GET_CHILD_SUBREAPER, &value);
	say("prctl", "subreaper %d", value);
	say("prctl", "timer slack %d", prctl(PR_GET_TIMERSLACK));
	say("prctl", "no huge pages %d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	say("prctl", "io flusher %d", prctl(57 /* PR_GET_IO_FLUSHER */, 0, 0, 0, 0));
	say("prctl", "machine check %d", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	say("prctl", "speculation %d %d", prctl(PR_GET_SPECULATION_CTRL, 0, 0, 0, 0), prctl(PR_GET_SPECULATION_CTRL, 1, 0, 0, 0));
	say("prctl", "write and execute %d", prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0));
	filter = prctl(PR_GET_SECCOMP);
	say("prctl", "seccomp %d", filter);
	say("personality", "%x", personality(0xffffffff));
}

static void scheduling(void)
{
	// The kernel's struct sched_attr, as of its first version.
	struct {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned priority;
		unsigned long long runtime, deadline, period;
	} attr = {0};
	cpu_set_t set;
	unsigned long nodes[16] = {0};
	int mode = -1;

	syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0);
	say("sched", "policy %u flags %llx nice %d priority %u runtime %llu deadline %llu period %llu", attr.policy, attr.flags, attr.nice, attr.priority,
	    attr.policy == 6 ? attr.runtime : 0, attr.deadline, attr.period);
	say("sched", "io priority %ld", syscall(SYS_ioprio_get, 1, 0));
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			say("sched", "cpu %d", i);
	syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, NULL, 0);
	say("sched", "memory policy %d %lx", mode, nodes[0]);
	file("sched", "/proc/self/autogroup");
}

static void keyring(void)
{
	char about[256];
	// KEYCTL_GET_KEYRING_ID and KEYCTL_DESCRIBE of keyctl(2); -3 is the session's keyring, -1 the thread's.
	for (int special = -1; special >= -5; special--) {
		long id = syscall(SYS_keyctl, 0, special, 0, 0, 0);
		if (id < 0) {
			say("keyring", "%d: %s", special, strerror(errno));
			continue;
		}
		long n = syscall(SYS_keyctl, 6, special, about, sizeof(about) - 1, 0);
		about[n < 0 ? 0 : n < (long)sizeof(about) ? n : (long)sizeof(about) - 1] = 0;
		say("keyring", "%d: %s", special, about);
	}
}

static void signals(void)
{
	sigset_t set;
	stack_t stack;
	struct itimerval timer;

	for (int n = 1; n < 65; n++) {
		struct { unsigned long handler, flags, restorer, mask; } action = {0};
		if (syscall(SYS_rt_sigaction, n, NULL, &action, 8) == 0 && (action.handler || action.flags))
			say("signals", "signal %d: handler %lu flags %lx", n, action.handler, action.flags);
	}
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int n = 1; n < 65; n++)
		if (sigismember(&set, n) == 1)
			say("signals", "signal %d is blocked", n);
	sigaltstack(NULL, &stack);
	say("signals", "stack %x", stack.ss_flags);
	for (int which = 0; which < 3; which++)
		if (getitimer(which, &timer) == 0 && (timer.it_value.tv_sec || timer.it_value.tv_usec))
			say("signals", "timer %d runs", which);
}

static void terminal(void)
{
	struct winsize size = {0};
	struct termios t;
	const char *name = ttyname(0);

	say("terminal", "%s", name ? name : "none");
	say("terminal", "session %s, group %s", getsid(0) == getpid() ? "own" : "another", getpgrp() == getpid() ? "own" : "another");
	if (!name)
		return;
	ioctl(0, TIOCGWINSZ, &size);
	say("terminal", "%u rows, %u columns, %u, %u", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
	say("terminal", "foreground %s, of the session %d", tcgetpgrp(0) == getpgrp() ? "own" : "another", tcgetsid(0) == getsid(0));
	tcgetattr(0, &t);
	say("terminal", "flags %x %x %x %x", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
	for (int i = 0; i < NCCS; i++)
		if (t.c_cc[i])
			say("terminal", "character %d is %d", i, t.c_cc[i]);
	link_to("terminal", "/dev/console", "/dev/console");
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	say("terminal", "/dev/tty: %s", fd < 0 ? strerror(errno) : "open");
	if (fd >= 0)
		close(fd);
}

static void names(void)
{
	static const char *keys[] = {
		"kernel/hostname", "kernel/domainname", "kernel/msgmax", "kernel/msgmnb", "kernel/shmmax", "kernel/shmall", "kernel/shmmni",
		"kernel/shm_rmid_forced", "kernel/sem", "fs/mqueue/msg_max", "fs/mqueue/queues_max", "net/ipv4/ip_forward",
		"net/ipv4/ping_group_range", "net/ipv4/ip_unprivileged_port_start", "net/core/somaxconn", "kernel/ns_last_pid", NULL};
	struct utsname u;
	char path[128];

	uname(&u);
	say("uts", "%s %s", u.nodename, u.domainname);
	for (const char **key = keys; *key; key++) {
		snprintf(path, sizeof(path), "/proc/sys/%s", *key);
		ssize_t n = slurp(path);
		while (n > 0 && text[n - 1] == '\n')
			text[--n] = 0;
		if (strcmp(*key, "kernel/ns_last_pid") || n < 0)
			say("sysctl", "%s = %s", *key, n < 0 ? strerror(errno) : text);
	}
}

static void network(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_name = "lo"};

	if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		say("network", "lo: %s", strerror(errno));
	else
		say("network", "lo has flags %x", (unsigned short)r.ifr_flags);
	if (ioctl(fd, SIOCGIFMTU, &r) == 0)
		say("network", "lo has mtu %d", r.ifr_mtu);
	if (ioctl(fd, SIOCGIFADDR, &r) < 0)
		say("network", "lo has no address: %s", strerror(errno));
	close(fd);
}

// company shows what else runs in the same pid namespace, if it is one of our own.
static void company(void)
{
	struct dirent **names;
	int n;

	say("company", "pid %s, parent %s", getpid() == 1 ? "1" : "another", getppid() == 0 ? "none" : "seen");
	if (getpid() != 1 || (n = scandir("/proc", &names, NULL, by_name)) < 0)
		return;
	for (int i = 0; i < n; i++) {
		char path[300];
		if (names[i]->d_name[0] < '0' || names[i]->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", names[i]->d_name);
		if (slurp(path) > 0)
			say("company", "%s is %s", names[i]->d_name, strtok(text, "\n"));
		snprintf(path, sizeof(path), "/proc/%s/task", names[i]->d_name);
		struct dirent **threads;
		say("company", "%s has %d threads", names[i]->d_name, scandir(path, &threads, NULL, NULL) - 2);
	}
}

static void mapped(void)
{
	char last[4096] = "", *save = NULL;

	if (slurp("/proc/self/maps") < 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *name = strchr(line, '/');
		if (name && strcmp(name, last)) {
			say("maps", "%s", name);
			snprintf(last, sizeof(last), "%s", name);
		}
	}
}

static void tries(void)
{
	int fd = open("/equal-new-file", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	struct stat st;

	say("tries", "new file in the root: %s", fd < 0 ? strerror(errno) : "made");
	if (fd >= 0 && fstat(fd, &st) == 0) {
		say("tries", "its mode %o owner %u:%u", st.st_mode, st.st_uid, st.st_gid);
		unlink("/equal-new-file");
		close(fd);
	}
	say("tries", "chroot: %s", chroot("/") ? strerror(errno) : "allowed");
	say("tries", "mkdir by system call: %s", mkdir("/tmp/equal-dir", 0777) ? strerror(errno) : "made");
	rmdir("/tmp/equal-dir");
	say("tries", "unshare: %s", syscall(SYS_unshare, 0x02000000 /* CLONE_NEWCGROUP */) ? strerror(errno) : "allowed");
	fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	say("tries", "/dev/ptmx: %s", fd < 0 ? strerror(errno) : "open");
	if (fd >= 0)
		close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	say("tries", "/dev/null: %s", fd < 0 ? strerror(errno) : "open");
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	static char buffer[1 << 20];
	char cwd[4096];
	static const char *files[][2] = {
		{"status", "/proc/self/status"}, {"limits", "/proc/self/limits"}, {"cgroup", "/proc/self/cgroup"}, {"mountinfo", "/proc/self/mountinfo"},
		{"stat", "/proc/self/stat"}, {"score", "/proc/self/oom_score_adj"}, {"login", "/proc/self/loginuid"}, {"login", "/proc/self/sessionid"},
		{"core", "/proc/self/coredump_filter"}, {"label", "/proc/self/attr/current"}, {"label", "/proc/self/attr/exec"},
		{"label", "/proc/self/attr/fscreate"}, {"label", "/proc/self/attr/keycreate"}, {"label", "/proc/self/attr/sockcreate"},
		{"cpuset", "/proc/self/cpuset"}};

	umask(umask(0)); // nothing of ours changes it
	out = fmemopen(buffer, sizeof(buffer), "w");
	descriptors();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		file(files[i][0], files[i][1]);
	namespaces();
	words("env", "/proc/self/environ");
	words("argv", "/proc/self/cmdline");
	say("argv", "executed as %s, secure %lu", (char *)getauxval(AT_EXECFN), getauxval(AT_SECURE));
	link_to("exe", "exe", "/proc/self/exe");
	link_to("cwd", "cwd", "/proc/self/cwd");
	say("cwd", "%s", getcwd(cwd, sizeof(cwd)) ? cwd : strerror(errno));
	link_to("cwd", "root", "/proc/self/root");
	credentials();
	control();
	scheduling();
	keyring();
	signals();
	terminal();
	names();
	network();
	company();
	mapped();
	tree("dev", "/dev", "");
	tree("root", "", "/dev");
	for (int i = 1; i < argc; i++)
		look(argv[i]);
	tries();
	say("end", "%d", getpid());
	fclose(out);
	for (size_t done = 0, all = strlen(buffer); done < all;) {
		ssize_t n = write(1, buffer + done, all - done);
		if (n <= 0)
			return 2;
		done += n;
	}
	// The test looks at what can only be seen from outside, and then ends the container.
	close(1);
	close(2);
	for (;;)
		pause();
}
