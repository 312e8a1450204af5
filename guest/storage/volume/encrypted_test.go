// SPDX-License-Identifier: Apache-2.0

package volume_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

// standIn is in cryptsetup's place: its mapping of a device is a link to it. It keeps
// what it is given, and fails where it is told to.
const standIn = `#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$*" >> calls
case " $* " in *" $(cat fail 2>/dev/null || echo none) "*) echo told to fail >&2; exit 5;; esac
case $1 in
luksFormat) cat > key.format ;;
open)
	cat > key.open
	for name; do node=$last; last=$name; done
	ln -s "$node" "mapper/$name"
	[ ! -e slow ] || sleep 100 ;;
esac
`

type fakeCrypt struct {
	t   *testing.T
	dir string
}

// crypt is a device to encrypt, and drivers with the stand-in.
func crypt(t *testing.T) (fakeCrypt, *volume.Drivers, string, volume.Storage) {
	t.Helper()
	dir, d := run(t)
	dev := erofstest.Blank(t, 32<<20)
	f := fakeCrypt{t, dir}
	d.Cryptsetup, d.MapperDir = dir+"/cryptsetup", dir+"/mapper"
	guesttest.Must(t, os.Mkdir(d.MapperDir, 0o755))
	guesttest.Must(t, os.WriteFile(d.Cryptsetup, []byte(standIn), 0o755))
	d.SetRemoveMapping(f.remove)
	return f, d, dev, volume.Storage{Driver: "blk", Source: "02/03", FSType: "ext4", MountPoint: dir + "/secret",
		DriverOptions: []string{"create_filesystem", "encryption_key=ephemeral"}, Options: []string{"nodev"}}
}

// remove is in the kernel's place: it does not remove a mapping that is mounted.
func (f fakeCrypt) remove(name string) error {
	mounts, err := os.ReadFile("/proc/mounts")
	guesttest.Must(f.t, err)
	if strings.Contains(string(mounts), "/mapper/"+name+" ") {
		f.t.Errorf("%s is removed while it is mounted", name)
	}
	calls, err := os.OpenFile(f.dir+"/calls", os.O_APPEND|os.O_WRONLY, 0)
	guesttest.Must(f.t, err)
	defer calls.Close()
	_, err = calls.WriteString("remove " + name + "\n")
	return errors.Join(err, os.RemoveAll(f.dir+"/mapper/"+name))
}

func (f fakeCrypt) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(f.dir, name))
	return string(b)
}

// nothing checks that no mapping, no mount and no mount point are left.
func (f fakeCrypt) nothing(s volume.Storage) {
	f.t.Helper()
	names, err := os.ReadDir(f.dir + "/mapper")
	if err != nil || len(names) != 0 {
		f.t.Errorf("mappings left: %v, %v", names, err)
	}
	if _, err := os.Lstat(s.MountPoint); !os.IsNotExist(err) {
		f.t.Errorf("the mount point is left: %v", err)
	}
}

func TestEncryptedVolume(t *testing.T) {
	f, d, dev, s := crypt(t)
	a, err := d.MountDevice(t.Context(), dev, s)
	guesttest.Must(t, err)
	table, err := mount.Mounter{}.Table(s.MountPoint)
	guesttest.Must(t, err)
	if len(table) != 1 || filepath.Dir(table[0].Source) != d.MapperDir || table[0].FSType != "ext4" {
		t.Errorf("mounted: %+v", table)
	}
	key := f.read("key.format")
	if len(key) != 64 || key != f.read("key.open") || bytes.Count([]byte(key), []byte{0}) > 8 {
		t.Errorf("keys %x and %x", key, f.read("key.open"))
	}
	guesttest.Must(t, os.WriteFile(s.MountPoint+"/f", nil, 0o600))
	released(t, a)
	f.nothing(s)
	calls := strings.Split(f.read("calls"), "\n")
	for i, want := range []string{"luksFormat --batch-mode --type luks2 --key-file - ", "open --type luks2 --key-file - ", "remove kata-", "remove kata-"} {
		if !strings.HasPrefix(calls[i], want) {
			t.Errorf("call %d: %q, want %q", i, calls[i], want)
		}
	}
	if !strings.Contains(calls[0], "--integrity hmac-sha256") || !strings.HasSuffix(calls[0], " "+dev) {
		t.Errorf("format: %q", calls[0])
	}

	// Each volume has a key of its own.
	a, err = d.MountDevice(t.Context(), dev, s)
	guesttest.Must(t, err)
	if key == f.read("key.format") {
		t.Error("the same key again")
	}
	released(t, a)
}

func TestEncryptionFailsWhole(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(f fakeCrypt, d *volume.Drivers, s *volume.Storage)
		want   string
		last   string // call
	}{
		"format": {func(f fakeCrypt, _ *volume.Drivers, _ *volume.Storage) {
			guesttest.Must(t, os.WriteFile(f.dir+"/fail", []byte("luksFormat"), 0o600))
		}, "told to fail", "luksFormat"},
		"open": {func(f fakeCrypt, _ *volume.Drivers, _ *volume.Storage) {
			guesttest.Must(t, os.WriteFile(f.dir+"/fail", []byte("open"), 0o600))
		}, "told to fail", "open"},
		"mkfs": {func(f fakeCrypt, d *volume.Drivers, _ *volume.Storage) {
			d.Mkfs = f.dir + "/mkfs"
			guesttest.Must(t, os.WriteFile(d.Mkfs, []byte("#!/bin/sh\necho no >&2; exit 9\n"), 0o755))
		}, "exit code 9", "remove"},
		"mount":    {func(_ fakeCrypt, _ *volume.Drivers, s *volume.Storage) { s.Options = []string{"nosuchoption"} }, "mount", "remove"},
		"fstype":   {func(_ fakeCrypt, _ *volume.Drivers, s *volume.Storage) { s.FSType = "xfs" }, "unsupported", ""},
		"no mkfs":  {func(_ fakeCrypt, _ *volume.Drivers, s *volume.Storage) { s.DriverOptions = s.DriverOptions[1:] }, "requires create_filesystem", ""},
		"no tool":  {func(_ fakeCrypt, d *volume.Drivers, _ *volume.Storage) { d.Cryptsetup = "/no/such/cryptsetup" }, "needs cryptsetup", ""},
		"no block": {func(_ fakeCrypt, _ *volume.Drivers, s *volume.Storage) { s.FSType = "bind" }, "unsupported", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, d, dev, s := crypt(t)
			tt.change(f, d, &s)
			_, err := d.MountDevice(t.Context(), dev, s)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			f.nothing(s)
			calls := strings.Fields(f.read("calls"))
			if lines := strings.Split(strings.TrimSpace(f.read("calls")), "\n"); tt.last != strings.SplitN(lines[len(lines)-1], " ", 2)[0] {
				t.Errorf("calls: %q, the last was to be %s", calls, tt.last)
			}
		})
	}
}

// An open that is killed has made its mapping perhaps: it goes.
func TestEncryptionIsGivenUp(t *testing.T) {
	f, d, dev, s := crypt(t)
	guesttest.Must(t, os.WriteFile(f.dir+"/slow", nil, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := d.MountDevice(ctx, dev, s)
		failed <- err
	}()
	guard.Until(t, "the mapping is there", func() bool {
		names, _ := os.ReadDir(d.MapperDir)
		return len(names) == 1
	})
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	f.nothing(s)
}

// The real tool and kernel.
func TestRealEncryption(t *testing.T) {
	if _, err := os.Stat("/dev/mapper/control"); err != nil {
		t.Skip("this kernel has no device-mapper; the tests in virtual machines run this:", err)
	}
	if _, err := exec.LookPath("cryptsetup"); err != nil {
		t.Skip(err)
	}
	dir, d := run(t)
	dev := erofstest.Blank(t, 288<<20) // some block groups, of which most was never written
	s := volume.Storage{Driver: "scsi", FSType: "ext4", MountPoint: dir + "/secret",
		DriverOptions: []string{"create_filesystem", "encryption_key=ephemeral"}, Options: []string{"discard"}}
	a, err := d.MountDevice(t.Context(), dev, s)
	guesttest.Must(t, err)
	out, err := exec.Command("cryptsetup", "status", source(t, s.MountPoint)).CombinedOutput()
	for _, want := range []string{"is active and is in use", "LUKS2", "aes-xts-plain64", "hmac(sha256)", "4096"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("status lacks %q: %v\n%s", want, err, out)
		}
	}
	word := bytes.Repeat([]byte("plain words "), 1<<18)
	guesttest.Must(t, os.WriteFile(s.MountPoint+"/f", word, 0o600))
	// A device in use is not taken for another volume.
	other := s
	other.MountPoint = dir + "/other"
	if _, err := d.MountDevice(t.Context(), dev, other); err == nil {
		t.Error("an encrypted volume in use was formatted")
	}
	for i := range 100 {
		dir := fmt.Sprint(s.MountPoint, "/", i)
		guesttest.Must(t, os.Mkdir(dir, 0o755))
		guesttest.Must(t, os.WriteFile(dir+"/f", word[:i<<8], 0o600))
		guesttest.Must(t, os.Truncate(dir+"/f", int64(i<<9)))
	}
	unix.Sync()
	guesttest.Must(t, os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0))
	for i := range 100 {
		b, err := os.ReadFile(fmt.Sprint(s.MountPoint, "/", i, "/f"))
		if err != nil || !bytes.Equal(b, append(bytes.Clone(word[:i<<8]), make([]byte, i<<8)...)) {
			t.Errorf("file %d: read %d bytes, %v", i, len(b), err)
		}
	}
	before, err := os.ReadFile(s.MountPoint + "/f")
	if err != nil || !bytes.Equal(before, word) {
		t.Errorf("read %d bytes, %v", len(before), err)
	}
	released(t, a)
	if left, _ := filepath.Glob("/sys/block/dm-*"); len(left) != 0 {
		t.Errorf("mappings left: %v", left)
	}
	if contains(t, dev, "plain words") || !contains(t, dev, "LUKS") {
		t.Error("the disk holds what was written")
	}
	// In use when it is released: it goes with its last user.
	a, err = d.MountDevice(t.Context(), dev, s)
	guesttest.Must(t, err)
	busy, err := os.Create(s.MountPoint + "/busy")
	guesttest.Must(t, err)
	released(t, a)
	guesttest.Must(t, busy.Close())
	guard.Until(t, "no mapping is left", func() bool {
		left, _ := filepath.Glob("/sys/block/dm-*")
		return len(left) == 0
	})
}

// contains looks for a word in a disk, piece by piece.
func contains(t *testing.T, dev, word string) bool {
	t.Helper()
	f, err := os.Open(dev)
	guesttest.Must(t, err)
	defer f.Close()
	for piece := make([]byte, 1<<20); ; {
		n, err := io.ReadFull(f, piece)
		if bytes.Contains(piece[:n], []byte(word)) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

func source(t *testing.T, target string) string {
	t.Helper()
	table, err := mount.Mounter{}.Table(target)
	guesttest.Must(t, err)
	if len(table) != 1 {
		t.Fatalf("mounted on %s: %v", target, table)
	}
	return table[0].Source
}
