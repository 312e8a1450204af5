// SPDX-License-Identifier: Apache-2.0

package sharedmount_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/guest/container/sharedmount"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"golang.org/x/sys/unix"
)

// box is a shell in a root directory and a mount namespace of its own.
type box struct {
	t     *testing.T
	root  string // as the test sees it
	cmd   *exec.Cmd
	pidfd *os.File
	in    io.WriteCloser
	out   *bufio.Reader
}

func newBox(t *testing.T) *box {
	t.Helper()
	guesttest.NeedRoot(t, "to make mount namespaces")
	b := &box{t: t, root: guesttest.Tmpfs(t)}
	busybox, err := os.ReadFile("/bin/busybox")
	guesttest.Must(t, err)
	for _, d := range []string{"bin", "mnt", "proc", "etc", "sys"} {
		guesttest.Must(t, os.Mkdir(filepath.Join(b.root, d), 0o755))
	}
	guesttest.Must(t, os.WriteFile(b.root+"/bin/busybox", busybox, 0o755))
	script := fmt.Sprintf(`set -e; bb=/bin/busybox; $bb mount --make-rprivate /; $bb mount -o bind %[1]s %[1]s; cd %[1]s; $bb mkdir old
		$bb pivot_root . old; exec $bb sh -c '$0 umount -l /old; $0 rmdir /old; $0 mount -t proc proc /proc; exec $0 sh' $bb`, b.root)
	b.cmd = exec.Command("/bin/busybox", "sh", "-c", script)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	b.cmd.Stderr = os.Stderr
	b.in, err = b.cmd.StdinPipe()
	guesttest.Must(t, err)
	out, err := b.cmd.StdoutPipe()
	guesttest.Must(t, err)
	b.out = bufio.NewReader(out)
	guesttest.Must(t, b.cmd.Start())
	b.pidfd, err = pidfd.Open(b.cmd.Process.Pid)
	guesttest.Must(t, err)
	t.Cleanup(func() { b.exit(); b.pidfd.Close() })
	b.sh("true")
	return b
}

// exit ends the shell.
func (b *box) exit() {
	if b.cmd.ProcessState == nil {
		b.in.Close()
		_ = b.cmd.Wait()
	}
}

// sh runs a command and gives what it writes.
func (b *box) sh(command string) string {
	b.t.Helper()
	_, err := fmt.Fprintf(b.in, "{ %s\n} 2>&1; echo \" :$?\"\n", strings.ReplaceAll(command, "busybox ", "/bin/busybox "))
	guesttest.Must(b.t, err)
	var text string
	for {
		line, err := b.out.ReadString('\n')
		guesttest.Must(b.t, err)
		if before, code, done := strings.Cut(line, " :"); done {
			if text += before; code != "0\n" {
				b.t.Fatalf("%s: status %s%s", command, code, text)
			}
			return strings.TrimSpace(text)
		}
		text += line
	}
}

func (b *box) view() *sharedmount.View {
	b.t.Helper()
	v, err := sharedmount.OpenView("/proc", b.cmd.Process.Pid, b.pidfd)
	guesttest.Must(b.t, err)
	b.t.Cleanup(v.Close)
	return v
}

// share shows from's mount in to.
func share(t *testing.T, from *box, source string, to *box, destination string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	found, err := from.view().Wait(ctx, source)
	if err != nil {
		return err
	}
	defer found.Close()
	v := to.view()
	target, err := v.Target(destination, to.root, !found.Dir)
	if err != nil {
		return err
	}
	defer target.Close()
	return found.Attach(v, target)
}

func TestMountIsSeenInTheOtherContainer(t *testing.T) {
	a, b := newBox(t), newBox(t)
	a.sh(`busybox mkdir /mnt/data; busybox mount -t tmpfs one /mnt/data; busybox mkdir /mnt/data/sub
		busybox mount -t tmpfs two /mnt/data/sub; echo inner > /mnt/data/sub/f; echo outer > /mnt/data/f`)
	guesttest.Must(t, share(t, a, "/mnt/data/", b, "/new/deep/place"))
	if got := b.sh("busybox cat /new/deep/place/f /new/deep/place/sub/f"); got != "outer\ninner" {
		t.Errorf("read %q, want the files of both mounts", got)
	}
	b.sh("echo back > /new/deep/place/g")
	if got := a.sh("busybox cat /mnt/data/g"); got != "back" {
		t.Errorf("read %q, want what the other container has written", got)
	}
	// What the destination mounts does not reach the source.
	b.sh("busybox mount -t tmpfs own /new/deep/place/sub")
	if got := a.sh("busybox cat /mnt/data/sub/f"); got != "inner" {
		t.Errorf("read %q, want the source's own mount", got)
	}
	// A single file, and a place that is there.
	a.sh("echo text > /etc/file; busybox mount -o bind /etc/file /etc/file")
	b.sh("echo old > /etc/there")
	guesttest.Must(t, share(t, a, "/etc/file", b, "/etc/there"))
	guesttest.Must(t, share(t, a, "/etc/file", b, "/etc/new/file"))
	if got := b.sh("busybox cat /etc/there /etc/new/file"); got != "text\ntext" {
		t.Errorf("read %q, want the shared file", got)
	}
}

func TestMountsBelowASharedOneFollow(t *testing.T) {
	a, b := newBox(t), newBox(t)
	a.sh("busybox mount -t tmpfs one /mnt; busybox mount --make-shared /mnt; busybox mkdir /mnt/later")
	guesttest.Must(t, share(t, a, "/mnt", b, "/mnt"))
	a.sh("busybox mount -t tmpfs two /mnt/later; echo new > /mnt/later/f")
	if got := b.sh("busybox cat /mnt/later/f"); got != "new" {
		t.Errorf("read %q, want what was mounted later", got)
	}
	b.sh("busybox mkdir /mnt/own; busybox mount -t tmpfs three /mnt/own; echo x > /mnt/own/f")
	if got := a.sh("busybox ls /mnt/own"); got != "" {
		t.Errorf("the destination's mount shows in the source: %q", got)
	}
}

func TestMountIsWaitedFor(t *testing.T) {
	a := newBox(t)
	v := a.view()
	type result struct {
		found *sharedmount.Found
		err   error
	}
	wait := func(ctx context.Context, name string) chan result {
		ch := make(chan result, 1)
		go func() {
			f, err := v.Wait(ctx, name)
			ch <- result{f, err}
		}()
		return ch
	}
	ctx, cancel := context.WithCancel(t.Context())
	mounted, given := wait(ctx, "/mnt/late"), wait(ctx, "/mnt/never")
	a.sh("busybox mkdir -p /mnt/late; busybox mount -t tmpfs x /mnt/late")
	r := <-mounted
	guesttest.Must(t, r.err)
	if !r.found.Dir {
		t.Error("a directory was found to be something else")
	}
	r.found.Close()
	cancel()
	if r := <-given; !errors.Is(r.err, context.Canceled) || !strings.Contains(r.err.Error(), "/mnt/never") {
		t.Errorf("got %v, want %v and the path", r.err, context.Canceled)
	}
	// The one that would mount it ends.
	ended := wait(t.Context(), "/mnt/never")
	a.exit()
	if r := <-ended; !errors.Is(r.err, sharedmount.ErrSource) {
		t.Errorf("got %v, want %v", r.err, sharedmount.ErrSource)
	}
	if _, err := sharedmount.OpenView("/proc", a.cmd.Process.Pid, a.pidfd); !errors.Is(err, sharedmount.ErrSource) {
		t.Errorf("view of a process that has exited: %v, want %v", err, sharedmount.ErrSource)
	}
}

func TestSourceLeadsNowhereElse(t *testing.T) {
	a, b := newBox(t), newBox(t)
	// A link to a mount of its own, links to the guest's files, and a file system on the way that the
	// container may serve itself: here an overlay, which nobody has to be started for.
	a.sh(`busybox mkdir /real; busybox mount -t tmpfs x /real; busybox ln -s /real /mnt/link; busybox ln -s / /mnt/up
		busybox ln -s /proc/1/root /mnt/magic
		busybox mkdir -p /real/l /real/u /real/w /real/m; busybox mount -t overlay o -o lowerdir=/real/l,upperdir=/real/u,workdir=/real/w /real/m
		busybox mkdir /real/m/in; busybox mount -t tmpfs y /real/m/in`)
	for _, name := range []string{"/mnt/link", "/mnt/up/real", "/mnt/magic/proc", "/proc/1/root/proc", "/real/m/in"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // clock: a link at the end never becomes a mount
		found, err := a.view().Wait(ctx, name)
		cancel()
		if err == nil {
			found.Close()
			t.Errorf("%s: found, want an error", name)
		} else if strings.Count(err.Error(), name) != 1 {
			t.Errorf("%s: %v, want the path once", name, err)
		}
	}
	guesttest.Must(t, share(t, a, "/real/m", b, "/mnt")) // such a mount itself can be shared
}

func TestDestinationStaysInside(t *testing.T) {
	a, b := newBox(t), newBox(t)
	outside := t.TempDir()
	a.sh("busybox mount -t tmpfs x /mnt")
	b.sh(fmt.Sprintf("busybox mkdir -p %[1]s; busybox ln -s %[1]s /out; busybox ln -s ../../../.. /up; busybox ln -s /proc/self/fd /fds", outside))
	guesttest.Must(t, share(t, a, "/mnt", b, "/out/in"))
	guesttest.Must(t, share(t, a, "/mnt", b, "/up/etc"))
	if got := b.sh(fmt.Sprintf("busybox mount | busybox grep -c -e ' on %s/in ' -e ' on /etc '", outside)); got != "2" {
		t.Errorf("%s mounts, want both inside the container's root", got)
	}
	if names, _ := os.ReadDir(outside); len(names) != 0 {
		t.Errorf("outside was changed: %v", names)
	}
	b.sh("busybox ln -s /nowhere /dangling")
	for _, name := range []string{"/proc", "/proc/sys", "/fds", "/dangling", "/dangling/x"} {
		if err := share(t, a, "/mnt", b, name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an error that names it", name, err)
		}
	}
}

func TestDestinationWithAReadOnlyRoot(t *testing.T) {
	a, b := newBox(t), newBox(t)
	a.sh("busybox mount -t tmpfs x /mnt; echo text > /mnt/f")
	b.sh("busybox mount -o remount,bind,ro /")
	guesttest.Must(t, share(t, a, "/mnt", b, "/not/there"))
	if got := b.sh("busybox cat /not/there/f"); got != "text" {
		t.Errorf("read %q, want the shared file", got)
	}
}

func TestChecks(t *testing.T) {
	good := sharedmount.Mount{Name: "m", Source: "a", SourcePath: "/x", DestinationPath: "/y"}
	guesttest.Must(t, sharedmount.CheckAll([]sharedmount.Mount{good, {Name: "n", Source: "a", SourcePath: "/x", DestinationPath: "/yy"}}))
	for _, change := range []func(*sharedmount.Mount){
		func(m *sharedmount.Mount) { m.Source = "" },
		func(m *sharedmount.Mount) { m.SourcePath = "" },
		func(m *sharedmount.Mount) { m.SourcePath = "/" },
		func(m *sharedmount.Mount) { m.SourcePath = "x" },
		func(m *sharedmount.Mount) { m.SourcePath = "/x/../y" },
		func(m *sharedmount.Mount) { m.DestinationPath = "/.." },
		func(m *sharedmount.Mount) { m.DestinationPath = "//." },
		func(m *sharedmount.Mount) { m.DestinationPath = "/x\x00" },
	} {
		bad := good
		change(&bad)
		if err := sharedmount.CheckAll([]sharedmount.Mount{bad}); !errors.Is(err, sharedmount.ErrRequest) || strings.Count(err.Error(), `"m"`) != 1 {
			t.Errorf("%+v: %v, want %v that names it once", bad, err, sharedmount.ErrRequest)
		}
	}
	if err := sharedmount.CheckAll(make([]sharedmount.Mount, 1e6)); !errors.Is(err, sharedmount.ErrRequest) {
		t.Errorf("a million mounts: %v, want %v", err, sharedmount.ErrRequest)
	}
	for _, below := range []string{"/y", "/y/", "/y/z", "/y/./z"} {
		other := good
		other.DestinationPath = below
		if err := sharedmount.CheckAll([]sharedmount.Mount{good, other}); !errors.Is(err, sharedmount.ErrRequest) {
			t.Errorf("%s beside /y: %v, want %v", below, err, sharedmount.ErrRequest)
		}
	}
}
