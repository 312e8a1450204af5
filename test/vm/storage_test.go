// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// storagePackages have tests that need the device-mapper.
var storagePackages = []string{"guest/layers/verity"}

// TestStoragePackages runs the storage packages' own tests in a VM with a device-mapper.
func TestStoragePackages(t *testing.T) {
	vm := lab.Boot(t, lab.Options{
		MemoryMiB: 1024,
		Modules:   lab.FullModules(),
		Files:     lab.GoTests(t, storagePackages...),
		Lifetime:  8 * time.Minute,
	})
	vm.Shell(t, "mount -t tmpfs tmpfs /tmp")
	for _, pkg := range storagePackages {
		vm.GoTest(t, pkg)
	}
}
