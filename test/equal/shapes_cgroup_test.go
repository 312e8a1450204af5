// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// holder is a process with namespaces of its own, for a container to join.
func holder(b *box) int {
	b.tb.Helper()
	cmd := exec.Command(busybox, "sleep", "100000")
	// It is not to end with its parent: to the kernel that is the thread that forks here.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP | unix.CLONE_NEWNS,
	}
	guesttest.Must(b.tb, cmd.Start())
	b.undo = append(b.undo, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

func resources(name string, r *specs.LinuxResources) shape {
	return shape{name: "cgroup: " + name, change: func(b *box) {
		own := *r
		b.spec.Linux.Resources = &own
	}}
}

// cgroupShapes are limits.
var cgroupShapes = []shape{
	resources("nothing", &specs.LinuxResources{}),
	{name: "cgroup: no resources", change: func(b *box) { b.spec.Linux.Resources = nil }},
	{name: "cgroup: a path of several parts", change: func(b *box) {
		top := b.spec.Linux.CgroupsPath + "-pods"
		b.spec.Linux.CgroupsPath = top + "/burstable/pod1/name"
		b.undo = append(b.undo, func() {
			for _, dir := range []string{"/burstable/pod1", "/burstable", ""} {
				found, _ := filepath.Glob("/sys/fs/cgroup/*" + top + dir)
				for _, d := range append(found, "/sys/fs/cgroup"+top+dir) {
					_ = os.Remove(d)
				}
			}
		})
	}},
	resources("shares and quota", &specs.LinuxResources{CPU: &specs.LinuxCPU{
		Shares: pointer(uint64(256)), Quota: pointer(int64(250000)), Period: pointer(uint64(100000)), Cpus: "0", Mems: "0",
	}}),
	resources("a low quota", &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: pointer(int64(20000)), Period: pointer(uint64(100000))}}),
	resources("no quota", &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: pointer(int64(-1)), Shares: pointer(uint64(2))}}),
	resources("memory", &specs.LinuxResources{Memory: &specs.LinuxMemory{
		Limit: pointer(int64(128 << 20)), Reservation: pointer(int64(64 << 20)), Swap: pointer(int64(128 << 20)), Swappiness: pointer(uint64(10)),
	}}),
	staged(resources("little memory", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: pointer(int64(8 << 20))}})),
	resources("memory without a limit", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: pointer(int64(-1))}}),
	resources("no OOM killer", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: pointer(int64(128 << 20)), DisableOOMKiller: pointer(true)}}),
	resources("pids", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: pointer(int64(100))}}),
	staged(resources("few pids", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: pointer(int64(2))}})),
	resources("block io", &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: pointer(uint16(500))}}),
	resources("huge pages", &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}}),
}

// staged is a case that takes a last stage.
func staged(s shape) shape {
	s.staged = true
	return s
}

// hookScript writes what a hook sees: its input, environment, arguments, directory, and the container's mounts
// and namespaces.
const hookScript = `exec >> "$OUT/$STAGE"
cat; echo
echo "name $0, arguments $*, in $(pwd)"
env | sort
[ -z "$LOOK" ] && exit
while read -r line; do echo "mount:$line"; done < /proc/$LOOK/mountinfo
`

// hookShapes have hooks.
var hookShapes = []shape{
	{name: "hooks of every stage", by: "hooks in the container", change: hooks("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")},
	{name: "hooks in the agent's namespaces", change: hooks("prestart", "createRuntime", "poststart", "poststop")},
	{name: "hooks that look at the container", change: func(b *box) {
		hooks("createRuntime", "prestart")(b)
		for _, h := range []*specs.Hook{&b.spec.Hooks.CreateRuntime[0], &b.spec.Hooks.Prestart[0]} {
			h.Args = []string{"sh", "-c", lookScript, "look"}
		}
	}},
	{name: "a createRuntime hook that fails", fails: true, change: broken("createRuntime")},
	{name: "a prestart hook that fails", fails: true, change: broken("prestart")},
	{name: "a createContainer hook that fails", fails: true, change: broken("createContainer")},
	{name: "a poststart hook that fails", change: broken("poststart")},
	{name: "a poststop hook that fails", change: broken("poststop")},
}

// lookScript has the container's number from the state that is its input.
const lookScript = `exec >> "$OUT/$STAGE"
read -r state
echo "$state"
pid=${state##*\"pid\":}; pid=${pid%%[!0-9]*}
while read -r line; do echo "mount:$line"; done < /proc/$pid/mountinfo
for kind in cgroup ipc mnt net pid user uts; do echo "ns:$kind -> $(readlink /proc/$pid/ns/$kind)"; done
while read -r line; do case $line in Uid*|Gid*|Groups*|Cap*|Seccomp:*|NoNewPrivs*|Umask*) echo "$line";; esac; done < /proc/$pid/status
readlink /proc/$pid/root
cat /proc/$pid/cgroup
`

func hooks(stages ...string) func(*box) {
	return func(b *box) {
		dir := filepath.Join(b.dir, "hooks")
		b.mkdir(dir)
		for _, where := range []string{"inside", "outside"} {
			b.mkdir(filepath.Join(dir, where))
			guesttest.Must(b.tb, os.Chmod(filepath.Join(dir, where), 0o777))
		}
		b.bindHooks(filepath.Join(dir, "inside"))
		b.spec.Hooks = &specs.Hooks{}
		for _, stage := range stages {
			// What runs in the container before its root is changed sees the guest's paths.
			h := specs.Hook{Path: busybox, Args: []string{"sh", "-c", hookScript, "one", "two"}, Env: []string{"OUT=" + dir + "/outside", "STAGE=" + stage, "PATH=/bin"}}
			if stage == "startContainer" {
				h.Env[0] = "OUT=/hooks"
			}
			list := b.stage(stage)
			*list = append(*list, h)
		}
	}
}

// bindHooks shows the hooks' directory to the container.
func (b *box) bindHooks(dir string) {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/hooks", Type: "bind", Source: dir, Options: []string{"rbind"}})
}

func (b *box) stage(name string) *[]specs.Hook {
	h := b.spec.Hooks
	return map[string]*[]specs.Hook{
		"prestart": &h.Prestart, "createRuntime": &h.CreateRuntime, "createContainer": &h.CreateContainer,
		"startContainer": &h.StartContainer, "poststart": &h.Poststart, "poststop": &h.Poststop,
	}[name]
}

func broken(stage string) func(*box) {
	return func(b *box) {
		b.spec.Hooks = &specs.Hooks{}
		list := b.stage(stage)
		*list = append(*list, specs.Hook{Path: busybox, Args: []string{"sh", "-c", "echo the reason >&2; exit 3"}, Env: []string{"PATH=/bin"}})
	}
}

// refused is a case in which a way has to refuse.
func refused(name string, change func(*box)) shape {
	return shape{name: "refused: " + name, fails: true, change: change}
}

// refusedShapes cannot be: the code and the words of the answer are the same.
var refusedShapes = []shape{
	refused("a program that is missing", func(b *box) { b.spec.Process.Args = []string{"no-such-program"} }),
	refused("a path that is missing", func(b *box) { b.spec.Process.Args = []string{"/bin/no-such-program"} }),
	refused("a directory", func(b *box) { b.spec.Process.Args = []string{"/bin"} }),
	refused("a program that may not be executed", func(b *box) { b.spec.Process.Args = []string{"/etc/passwd"} }),
	refused("a program that a user may not execute", func(b *box) {
		b.ownPrograms()
		guesttest.Must(b.tb, os.Chmod(b.inRoot("bin/probe"), 0o700))
		b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
		b.spec.Process.Capabilities = caps()
	}),
	refused("no PATH", func(b *box) { b.spec.Process.Args, b.spec.Process.Env = []string{"probe"}, []string{"A=b"} }),
	staged(refused("a file that is no program", func(b *box) {
		b.write(b.inRoot("bin/text"), "just words\n", 0o755)
		b.spec.Process.Args = []string{"/bin/text"}
	})),
	staged(refused("a script without its interpreter", func(b *box) {
		b.write(b.inRoot("bin/script"), "#!/no/such/interpreter\n", 0o755)
		b.spec.Process.Args = []string{"/bin/script"}
	})),
	refused("an empty program", func(b *box) { b.spec.Process.Args = []string{""} }),
	refused("a working directory that is a file", func(b *box) { b.spec.Process.Cwd = "/etc/passwd" }),
	refused("a working directory below a file", func(b *box) { b.spec.Process.Cwd = "/etc/passwd/x" }),
	refused("a working directory in a circle", func(b *box) { b.spec.Process.Cwd = "/loop" }),
	refused("a working directory of a descriptor", func(b *box) { b.spec.Process.Cwd = "/proc/self/fd/7" }),
	refused("a missing source", func(b *box) { b.bind("nothing", "/data") }),
	refused("a mount point that is in a circle", func(b *box) { b.bind("dir", "/loop") }),
	refused("a mount point below a file", func(b *box) { b.bind("dir", "/etc/passwd/x") }),
	refused("a directory on a file", func(b *box) { b.bind("dir", "/etc/passwd") }),
	refused("a file on a directory", func(b *box) { b.bind("file", "/data") }),
	refused("a mount on the root", func(b *box) { b.bind("dir", "/") }),
	refused("a tmpfs on the root", func(b *box) { b.mount("tmpfs", "tmpfs", "/data/..") }),
	refused("a volume at /proc", func(b *box) { b.bind("dir", "/proc") }),
	refused("a tmpfs at /proc", func(b *box) { b.spec.Mounts[0] = specs.Mount{Destination: "/proc", Type: "tmpfs", Source: "tmpfs"} }),
	refused("a volume in /proc", func(b *box) { b.bind("dir", "/proc/fs") }),
	refused("a volume in /proc by a link", func(b *box) {
		b.link("/proc/sys", b.inRoot("to-proc"))
		b.bind("dir", "/to-proc/kernel")
	}),
	refused("a volume at a descriptor", func(b *box) { b.bind("dir", "/proc/self/fd") }),
	refused("an unknown file system", func(b *box) { b.mount("nofs", "nofs", "/data") }),
	refused("options that a tmpfs has not", func(b *box) { b.mount("tmpfs", "tmpfs", "/data", "no-such-option=1") }),
	refused("options that a bind has not", func(b *box) { b.bind("dir", "/data", "size=64k") }),
	refused("a relative root", func(b *box) { b.spec.Root.Path = "rootfs" }),
	refused("a missing root", func(b *box) { b.spec.Root.Path = filepath.Join(b.dir, "nothing") }),
	refused("a root that is a link", func(b *box) {
		b.link(b.root, filepath.Join(b.dir, "link"))
		b.spec.Root.Path = filepath.Join(b.dir, "link")
	}),
	refused("a root that is a file", func(b *box) { b.spec.Root.Path = filepath.Join(b.volume, "file") }),
	refused("a namespace twice", func(b *box) {
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: "ipc"})
	}),
	refused("a namespace that is missing", func(b *box) {
		b.spec.Linux.Namespaces = append(without(b.spec.Linux.Namespaces, "ipc"), specs.LinuxNamespace{Type: "ipc", Path: filepath.Join(b.dir, "nothing")})
	}),
	refused("a namespace that is none", func(b *box) {
		b.spec.Linux.Namespaces = append(without(b.spec.Linux.Namespaces, "ipc"), specs.LinuxNamespace{Type: "ipc", Path: filepath.Join(b.volume, "file")})
	}),
	refused("a namespace of another kind", func(b *box) {
		pid := holder(b)
		b.spec.Linux.Namespaces = append(without(b.spec.Linux.Namespaces, "ipc"), specs.LinuxNamespace{Type: "ipc", Path: fmt.Sprintf("/proc/%d/ns/uts", pid)})
	}),
	refused("a sysctl of the host's", func(b *box) { b.spec.Linux.Sysctl = map[string]string{"vm.swappiness": "1"} }),
	refused("a sysctl that is missing", func(b *box) { b.spec.Linux.Sysctl = map[string]string{"fs.mqueue.no_such": "1"} }),
	refused("a sysctl with a wrong value", func(b *box) { b.spec.Linux.Sysctl = map[string]string{"kernel.msgmax": "many"} }),
	refused("a host name without a namespace", func(b *box) {
		b.spec.Hostname = "box"
		b.spec.Linux.Namespaces = without(b.spec.Linux.Namespaces, "uts")
	}),
	refused("a long host name", func(b *box) { b.spec.Hostname = string(make([]byte, 65)) }),
	refused("an unknown propagation", func(b *box) { b.spec.Linux.RootfsPropagation = "wide" }),
	refused("a device of an unknown kind", func(b *box) { b.spec.Linux.Devices = []specs.LinuxDevice{device("/dev/x", "x", 1, 1, 0o600, 0, 0)} }),
	refused("a device below a file", func(b *box) {
		b.spec.Linux.Devices = []specs.LinuxDevice{device("/etc/passwd/x", "c", 1, 3, 0o600, 0, 0)}
	}),
	refused("a limit that is none", func(b *box) { b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_DREAMS"}} }),
	refused("a limit with the soft one above", func(b *box) {
		b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 2, Hard: 1}}
	}),
	staged(refused("a program that a seccomp profile refuses", func(b *box) { b.spec.Linux.Seccomp = profile("execve") })),
	says("unable to set memory limit to 4096 (current usage: N, peak usage: N)", refused("memory that is too little", func(b *box) { b.spec.Linux.Resources.Memory.Limit = pointer(int64(4096)) })),
	says("invalid argument", refused("a CPU that is not there", func(b *box) {
		b.spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: pointer(int64(1)), Period: pointer(uint64(100000))}
	})),
}
