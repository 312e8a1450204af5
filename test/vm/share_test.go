// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestSharedFileSystem is the usual pod of a host: everything comes through
// one virtio-fs share.
func TestSharedFileSystem(t *testing.T) {
	lab.NeedVirtiofs(t)
	const shared = "/run/kata-containers/shared/containers"
	dir := t.TempDir()
	lab.BusyboxTree(t, filepath.Join(dir, "c1", "rootfs"))
	// The host makes the directory that the guest mounts its copies on.
	if err := os.Mkdir(filepath.Join(dir, "watchable"), 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "c1-0123-config")
	writeFile(t, filepath.Join(config, "key"), "one")

	vm, agent := bootInit(t, lab.Options{CgroupV2: true, Modules: lab.FullModules(), Shares: map[string]string{"kataShared": dir}})
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod", Storages: []*protocols.Storage{{
		Driver: "virtio-fs", Source: "kataShared", Fstype: "virtiofs", MountPoint: shared + "/", Options: []string{"nodev"},
	}}})
	spec := host.Spec("c1", shared+"/c1/rootfs", "sleep", "1000000")
	watchable := shared + "/watchable/c1-0123-config"
	spec.Mounts = append(spec.Mounts, &protocols.Mount{Destination: "/config", Source: watchable, Type: "bind", Options: []string{"rbind", "ro"}})
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: "c1", OCI: spec, Storages: []*protocols.Storage{{
		Driver: "watchable-bind", Source: shared + "/c1-0123-config", Fstype: "bind", MountPoint: watchable, Options: []string{"rbind", "ro"},
	}}})
	c.Start(t)
	if got := c.Shell(t, "cat /config/key; echo written > /mark"); got != "one" {
		t.Errorf("the configuration says %q", got)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "c1/rootfs/mark")); err != nil || string(got) != "written\n" {
		t.Errorf("the host sees %q, %v", got, err)
	}
	// virtio-fs tells the guest nothing of a change; the agent has to look.
	writeFile(t, filepath.Join(config, "key"), "two and longer")
	if out := c.Exec(t, "sh", "-c", "for i in $(seq 300); do grep -q two /config/key && exit 0; usleep 100000; done; exit 1"); out.Status != 0 {
		t.Error("the container does not see the new configuration")
	}
	c.Remove(t)
	vm.WaitUntil(t, "! grep -q "+watchable+" /proc/mounts")
	agent.DestroySandbox(t)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
