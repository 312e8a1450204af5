// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gogo/protobuf/proto"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// containersOfPod is how many containers the pod of the tests has, the sandbox's own among them.
const containersOfPod = 10

// podPolicy is a policy of the size that generators write: the rules of testdata/pod.rego, a part of
// its own for each container, and the data of them all.
func podPolicy(t testing.TB) string {
	t.Helper()
	rules, err := os.ReadFile("testdata/pod.rego")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.Write(rules)
	for i := range containersOfPod {
		fmt.Fprintf(&b, "\nown(%d) if {\n\tinput.OCI.Process.Args[0] == %q\n", i, podCreate(i).OCI.Process.Args[0])
		for n := range 170 {
			fmt.Fprintf(&b, "\tnot \"FORBIDDEN_%d_%d=1\" in input.OCI.Process.Env\n", i, n)
		}
		b.WriteString("}\n")
	}
	b.WriteString("\npolicy_data := {\"common\": {\"version\": \"1.1.0\", \"group\": 2000}, \"containers\": [\n")
	for i := range containersOfPod {
		q := podCreate(i)
		fmt.Fprintf(&b, `{"name": %q, "input": %v, "commands": [["ls", "-l"], ["id"]], "patterns": ["^cat /etc/[a-z]+$"], "root": {"Readonly": true, "Path": "/run/kata-containers/$(id)/rootfs"},`,
			podName(i), i == 1)
		p := q.OCI.Process
		fmt.Fprintf(&b, ` "process": {"Args": %s, "Cwd": "/", "Terminal": false, "NoNewPrivileges": true, "User": {"UID": 1000, "GID": 1000, "AdditionalGids": [1000, 2000]}, "Env": %s,`,
			texts(p.Args), texts(p.Env))
		fmt.Fprintf(&b, ` "Capabilities": {"Bounding": %[1]s, "Effective": %[1]s, "Permitted": %[1]s, "Inheritable": [], "Ambient": []}},`, texts(p.Capabilities.Effective))
		fmt.Fprintf(&b, ` "annotations": {"io.kubernetes.cri.container-name": %q}, "mounts": [`, podName(i))
		for _, m := range q.OCI.Mounts {
			fmt.Fprintf(&b, `{"destination": %q, "type_": %q, "options": %s, "source": %q},`, m.Destination, m.Type, texts(m.Options), "^"+strings.ReplaceAll(m.Source, podName(i), "$(id)")+"$")
		}
		b.WriteString(`], "storages": [{"driver": "blk", "fstype": "ext4", "options": ["ro"], "mount_point": "/run/kata-containers/$(id)/rootfs"}]},` + "\n")
	}
	b.WriteString("]}\n")
	return b.String()
}

func texts(all []string) string {
	quoted := make([]string, 0, len(all))
	for _, s := range all {
		quoted = append(quoted, fmt.Sprintf("%q", s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func podName(i int) string {
	if i == 0 {
		return "sandbox"
	}
	return fmt.Sprintf("app-%d", i)
}

// podCreate is the creation of a container as a host asks for it.
func podCreate(i int) *protocols.CreateContainerRequest {
	id := podName(i)
	caps := []string{"CAP_CHOWN", "CAP_KILL", "CAP_SETUID"}
	q := &protocols.CreateContainerRequest{
		ContainerId: id,
		Storages:    []*protocols.Storage{{Driver: "blk", Source: "02/01", Fstype: "ext4", Options: []string{"ro"}, MountPoint: "/run/kata-containers/" + id + "/rootfs"}},
		OCI: &protocols.Spec{
			Version: "1.1.0", Hostname: "Pod",
			Root: &protocols.Root{Path: "/run/kata-containers/" + id + "/rootfs", Readonly: true},
			Process: &protocols.Process{
				Args: []string{"/bin/" + id, "--serve"}, Cwd: "/", NoNewPrivileges: true,
				User:         &protocols.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{1000}},
				Capabilities: &protocols.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			},
			Annotations: map[string]string{"io.kubernetes.cri.container-name": id, "io.kubernetes.cri.sandbox-id": "sandbox"},
			Linux:       &protocols.Linux{Namespaces: []*protocols.LinuxNamespace{{Type: "ipc"}, {Type: "uts"}, {Type: "mount"}, {Type: "network"}}},
		},
	}
	for n := range 20 {
		q.OCI.Process.Env = append(q.OCI.Process.Env, fmt.Sprintf("VARIABLE_%d=value %d", n, i))
	}
	for n := range 12 {
		q.OCI.Mounts = append(q.OCI.Mounts, &protocols.Mount{
			Destination: fmt.Sprintf("/mnt/%d", n), Type: "bind", Options: []string{"rbind", "ro"},
			Source: fmt.Sprintf("/run/kata-containers/shared/containers/%s-%d", id, n),
		})
	}
	return q
}

func podExec(args ...string) *protocols.ExecProcessRequest {
	return &protocols.ExecProcessRequest{ContainerId: "app-1", ExecId: "e", Process: &protocols.Process{Args: args, Cwd: "/", Env: []string{"VARIABLE_1=value 1"},
		Capabilities: &protocols.LinuxCapabilities{}}}
}

func podFile(path string, mode uint32, data string) *protocols.CopyFileRequest {
	return &protocols.CopyFileRequest{Path: "/run/kata-containers/shared/containers/" + path, FileMode: mode, Data: []byte(data), FileSize: int64(len(data))}
}

func podRoutes(r protocols.Route) *protocols.UpdateRoutesRequest {
	return &protocols.UpdateRoutesRequest{Routes: &protocols.Routes{Routes: []*protocols.Route{&r}}}
}

func podNeighbors(n protocols.ARPNeighbor) *protocols.AddARPNeighborsRequest {
	return &protocols.AddARPNeighborsRequest{Neighbors: &protocols.ARPNeighbors{ARPNeighbors: []*protocols.ARPNeighbor{&n}}}
}

func podInterface(name, mask string, flags uint32) *protocols.UpdateInterfaceRequest {
	return &protocols.UpdateInterfaceRequest{Interface: &protocols.Interface{Name: name, RawFlags: flags, IPAddresses: []*protocols.IPAddress{{Address: "10.0.0.2", Mask: mask}}}}
}

// podStart is what a host asks for until the containers run.
func podStart() (all []protocols.Message) {
	all = append(all, &protocols.CreateSandboxRequest{SandboxId: "sandbox", Storages: []*protocols.Storage{{Driver: "virtio-fs", MountPoint: "/run/kata-containers/shared/"}}},
		&protocols.OnlineCPUMemRequest{}, podInterface("eth0", "24", 0), podRoutes(protocols.Route{Gateway: "10.0.0.1", Device: "eth0"}),
		podNeighbors(protocols.ARPNeighbor{Device: "eth0", State: 128}),
		podFile("hosts", 0o100644, "127.0.0.1 localhost\n"), podFile("dir", 0o40755, ""), podFile("dir/link", 0o120777, "../dir/x"[3:]))
	for i := range containersOfPod {
		all = append(all, podCreate(i), &protocols.StartContainerRequest{ContainerId: podName(i)})
	}
	return all
}

// podLife is what comes then.
func podLife() (all []protocols.Message) {
	all = append(all, podExec("ls", "-l"), podExec("cat", "/etc/passwd"), &protocols.StatsContainerRequest{ContainerId: "app-1"},
		&protocols.WriteStreamRequest{ContainerId: "app-1", Data: make([]byte, 1024)}, &protocols.CloseStdinRequest{ContainerId: "app-1"},
		&protocols.ReadStreamRequest{ContainerId: "app-1", Len: 32 << 10}, &protocols.TtyWinResizeRequest{ContainerId: "app-1", Row: 24})
	for i := range containersOfPod {
		all = append(all, &protocols.SignalProcessRequest{ContainerId: podName(i), Signal: 15}, &protocols.WaitProcessRequest{ContainerId: podName(i)},
			&protocols.RemoveContainerRequest{ContainerId: podName(i)})
	}
	return append(all, &protocols.DestroySandboxRequest{})
}

func nameOf(m protocols.Message) string {
	name := fmt.Sprintf("%T", m)
	return name[strings.LastIndexByte(name, '.')+1:]
}

func podGate(t testing.TB) *Gate {
	t.Helper()
	g := New(zap.NewNop())
	if err := g.Load("agent_policy", podPolicy(t)); err != nil {
		t.Fatal(err)
	}
	return g
}

func wantAllowed(t testing.TB, g *Gate, all []protocols.Message) {
	t.Helper()
	for _, m := range all {
		if code, text := decided(g, nameOf(m), m); code != codes.OK {
			t.Fatalf("%v\nof %v: %v %s", nameOf(m), m, code, text)
		}
	}
}

// alteration is a request of the pod's life that is not what it should be.
type alteration struct {
	name string
	m    protocols.Message
	code codes.Code
}

// altered changes the creation of the last container.
func altered(name string, change func(q *protocols.CreateContainerRequest)) alteration {
	q := proto.Clone(podCreate(containersOfPod - 1)).(*protocols.CreateContainerRequest)
	change(q)
	return alteration{name, q, codes.PermissionDenied}
}

func alterations() []alteration {
	denied := func(name string, m protocols.Message) alteration { return alteration{name, m, codes.PermissionDenied} }
	exec := func(change func(q *protocols.ExecProcessRequest)) protocols.Message {
		q := podExec("ls", "-l")
		change(q)
		return q
	}
	type create = protocols.CreateContainerRequest
	return []alteration{
		altered("args", func(q *create) { q.OCI.Process.Args[1] = "--shell" }),
		altered("cwd", func(q *create) { q.OCI.Process.Cwd = "/root" }),
		altered("terminal", func(q *create) { q.OCI.Process.Terminal = true }),
		altered("new privileges", func(q *create) { q.OCI.Process.NoNewPrivileges = false }),
		altered("root's id", func(q *create) { q.OCI.Process.User.UID = 0 }),
		altered("a group more", func(q *create) { q.OCI.Process.User.AdditionalGids = []uint32{0} }),
		altered("a variable more", func(q *create) { q.OCI.Process.Env = append(q.OCI.Process.Env, "LD_PRELOAD=/x") }),
		altered("an address that is none", func(q *create) { q.OCI.Process.Env = append(q.OCI.Process.Env, "A_PORT_1_TCP_ADDR=10.01.1.1") }),
		altered("another host's name", func(q *create) { q.OCI.Process.Env = append(q.OCI.Process.Env, "HOSTNAME=other") }),
		altered("a capability more", func(q *create) {
			q.OCI.Process.Capabilities.Effective = append(q.OCI.Process.Capabilities.Effective, "CAP_SYS_ADMIN")
		}),
		altered("no capabilities at all", func(q *create) { q.OCI.Process.Capabilities = nil }),
		altered("an annotation more", func(q *create) { q.OCI.Annotations["x"] = "y" }),
		altered("a mount's source", func(q *create) { q.OCI.Mounts[3].Source = "/etc" }),
		altered("a mount's options", func(q *create) { q.OCI.Mounts[3].Options = []string{"rbind", "rw"} }),
		altered("a mount more", func(q *create) { q.OCI.Mounts = append(q.OCI.Mounts, q.OCI.Mounts[0]) }),
		altered("no mount namespace", func(q *create) { q.OCI.Linux.Namespaces = q.OCI.Linux.Namespaces[:2] }),
		altered("a user namespace", func(q *create) {
			q.OCI.Linux.Namespaces = append(q.OCI.Linux.Namespaces, &protocols.LinuxNamespace{Type: "user"})
		}),
		altered("a namespace of somebody", func(q *create) { q.OCI.Linux.Namespaces[0].Path = "/proc/1/ns/ipc" }),
		altered("a writable root", func(q *create) { q.OCI.Root.Readonly = false }),
		altered("another root", func(q *create) { q.OCI.Root.Path = "/" }),
		altered("hooks", func(q *create) { q.OCI.Hooks = &protocols.Hooks{} }),
		altered("a storage's source", func(q *create) { q.Storages[0].Source = "../x" }),
		altered("another storage", func(q *create) { q.Storages[0].Fstype = "xfs" }),
		altered("a storage's group", func(q *create) { q.Storages[0].FsGroup = &protocols.FSGroup{GroupId: 1} }),
		altered("the pid namespace", func(q *create) { q.SandboxPidns = true }),
		altered("an id in use", func(q *create) { q.ContainerId = "app-1" }),
		altered("an id of other letters", func(q *create) { q.ContainerId = "APP" }),
		denied("another command", podExec("sh")),
		denied("a pattern that is longer", podExec("cat", "/etc/passwd", "/etc/shadow")),
		denied("a command in another directory", exec(func(q *protocols.ExecProcessRequest) { q.Process.Cwd = "/root" })),
		denied("a command's variable", exec(func(q *protocols.ExecProcessRequest) { q.Process.Env = []string{"A=b"} })),
		denied("a command in no container", exec(func(q *protocols.ExecProcessRequest) { q.ContainerId = "nobody" })),
		denied("a command with a label", exec(func(q *protocols.ExecProcessRequest) { q.Process.SelinuxLabel = "x" })),
		denied("no command", &protocols.ExecProcessRequest{ContainerId: "app-1"}),
		denied("another signal", &protocols.SignalProcessRequest{ContainerId: "app-1", Signal: 1}),
		denied("input for another one", &protocols.WriteStreamRequest{ContainerId: "app-2"}),
		denied("the loopback's name", podInterface("lo", "24", 0)),
		denied("another mask", podInterface("eth0", "8", 0)),
		denied("a flag", podInterface("eth0", "24", 256)),
		denied("a route from loopback", podRoutes(protocols.Route{Source: "127.0.0.1", Device: "eth0"})),
		denied("a route by docker", podRoutes(protocols.Route{Device: "docker0"})),
		denied("a neighbour's state", podNeighbors(protocols.ARPNeighbor{Device: "eth0", State: 2})),
		denied("a file elsewhere", podFile("../../../../etc/passwd", 0o100644, "")),
		denied("a device", podFile("x", 0o60644, "")),
		denied("a link out", podFile("x", 0o120777, "/etc")),
		denied("hooks in the guest", &protocols.CreateSandboxRequest{GuestHookPath: "/hooks"}),
		denied("another policy", &protocols.UpdateEphemeralMountsRequest{}),
		{"a start that was", &protocols.StartContainerRequest{ContainerId: "app-1"}, codes.Internal},
		{"nothing to remove", &protocols.RemoveContainerRequest{ContainerId: "nobody"}, codes.PermissionDenied},
		{"no rule", &protocols.AddSwapRequest{}, codes.Internal},
		{"no list of routes", &protocols.UpdateRoutesRequest{}, codes.PermissionDenied},
		{"a spec without its parts", &protocols.CreateContainerRequest{ContainerId: "x", OCI: &protocols.Spec{}}, codes.PermissionDenied},
	}
}

// TestPod: a policy of generated size allows the life of the pod that it names, and nothing else.
func TestPod(t *testing.T) {
	g := podGate(t)
	if n := strings.Count(podPolicy(t), "\n"); n < 2000 {
		t.Errorf("the policy has %d lines, want 2000", n)
	}
	start := podStart()
	wantAllowed(t, g, start[:len(start)-2]) // all but the last container
	for _, a := range alterations() {
		code, text := decided(g, nameOf(a.m), a.m)
		want := nameOf(a.m) + " is blocked by policy: "
		if a.code == codes.Internal {
			want = nameOf(a.m) + ": internal error "
		}
		if code != a.code || !strings.HasPrefix(text, want) {
			t.Errorf("%s: %v %.200q, want %v %q", a.name, code, text, a.code, want)
		}
	}
	wantAllowed(t, g, start[len(start)-2:])
	wantAllowed(t, g, podLife())
}

func BenchmarkPod(b *testing.B) {
	for name, m := range map[string]protocols.Message{
		"Create": podCreate(containersOfPod - 1), "Exec": podExec("ls", "-l"), "Read": &protocols.ReadStreamRequest{ContainerId: "app-1"},
		"Write32KiB": &protocols.WriteStreamRequest{ContainerId: "app-1", Data: make([]byte, 32<<10)},
	} {
		b.Run(name, func(b *testing.B) {
			g := podGate(b)
			start := podStart()
			wantAllowed(b, g, start[:len(start)-2])
			b.ReportAllocs()
			for b.Loop() {
				if code, text := decided(g, nameOf(m), m); code != codes.OK {
					b.Fatal(text)
				}
				if name == "Create" {
					b.StopTimer()
					decided(g, "RemoveContainerRequest", &protocols.RemoveContainerRequest{ContainerId: podName(containersOfPod - 1)})
					b.StartTimer()
				}
			}
		})
	}
	b.Run("Load", func(b *testing.B) {
		for b.Loop() {
			podGate(b)
		}
	})
}
