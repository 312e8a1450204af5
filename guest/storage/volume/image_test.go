// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"golang.org/x/sys/unix"
)

// hub stands for the Confidential Data Hub.
type hub struct {
	pull  func(ctx context.Context, image, bundle string) error
	mount func(volume.SecureMount) error
	calls int
}

func (h *hub) PullImage(ctx context.Context, image, bundle string) error {
	h.calls++
	return h.pull(ctx, image, bundle)
}

func (h *hub) SecureMount(_ context.Context, m volume.SecureMount) error {
	h.calls++
	return h.mount(m)
}

func guestPull(dir, cid, image, metadata string) volume.Storage {
	return volume.Storage{
		Driver: "image_guest_pull", Source: image, FSType: "overlay", MountPoint: dir + "/" + cid + "/rootfs",
		DriverOptions: []string{"other", "image_guest_pull=" + metadata},
	}
}

const appMetadata = `{"metadata":{"io.kubernetes.cri.container-type":"container"}}`

// unpack is what a hub does: an overlay at rootfs, its layers elsewhere, and a config.json.
func unpack(t *testing.T, layers string) func(context.Context, string, string) error {
	return func(_ context.Context, image, bundle string) error {
		lower, upper, work := layers+"/l", layers+"/u", layers+"/w"
		for _, d := range []string{lower + "/bin", upper, work, bundle + "/rootfs"} {
			guesttest.Must(t, os.MkdirAll(d, 0o755))
		}
		guesttest.Must(t, os.WriteFile(lower+"/bin/app", []byte(image), 0o755))
		guesttest.Must(t, os.WriteFile(bundle+"/config.json", nil, 0o644))
		return unix.Mount("overlay", bundle+"/rootfs", "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+work)
	}
}

func TestGuestPull(t *testing.T) {
	dir, d := run(t)
	d.Hub = &hub{pull: unpack(t, dir+"/image")}
	s := guestPull(dir, "c1", "registry/image:1", appMetadata)
	a, err := d.Attach(t.Context(), "c1", s)
	guesttest.Must(t, err)
	if a.MountPoint != s.MountPoint || a.Keep || a.Warning != nil {
		t.Errorf("%+v, want the mount point of the request", a)
	}
	if b, err := os.ReadFile(dir + "/c1/rootfs/bin/app"); string(b) != "registry/image:1" {
		t.Errorf("the image has %q, %v", b, err)
	}
	guesttest.Must(t, a.Release())
	guesttest.Must(t, a.Release())
	if _, err := os.Lstat(dir + "/c1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the bundle is left: %v, want %v", err, os.ErrNotExist)
	}
	if b, _ := os.ReadFile(dir + "/image/l/bin/app"); len(b) == 0 {
		t.Error("what the hub keeps was deleted")
	}
}

// TestGuestPullKeepsWhatWasThere of a container's directory.
func TestGuestPullKeepsWhatWasThere(t *testing.T) {
	dir, d := run(t)
	h := &hub{pull: unpack(t, dir+"/image")}
	d.Hub = h
	guesttest.Must(t, os.MkdirAll(dir+"/c1/upper", 0o755))
	a, err := d.Attach(t.Context(), "c1", guestPull(dir, "c1", "image", appMetadata))
	guesttest.Must(t, err)
	if _, err := d.Attach(t.Context(), "c1", guestPull(dir, "c1", "other", appMetadata)); err == nil || h.calls != 1 {
		t.Errorf("a second image over the first: %v, %d calls; want it refused", err, h.calls)
	}
	if b, _ := os.ReadFile(dir + "/c1/rootfs/bin/app"); string(b) != "image" {
		t.Errorf("the image has %q, want the first one untouched", b)
	}
	guesttest.Must(t, a.Release())
	if _, err := os.Stat(dir + "/c1/upper"); err != nil {
		t.Error("somebody else's directory has gone:", err)
	}
	if mounted(t, dir+"/c1/rootfs") {
		t.Error("left mounted")
	}
}

func TestGuestPullFails(t *testing.T) {
	dir, d := run(t)
	broken := errors.New(`image "reg/i:1": no such manifest`)
	half := func(ctx context.Context, image, bundle string) error {
		guesttest.Must(t, unpack(t, dir+"/image")(ctx, image, bundle))
		return broken
	}
	for name, c := range map[string]struct {
		hub   volume.Hub
		s     volume.Storage
		cid   string
		is    error
		words []string
	}{
		"no hub":       {nil, guestPull(dir, "c1", "reg/i:1", appMetadata), "c1", volume.ErrNoHub, []string{`"reg/i:1"`}},
		"broken":       {&hub{pull: half}, guestPull(dir, "c1", "reg/i:1", appMetadata), "c1", broken, []string{`"reg/i:1"`}},
		"nothing":      {&hub{pull: func(context.Context, string, string) error { return nil }}, guestPull(dir, "c1", "i", appMetadata), "c1", unix.ENOENT, []string{"no root file system"}},
		"no reference": {&hub{}, guestPull(dir, "c1", "", appMetadata), "c1", nil, []string{"names no image"}},
		"no option":    {&hub{}, volume.Storage{Driver: "image_guest_pull", Source: "i", MountPoint: "/x"}, "c1", nil, []string{"missing Image information for ImagePull volume"}},
		"no JSON":      {&hub{}, guestPull(dir, "c1", "i", "{"), "c1", nil, []string{"JSON"}},
		"sandbox":      {&hub{}, guestPull(dir, "c1", "i", appMetadata), "", nil, []string{"container id"}},
		"climbing":     {&hub{}, guestPull(dir, "c1", "i", appMetadata), "..", nil, []string{"container id"}},
	} {
		d.Hub = c.hub
		_, err := d.Attach(t.Context(), c.cid, c.s)
		if err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %v", name, err, c.is)
			continue
		}
		for _, w := range c.words {
			if strings.Count(err.Error(), w) != 1 {
				t.Errorf("%s: %v, want %s once", name, err, w)
			}
		}
		if _, err := os.Lstat(dir + "/c1"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the bundle is left: %v, want %v", name, err, os.ErrNotExist)
		}
	}
}

// TestGuestPullEndsWithItsCaller and leaves nothing.
func TestGuestPullEndsWithItsCaller(t *testing.T) {
	dir, d := run(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.Hub = &hub{pull: func(ctx context.Context, _, bundle string) error {
		guesttest.Must(t, os.MkdirAll(bundle+"/rootfs/half", 0o755))
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}
	if _, err := d.Attach(ctx, "c1", guestPull(dir, "c1", "i", appMetadata)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := os.Lstat(dir + "/c1"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the bundle is left: %v, want %v", err, os.ErrNotExist)
	}
}

func pauseBundle(t *testing.T, config string) string {
	t.Helper()
	bundle := t.TempDir()
	guesttest.Must(t, os.MkdirAll(bundle+"/rootfs/usr/bin", 0o755))
	guesttest.Must(t, os.WriteFile(bundle+"/rootfs/usr/bin/pause", []byte("program"), 0o700))
	guesttest.Must(t, os.WriteFile(bundle+"/config.json", []byte(config), 0o644))
	return bundle
}

const pauseConfig = `{"ociVersion":"1.0.2","process":{"args":["/usr/bin/pause","-x"],"cwd":"/","user":{"uid":65535,"gid":65535}},"root":{"path":"rootfs"}}`

func TestPauseImage(t *testing.T) {
	dir, d := run(t)
	for _, metadata := range []string{
		`{"metadata":{"io.kubernetes.cri.container-type":"sandbox"}}`, `{"metadata":{"io.kubernetes.cri-o.ContainerType":"sandbox"}}`,
	} {
		s := guestPull(dir, "pause", "pause", metadata)
		d.PauseBundle = dir + "/none"
		if _, err := d.Attach(t.Context(), "pause", s); !errors.Is(err, volume.ErrNoPause) {
			t.Errorf("got %v, want %v", err, volume.ErrNoPause)
		}
		d.PauseBundle = pauseBundle(t, pauseConfig)
		a, err := d.Attach(t.Context(), "pause", s) // no hub is needed
		guesttest.Must(t, err)
		fi, err := os.Stat(dir + "/pause/rootfs/usr/bin/pause")
		if err != nil || fi.Mode().Perm() != 0o755 || fi.Size() != int64(len("program")) {
			t.Errorf("%v, %v, want the program", fi, err)
		}
		p, err := d.PauseProcess()
		guesttest.Must(t, err)
		if strings.Join(p.Args, " ") != "/usr/bin/pause -x" || p.User.UID != 65535 {
			t.Errorf("process %+v, want that of the pause image", p)
		}
		guesttest.Must(t, a.Release())
		if _, err := os.Lstat(dir + "/pause"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the bundle is left: %v, want %v", err, os.ErrNotExist)
		}
	}
}

func TestBadPauseImage(t *testing.T) {
	dir, d := run(t)
	for _, config := range []string{
		"", "{}", `{"process":{}}`, `{"process":{"args":["pause"]}}`, `{"process":{"args":["/nosuch"]}}`, `{"process":{"args":["/"]}}`,
		`{"process":{"args":["/../../etc/passwd"]}}`,
	} {
		d.PauseBundle = pauseBundle(t, config)
		_, err := d.Attach(t.Context(), "pause", guestPull(dir, "pause", "pause", `{"metadata":{"io.kubernetes.cri.container-type":"sandbox"}}`))
		if err == nil || !strings.Contains(err.Error(), "pause image") {
			t.Errorf("%s: %v, want an error about the pause image", config, err)
		}
		if _, err := os.Lstat(dir + "/pause"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the bundle is left: %v, want %v", config, err, os.ErrNotExist)
		}
	}
}

func TestTrustedStore(t *testing.T) {
	dir, d := run(t)
	s := volume.Trusted(8, 16)
	if s.MountPoint != "/run/kata-containers/image" || s.Source != "8:16" || !s.Shared {
		t.Errorf("%+v, want the place where hubs keep images, for the life of the pod", s)
	}
	s.MountPoint = dir + "/image"
	if _, err := d.Attach(t.Context(), "c1", s); !errors.Is(err, volume.ErrNoHub) {
		t.Errorf("got %v, want %v", err, volume.ErrNoHub)
	}
	var asked volume.SecureMount
	broken := errors.New("no cryptsetup")
	for _, fails := range []func(volume.SecureMount) error{
		func(volume.SecureMount) error { return broken },
		func(volume.SecureMount) error { return nil }, // and nothing is mounted
	} {
		d.Hub = &hub{mount: fails}
		if _, err := d.Attach(t.Context(), "c1", s); err == nil || strings.Count(err.Error(), "8:16") != 1 {
			t.Errorf("got %v, want an error that names the device", err)
		}
		if _, err := os.Lstat(s.MountPoint); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the mount point is left: %v, want %v", err, os.ErrNotExist)
		}
	}
	d.Hub = &hub{mount: func(m volume.SecureMount) error {
		asked = m
		return unix.Mount("store", m.MountPoint, "tmpfs", 0, "")
	}}
	a, err := d.Attach(t.Context(), "c1", s)
	guesttest.Must(t, err)
	want := map[string]string{
		"deviceId": "8:16", "sourceType": "empty", "targetType": "fileSystem", "filesystemType": "ext4",
		"mkfsOpts": "-E lazy_journal_init", "encryptionType": "luks2", "dataIntegrity": "true",
	}
	if asked.VolumeType != "block-device" || asked.MountPoint != s.MountPoint || len(asked.Options) != len(want) {
		t.Errorf("asked for %+v", asked)
	}
	for k, v := range want {
		if asked.Options[k] != v {
			t.Errorf("option %s is %q, want %q", k, asked.Options[k], v)
		}
	}
	if !a.Keep {
		t.Error("the images go with the first container")
	}
	released(t, a)
	d.NoIntegrity = true
	a, err = d.Attach(t.Context(), "c1", s)
	guesttest.Must(t, err)
	if asked.Options["dataIntegrity"] != "false" {
		t.Errorf("dataIntegrity %q, want false", asked.Options["dataIntegrity"])
	}
	released(t, a)
}
