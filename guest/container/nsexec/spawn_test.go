// SPDX-License-Identifier: Apache-2.0

package nsexec_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

func TestRequestsOfEverySize(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	for _, size := range []struct{ count, length int }{{0, 0}, {65, 10}, {3000, 5}, {10, 3000}, {12, 120000}} {
		args := []string{"sh", "-c", `echo $# ${#1} ${#LAST}`, "sh"}
		for range size.count {
			args = append(args, strings.Repeat("x", size.length))
		}
		r := c.request(args...)
		r.Env = append(r.Env, "LAST="+strings.Repeat("y", size.length))
		out, err := run(t, h, r)
		if want := fmt.Sprintf("%d %d %d\n", size.count, size.length, size.length); err != nil || out != want {
			t.Errorf("%+v: %q %v", size, out, err)
		}
	}
}

func TestMoreThanTheKernelTakes(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	_, err := run(t, h, c.request("true", strings.Repeat("x", 200000)))
	if !errors.Is(err, unix.E2BIG) {
		t.Errorf("got %v, want %v", err, unix.E2BIG)
	}
}

func TestNotFound(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	os.WriteFile(c.rootfs+"/bin/script", []byte("#!/no/interpreter\n"), 0o755)
	os.WriteFile(c.rootfs+"/bin/garbage", []byte{1, 2, 3}, 0o755)
	for _, test := range []struct {
		program, text string
		is            error
	}{
		{"nope", `exec: "nope": executable file not found in $PATH`, nsexec.ErrNotFound},
		{"/bin/nope", `exec: "/bin/nope": the file /bin/nope was not found`, nsexec.ErrNotFound},
		{"/etc/passwd", `exec: "/etc/passwd": permission denied`, unix.EACCES},
		{"script", `exec "script": no such file or directory`, unix.ENOENT},
		{"garbage", `exec "garbage": exec format error`, unix.ENOEXEC},
	} {
		_, err := run(t, h, c.request(test.program))
		if err == nil || err.Error() != test.text || !errors.Is(err, test.is) {
			t.Errorf("%s: %v, want the error %q and %v", test.program, err, test.text, test.is)
		}
	}
}

func TestPath(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	os.MkdirAll(c.rootfs+"/opt/a/tool", 0o755) // a directory does not count
	os.MkdirAll(c.rootfs+"/opt/b", 0o755)
	os.WriteFile(c.rootfs+"/opt/b/tool", []byte("#!/bin/sh\necho found\n"), 0o755)
	r := c.request("tool")
	r.Env = []string{"PATH=/nowhere", "PATH=/none:/opt/a:/opt/b/:/bin"}
	if out, err := run(t, h, r); out != "found\n" {
		t.Errorf("%q %v", out, err)
	}
	r.Env, r.Cwd = []string{"PATH=:/bin"}, "/opt/b"
	if _, err := run(t, h, r); err == nil || !strings.Contains(err.Error(), "relative to current directory") {
		t.Errorf("in the working directory: %v, want an error with %q", err, "relative to current directory")
	}
}

func TestRefusedRequests(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	for name, change := range map[string]func(*nsexec.Request){
		"no arguments": func(r *nsexec.Request) { r.Args = nil },
		"no target":    func(r *nsexec.Request) { r.Target = nil },
		"NUL":          func(r *nsexec.Request) { r.Env = []string{"A=\x00"} },
		"filter":       func(r *nsexec.Request) { r.Seccomp = []byte{1} },
	} {
		r := c.request("true")
		change(r)
		if p, err := h.Spawn(t.Context(), r); err == nil {
			wait(t, p)
			t.Errorf("%s: started", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Spawn(ctx, c.request("true")); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v, want %v", err, context.Canceled)
	}
	c.target.Close()
	if _, err := h.Spawn(t.Context(), c.request("true")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed target: %v, want %v", err, os.ErrClosed)
	}
}

func TestManyAtOnce(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	if _, err := run(t, h, c.request("true")); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for k := range 10 {
				want := fmt.Sprint(i, " ", k)
				r := c.request("echo", want)
				if k%5 == 4 {
					r.Args[0] = "nope"
				}
				out, err := run(t, h, r)
				if k%5 == 4 && !errors.Is(err, nsexec.ErrNotFound) || k%5 != 4 && out != want+"\n" {
					t.Errorf("%q %v", out, err)
				}
			}
		})
	}
	wg.Wait()
}

// allowAll is a filter of one instruction.
func allowAll(t *testing.T) []byte {
	t.Helper()
	b := binary.NativeEndian.AppendUint16(nil, unix.BPF_RET|unix.BPF_K)
	return binary.NativeEndian.AppendUint32(append(b, 0, 0), unix.SECCOMP_RET_ALLOW)
}

func TestSeccomp(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	for _, nnp := range []bool{false, true} {
		r := c.request("grep", "^Seccomp", "/proc/self/status")
		r.Seccomp, r.NoNewPrivileges, r.UID = allowAll(t), nnp, 1000
		r.Capabilities = &nsexec.Capabilities{}
		out, err := run(t, h, r)
		if got := strings.Join(strings.Fields(out), " "); got != "Seccomp: 2 Seccomp_filters: 1" || err != nil {
			t.Errorf("no_new_privs %t: %q %v", nnp, out, err)
		}
	}
}

// A filter that forbids execve must come too late for everything but execve.
func TestSeccompIsTheLastStep(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	instruction := func(b []byte, code uint16, jt, jf byte, k uint32) []byte {
		b = binary.NativeEndian.AppendUint16(b, code)
		return binary.NativeEndian.AppendUint32(append(b, jt, jf), k)
	}
	var filter []byte
	filter = instruction(filter, unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0, 0, 0)
	for _, allowed := range []uint32{unix.SYS_EXECVE, unix.SYS_SENDMSG, unix.SYS_EXIT_GROUP} {
		filter = instruction(filter, unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, 0, 1, allowed)
		action := uint32(unix.SECCOMP_RET_ALLOW)
		if allowed == unix.SYS_EXECVE {
			action = unix.SECCOMP_RET_ERRNO | uint32(unix.EXDEV)
		}
		filter = instruction(filter, unix.BPF_RET|unix.BPF_K, 0, 0, action)
	}
	filter = instruction(filter, unix.BPF_RET|unix.BPF_K, 0, 0, unix.SECCOMP_RET_KILL_PROCESS)
	r := c.request("true")
	r.Seccomp, r.NoNewPrivileges = filter, true
	if _, err := run(t, h, r); !errors.Is(err, unix.EXDEV) {
		t.Errorf("got %v, want %v", err, unix.EXDEV)
	}
}

func TestContainerIsGone(t *testing.T) {
	c, h := newContainer(t, variant{}), newHelper(t)
	// The container's cleanup waits for it.
	unix.Kill(c.pid, unix.SIGKILL)
	guard.Until(t, "no process can be started", func() bool {
		p, err := h.Spawn(t.Context(), c.request("true"))
		if err == nil {
			wait(t, p)
		}
		return errors.Is(err, unix.ENOMEM)
	})
}

func TestCapabilitySet(t *testing.T) {
	set, unknown, err := nsexec.CapabilitySet([]string{"CAP_CHOWN", "CAP_NEW", "CAP_KILL", "CAP_CHECKPOINT_RESTORE"})
	if set != 1|1<<5|1<<40 || len(unknown) != 1 || unknown[0] != "CAP_NEW" || err != nil {
		t.Errorf("%#x %v %v", set, unknown, err)
	}
}
