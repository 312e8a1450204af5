// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"slices"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// volumeDir is the guest's end of a volume that the containers of a test share.
const volumeDir = "/run/kata-containers/sandbox/ephemeral/volume"

// TestMountPropagation has containers mount below a volume that they share, as a pod's
// "Bidirectional" and "HostToContainer" volumes do: in an initrd, in an image without
// systemd, and under systemd.
func TestMountPropagation(t *testing.T) {
	layouts(t, func(t *testing.T, v2 bool) {
		t.Run("init", func(t *testing.T) {
			opts := lab.Options{CgroupV2: v2}
			if v2 {
				opts.Root = lab.TmpfsRoot()
			}
			vm, agent := bootPod(t, opts)
			checkPropagation(t, vm, agent)
		})
		t.Run("service", func(t *testing.T) {
			vm, agent := bootService(t, lab.Options{CgroupV2: v2})
			checkPropagation(t, vm, agent)
		})
	})
}

func checkPropagation(t *testing.T, vm *lab.VM, agent *host.Agent) {
	all := map[string]*host.Container{}
	for _, propagation := range []string{"rshared", "rslave", "rprivate"} {
		all[propagation] = volumeUser(t, agent, propagation, propagation)
	}
	peer := volumeUser(t, agent, "peer", "rshared")
	// Who sees what another mounts.
	for _, c := range []struct {
		from string
		run  func(script string)
		seen []string
	}{
		{"shared", func(s string) { all["rshared"].Shell(t, s) }, []string{"guest", "rshared", "rslave", "peer"}},
		{"peer", func(s string) { peer.Shell(t, s) }, []string{"guest", "rshared", "rslave", "peer"}},
		{"slave", func(s string) { all["rslave"].Shell(t, s) }, []string{"rslave"}},
		{"private", func(s string) { all["rprivate"].Shell(t, s) }, []string{"rprivate"}},
		{"guest", func(s string) { vm.Shell(t, "cd "+volumeDir+"/.. && "+s) }, []string{"guest", "rshared", "rslave", "peer"}},
	} {
		dir := "volume/" + c.from
		c.run("mkdir " + dir + " && mount -t tmpfs none " + dir + " && touch " + dir + "/file")
		look := "if [ -e " + dir + "/file ]; then echo yes; else echo no; fi"
		got := map[string]string{"guest": vm.Shell(t, "cd "+volumeDir+"/..; "+look), "peer": peer.Shell(t, look)}
		for name, container := range all {
			got[name] = container.Shell(t, look)
		}
		for who, sees := range got {
			if want := slices.Contains(c.seen, who); want != (sees == "yes") {
				t.Errorf("a mount made by %s is seen by %s: %s, want %v", c.from, who, sees, want)
			}
		}
	}
	all["rshared"].Shell(t, "umount volume/shared")
	if got := vm.Shell(t, "grep -c ' "+volumeDir+"/shared ' /proc/mounts || true"); got != "0" {
		t.Errorf("a mount that its container has undone is there in the guest, %s times", got)
	}
	for _, c := range all {
		c.Remove(t)
	}
	peer.Remove(t)
	agent.DestroySandbox(t)
}

// volumeUser runs a container that may mount and has the volume with this propagation.
func volumeUser(t *testing.T, agent *host.Agent, id, propagation string) *host.Container {
	t.Helper()
	spec := agent.Sleeper(t, id)
	spec.Linux.RootfsPropagation = propagation
	capabilities := append(slices.Clone(spec.Process.Capabilities.Bounding), "CAP_SYS_ADMIN")
	spec.Process.Capabilities = &protocols.LinuxCapabilities{
		Bounding: capabilities, Effective: capabilities, Permitted: capabilities,
	}
	spec.Mounts = append(spec.Mounts, &protocols.Mount{
		Destination: "/volume", Source: volumeDir, Type: "bind", Options: []string{"rbind", propagation},
	})
	c := agent.Create(t, &protocols.CreateContainerRequest{ContainerId: id, OCI: spec, Storages: []*protocols.Storage{{
		Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: volumeDir,
	}}})
	c.Start(t)
	return c
}
