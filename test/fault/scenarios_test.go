// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// scenario is what a host does from the making of something to its end. It is run again and again,
// with one fault in it each time.
type scenario struct {
	name    string
	options harness.Options
	// ready makes what the scenario works on, once for each agent. May be nil.
	ready func(*harness.Pod)
	// run does everything, and goes on after what fails, as hosts do when they clean up.
	run func(context.Context, *harness.Pod) error
	// clean ends what is left of a run, as a host does that has got an error.
	clean func(context.Context, *harness.Pod) error
	// children are those that ready has made.
	children int
	// once: a run that succeeds cannot be repeated on the same agent.
	once bool
}

// scenarios are all of them.
func scenarios() []scenario {
	return []scenario{
		{name: "container", run: lifeAs(plain), clean: remove},
		{name: "low limits", run: lifeAs(lowLimits), clean: remove},
		{name: "hooks", run: lifeAs(everyHook), clean: remove},
		{name: "operations", run: operations, clean: remove},
		{name: "volumes", ready: sources, run: volumes, clean: remove},
		{name: "disks", ready: disks, run: onDisks, clean: remove},
		{name: "devices", ready: devices, run: withDevices, clean: remove},
		{name: "files", run: files, clean: files}, // a host whose file did not arrive sends it again
		{name: "shared mount", ready: source, run: sharedMount, clean: remove, children: 1},
		{name: "network", options: harness.Options{Network: true}, ready: nicReady, run: network, clean: newNIC},
		{name: "sandbox", ready: guestHooks, run: sandbox, clean: nothing, once: true},
	}
}

func nothing(context.Context, *harness.Pod) error { return nil }

// start makes an agent on which a scenario can be run.
func (s scenario) start(p *harness.Pod) {
	p.T.Helper()
	if !s.once {
		p.Must(p.Do(p.Ctx, "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "pod-id"}))
		p.Warm()
	}
	if s.ready != nil {
		s.ready(p)
	}
}

func plain(*protocols.Spec) {}

// lowLimits has the container's init go on to a last stage.
func lowLimits(s *protocols.Spec) {
	s.Process.Rlimits = []*protocols.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 32, Soft: 32}}
	s.Linux.Resources.CPU = &protocols.LinuxCPU{Quota: 50_000, Period: 100_000}
	s.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
}

// everyHook has hooks of each kind, and sessions that go by libcontainer.
func everyHook(s *protocols.Spec) {
	list := []*protocols.Hook{{Path: "/bin/true", Args: []string{"true"}}}
	s.Hooks = &protocols.Hooks{
		Prestart: list, CreateRuntime: list, CreateContainer: list, StartContainer: list, Poststart: list, Poststop: list,
	}
	s.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
}

// remove is what a host does whose container has failed.
func remove(ctx context.Context, p *harness.Pod) error {
	err := p.Remove(ctx, "c1")
	if err != nil && strings.Contains(err.Error(), "invalid container id") {
		return nil
	}
	return err
}

// volume is one that every container has.
const volume = "/run/kata-containers/sandbox/ephemeral/v"

func lifeAs(change func(*protocols.Spec)) func(context.Context, *harness.Pod) error {
	return func(ctx context.Context, p *harness.Pod) error {
		spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
		change(spec)
		return containerLife(ctx, p, &protocols.CreateContainerRequest{
			ContainerId: "c1", OCI: spec,
			Storages: []*protocols.Storage{{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: volume}},
		})
	}
}

// containerLife makes a container, has two sessions in it, one of them on a terminal, and removes it.
func containerLife(ctx context.Context, p *harness.Pod, create *protocols.CreateContainerRequest) error {
	if err := p.Do(ctx, "CreateContainer", create); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	err := p.StartContainer(ctx, "c1")
	_, _, e1 := p.Client.Run(ctx, "c1", "e1", "true")
	tty := harness.Process("true")
	tty.Terminal = true
	e2 := p.Exec(ctx, "c1", "e2", tty)
	if e2 == nil {
		_, e2 = p.Wait(ctx, "c1", "e2")
	}
	return errors.Join(err, e1, e2, p.Remove(ctx, "c1"))
}

// operations are those on a container that runs.
func operations(ctx context.Context, p *harness.Pod) error {
	if err := p.Create(ctx, "c1", p.Spec("c1", p.Rootfs, "sleep", "10000")); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	do := func(method string, request protocols.Message) error {
		return p.Do(ctx, method, request)
	}
	tty := harness.Process("cat")
	tty.Terminal = true
	errs := []error{
		p.StartContainer(ctx, "c1"),
		do("UpdateContainer", &protocols.UpdateContainerRequest{ContainerId: "c1", Resources: &protocols.LinuxResources{
			CPU: &protocols.LinuxCPU{Shares: 512}, Memory: &protocols.LinuxMemory{Limit: 1 << 30},
		}}),
		do("OnlineCPUMem", &protocols.OnlineCPUMemRequest{CpuOnly: true}), // all there are
		do("PauseContainer", &protocols.PauseContainerRequest{ContainerId: "c1"}),
		do("ResumeContainer", &protocols.ResumeContainerRequest{ContainerId: "c1"}),
		p.Call(ctx, "StatsContainer", &protocols.StatsContainerRequest{ContainerId: "c1"}, &protocols.StatsContainerResponse{}),
		p.Exec(ctx, "c1", "e1", tty),
		do("TtyWinResize", &protocols.TtyWinResizeRequest{ContainerId: "c1", ExecId: "e1", Row: 20, Column: 30}),
		p.Signal(ctx, "c1", "e1", 9),
		p.Signal(ctx, "c1", "", 9), // all of the container
	}
	return errors.Join(append(errs, p.Remove(ctx, "c1"))...)
}

const (
	shared    = "/run/kata-containers/shared/containers/"
	watched   = shared + "c1-config"
	lower     = shared + "lower"
	guestDisk = "/run/kata-containers/sandbox/disk"
)

// sources makes the directories that volumes are made of.
func sources(p *harness.Pod) {
	p.Must(os.MkdirAll(p.Path(shared+"watchable"), 0o755))
	for dir, file := range map[string]string{watched: "key", lower: "word"} {
		p.Must(os.MkdirAll(p.Path(dir), 0o755))
		p.Must(os.WriteFile(filepath.Join(p.Path(dir), file), []byte("value"), 0o644))
	}
}

// volumes has one of each driver that needs no disk.
func volumes(ctx context.Context, p *harness.Pod) error {
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	at := "/run/kata-containers/c1-volumes/"
	return containerLife(ctx, p, &protocols.CreateContainerRequest{ContainerId: "c1", OCI: spec, Storages: []*protocols.Storage{
		{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: at + "memory", Options: []string{"fsgid=7", "size=1M"}},
		{Driver: "local", Source: "local", Fstype: "local", MountPoint: at + "local", Options: []string{"mode=0777"}},
		{Driver: "bind", Source: lower, Fstype: "bind", MountPoint: at + "bind", Options: []string{"bind"}, FsGroup: &protocols.FSGroup{GroupId: 8}},
		{Driver: "watchable-bind", Source: watched, Fstype: "bind", MountPoint: "/run/kata-containers/shared/containers/watchable/c1-config", Options: []string{"bind"}},
		{
			Driver: "overlayfs", Source: "none", Fstype: "overlay", MountPoint: at + "overlay",
			Options:       []string{"lowerdir=" + lower, "io.katacontainers.fs-opt.overlay-rw"},
			DriverOptions: []string{"io.katacontainers.volume.overlayfs.create_directory=" + at + "made"},
		},
	}})
}

// loops are the disks of an agent under test, in the order of disks.
var loops = map[*harness.Agent][]string{}

// disks makes block devices: an empty one and two layers of an image.
func disks(p *harness.Pod) {
	loops[p.Agent] = []string{
		erofstest.Blank(p.T, 4<<20), erofstest.Loop(p.T, erofstest.Top), erofstest.Loop(p.T, erofstest.Bottom),
	}
}

func onDisks(ctx context.Context, p *harness.Pod) error {
	nodes := loops[p.Agent]
	layer := func(node string) *protocols.Storage {
		return &protocols.Storage{
			Driver: "blk", Source: node, Fstype: "erofs", MountPoint: guestDisk + "/image",
			Options: []string{"X-kata.overlay-lower", "X-kata.multi-layer=true"},
		}
	}
	return containerLife(ctx, p, &protocols.CreateContainerRequest{
		ContainerId: "c1", OCI: p.Spec("c1", p.Rootfs, "sleep", "10000"), Storages: []*protocols.Storage{
			{
				Driver: "blk", Source: nodes[0], Fstype: "ext4", MountPoint: guestDisk + "/ext4",
				DriverOptions: []string{"create_filesystem"}, FsGroup: &protocols.FSGroup{GroupId: 9},
			},
			layer(nodes[1]), layer(nodes[2]),
		},
	})
}

// devices makes what containers ask for: a disk, and a device of CDI.
func devices(p *harness.Pod) {
	loops[p.Agent] = []string{erofstest.Blank(p.T, 1<<20)}
	p.Must(os.MkdirAll(p.Path("/run/cdi"), 0o755))
	p.Must(os.WriteFile(p.Path("/run/cdi/vendor.json"), []byte(`{"cdiVersion":"0.6.0","kind":"vendor.com/device",
"devices":[{"name":"d0","containerEdits":{"env":["DEVICE=d0"]}}]}`), 0o644))
}

func withDevices(ctx context.Context, p *harness.Pod) error {
	node := loops[p.Agent][0]
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Annotations["cdi.k8s.io/vendor"] = "vendor.com/device=d0"
	spec.Linux.Devices = []*protocols.LinuxDevice{{Path: "/dev/disk", Type: "b", Major: 1, Minor: 1}}
	spec.Linux.Resources.Devices = []*protocols.LinuxDeviceCgroup{{Allow: true, Type: "b", Major: 1, Minor: 1, Access: "rw"}}
	return containerLife(ctx, p, &protocols.CreateContainerRequest{
		ContainerId: "c1", OCI: spec,
		Devices: []*protocols.Device{{Id: "d", Type: "mmioblk", VmPath: node, ContainerPath: "/dev/disk"}},
	})
}

// files sends one in two pieces, a directory and a link. What a host has sent stays.
func files(ctx context.Context, p *harness.Pod) error {
	piece := func(off int64) *protocols.CopyFileRequest {
		return &protocols.CopyFileRequest{
			Path: shared + "sent/file", FileSize: 8, FileMode: 0o100644, DirMode: 0o755, Uid: 1, Gid: 1, Offset: off, Data: []byte("data"),
		}
	}
	for _, q := range []*protocols.CopyFileRequest{
		piece(0), piece(4),
		{Path: shared + "sent/dir", FileMode: 0o40755, DirMode: 0o755},
		{Path: shared + "sent/link", FileMode: 0o120777, DirMode: 0o755, Data: []byte("file")},
	} {
		if err := p.Do(ctx, "CopyFile", q); err != nil {
			return err
		}
	}
	return nil
}

// source is a container whose mount others are to see.
func source(p *harness.Pod) {
	spec := p.Spec("source", harness.Rootfs(p.T), "sh", "-c", "mkdir -p /mnt/data && mount -t tmpfs data /mnt/data && exec sleep 10000")
	caps := append([]string{"CAP_SYS_ADMIN"}, harness.Capabilities...)
	spec.Process.Capabilities = &protocols.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	p.Must(p.Create(p.Ctx, "source", spec))
	p.Must(p.StartContainer(p.Ctx, "source"))
	p.Until("the source has mounted", func() bool { return strings.Contains(p.Output("source", "look", "cat", "/proc/mounts"), "/mnt/data") })
}

func sharedMount(ctx context.Context, p *harness.Pod) error {
	return containerLife(ctx, p, &protocols.CreateContainerRequest{
		ContainerId: "c1", OCI: p.Spec("c1", p.Rootfs, "sleep", "10000"),
		SharedMounts: []*protocols.SharedMount{{Name: "data", SrcCtr: "source", SrcPath: "/mnt/data", DstCtr: "c1", DstPath: "/in/data"}},
	})
}

const nicMAC = "02:00:ca:fe:00:01"

// nicReady plugs a NIC in.
func nicReady(p *harness.Pod) { p.Must(newNIC(p.Ctx, p)) }

// newNIC puts a NIC in the place of the one there is, as if nobody had changed anything.
func newNIC(_ context.Context, p *harness.Pod) error {
	ns, err := netns.GetFromPid(p.Pid)
	if err != nil {
		return err
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return err
	}
	defer h.Close()
	if old, err := h.LinkByName("host0"); err == nil {
		if err := h.LinkDel(old); err != nil {
			return err
		}
	}
	nic := netlink.NewLinkAttrs()
	nic.Name = "dummy7"
	if nic.HardwareAddr, err = net.ParseMAC(nicMAC); err != nil {
		return err
	}
	return h.LinkAdd(&netlink.Veth{LinkAttrs: nic, PeerName: "host0"})
}

// networkState is what changes of the network may change, without what comes and goes by itself and the
// numbers of links.
func networkState(p *harness.Pod) string {
	return p.Command(p.T, "sh", "-c", `ip -4 -o addr | sed -E 's/^[0-9]+: //'; ip route; ip neigh show nud permanent
ip -o link | sed -E '/host0@/d; s/^[0-9]+: //; s/ (state|qdisc) [A-Za-z]+//g; s/NO-CARRIER,|,M-DOWN|,LOWER_UP//g'
iptables-save | sed -E '/^#/d; s/ \[[0-9:]+\]//'`)
}

// changed is what each method has made of the network when it went well.
var changed = map[string]string{}

// network makes every change once. One that fails has changed nothing, or everything.
func network(ctx context.Context, p *harness.Pod) error {
	var errs []error
	change := func(method string, request, reply protocols.Message) {
		before := networkState(p)
		err := p.Call(ctx, method, request, reply)
		now := networkState(p)
		whole := func() bool { return now == before || now == changed[method] }
		switch {
		case errors.Join(errs...) != nil: // it begins with another state
		case err == nil:
			changed[method] = now
		case !whole() && !guard.Holds(func() bool { now = networkState(p); return whole() }): // who has given up is gone before it is done
			p.T.Errorf("%s has failed (%v) and changed\n%s\nto\n%s\nwant the former, or\n%s", method, err, before, now, changed[method])
		}
		errs = append(errs, err)
	}
	change("UpdateInterface", &protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{
		Device: "eth0", Name: "eth0", HwAddr: nicMAC, Mtu: 1400, Type: "veth",
		IPAddresses: []*protocols.IPAddress{{Family: protocols.IPFamily_v4, Address: "192.0.2.2", Mask: "24"}},
	}}, &protocols.Interface{})
	change("UpdateRoutes", &protocols.UpdateRoutesRequest{Routes: &protocols.Routes{Routes: []*protocols.Route{
		{Gateway: "192.0.2.1", Device: "eth0"}, {Dest: "198.51.100.0/24", Device: "eth0", Scope: 253},
	}}}, &protocols.Routes{})
	change("AddARPNeighbors", &protocols.AddARPNeighborsRequest{Neighbors: &protocols.ARPNeighbors{ARPNeighbors: []*protocols.ARPNeighbor{{
		ToIPAddress: &protocols.IPAddress{Address: "192.0.2.1"}, Device: "eth0", Lladdr: "02:00:ca:fe:00:02", State: 0x80,
	}}}}, &protocols.Empty{})
	change("SetIPTables", &protocols.SetIPTablesRequest{Data: []byte("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")},
		&protocols.SetIPTablesResponse{})
	return errors.Join(append(errs, newNIC(ctx, p))...)
}

const hookDir = "/run/guest-hooks"

// guestHooks are in the guest's image. The directories that all pods have stay once they are made.
func guestHooks(p *harness.Pod) {
	p.Must(os.MkdirAll(p.Path("/run/kata-containers/sandbox"), 0o755))
	p.Must(os.MkdirAll(p.Path("/run/sandbox-ns"), 0o755))
	p.Must(os.MkdirAll(p.Path(hookDir+"/prestart"), 0o755))
	p.Must(os.WriteFile(p.Path(hookDir+"/prestart/hook"), []byte("#!/bin/sh\n"), 0o755))
	p.Mount(p.T, p.Path(hookDir+"/prestart/hook"), "/sbin/modprobe") // in place of the machine's
}

// sandbox makes a pod.
func sandbox(ctx context.Context, p *harness.Pod) error {
	return p.Do(ctx, "CreateSandbox", &protocols.CreateSandboxRequest{
		Hostname: "pod", SandboxId: "pod-id", Dns: []string{"nameserver 192.0.2.53"}, GuestHookPath: hookDir, SandboxPidns: true,
		KernelModules: []*protocols.KernelModule{{Name: "module"}},
		Storages:      []*protocols.Storage{{Driver: "ephemeral", Source: "shm", Fstype: "tmpfs", MountPoint: "/run/kata-containers/sandbox/shm", Options: []string{"size=1M"}}},
	})
}
