// SPDX-License-Identifier: Apache-2.0

package nsexec_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// deadMount puts a file system whose server never answers at /dead of a root file
// system made later. Everything that looks into it waits until release is called.
func deadMount(t *testing.T) (change func(root string), release func()) {
	t.Helper()
	guesttest.NeedRoot(t, "to start containers")
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("needs /dev/fuse: ", err)
	}
	dir := ""
	released := false
	release = func() {
		if !released {
			released = true
			unix.Close(fd)
			unix.Unmount(dir, unix.MNT_DETACH)
		}
	}
	t.Cleanup(release)
	return func(root string) {
		dir = filepath.Join(root, "dead")
		os.Mkdir(dir, 0o755)
		options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd)
		if err := unix.Mount("dead", dir, "fuse", 0, options); err != nil {
			t.Fatal(err)
		}
	}, release
}

func TestDeadMount(t *testing.T) {
	mount, release := deadMount(t)
	stuck, other := newContainer(t, variant{rootfs: mount}), newContainer(t, variant{})
	h := newHelper(t)
	for _, test := range []func(*nsexec.Request){
		func(r *nsexec.Request) { r.Cwd = "/dead/x" },
		func(r *nsexec.Request) { r.Env = []string{"PATH=/dead"} },
		func(r *nsexec.Request) { r.Args = []string{"/dead/x"} },
	} {
		r := stuck.request("true")
		test(r)
		heldUp(t, h, r, other.request("echo", "hi"), func() {})
	}
	release()
}

// unborn starts a process that cannot get as far as execve and returns its number inside
// the container.
func unborn(t *testing.T, h *nsexec.Helper, r *nsexec.Request) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if p, err := h.Spawn(ctx, r); err == nil {
			t.Error("the process is not held up")
			unix.Kill(p.Pid, unix.SIGKILL)
			wait(t, p)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		// It is killed, but reaped in the background: the next one must not be taken for it.
		guard.Until(t, "the process is gone", func() bool { return heldByFuse(h) == "" })
	})
	inside := ""
	guard.Until(t, "the process waits in the container", func() bool {
		inside = heldByFuse(h)
		return inside != ""
	})
	return inside
}

// heldByFuse returns the number, inside its container, of a process of the helper that is
// caught where it waits for the dead file system, not on its way there.
func heldByFuse(h *nsexec.Helper) string {
	inside := ""
	for _, c := range guesttest.Children(os.Getpid()) {
		pid := strconv.Itoa(c.Pid)
		status, _ := os.ReadFile("/proc/" + pid + "/status")
		wchan, _ := os.ReadFile("/proc/" + pid + "/wchan")
		if c.Name != "kata-spawner" || c.Pid == h.Pid() || !bytes.Contains(wchan, []byte("fuse")) {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
				f := strings.Fields(ids)
				inside = f[len(f)-1]
			}
		}
	}
	return inside
}

// attack is what a process in the container does to another one, $1.
const attack = `
try() { "$@" 2>/dev/null && echo "REACHED: $*"; }
try cat /proc/$1/environ
try readlink /proc/$1/exe
try readlink /proc/$1/cwd
try readlink /proc/$1/fd/0
try sh -c "exec 4</proc/$1/fd/0"
try test -d /proc/$1/root/bin
try head -c 1 /proc/$1/maps
try dd if=/proc/$1/exe of=/dev/null bs=1 count=1
try sh -c "exec 3</proc/$1/mem"
try sh -c "exec 3<>/proc/$1/mem"
try sh -c "exec 3<>/proc/$1/exe"
echo tried
`

// Between clone and execve a process of the container is still a copy of the helper. The
// container's root must not get at it, whether it still has the agent's credentials
// (held up at its directory) or the container's already (at its program).
func TestContainerCannotReachAStartingProcess(t *testing.T) {
	mount, release := deadMount(t)
	c := newContainer(t, variant{rootfs: mount})
	h := newHelper(t)
	// What container managers give by default.
	usual, _, err := nsexec.CapabilitySet([]string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
		"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
	})
	if err != nil {
		t.Fatal(err)
	}
	caps := &nsexec.Capabilities{Bounding: usual, Effective: usual, Permitted: usual}
	for name, change := range map[string]func(*nsexec.Request){
		"at its directory": func(r *nsexec.Request) { r.Cwd = "/dead/x" },
		"at its program":   func(r *nsexec.Request) { r.Env = []string{"PATH=/dead"} },
	} {
		t.Run(name, func(t *testing.T) {
			victim := c.request("true")
			victim.Capabilities = caps
			change(victim)
			pid := unborn(t, h, victim)
			attacker := c.request("sh", "-c", attack, "sh", pid)
			attacker.Capabilities = caps
			out, err := run(t, h, attacker)
			if out != "tried\n" || err != nil {
				t.Errorf("%q %v, want %q", out, err, "tried\n")
			}
			// The same with every capability: reading is then what a privileged
			// container may do, but the binary must stay as it is.
			before := digest(t, "/proc/self/exe")
			attacker.Capabilities = nil
			out, err = run(t, h, attacker)
			if strings.Contains(out, "3<>/proc/"+pid+"/exe") || !strings.HasSuffix(out, "tried\n") || err != nil {
				t.Errorf("privileged: %q %v", out, err)
			}
			if !strings.Contains(out, "readlink /proc/"+pid+"/exe") {
				t.Errorf("the attack does not work at all: %q", out)
			}
			if digest(t, "/proc/self/exe") != before {
				t.Error("the binary has changed")
			}
		})
	}
	release()
}

func digest(t *testing.T, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return [32]byte(sum.Sum(nil))
}

// runOverwrite is this binary, started in a container as /proc/self/exe: the way of
// CVE-2019-5736. It tries to write to itself, now and when it has been replaced.
func runOverwrite() {
	for _, flags := range []int{os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC} {
		if f, err := os.OpenFile("/proc/self/exe", flags, 0); err == nil {
			if _, err := f.Write([]byte("#!")); err == nil {
				fmt.Println("WRITTEN")
			}
		}
	}
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0)
	if err != nil {
		fmt.Println(err)
	}
	err = unix.Exec("/bin/sh", []string{"sh", "-c", fmt.Sprintf(
		"(echo '#!' > /proc/self/fd/%d) 2>/dev/null && echo WRITTEN; mount -o remount,rw,bind /proc/self/fd/%d 2>/dev/null && echo REMOUNTED; echo tried", fd, fd)}, os.Environ())
	fmt.Println(err)
}

func TestContainerCannotOverwriteTheBinary(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	libraries(t, c.rootfs)
	before := digest(t, "/proc/self/exe")
	for _, program := range []string{"/proc/self/exe", "/link", "/script"} {
		r := c.request(program)
		os.Symlink("/proc/self/exe", filepath.Join(c.rootfs, "link"))
		os.WriteFile(filepath.Join(c.rootfs, "script"), []byte("#!/proc/self/exe\n"), 0o755)
		r.Env = append(r.Env, "SPAWN_TEST=overwrite")
		out, err := run(t, h, r)
		if out != "tried\n" || err != nil {
			t.Errorf("%s: %q %v", program, out, err)
		}
	}
	if digest(t, "/proc/self/exe") != before || digest(t, fmt.Sprintf("/proc/%d/exe", h.Pid())) != before {
		t.Error("the binary has changed")
	}
}

// libraries puts what this binary is linked with into the container, so that it runs
// there; the agent itself is linked statically.
func libraries(t *testing.T, root string) {
	t.Helper()
	files := []string{"/lib64/ld-linux-x86-64.so.2"}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command("ldd", self).Output()
	for _, word := range strings.Fields(string(out)) {
		if strings.HasPrefix(word, "/") {
			files = append(files, word)
		}
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755)
		if err := os.WriteFile(filepath.Join(root, file), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHelperHoldsNothing(t *testing.T) {
	// A descriptor that would be inherited, as the agent may itself have inherited some.
	leak, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leak)
	c, h := newContainer(t, variant{}), newHelper(t)
	proc := fmt.Sprintf("/proc/%d/", h.Pid())
	r := c.request("true")
	secret := []byte("SECRET-" + strings.Repeat("q", 20))
	r.Env = append(r.Env, "A="+string(secret))
	for range 20 {
		if _, err := run(t, h, r); err != nil {
			t.Fatal(err)
		}
	}
	guard.Until(t, "the descriptors of requests are closed", func() bool {
		fds, _ := os.ReadDir(proc + "fd")
		return len(fds) == 5
	})
	if env, _ := os.ReadFile(proc + "environ"); len(bytes.Trim(env, "\x00")) != 0 {
		t.Errorf("environment %q", env)
	}
	if bytes.Contains(memory(t, proc), secret) {
		t.Error("a request is left in memory")
	}
}

// memory is what the process can write to.
func memory(t *testing.T, proc string) []byte {
	t.Helper()
	maps, err := os.ReadFile(proc + "maps")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(proc + "mem")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []byte
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode)
		if !strings.HasPrefix(mode, "rw") || to-from > 64<<20 {
			continue
		}
		b := make([]byte, to-from)
		n, _ := f.ReadAt(b, from)
		all = append(all, b[:n]...)
	}
	if len(all) == 0 {
		t.Fatal("no memory was read")
	}
	return all
}

func TestHelperIsSmall(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	for range 50 {
		run(t, h, c.request("true", strings.Repeat("x", 30000)))
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	anonymous, threads := 0, 0
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "RssAnon: %d", &anonymous)
		fmt.Sscanf(line, "Threads: %d", &threads)
	}
	t.Logf("%d KiB anonymous", anonymous)
	// A dynamic test binary relocates its data, which the static agent does not.
	if anonymous > 1024 && !raceEnabled || threads != 1 {
		t.Errorf("%d KiB, %d threads", anonymous, threads)
	}
}
