// SPDX-License-Identifier: Apache-2.0

package device

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVFIOWithoutOptions: a device that names no function is no device.
func TestVFIOWithoutOptions(t *testing.T) {
	_, _, err := Request{Type: TypeVFIO, ContainerPath: "/dev/vfio/7"}.VFIOFunctions()
	if err == nil || !strings.Contains(err.Error(), "/dev/vfio/7") {
		t.Errorf("%v, want an error that names the device", err)
	}
}

func TestVFIOFunctions(t *testing.T) {
	got, skipped, err := Request{Options: []string{"0000:1a:00.1=02/03", "0000:1a:00.2=", "0000:1b:00.0=20/00/00.1"}}.VFIOFunctions()
	if err != nil || skipped != 1 || len(got) != 2 || got[0].Host.String() != "0000:1a:00.1" || got[1].Guest.String() != "20/00.0/00.1" {
		t.Errorf("got %v, %d, %v", got, skipped, err)
	}
	for _, bad := range []string{"", "0000:1a:00.1", "0000:1a:00.1=02=03", "x=02", "0000:1a:00.1=zz"} {
		if _, _, err := (Request{Options: []string{bad}}).VFIOFunctions(); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

// fakeFunction makes a PCI function bound to a driver, if any, in a group, if any.
func fakeFunction(t *testing.T, sys, bdf, driver, group string) {
	t.Helper()
	dir := functionDir(sys, bdf)
	drivers := filepath.Join(sys, "bus/pci/drivers", driver)
	for _, d := range []string{dir, drivers} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(dir, "driver_override"), filepath.Join(drivers, "unbind"), filepath.Join(sys, "bus/pci/drivers_probe")} {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if driver != "" {
		link(t, drivers, filepath.Join(dir, "driver"))
	}
	if group != "" {
		link(t, "../../../kernel/iommu_groups/"+group, filepath.Join(dir, "iommu_group"))
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestBindVFIO(t *testing.T) {
	const bdf = "0000:01:03.0"
	for _, tt := range []struct {
		driver           string
		unbound, rebound string
	}{{"mlx5_core", bdf, bdf}, {"", "", bdf}, {VFIODriver, "", ""}} {
		sys := t.TempDir()
		fakeFunction(t, sys, bdf, tt.driver, "")
		if err := BindVFIO(sys, bdf); err != nil {
			t.Fatal(err)
		}
		if got := content(t, filepath.Join(functionDir(sys, bdf), "driver_override")); got != VFIODriver {
			t.Errorf("%q: override %q", tt.driver, got)
		}
		if got := content(t, filepath.Join(sys, "bus/pci/drivers", tt.driver, "unbind")); got != tt.unbound {
			t.Errorf("%q: unbound %q", tt.driver, got)
		}
		if got := content(t, filepath.Join(sys, "bus/pci/drivers_probe")); got != tt.rebound {
			t.Errorf("%q: probed %q", tt.driver, got)
		}
	}
	if err := BindVFIO(t.TempDir(), bdf); err == nil || !strings.Contains(err.Error(), bdf) {
		t.Errorf("a missing function: %v, want an error with %q", err, bdf)
	}
}

func TestIOMMUGroup(t *testing.T) {
	sys := t.TempDir()
	fakeFunction(t, sys, "0000:01:00.0", "", "7")
	fakeFunction(t, sys, "0000:01:00.1", "", "7")
	fakeFunction(t, sys, "0000:01:00.2", "", "8")
	fakeFunction(t, sys, "0000:01:00.3", "", "")
	if group, err := IOMMUGroup(sys, []string{"0000:01:00.0", "0000:01:00.1"}); err != nil || group != 7 {
		t.Errorf("got %d, %v", group, err)
	}
	for want, addresses := range map[string][]string{
		"0000:01:00.2 is not in guest IOMMU group 7": {"0000:01:00.0", "0000:01:00.2"},
		"0000:01:00.3 has no IOMMU group":            {"0000:01:00.0", "0000:01:00.3"},
		"no PCI function":                            nil,
	} {
		if _, err := IOMMUGroup(sys, addresses); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
