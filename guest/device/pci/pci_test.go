// SPDX-License-Identifier: Apache-2.0

package pci

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for text, want := range map[string]string{
		"02": "02.0", "2": "02.0", "02/03": "02.0/03.0", "1f.7": "1f.7", "02.1/0a.3/00": "02.1/0a.3/00.0",
		"20/00/00": "20/00.0/00.0", "ff/1f/00/01": "ff/1f.0/00.0/01.0", "02/00/01": "02.0/00.0/01.0",
	} {
		p, err := ParsePath(text)
		if err != nil || p.String() != want {
			t.Errorf("%q: got %q, %v; want %q", text, p, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "PCI path must have at least one element", "20/00": "PCI slot 32 should be in range [0..0x1f]",
		"20": "PCI slot 32", "x": "PCI slot/function x should have the format SS.F", "02.": "format SS.F", "02.x": "format SS.F",
		"02.1.1": "format SS.F", "02//03": "format SS.F", "/02": "format SS.F", "02/": "format SS.F", "02.8": "PCI function 8 should be in range [0..7]",
		"+2": "format SS.F", "0x2": "format SS.F", "20/20/00": "PCI slot 32", "100/00/00": "format SS.F", "/dev/vda": "format SS.F",
	} {
		if p, err := ParsePath(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v; want %q", text, p, err, want)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"02/03", "20/00/00", "1f.7", "", "ff/00/00.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			return
		}
		again, err := ParsePath(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%q gave %q, read again %q, %v", text, p, again, err)
		}
	})
}

func TestPathOfSlots(t *testing.T) {
	if p, err := PathOfSlots([]uint32{13, 0}); err != nil || p.String() != "0d.0/00.0" {
		t.Errorf("got %q, %v", p, err)
	}
	if _, err := PathOfSlots(nil); err == nil || err.Error() != "PCI path must have at least one element" {
		t.Errorf("empty: got %v, want %q", err, "PCI path must have at least one element")
	}
	if _, err := PathOfSlots([]uint32{1, 300}); err == nil {
		t.Error("slot 300 was accepted")
	}
}

func TestParseAddress(t *testing.T) {
	a, err := ParseAddress("0000:3f:1A.2")
	if err != nil || a.String() != "0000:3f:1a.2" {
		t.Errorf("got %s, %v", a, err)
	}
	for _, bad := range []string{"", "3f:1a.2", "0000:3f:1a", "0000:100:00.0", "10000:00:00.0", "0000:00:20.0", "0000:00:00.8", "a:b:c:d.0"} {
		if a, err := ParseAddress(bad); err == nil {
			t.Errorf("%q: accepted as %s", bad, a)
		}
	}
}

// tree makes the directories below a fake sysfs.
func tree(t *testing.T, arch string, dirs ...string) Sysfs {
	t.Helper()
	s := Sysfs{Root: t.TempDir(), Arch: arch}
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(s.Root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestRootBus(t *testing.T) {
	tests := []struct {
		arch string
		dirs []string
		root uint8
		want string
	}{
		{"amd64", nil, 0, "/devices/pci0000:00"},
		{"s390x", nil, 0x20, "/devices/pci0000:20"},
		{"arm64", []string{"devices/pci0000:00"}, 0, "/devices/pci0000:00"},
		{"arm64", []string{"devices/platform/3f000000.pcie", "devices/platform/x"}, 0, "/devices/platform/3f000000.pcie/pci0000:00"},
		{"arm64", nil, 0x21, "/devices/platform/4010000000.pcie/pci0000:21"},
	}
	for _, tt := range tests {
		if got := tree(t, tt.arch, tt.dirs...).RootBus(tt.root); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.arch, got, tt.want)
		}
	}
}

func TestResolve(t *testing.T) {
	const root = "devices/pci0000:00/"
	s := tree(t, "amd64",
		root+"0000:00:02.0/pci_bus/0000:01", root+"0000:00:02.0/0000:01:03.0/pci_bus/0000:02",
		root+"0000:00:04.0/0000:05:00.0", root+"0000:00:04.0/0000:05:01.0", root+"0000:00:04.0/power",
		root+"0000:00:05.0/0000:06:00.0", root+"0000:00:05.0/0000:07:00.0",
		root+"0000:00:06.0/pci_bus/0000:08", root+"0000:00:06.0/pci_bus/0000:09",
		root+"0000:00:07.0/pci_bus",
		"devices/pci0000:20/0000:20:00.0/pci_bus/0000:21",
	)
	for text, want := range map[string]string{
		"02":       "/devices/pci0000:00/0000:00:02.0",
		"1f.3":     "/devices/pci0000:00/0000:00:1f.3",
		"02/05":    "/devices/pci0000:00/0000:00:02.0/0000:01:05.0",
		"02/03/00": "/devices/pci0000:00/0000:00:02.0/0000:01:03.0/0000:02:00.0",
		"04/01":    "/devices/pci0000:00/0000:00:04.0/0000:05:01.0",
		"20/00/00": "/devices/pci0000:20/0000:20:00.0/0000:21:00.0",
	} {
		if got, err := s.Resolve(mustParse(t, text)); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	for text, mayPass := range map[string]bool{
		"03/00": true, "07/00": true, "02/05/00": true, "21/00/00": true, "05/00": false, "06/00": false,
	} {
		got, err := s.Resolve(mustParse(t, text))
		var notReady *NotReadyError
		if err == nil || errors.As(err, &notReady) != mayPass {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
}

func mustParse(t *testing.T, text string) Path {
	t.Helper()
	p, err := ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRescan(t *testing.T) {
	s := tree(t, "amd64", "bus/pci")
	if err := s.Rescan(); err == nil {
		t.Error("no rescan file is no error")
	}
	file := filepath.Join(s.Root, "bus/pci/rescan")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Rescan(); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(file); string(text) != "1" {
		t.Errorf("wrote %q", text)
	}
}

func TestBelow(t *testing.T) {
	tests := []struct {
		path, devPath, rest string
		ok                  bool
	}{
		{"02", "/devices/pci0000:00/0000:00:02.0", "", true},
		{"02/03", "/devices/pci0000:00/0000:00:02.0/0000:01:03.0/virtio1/block/vda", "virtio1/block/vda", true},
		{"02", "/devices/pci0000:00/0000:00:02.0/0000:01:03.0", "0000:01:03.0", true},
		{"02", "/devices/platform/3f000000.pcie/pci0000:00/0000:00:02.0/x", "x", true},
		{"20/00/00", "/devices/pci0000:20/0000:20:00.0/0000:21:00.0/virtio0", "virtio0", true},
		{"02/03", "/devices/pci0000:00/0000:00:02.0/0000:01:03.1", "", false},
		{"02/03", "/devices/pci0000:00/0000:00:02.0", "", false},
		{"02", "/devices/pci0000:20/0000:20:02.0", "", false},
		{"02", "/devices/pci0000:00/0000:00:02.0x", "", false},
		{"02", "/devices/virtual/block/loop0", "", false},
	}
	for _, tt := range tests {
		rest, ok := mustParse(t, tt.path).Below(tt.devPath)
		if got := strings.Join(rest, "/"); got != tt.rest || ok != tt.ok {
			t.Errorf("%s in %s: got %q, %t", tt.path, tt.devPath, got, ok)
		}
	}
}
