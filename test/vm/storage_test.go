// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"maps"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// storagePackages have tests that need the device-mapper.
var storagePackages = []string{"guest/storage/devicemapper", "guest/storage/erofs", "guest/storage/volume"}

// storageModules are what encrypted volumes need on top of the usual modules.
func storageModules() []string {
	return append(lab.FullModules(), "dm-crypt", "dm-integrity", "ecb", "xts", "authenc", "algif_skcipher", "algif_hash")
}

// TestStoragePackages runs the storage packages' own tests in a VM with a device-mapper.
func TestStoragePackages(t *testing.T) {
	files := lab.GoTests(t, storagePackages...)
	maps.Copy(files, programs(t, "cryptsetup", "mkfs.ext4"))
	vm := lab.Boot(t, lab.Options{
		MemoryMiB: 1024,
		Modules:   storageModules(),
		Files:     files,
		Lifetime:  30 * time.Minute,
	})
	waitForStandIn(t, vm)
	vm.Shell(t, "mount -t tmpfs tmpfs /tmp")
	for _, pkg := range storagePackages {
		vm.GoTest(t, pkg)
	}
}

var library = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// programs are these programs of the host with the libraries they need, as files of a
// guest. Where one is not installed, the guest's tests that need it are skipped.
func programs(t *testing.T, names ...string) map[string]lab.File {
	t.Helper()
	files := map[string]lab.File{}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Logf("tests that need %s are skipped: %v", name, err)
			continue
		}
		out, err := exec.Command("ldd", path).Output()
		if err != nil {
			t.Fatalf("libraries of %s: %v", path, err)
		}
		files["/sbin/"+name] = lab.File{Path: path, Mode: 0o755}
		for _, m := range library.FindAllStringSubmatch(string(out), -1) {
			files[m[1]] = lab.File{Path: m[1], Mode: 0o755}
		}
	}
	return files
}
