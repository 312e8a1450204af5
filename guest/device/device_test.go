// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/device/pci"
)

func TestValidate(t *testing.T) {
	good := Request{ID: "02", Type: TypeBlock, ContainerPath: "/dev/x"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, r := range map[string]Request{
		"invalid type for device":           {ID: "02", ContainerPath: "/dev/x"},
		"invalid ID and VM path for device": {Type: TypeBlock, ContainerPath: "/dev/x"},
		"invalid container path for device": {ID: "02", Type: TypeBlock},
	} {
		if err := r.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestMatcher(t *testing.T) {
	for want, r := range map[string]Request{
		"block device at PCI path 02.0/03.0":     {Type: TypeBlock, ID: "02/03"},
		"block device at CCW device 0.0.0001":    {Type: TypeBlockCCW, ID: "0.0.0001"},
		"block device at SCSI address 1:0":       {Type: TypeSCSI, ID: "1:0"},
		"block device vda":                       {Type: TypeMMIO, VMPath: "/dev/vda"},
		"block device pmem1":                     {Type: TypeNVDIMM, VMPath: "/dev/pmem1"},
		"!Failed to parse PCI path from ''":      {Type: TypeBlock},
		"!CCW device x":                          {Type: TypeBlockCCW, ID: "x"},
		"!Unexpected format for SCSI Address: 1": {Type: TypeSCSI, ID: "1"},
		"!Invalid path for virtio mmio blk":      {Type: TypeMMIO},
		"!Invalid path for nvdimm device":        {Type: TypeNVDIMM, VMPath: "/dev/a/b"},
		"!Failed to find the device handler foo": {Type: "foo"},
	} {
		m, err := r.Matcher()
		if text, isErr := strings.CutPrefix(want, "!"); isErr {
			if err == nil || !strings.HasPrefix(err.Error(), text) {
				t.Errorf("%+v: got %v, want %s", r, err, text)
			}
		} else if err != nil || m.String() != want {
			t.Errorf("%+v: got %v, %v, want %s", r, m, err, want)
		}
	}
}

func TestAPQueues(t *testing.T) {
	queues, err := Request{Options: []string{"0a.001f", "0b.0001"}}.APQueues()
	if err != nil || len(queues) != 2 || queues[1].String() != "AP queue 0b.0001" {
		t.Errorf("got %v, %v", queues, err)
	}
	if _, err := (Request{Options: []string{"x"}}).APQueues(); err == nil {
		t.Error("a bad queue was accepted")
	}
}

func TestStat(t *testing.T) {
	if n, err := Stat("/dev/null"); err != nil || n != (Node{"/dev/null", "c", 1, 3}) {
		t.Errorf("got %+v, %v", n, err)
	}
	dir := t.TempDir()
	if _, err := Stat(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "doesn't exist") {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Stat(dir); err == nil {
		t.Error("a directory is a device")
	}
	for _, path := range []string{"/dev/null", dir} {
		if _, err := StatBlock(path); err == nil || !strings.HasPrefix(err.Error(), "Invalid device "+path) {
			t.Errorf("%s: got %v, want an error with %q", path, err, "Invalid device "+path)
		}
	}
	if _, err := StatBlock(filepath.Join(dir, "none")); err == nil || !strings.HasPrefix(err.Error(), "get metadata on file") {
		t.Errorf("got %v, want an error with %q", err, "get metadata on file")
	}
	path := filepath.Join(dir, "disk")
	if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, 300))); err != nil {
		t.Skipf("cannot make a node: %v", err)
	}
	if n, err := StatBlock(path); err != nil || n != (Node{path, "b", 7, 300}) {
		t.Errorf("got %+v, %v", n, err)
	}
}

func num(n int64) *int64 { return &n }

func rule(kind string, major, minor int64, access string) specs.LinuxDeviceCgroup {
	return specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: num(major), Minor: num(minor), Access: access}
}

// TestRewrite crosses the numbers: the guest's number of each disk is the host's of the
// other one.
func TestRewrite(t *testing.T) {
	spec := &specs.Spec{Linux: &specs.Linux{
		Devices: []specs.LinuxDevice{
			{Path: "/dev/a", Type: "b", Major: 8, Minor: 0}, {Path: "/dev/b", Type: "b", Major: 8, Minor: 16},
			{Path: "/dev/tty7", Type: "u", Major: 4, Minor: 7}, {Path: "/dev/other", Type: "b", Major: 9, Minor: 9},
		},
		Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
			{Allow: false, Access: "rwm"}, rule("b", 8, 0, "r"), rule("b", 8, 16, "rw"), rule("c", 8, 0, "r"), rule("c", 4, 7, "w"),
			{Allow: true, Type: "b", Major: num(8), Access: "m"},
		}},
	}}
	err := Rewrite(spec, []Update{
		{ContainerPath: "/dev/a", Node: Node{"/dev/vdb", "b", 8, 16}}, {ContainerPath: "/dev/b", Node: Node{"/dev/vda", "b", 8, 0}},
		{ContainerPath: "/dev/tty7", Node: Node{"/dev/ttyS0", "c", 4, 64}, FinalPath: "/dev/ttyS0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantDevices := []specs.LinuxDevice{
		{Path: "/dev/a", Type: "b", Major: 8, Minor: 16}, {Path: "/dev/b", Type: "b", Major: 8, Minor: 0},
		{Path: "/dev/ttyS0", Type: "u", Major: 4, Minor: 64}, {Path: "/dev/other", Type: "b", Major: 9, Minor: 9},
	}
	if !reflect.DeepEqual(spec.Linux.Devices, wantDevices) {
		t.Errorf("devices %+v", spec.Linux.Devices)
	}
	wantRules := []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"}, rule("b", 8, 16, "r"), rule("b", 8, 0, "rw"), rule("c", 8, 0, "r"), rule("c", 4, 64, "w"),
		{Allow: true, Type: "b", Major: num(8), Access: "m"},
		rule("b", 8, 16, "rwm"), rule("b", 8, 0, "rwm"), rule("c", 4, 64, "rwm"),
	}
	if got := spec.Linux.Resources.Devices; !reflect.DeepEqual(got, wantRules) {
		t.Errorf("%d rules, want %d", len(got), len(wantRules))
		for i := range min(len(got), len(wantRules)) {
			if !reflect.DeepEqual(got[i], wantRules[i]) {
				t.Errorf("rule %d: %+v", i, got[i])
			}
		}
	}
}

func TestRewriteErrors(t *testing.T) {
	devices := []specs.LinuxDevice{{Path: "/dev/a", Type: "b", Major: 8, Minor: 1}, {Path: "/dev/b", Type: "b", Major: 8, Minor: 1}}
	one, two := Node{"/dev/vda", "b", 254, 0}, Node{"/dev/vdb", "b", 254, 16}
	tests := []struct {
		updates []Update
		want    string
	}{
		{[]Update{{ContainerPath: "/dev/x", Node: one}}, `Missing devices in OCI spec: "\"/dev/x\""`},
		{[]Update{{ContainerPath: "/dev/y", Node: one}, {ContainerPath: "/dev/x", Node: two}}, `Missing devices in OCI spec: "\"/dev/x\" \"/dev/y\""`},
		{[]Update{{ContainerPath: "/dev/a", Node: one}, {ContainerPath: "/dev/a", Node: two}}, "Conflicting device updates for /dev/a"},
		{[]Update{{ContainerPath: "/dev/a", Node: one}, {ContainerPath: "/dev/b", Node: two}}, "Conflicting resource updates for host_major=8 host_minor=1"},
	}
	for _, tt := range tests {
		spec := &specs.Spec{Linux: &specs.Linux{Devices: devices}}
		if err := Rewrite(spec, tt.updates); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	// One device under two names is no conflict.
	spec := &specs.Spec{Linux: &specs.Linux{Devices: devices}}
	if err := Rewrite(spec, []Update{{ContainerPath: "/dev/a", Node: one}, {ContainerPath: "/dev/b", Node: one}}); err != nil {
		t.Error(err)
	}
	if err := Rewrite(&specs.Spec{}, []Update{{ContainerPath: "/dev/a"}}); err == nil {
		t.Error("no linux section is no error")
	}
	if err := Rewrite(&specs.Spec{}, nil); err != nil {
		t.Error(err)
	}
}

func address(t *testing.T, text string) pci.Address {
	t.Helper()
	a, err := pci.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRewriteEnv(t *testing.T) {
	m := PCIMap{address(t, "0000:1a:00.0"): address(t, "0000:1a:00.1")}
	if err := m.Merge(PCIMap{address(t, "0000:1a:00.1"): address(t, "0000:02:00.0")}); err != nil {
		t.Fatal(err)
	}
	if err := m.Merge(PCIMap{address(t, "0000:1a:00.1"): address(t, "0000:03:00.0")}); err == nil {
		t.Error("two guest addresses for one function")
	}
	got, left, err := RewriteEnv([]string{
		"PCIDEVICE_X_INFO={\"0000:1a:00.0\":1,\"0000:1a:00.1\":2}", "PATH=/bin",
		"PCIDEVICE_X=0000:1a:00.0,0000:1a:00.1", "PCIDEVICE_Y=0000:99:00.0", "PCIDEVICE_Y_INFO=0000:1a:00.0",
		"PCIDEVICE_Z=none", "X=0000:1a:00.0", "EMPTY=",
	}, m)
	want := []string{
		"PCIDEVICE_X_INFO={\"0000:1a:00.1\":1,\"0000:02:00.0\":2}", "PATH=/bin",
		"PCIDEVICE_X=0000:1a:00.1,0000:02:00.0", "PCIDEVICE_Y=0000:99:00.0", "PCIDEVICE_Y_INFO=0000:1a:00.0",
		"PCIDEVICE_Z=none", "X=0000:1a:00.0", "EMPTY=",
	}
	if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(left, []string{"PCIDEVICE_Y", "PCIDEVICE_Z"}) {
		t.Errorf("got %q, left %q, %v", got, left, err)
	}
	if _, _, err := RewriteEnv([]string{"A=1", "B"}, nil); err == nil || err.Error() != `Malformed OCI env entry "B"` {
		t.Errorf("got %v, want %q", err, `Malformed OCI env entry "B"`)
	}
}

func TestAddInfiniband(t *testing.T) {
	dev := t.TempDir()
	spec := &specs.Spec{Linux: &specs.Linux{}}
	if err := AddInfiniband(spec, dev); err != nil || spec.Linux.Devices != nil {
		t.Errorf("without the directory: %v, %v", spec.Linux.Devices, err)
	}
	dir := filepath.Join(dev, "infiniband")
	if err := os.MkdirAll(filepath.Join(dir, "by-path"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"uverbs0", "rdma_cm"} {
		if err := unix.Mknod(filepath.Join(dir, name), unix.S_IFCHR|0o640, int(unix.Mkdev(231, uint32(192+i)))); err != nil {
			t.Skipf("cannot make a node: %v", err)
		}
	}
	spec.Linux.Devices = []specs.LinuxDevice{{Path: filepath.Join(dir, "rdma_cm")}}
	if err := AddInfiniband(spec, dev); err != nil {
		t.Fatal(err)
	}
	if len(spec.Linux.Devices) != 2 || len(spec.Linux.Resources.Devices) != 1 {
		t.Fatalf("got %+v, %+v", spec.Linux.Devices, spec.Linux.Resources.Devices)
	}
	d, r := spec.Linux.Devices[1], spec.Linux.Resources.Devices[0]
	if d.Path != filepath.Join(dir, "uverbs0") || d.Type != "c" || d.Major != 231 || d.Minor != 192 || *d.FileMode&0o777 == 0 || *d.UID != uint32(os.Getuid()) {
		t.Errorf("device %+v", d)
	}
	if !reflect.DeepEqual(r, rule("c", 231, 192, "rwm")) {
		t.Errorf("rule %+v", r)
	}
}
