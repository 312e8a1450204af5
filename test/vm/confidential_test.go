// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/components"
	"github.com/kata-containers/kata-agent/test/vm/host"
	"github.com/kata-containers/kata-agent/test/vm/lab"
	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

// hubDir is where the guest has the stand-ins, and their images.
const hubDir = "/opt/hub"

// standIns are the programs in the place of guest components, as files of a guest.
func standIns(t *testing.T) map[string]lab.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "standin")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "../components/standin")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files := map[string]lab.File{
		"/pause_bundle/config.json": {Mode: 0o644, Data: []byte(
			`{"ociVersion":"1.0.2","process":{"args":["/bin/busybox","sleep","1000000"],"cwd":"/","user":{"uid":0,"gid":0}},"root":{"path":"rootfs"}}`)},
	}
	for _, name := range []string{"attestation-agent", "confidential-data-hub"} {
		files[hubDir+"/"+name] = lab.File{Path: path, Mode: 0o755}
	}
	return files
}

// startHub starts the stand-ins in a guest, with an image.
func startHub(t *testing.T, vm *lab.VM, image string) {
	t.Helper()
	vm.Shell(t, wire.GuestPath+" rootfs /pause_bundle/rootfs; "+wire.GuestPath+" rootfs "+hubDir+"/images/"+image)
	for _, name := range []string{"attestation-agent", "confidential-data-hub"} {
		log := hubDir + "/" + name + ".log"
		vm.Shell(t, "setsid "+hubDir+"/"+name+" < /dev/null > "+log+" 2>&1 &")
		vm.WaitUntil(t, "grep -q 'listens on' "+log)
	}
}

func pulled(id, image, kind string) *protocols.Storage {
	return &protocols.Storage{
		Driver: "image_guest_pull", Source: image, Fstype: "overlay", MountPoint: "/run/kata-containers/" + id + "/rootfs",
		DriverOptions: []string{`image_guest_pull={"metadata":{"io.kubernetes.cri.container-type":"` + kind + `"}}`},
	}
}

// TestConfidentialPod is a pod whose images the guest pulls, on a disk that only the guest can read, with
// a secret, and with a mount of one container seen in the other.
func TestConfidentialPod(t *testing.T) {
	files := standIns(t)
	layouts(t, func(t *testing.T, v2 bool) {
		opts := lab.Options{CgroupV2: v2, Files: files}
		if v2 { // the other container's root is moved there, where no pivot_root is possible
			opts.Root = lab.TmpfsRoot()
		}
		vm, agent := bootPod(t, opts)
		startHub(t, vm, "registry_app:1")

		spec := host.Spec("pause", "/run/kata-containers/pause/rootfs", "/what/the/host/thinks")
		spec.Annotations["io.kubernetes.cri.container-type"] = "sandbox"
		pause := agent.Create(t, &protocols.CreateContainerRequest{
			ContainerId: "pause", OCI: spec, Storages: []*protocols.Storage{pulled("pause", "pause", "sandbox")},
		})
		pause.Start(t)
		source := runSource(t, vm, agent)
		app := runConfidential(t, agent)
		wantContains(t, "environment", app.Shell(t, "tr '\\0' '\\n' < /proc/1/environ"), "PASSWORD=correct horse")
		if got := app.Shell(t, "cat /shared/f"); got != "from the source" {
			t.Errorf("read %q, want what the other container has mounted", got)
		}
		app.Remove(t)
		source.Remove(t)
		pause.Remove(t)
		if left := vm.Shell(t, "ls /run/kata-containers | grep -v -e shared -e sandbox || true"); left != "image" {
			t.Errorf("left of the containers: %q, want the store of images only", left)
		}
		wantContains(t, "log of the hub", vm.Shell(t, "cat "+hubDir+"/confidential-data-hub.log"),
			"SecureMount deviceId="+vm.Shell(t, "cat /sys/block/vda/dev"), "PullImage", "UnsealSecret")
		agent.DestroySandbox(t)
	})
}

// runSource runs a container that mounts something, and brings the disk for images.
func runSource(t *testing.T, vm *lab.VM, agent *host.Agent) *host.Container {
	t.Helper()
	spec := host.Spec("source", "/run/kata-containers/source/rootfs", "sh", "-c",
		"mkdir /out && mount -t tmpfs out /out && echo from the source > /out/f; exec sleep 1000000")
	caps := append([]string{"CAP_SYS_ADMIN"}, spec.Process.Capabilities.Bounding...)
	spec.Process.Capabilities = &protocols.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	spec.Annotations["io.kubernetes.cri.container-name"] = "source"
	disk := vm.PlugDisk(t, volumeImage(t, ""), lab.RootPort)
	spec.Linux.Devices = []*protocols.LinuxDevice{{Path: "/dev/trusted_store", Type: "b", Major: 1, Minor: 2}}
	c := agent.Create(t, &protocols.CreateContainerRequest{
		ContainerId: "source", OCI: spec, Storages: []*protocols.Storage{pulled("source", "registry/app:1", "container")},
		Devices: []*protocols.Device{{Id: disk.PCIPath, Type: "blk", ContainerPath: "/dev/trusted_store"}},
	})
	if got := vm.Shell(t, "grep -c ' /run/kata-containers/image ' /proc/mounts"); got != "1" {
		t.Errorf("the store of images is mounted %s times, want once", got)
	}
	c.Start(t)
	return c
}

func runConfidential(t *testing.T, agent *host.Agent) *host.Container {
	t.Helper()
	spec := host.Spec("app", "/run/kata-containers/app/rootfs", "sleep", "1000000")
	spec.Process.Env = append(spec.Process.Env, "PASSWORD="+components.Seal("correct horse"))
	c := agent.Create(t, &protocols.CreateContainerRequest{
		ContainerId: "app", OCI: spec, Storages: []*protocols.Storage{pulled("app", "registry/app:1", "container")},
		SharedMounts: []*protocols.SharedMount{{Name: "out", SrcCtr: "source", SrcPath: "/out", DstCtr: "app", DstPath: "/shared"}},
	})
	c.Start(t)
	return c
}
