// SPDX-License-Identifier: Apache-2.0

package devicemapper

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/kata-containers/kata-agent/guest/storage/erofs/erofstest"
	"github.com/kata-containers/kata-agent/test/guard"
	"golang.org/x/sys/unix"
)

func table(root string, offset uint64) Verity {
	return Verity{RootHash: root, Algorithm: "sha256", HashType: 1, DataBlock: 4096, HashBlock: 4096, HashOffset: offset}
}

func TestParameters(t *testing.T) {
	root := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		change func(*Verity)
		want   string
	}{
		{func(*Verity) {}, "1 8:1 8:1 4096 4096 3 4 sha256 " + root + " -"},
		{func(t *Verity) { t.NoSuperblock, t.Salt = true, "00ff" }, "1 8:1 8:1 4096 4096 3 3 sha256 " + root + " 00ff"},
		{func(t *Verity) { t.DataBlock, t.HashBlock, t.HashType = 1024, 512, 0 }, "0 8:1 8:1 1024 512 12 25 sha256 " + root + " -"},
	} {
		tab := table(root, 12288)
		tt.change(&tab)
		if err := tab.Validate(); err != nil {
			t.Error(err)
		}
		if got := tab.parameters("8:1"); got != tt.want || tab.sectors() != 24 {
			t.Errorf("%q and %d sectors, want %q", got, tab.sectors(), tt.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Verity){
		"no root hash":       func(t *Verity) { t.RootHash = "" },
		"a row in the hash":  func(t *Verity) { t.RootHash += " - 1 ignore_corruption" },
		"salt":               func(t *Verity) { t.Salt = "xyz" },
		"algorithm":          func(t *Verity) { t.Algorithm = "sha256 00" },
		"no algorithm":       func(t *Verity) { t.Algorithm = "" },
		"hash type":          func(t *Verity) { t.HashType = 2 },
		"small block":        func(t *Verity) { t.DataBlock = 256 },
		"uneven block":       func(t *Verity) { t.HashBlock = 1000 },
		"no block":           func(t *Verity) { t.HashBlock = 0 },
		"no data":            func(t *Verity) { t.HashOffset = 0 },
		"offset in a block":  func(t *Verity) { t.HashOffset = 6144 },
		"offset not hashing": func(t *Verity) { t.HashBlock = 1 << 16 },
	} {
		tab := table(strings.Repeat("ab", 32), 8192)
		change(&tab)
		if err := tab.Validate(); !errors.Is(err, ErrVerity) {
			t.Errorf("%s: %v, want %v", name, err, ErrVerity)
		}
	}
}

// The row must lie in the buffer as the kernel reads it.
func TestRowLayout(t *testing.T) {
	row := target{sectors: 24, kind: "verity", parameters: "1 8:1"}
	buffer := make([]uint64, 6)
	at := unsafe.Slice((*byte)(unsafe.Pointer(&buffer[0])), 48)
	row.put(at)
	spec := (*unix.DmTargetSpec)(unsafe.Pointer(&at[0]))
	if spec.Length != 24 || spec.Sector_start != 0 || spec.Next != 48 || string(at[24:31]) != "verity\x00" || string(at[40:46]) != "1 8:1\x00" {
		t.Errorf("%+v %q", spec, at)
	}
}

func TestWithoutDeviceMapper(t *testing.T) {
	node := erofstest.Loop(t, erofstest.Bottom)
	m := Mapper{Dev: t.TempDir()}
	if _, err := m.OpenVerity(node, table(strings.Repeat("ab", 32), 4096)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), node) {
		t.Errorf("got %v, want %v and an error with %q", err, ErrUnavailable, node)
	}
	file := filepath.Join(m.Dev, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.OpenVerity(file, table(strings.Repeat("ab", 32), 4096)); !errors.Is(err, unix.ENOTBLK) {
		t.Errorf("got %v, want %v", err, unix.ENOTBLK)
	}
	if _, err := m.OpenVerity(node, Verity{}); !errors.Is(err, ErrVerity) {
		t.Errorf("got %v, want %v", err, ErrVerity)
	}
}

func needsDeviceMapper(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/dev/mapper/control"); err != nil {
		t.Skip("this kernel has no device-mapper; the tests in virtual machines run this:", err)
	}
}

// data is more than one block of hashes can hold hashes of, so the tree has two levels.
func data() []byte {
	b := make([]byte, 200*4096)
	for i := range b {
		b[i] = byte(i >> 12)
	}
	return b
}

func TestMapping(t *testing.T) {
	needsDeviceMapper(t)
	want := data()
	for _, superblock := range []bool{true, false} {
		image, root, offset := erofstest.Protect(want, []byte{1, 2, 3}, superblock)
		tab := table(root, offset)
		tab.Salt, tab.NoSuperblock = "010203", !superblock
		node := erofstest.Loop(t, image)
		// Any number of mappings of one device.
		for range 2 {
			mapping, err := Mapper{}.OpenVerity(node, tab)
			if err != nil {
				t.Fatal(err)
			}
			defer mapping.Close()
			got, err := os.ReadFile(mapping.Node)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := os.WriteFile(mapping.Node, []byte("x"), 0); err == nil {
				t.Error("a mapping can be written to")
			}
			if err := errors.Join(mapping.Close(), mapping.Close()); err != nil {
				t.Error(err)
			}
			gone(t, mapping.Node)
		}
	}
}

// gone waits until a mapping is gone: one that was in use goes a moment after its last user.
func gone(t *testing.T, node string) {
	t.Helper()
	guard.Until(t, node+" is gone", func() bool {
		_, err := os.Stat(filepath.Join("/sys/block", filepath.Base(node)))
		return os.IsNotExist(err)
	})
}

func TestWrongContentIsNotRead(t *testing.T) {
	needsDeviceMapper(t)
	image, root, offset := erofstest.Protect(data(), nil, true)
	image[5000] ^= 1
	mapping, err := Mapper{}.OpenVerity(erofstest.Loop(t, image), table(root, offset))
	if err != nil {
		t.Fatal(err)
	}
	defer mapping.Close()
	f, err := os.Open(mapping.Node)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	if _, err := unix.Pread(int(f.Fd()), block, 4096); err != unix.EIO {
		t.Errorf("a changed block: %v", err)
	}
	// It is in use: it must go with its last user.
	if err := mapping.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mapping.Node); err != nil {
		t.Error("went while in use:", err)
	}
	f.Close()
	gone(t, mapping.Node)
}

func TestRefusedTableLeavesNothing(t *testing.T) {
	needsDeviceMapper(t)
	before := mappings(t)
	tab := table(strings.Repeat("ab", 32), 4096)
	tab.Algorithm = "nosuchhash"
	if m, err := (Mapper{}).OpenVerity(erofstest.Loop(t, data()), tab); err == nil {
		m.Close()
		t.Error("an unknown algorithm was taken")
	}
	if after := mappings(t); len(after) != len(before) {
		t.Errorf("mappings %v, before %v", after, before)
	}
}

func mappings(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("/sys/block/dm-*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}
