// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// mounter is a container that may mount.
func (p *pod) mounter(cid, script string) {
	p.T.Helper()
	spec := p.Spec(cid, harness.Rootfs(p.T), "sh", "-c", script)
	caps := append([]string{"CAP_SYS_ADMIN"}, harness.Capabilities...)
	spec.Process.Capabilities = &protocols.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	p.Must(p.Create(p.Ctx, cid, spec))
	p.Must(p.StartContainer(p.Ctx, cid))
}

// createShared creates a container that is to see mounts of others.
func (p *pod) createShared(ctx context.Context, cid, rootfs string, mounts ...*protocols.SharedMount) error {
	return p.Do(ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: cid, OCI: p.Spec(cid, rootfs, "sleep", "10000"), SharedMounts: mounts,
	})
}

// TestSharedMounts runs two containers as runtime-rs has them run: the second is created while the
// first has yet to mount what both are to see.
func TestSharedMounts(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.mounter("source", "mkfifo /go && cat /go; mkdir -p /mnt/data && mount -t tmpfs data /mnt/data && echo one > /mnt/data/f && exec sleep 10000")
	p.Until("the source waits", func() bool { return strings.Contains(p.Output("source", "look", "ls", "/"), "go") })
	m := &protocols.SharedMount{Name: "data", SrcCtr: "source", SrcPath: "/mnt/data", DstCtr: "dest", DstPath: "/in/data"}
	created := make(chan error, 1)
	go func() { created <- p.createShared(p.Ctx, "dest", harness.Rootfs(t), m) }()
	p.Output("source", "let-go", "sh", "-c", "echo > /go")
	p.Must(<-created)
	p.Must(p.StartContainer(p.Ctx, "dest"))
	p.Until("the file is seen", func() bool { return p.Output("dest", "read", "cat", "/in/data/f") == "one\n" })
	p.Output("dest", "write", "sh", "-c", "echo two > /in/data/g")
	if got := p.Output("source", "read", "cat", "/mnt/data/g"); got != "two\n" {
		t.Errorf("the source reads %q, want what the other container has written", got)
	}

	// The mount outlives its source, as every copy of a mount does; and the source does not wait for it.
	p.Delete("source")
	if got := p.Output("dest", "again", "cat", "/in/data/g"); got != "two\n" {
		t.Errorf("read %q after the source has gone", got)
	}
	p.Delete("dest")
	p.Settled()
	p.NothingLeft(t, before)
}

func TestSharedMountRefusals(t *testing.T) {
	p := newPod(t, harness.Options{})
	outside := t.TempDir() // a directory of the guest, where nothing may appear
	before := p.Warm()
	p.mounter("source", "mkdir /mnt; ln -s "+outside+" /mnt/link; ln -s / /mnt/root; mount -t tmpfs data /tmp; exec sleep 10000")
	p.Idle("other")
	rootfs := harness.Rootfs(t)
	p.Must(os.Symlink("/proc/self/root", rootfs+"/magic"))
	good := protocols.SharedMount{Name: "data", SrcCtr: "source", SrcPath: "/tmp", DstCtr: "dest", DstPath: "/in"}
	p.Must(p.createShared(p.Ctx, "dest", rootfs, &good))
	p.Delete("dest")
	for name, c := range map[string]struct {
		change func(*protocols.SharedMount)
		code   codes.Code
	}{
		"no source":          {func(m *protocols.SharedMount) { m.SrcCtr = "" }, codes.InvalidArgument},
		"unknown source":     {func(m *protocols.SharedMount) { m.SrcCtr = "nobody" }, codes.FailedPrecondition},
		"itself":             {func(m *protocols.SharedMount) { m.SrcCtr = "dest" }, codes.FailedPrecondition},
		"relative source":    {func(m *protocols.SharedMount) { m.SrcPath = "tmp" }, codes.InvalidArgument},
		"the guest's files":  {func(m *protocols.SharedMount) { m.SrcPath = "/../../" + outside }, codes.InvalidArgument},
		"no path":            {func(m *protocols.SharedMount) { m.DstPath = "" }, codes.InvalidArgument},
		"the root":           {func(m *protocols.SharedMount) { m.DstPath = "/" }, codes.InvalidArgument},
		"over proc":          {func(m *protocols.SharedMount) { m.DstPath = "/proc/sys" }, codes.Internal},
		"through magic link": {func(m *protocols.SharedMount) { m.DstPath = "/magic/in" }, codes.Internal},
		"link in the source": {func(m *protocols.SharedMount) { m.SrcPath = "/mnt/root/tmp" }, codes.Internal},
	} {
		m := good
		c.change(&m)
		err := p.createShared(p.Ctx, "dest", rootfs, &m)
		harness.Refused(t, err, c.code, `container "dest"`, `shared mount "data"`)
		if strings.Count(status.Convert(err).Message(), `"data"`) != 1 {
			t.Errorf("%s: %v, want the mount named once", name, err)
		}
	}
	// What never becomes a mount ends with the caller, here long before the agent's own limit.
	for i, path := range []string{"/mnt/none", "/mnt/link", "/etc"} {
		m := good
		m.SrcPath = path
		ctx, cancel := context.WithTimeout(p.Ctx, 300*time.Millisecond) // clock: nothing can happen, however long
		if err := p.createShared(ctx, fmt.Sprintf("late-%d", i), rootfs, &m); err == nil {
			t.Errorf("%s was shared", path)
		}
		cancel()
	}
	// Nothing is left of any of them: neither the container nor a mount outside.
	p.Until("the id is free", func() bool { return p.createShared(p.Ctx, "dest", rootfs, &good) == nil })
	p.Delete("dest")
	if names, err := os.ReadDir(p.Path(outside)); err != nil || len(names) != 0 {
		t.Errorf("outside of the containers: %v, %v; want it empty", names, err)
	}
	p.Delete("source")
	p.Delete("other")
	p.Settled()
	p.NothingLeft(t, before)
}

// TestSharedMountOfAContainerThatEnds: who waits for a mount is told when it will never come.
func TestSharedMountOfAContainerThatEnds(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.mounter("source", "sleep 10000")
	m := &protocols.SharedMount{Name: "data", SrcCtr: "source", SrcPath: "/mnt/none", DstPath: "/in"}
	created := make(chan error, 1)
	go func() { created <- p.createShared(p.Ctx, "dest", p.Rootfs, m) }()
	p.Must(p.Signal(p.Ctx, "source", "", 9))
	harness.Refused(t, <-created, codes.FailedPrecondition, `shared mount "data"`, `"source"`)
	p.Delete("source")
	p.Idle("dest")
}
