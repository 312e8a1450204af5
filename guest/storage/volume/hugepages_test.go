// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The kernel makes fewer pages than asked for when memory is short.
func TestHugePagesShortOfMemory(t *testing.T) {
	d := &Drivers{SysDir: t.TempDir()}
	file := d.poolFile(2 << 20)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.writePool = func(file string, b []byte) error {
		n, err := strconv.Atoi(string(b))
		if err != nil {
			return err
		}
		return os.WriteFile(file, strconv.AppendInt(nil, int64(min(n, 266)), 10), 0o644)
	}
	err := d.addPages(2<<20, 2000)
	if err == nil || !strings.Contains(err.Error(), "Only allocated 262 of 2000 hugepages of size 2097152") {
		t.Errorf("got %v, want an error with %q", err, "Only allocated 262 of 2000 hugepages of size 2097152")
	}
	if b, _ := os.ReadFile(file); string(b) != "4" {
		t.Errorf("%q pages stay taken from the guest", b)
	}
	if err := d.addPages(2<<20, 1<<64-2); err == nil {
		t.Error("an overflow was taken")
	}
}
