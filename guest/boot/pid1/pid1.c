// SPDX-License-Identifier: Apache-2.0

// The init in front of the agent; see doc.go. It runs before the Go runtime of this
// process exists and never returns into it in the parent.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kept.h"

// Tells the agent, a copy of this process, that this init has started it.
int front_started;

// What outlives an agent: see kept.h.
struct kept *front_kept;
int front_queue[2] = {-1, -1};
int front_restarts;

static volatile pid_t agent;

static void pass_on(int sig)
{
	int saved = errno;
	if (agent > 0)
		kill(agent, sig);
	errno = saved;
}

// Speaks where a dead agent's last words are looked for. The standard streams of a kernel
// without a console are closed, so the kernel's log gets the line too.
static void say(const char *text)
{
	static const char *const places[] = {"/dev/console", "/dev/kmsg"};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd = open(places[i], O_WRONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			continue;
		ssize_t ignored = write(fd, text, strlen(text));
		(void)ignored;
		close(fd);
	}
}

// Tells whether this is the init of a whole kernel and not of a pid namespace, whose network
// may be the machine's. The number of the first one is fixed (PROC_PID_INIT_INO).
static int owns_machine(void)
{
	static const char first[] = "pid:[4026531836]";
	char name[sizeof(first)] = "";
	ssize_t n = readlink("/proc/self/ns/pid", name, sizeof(name));
	return n == (ssize_t)sizeof(first) - 1 && memcmp(name, first, sizeof(first) - 1) == 0;
}

// Takes the network down. Linux stops its devices before it stops its processors, and a
// packet sent in between, by a container or by the kernel itself, has been seen to keep a
// processor in virtio_net's start_xmit for ever: the power never went off.
static void silence_network(void)
{
	struct if_nameindex *all = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (struct if_nameindex *i = all; fd >= 0 && i && i->if_name; i++) {
		struct ifreq link;
		memset(&link, 0, sizeof(link));
		strncpy(link.ifr_name, i->if_name, IFNAMSIZ - 1);
		if (ioctl(fd, SIOCGIFFLAGS, &link) == 0 && (link.ifr_flags & IFF_UP) && !(link.ifr_flags & IFF_LOOPBACK)) {
			link.ifr_flags &= ~IFF_UP;
			ioctl(fd, SIOCSIFFLAGS, &link);
		}
	}
	if (fd >= 0)
		close(fd);
	if (all)
		if_freenameindex(all);
}

// Ends the guest. In a pid namespace of its own reboot(2) ends only that namespace. Where reboot(2) is
// refused, the exit ends it: that of the first process ends its namespace too.
static void end(int status)
{
	char text[128];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (WIFEXITED(status))
		snprintf(text, sizeof(text), "kata-agent init: agent ended with status %d, powering off\n", code);
	else
		snprintf(text, sizeof(text), "kata-agent init: agent killed by signal %d, powering off\n", WTERMSIG(status));
	say(text);
	if (owns_machine())
		silence_network();
	sync();
	reboot(RB_POWER_OFF);
	_exit(code);
}

// Says why the guest cannot go on, and ends it. Standard error is used too, since there may be no
// console.
static void __attribute__((noreturn)) give_up(const char *what, int error)
{
	char text[160];
	int n = snprintf(text, sizeof(text), "kata-agent init: %s: %s, powering off\n", what, strerror(error));
	say(text);
	if (fcntl(STDERR_FILENO, F_GETFD) >= 0) {
		ssize_t ignored = write(STDERR_FILENO, text, n);
		(void)ignored;
	}
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

// The nodes that something needs before guest/boot mounts /dev, with their numbers
// (devices.txt of the kernel).
static const struct {
	const char *path;
	unsigned minor, major;
	mode_t mode;
} nodes[] = {
	{"/dev/null", 3, 1, 0666},
	{"/dev/console", 1, 5, 0600},
	{"/dev/kmsg", 11, 1, 0600},
};

// Makes the nodes of an empty /dev, an initrd's: by the kernel's own tree, which guest/boot
// then finds mounted, else one by one. The result is 0 or why there is no /dev/null.
static int make_nodes(void)
{
	mode_t mask = umask(0);
	int error = 0;
	mkdir("/dev", 0755);
	if (mount("dev", "/dev", "devtmpfs", MS_NOSUID, NULL) != 0) {
		error = errno;
		for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
			if (mknod(nodes[i].path, S_IFCHR | nodes[i].mode, makedev(nodes[i].major, nodes[i].minor)) != 0 &&
			    errno != EEXIST)
				error = errno;
	}
	umask(mask);
	return access("/dev/null", F_OK) == 0 ? 0 : error;
}

// Sees to it that descriptors 0 to 2 are open. The kernel leaves them closed where it finds
// no console, and Go's runtime, which wants /dev/null there then, ends without a word if
// that is missing.
static void open_streams(void)
{
	int error = 0;
	if (access("/dev/null", F_OK) != 0)
		error = make_nodes();
	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) >= 0)
			continue;
		// The lowest free number is this one.
		if (open("/dev/console", O_RDWR | O_NOCTTY) == i || open("/dev/null", O_RDWR) == i)
			continue;
		give_up("cannot open /dev/null", error ? error : errno);
	}
}

// Ctrl-Alt-Del comes as a SIGINT of the kernel's: an orderly end. Anybody else's says nothing.
static void on_interrupt(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_code == SI_KERNEL)
		pass_on(SIGTERM);
}

// Sets up what the agents leave to each other. Without it the first one's end is the guest's.
static void keep(void)
{
	void *memory = mmap(NULL, KEPT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, front_queue) != 0)
		return;
	front_kept = memory;
}

// Tells whether the agent that has died is to be started again: if it wants to be, has not ended by
// itself, and has not died too often of late. A Go program that fails ends with status 2.
static int start_again(int status)
{
	static time_t deaths[KEPT_RESTARTS];
	static unsigned next;
	struct timespec now;
	if (!front_kept || !front_kept->enabled || (WIFEXITED(status) && WEXITSTATUS(status) != 2))
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	time_t *oldest = &deaths[next % KEPT_RESTARTS];
	if (next >= KEPT_RESTARTS && now.tv_sec - *oldest < KEPT_MINUTE)
		return 0;
	*oldest = now.tv_sec;
	next++;
	front_restarts++;
	return 1;
}

// Notes how a process has ended, before its number can be another's: agents ask for those that an agent
// before them has started.
static void note_end(pid_t pid, int status)
{
	if (!front_kept)
		return;
	unsigned i = front_kept->count % KEPT_ENDED;
	front_kept->ended[i].pid = pid;
	front_kept->ended[i].status = status;
	__atomic_store_n(&front_kept->count, front_kept->count + 1, __ATOMIC_RELEASE);
}

// Waits for the next process that ends, and collects it.
static pid_t collect(int *status)
{
	siginfo_t info;
	memset(&info, 0, sizeof(info));
	if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) != 0)
		return -1;
	*status = info.si_code == CLD_EXITED ? info.si_status << 8 : info.si_status;
	if (info.si_pid != agent)
		note_end(info.si_pid, *status);
	return waitpid(info.si_pid, status, 0);
}

// Forks the agent. Returns in it, and in init when it has been started.
static void start(void)
{
	sigset_t all, before;
	// The agent must not hear a signal meant for it before it has init's handlers away.
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	agent = fork();
	if (agent < 0)
		give_up("cannot fork", errno);
	if (agent == 0) {
		signal(SIGTERM, SIG_DFL);
		signal(SIGUSR1, SIG_DFL);
		signal(SIGINT, SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
}

// Is init's life. It returns in an agent that is started anew.
static void init_loop(void)
{
	struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
	struct sigaction interrupt = {.sa_sigaction = on_interrupt, .sa_flags = SA_RESTART | SA_SIGINFO};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGINT, &interrupt, NULL);
	// Else the kernel restarts the machine at once. Refused in a pid namespace.
	reboot(RB_DISABLE_CAD);
	for (;;) {
		int status = 0;
		pid_t pid = collect(&status);
		if (pid < 0 && errno == ECHILD)
			end(0);
		if (pid != agent)
			continue;
		if (!start_again(status))
			end(status);
		say("kata-agent init: agent died, starting it again\n");
		start();
		if (agent == 0)
			return;
	}
}

// Whoever started the agent may ignore signals (nohup, a shell's background job), and an
// ignored one stays so over every execve: containers would begin deaf to it. The agent, its
// helper and libcontainer's children all come by here.
static void hear_all_signals(void)
{
	// The kernel's own form: libc's keeps its signals 32 and 33 from being seen.
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned char mask[8];
	} now;
	for (int sig = 1; sig <= 64; sig++) {
		if (syscall(SYS_rt_sigaction, sig, NULL, &now, sizeof(now.mask)) != 0 || now.handler != SIG_IGN)
			continue;
		memset(&now, 0, sizeof(now)); // SIG_DFL
		syscall(SYS_rt_sigaction, sig, &now, NULL, sizeof(now.mask));
	}
}

// Where the kernel gives every process huge pages (transparent_hugepage=always, Debian's
// default), Go's heap, stacks and tables have one each: 2 MiB to clear before the first word
// of each start, most of it never used. The setting outlives fork and execve, so whoever
// starts a container's process takes it back: guest/boot/reexec, guest/container/nsexec.
static void small_pages(void)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

// A container's own first process, which libcontainer makes by running this binary again,
// has a Go runtime for a tenth of a second, whose monitor would sleep for 20 microseconds at
// a time; guest/boot/goruntime says what that costs. There is one goroutine and nothing for it to
// do. Its threads inherit this from the first one, on which guest/boot/reexec sets it back.
static void relax_monitor(void)
{
	prctl(PR_SET_TIMERSLACK, 50000000UL, 0, 0, 0);
}

__attribute__((constructor)) static void front(int argc, char **argv)
{
	hear_all_signals();
	small_pages();
	// A container's init may be process 1 too, but has been re-executed with this word.
	if (argc > 1 && strcmp(argv[1], "init") == 0 && getenv("_LIBCONTAINER_INITPIPE")) {
		relax_monitor();
		return;
	}
	if (getpid() != 1)
		return;
	open_streams();
	front_started = 1;
	keep();
	// The agent must not miss a signal that comes while init has no handler yet.
	start();
	if (agent != 0)
		init_loop();
}
