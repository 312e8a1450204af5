// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// astray are paths that would end in a directory of the guest: by climbing, by links that the image or
// a container has made, and by links of the kernel's.
func (e *escape) astray() []string {
	return []string{
		strings.Repeat("../", 12) + e.guest[1:] + "/made",
		"/" + strings.Repeat("../", 12) + e.guest[1:] + "/made",
		"/abs/made", "/abs", "/rel/made", "/vol/abs/made", "/vol/rel/made",
		"/proc/self/root" + e.guest + "/made", "/proc/1/root" + e.guest + "/made", "/proc/self/cwd" + e.guest + "/made",
		"/dev/../abs/made", "/chain/made",
	}
}

// TestPathsInsideTheContainer walks the fields of a spec whose paths are the container's own: whatever
// links its image has, they end in it.
func TestPathsInsideTheContainer(t *testing.T) {
	e := newShare(t, harness.Options{})
	for _, dir := range []string{e.Rootfs, e.volume} {
		e.Must(os.Symlink(e.guest, filepath.Join(dir, "abs")))
		e.Must(os.Symlink(strings.Repeat("../", 12)+e.guest[1:], filepath.Join(dir, "rel")))
		e.Must(os.Symlink("/proc/self/root/abs", filepath.Join(dir, "chain")))
	}
	before := e.State()
	for field, change := range map[string]func(*protocols.Spec, string){
		"Mount.Destination": func(s *protocols.Spec, p string) {
			s.Mounts = append(s.Mounts, &protocols.Mount{Destination: p, Type: "tmpfs", Source: "tmpfs"})
		},
		"Mount.Destination of a bind": func(s *protocols.Spec, p string) { s.Mounts = append(s.Mounts, bind(e.volume, p)) },
		"LinuxDevice.Path": func(s *protocols.Spec, p string) {
			s.Linux.Devices = []*protocols.LinuxDevice{{Path: p, Type: "c", Major: 1, Minor: 3, FileMode: 0o666}}
		},
		"Linux.MaskedPaths":   func(s *protocols.Spec, p string) { s.Linux.MaskedPaths = []string{p, filepath.Dir(p)} },
		"Linux.ReadonlyPaths": func(s *protocols.Spec, p string) { s.Linux.ReadonlyPaths = []string{p, filepath.Dir(p)} },
		"Process.Cwd":         func(s *protocols.Spec, p string) { s.Process.Cwd = p },
		"Process.Args":        func(s *protocols.Spec, p string) { s.Process.Args = []string{p} },
	} {
		t.Run(field, func(t *testing.T) {
			e := e.in(t)
			for i, path := range e.astray() {
				cid := fmt.Sprint("c2-", i)
				spec := e.spec(cid, "sh", "-c", e.look())
				change(spec, path)
				out, _ := e.attempt(cid, spec)
				e.wantNoSecret(field+" "+path, out)
			}
			e.wantUntouched(field)
		})
	}
	e.NothingLeft(t, before)
}

// TestNamesThatBecomePaths walks the fields that are no paths, but parts of them in the guest.
func TestNamesThatBecomePaths(t *testing.T) {
	e := newEscape(t, harness.Options{})
	before := e.Warm()
	climb := strings.Repeat("../", 12) + e.guest[1:] + "/made"
	for field, change := range map[string]func(*protocols.CreateContainerRequest){
		"ContainerId": func(r *protocols.CreateContainerRequest) { r.ContainerId = climb },
		"Linux.CgroupsPath": func(r *protocols.CreateContainerRequest) {
			r.OCI.Linux.CgroupsPath = "/" + strings.Repeat("../", 12) + e.Cgroup[1:] + "/c2"
		},
		"Linux.CgroupsPath of systemd's form": func(r *protocols.CreateContainerRequest) {
			r.OCI.Linux.CgroupsPath = strings.Repeat("../", 12) + e.Cgroup[1:] + ":kata:c2"
		},
		"Linux.Sysctl": func(r *protocols.CreateContainerRequest) {
			r.OCI.Linux.Sysctl = map[string]string{"net/" + climb: "1"}
		},
		"Linux.Sysctl with dots": func(r *protocols.CreateContainerRequest) {
			r.OCI.Linux.Sysctl = map[string]string{"kernel." + strings.ReplaceAll(climb, "/", "."): "1"}
		},
		"LinuxHugepageLimit.Pagesize": func(r *protocols.CreateContainerRequest) {
			r.OCI.Linux.Resources.HugepageLimits = []*protocols.LinuxHugepageLimit{{Pagesize: "2MB/" + climb, Limit: 1}}
		},
		"Device.VmPath": func(r *protocols.CreateContainerRequest) {
			r.Devices = []*protocols.Device{{Id: "d", Type: "mmioblk", VmPath: "/dev/" + climb, ContainerPath: "/dev/x"}}
		},
		"Process.ApparmorProfile": func(r *protocols.CreateContainerRequest) { r.OCI.Process.ApparmorProfile = climb },
		"Storage.MountPoint": func(r *protocols.CreateContainerRequest) {
			r.Storages = []*protocols.Storage{{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: "/run/kata-containers/" + climb}}
		},
		"Storage.MountPoint, watched": func(r *protocols.CreateContainerRequest) {
			r.Storages = []*protocols.Storage{{Driver: "watchable-bind", Source: "/run/kata-containers/" + climb, Fstype: "bind", MountPoint: shared + "/watchable/" + climb}}
		},
		"Storage.DriverOptions": func(r *protocols.CreateContainerRequest) {
			r.Storages = []*protocols.Storage{{
				Driver: "overlayfs", Source: "overlay", Fstype: "overlay", MountPoint: "/run/kata-containers/c2/rootfs",
				DriverOptions: []string{"io.katacontainers.volume.overlayfs.create_directory=/run/kata-containers/" + climb},
				Options:       []string{"lowerdir=" + e.Rootfs},
			}}
		},
	} {
		t.Run(field, func(t *testing.T) {
			e := e.in(t)
			r := &protocols.CreateContainerRequest{ContainerId: "c2", OCI: e.spec("c2", "true")}
			change(r)
			if err := e.Do(e.Ctx, "CreateContainer", r); err == nil {
				e.Delete(r.ContainerId)
			} else {
				t.Logf("answer: %v", err)
			}
			e.wantUntouched(field)
		})
	}
	for _, path := range []string{climb, "/run/kata-containers/" + climb} {
		if err := e.Do(e.Ctx, "UpdateEphemeralMounts", &protocols.UpdateEphemeralMountsRequest{Storages: []*protocols.Storage{
			{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: path, Options: []string{"remount", "size=1m"}},
		}}); err == nil {
			t.Errorf("an ephemeral mount at %s was updated", path)
		}
	}
	e.wantUntouched("UpdateEphemeralMounts")
	e.NothingLeft(t, before)
}
