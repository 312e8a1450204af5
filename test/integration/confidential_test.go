// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/components"
	"github.com/kata-containers/kata-agent/test/harness"
)

var standIn struct {
	once sync.Once
	path string
	err  error
}

// buildStandIn makes the program that stands for a guest component, once.
func buildStandIn(t testing.TB) string {
	t.Helper()
	standIn.once.Do(func() {
		var dir string
		if dir, standIn.err = os.MkdirTemp("", "standin"); standIn.err != nil {
			return
		}
		standIn.path = filepath.Join(dir, "standin")
		cmd := exec.Command("go", "build", "-o", standIn.path, "./test/components/standin")
		cmd.Dir, cmd.Env = harness.ModuleRoot(), append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			standIn.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if standIn.err != nil {
		t.Fatal(standIn.err)
	}
	return standIn.path
}

// confidential is a pod in a guest with a hub.
type confidential struct {
	*pod
	dir string // of the hub: its images, its script
}

// newConfidential starts a pod and, in its mount namespace, the hub. Both are what the test ends with.
func newConfidential(t *testing.T, o harness.Options) *confidential {
	t.Helper()
	p := newPod(t, o)
	c := &confidential{pod: p, dir: t.TempDir()}
	p.Must(os.Mkdir(c.dir+"/images", 0o755))
	c.run("attestation-agent")
	c.run("confidential-data-hub")
	return c
}

// run starts a component, and waits until it listens.
func (c *confidential) run(name string) {
	c.T.Helper()
	b, err := os.ReadFile(buildStandIn(c.T))
	c.Must(err)
	c.Must(os.WriteFile(filepath.Join(c.dir, name), b, 0o755))
	out, err := os.Create(filepath.Join(c.dir, name+".log"))
	c.Must(err)
	defer out.Close()
	program := exec.Command("nsenter", "-t", strconv.Itoa(c.Pid), "-m", "--", filepath.Join(c.dir, name))
	program.Stdout = out
	c.Must(program.Start())
	c.T.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() })
	c.Until(name+" listens", func() bool { return c.says(name, "listens on") })
}

// says tells whether a component has printed a text.
func (c *confidential) says(name, text string) bool {
	b, err := os.ReadFile(filepath.Join(c.dir, name+".log"))
	return err == nil && strings.Contains(string(b), text)
}

// script says how the hub misbehaves.
func (c *confidential) script(lines string) {
	c.T.Helper()
	c.Must(os.WriteFile(c.dir+"/confidential-data-hub.script", []byte(lines), 0o644))
}

// image gives the hub an image of that name, of busybox.
func (c *confidential) image(name string) {
	c.T.Helper()
	c.Must(os.Symlink(harness.Rootfs(c.T), c.dir+"/images/"+strings.ReplaceAll(name, "/", "_")))
}

// guestPull is the storage by which hosts have the guest fetch the image of a container.
func guestPull(cid, image, kind string) *protocols.Storage {
	return &protocols.Storage{
		Driver: "image_guest_pull", Source: image, Fstype: "overlay", MountPoint: "/run/kata-containers/" + cid + "/rootfs",
		DriverOptions: []string{`image_guest_pull={"metadata":{"io.kubernetes.cri.container-type":"` + kind + `"}}`},
	}
}

// createPulled creates a container of an image that the guest fetches.
func (p *pod) createPulled(cid string, spec *protocols.Spec, s *protocols.Storage) error {
	return p.Do(p.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: cid, OCI: spec, Storages: []*protocols.Storage{s},
	})
}

func TestGuestPull(t *testing.T) {
	p := newConfidential(t, harness.Options{})
	p.image("registry.example/app:1")
	before := p.Warm()
	for _, cid := range []string{"app-1", "app-2"} {
		spec := p.Spec(cid, "/run/kata-containers/"+cid+"/rootfs", "sh", "-c", "sleep 10000")
		p.Must(p.createPulled(cid, spec, guestPull(cid, "registry.example/app:1", "container")))
		p.Must(p.StartContainer(p.Ctx, cid))
		if got := p.Output(cid, "e", "cat", "/etc/passwd"); !strings.HasPrefix(got, "root:") {
			t.Errorf("%s: read %q, want a file of the image", cid, got)
		}
	}
	p.Delete("app-1")
	p.Output("app-2", "still", "true")
	p.Delete("app-2")

	spec := p.Spec("bad", "/run/kata-containers/bad/rootfs", "true")
	harness.Refused(t, p.createPulled("bad", spec, guestPull("bad", "registry.example/none:1", "container")),
		codes.Internal, `container "bad"`, `"registry.example/none:1"`, "not found")
	p.script("refuse PullImage no key for this image\n")
	harness.Refused(t, p.createPulled("bad", spec, guestPull("bad", "registry.example/app:1", "container")), codes.Internal, "no key for this image")
	p.script("die PullImage\n")
	harness.Refused(t, p.createPulled("bad", spec, guestPull("bad", "registry.example/app:1", "container")), codes.Internal, "has ended")
	p.Settled()
	p.NothingLeft(t, before)
}

// TestGuestPullEndsAtItsLimit, and with its container.
func TestGuestPullEndsAtItsLimit(t *testing.T) {
	p := newConfidential(t, harness.Options{Cmdline: "agent.image_pull_timeout=1"})
	p.image("app")
	before := p.Warm()
	p.script("silent PullImage\n")
	spec := p.Spec("c1", "/run/kata-containers/c1/rootfs", "true")
	harness.Refused(t, p.createPulled("c1", spec, guestPull("c1", "app", "container")), codes.DeadlineExceeded, `"app"`, "1s")
	p.NothingLeft(t, before)
}

func TestRemovalGivesAGuestPullUp(t *testing.T) {
	p := newConfidential(t, harness.Options{})
	p.image("app")
	before := p.Warm()
	p.script("silent PullImage\n")
	spec := p.Spec("c1", "/run/kata-containers/c1/rootfs", "true")
	created := make(chan error, 1)
	go func() { created <- p.createPulled("c1", spec, guestPull("c1", "app", "container")) }()
	p.Until("the pull is under way", func() bool { return p.says("confidential-data-hub", "is asked: PullImage") })
	p.Delete("c1")
	harness.Refused(t, <-created, codes.Internal, "is being removed")
	p.NothingLeft(t, before)
}

// TestGuestWithoutAHub: what only a hub can do is refused, by a text that says so.
func TestGuestWithoutAHub(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	spec := p.Spec("c1", "/run/kata-containers/c1/rootfs", "true")
	const absent = "no Confidential Data Hub"
	harness.Refused(t, p.createPulled("c1", spec, guestPull("c1", "app", "container")), codes.FailedPrecondition, `"app"`, absent)
	harness.Refused(t, p.createPulled("c1", spec, guestPull("c1", "pause", "sandbox")), codes.FailedPrecondition, "Pause image not present in rootfs")

	spec = p.Spec("c1", p.Rootfs, "true")
	spec.Process.Env = append(spec.Process.Env, "PASSWORD="+components.Seal(`{"name":"x"}`))
	harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.FailedPrecondition, `"PASSWORD"`, absent)

	spec = p.Spec("c1", p.Rootfs, "true")
	spec.Linux.Devices = append(spec.Linux.Devices, trustedDevice)
	harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.FailedPrecondition, "7:250", absent)
	p.NothingLeft(t, before)
}

// trustedDevice is the disk for pulled images, as a host gives it to a container.
var trustedDevice = &protocols.LinuxDevice{Path: "/dev/trusted_store", Type: "b", Major: 7, Minor: 250, FileMode: 0o600}

func TestTrustedStore(t *testing.T) {
	p := newConfidential(t, harness.Options{Cmdline: "agent.secure_storage_integrity=false"})
	before := p.Warm()
	spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
	spec.Linux.Devices = append(spec.Linux.Devices, trustedDevice)
	p.script("refuse SecureMount no such disk\n")
	harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.Internal, "7:250", "no such disk")
	p.NothingLeft(t, before)
	p.script("")
	p.Must(p.Create(p.Ctx, "c1", spec))
	const store = "/run/kata-containers/image"
	if !slices.Contains(p.State().Mounts, store) {
		t.Fatalf("%s is not mounted", store)
	}
	for _, option := range []string{"deviceId=7:250", "encryptionType=luks2", "dataIntegrity=false"} {
		if !p.says("confidential-data-hub", "SecureMount "+option) {
			t.Errorf("the hub was not asked for %s", option)
		}
	}
	p.Must(os.WriteFile(p.Path(store+"/layer"), nil, 0o600))
	p.Delete("c1")
	p.Must(p.Create(p.Ctx, "c1", spec))
	if _, err := os.Stat(p.Path(store + "/layer")); err != nil {
		t.Errorf("what was pulled has gone with its container: %v", err)
	}
	p.Must(p.DestroySandbox(p.Ctx))
}

func TestSealedSecretThatTakesTooLong(t *testing.T) {
	p := newConfidential(t, harness.Options{Cmdline: "agent.cdh_api_timeout=1"})
	before := p.Warm()
	p.script("silent UnsealSecret\n")
	spec := p.Spec("c1", p.Rootfs, "true")
	spec.Process.Env = append(spec.Process.Env, "PASSWORD="+components.Seal(`{"name":"x"}`))
	harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.DeadlineExceeded, `"PASSWORD"`, "1s")
	p.NothingLeft(t, before)
}

func TestSealedSecrets(t *testing.T) {
	const password, key = "correct horse", "-----BEGIN KEY-----\nbattery staple\n"
	p := newConfidential(t, harness.Options{Config: "log_level = \"debug\"\n"})
	before := p.Warm()
	volume := shared + "c1-0123456789abcdef-secret"
	data := p.Path(volume) + "/..2026_01"
	p.Must(os.MkdirAll(data, 0o755))
	p.Must(os.WriteFile(data+"/key", []byte(components.Seal(key)), 0o440))
	p.Must(os.WriteFile(data+"/user", []byte("admin"), 0o444))
	p.Must(os.Symlink("..2026_01", p.Path(volume)+"/..data"))
	p.Must(os.Symlink("..data/key", p.Path(volume)+"/key"))
	p.Must(os.Symlink("..data/user", p.Path(volume)+"/user"))
	spec := p.Spec("c1", p.Rootfs, "sh", "-c", `echo "$PASSWORD/$HOST"; cat /etc/secret/key /etc/secret/user; sleep 10000`)
	spec.Process.Env = append(spec.Process.Env, "PASSWORD="+components.Seal(password), "HOST=sealed.example.org")
	spec.Mounts = append(spec.Mounts, &protocols.Mount{
		Destination: "/etc/secret", Source: volume, Type: "bind", Options: []string{"rbind", "ro"},
	})
	p.Must(p.Create(p.Ctx, "c1", spec))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	want := password + "/sealed.example.org\n" + key + "admin"
	var got []byte
	for len(got) < len(want) {
		b, err := p.ReadStdout(p.Ctx, "c1", "", 4096)
		p.Must(err)
		got = append(got, b...)
	}
	if string(got) != want {
		t.Errorf("the program has %q, want %q", got, want)
	}
	if got := p.Output("c1", "mode", "stat", "-c", "%a", "/etc/secret/..data/key"); got != "440\n" {
		t.Errorf("mode %q, want that of the sealed file", got)
	}
	if b, _ := os.ReadFile(data + "/key"); string(b) != components.Seal(key) {
		t.Error("the directory that the host shares has been written to")
	}
	p.Delete("c1")
	p.script("refuse UnsealSecret the broker says no\n")
	spec.Process.Env = spec.Process.Env[:len(spec.Process.Env)-2]
	p.Must(os.Remove(data + "/key"))
	p.Must(os.WriteFile(data+"/key", []byte(components.Seal(`{"k":1}`)), 0o440))
	harness.Refused(t, p.Create(p.Ctx, "c1", spec), codes.Internal, `container "c1"`, `"/etc/secret/..2026_01/key"`, "the broker says no")
	for _, secret := range []string{password, "battery staple"} {
		if strings.Contains(p.Log(), secret) {
			t.Errorf("the log has the secret %q", secret)
		}
	}
	p.Must(os.RemoveAll(p.Path(volume)))
	p.Settled()
	before.Files = append(before.Files, dirsOf(strings.TrimPrefix(volume, "/run"))...)
	p.NothingLeft(t, before)
}
