// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// FuzzTerminationLog reads what a container has written of its end.
func FuzzTerminationLog(f *testing.F) {
	f.Add([]byte("it is over\n"))
	f.Add([]byte{0xff, 0xfe, 0})
	f.Add(make([]byte, MaxTerminationLog+1))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := TerminationLog(path)
		// Each byte may become the replacement character, of three.
		if err != nil || !utf8.ValidString(text) || len(text) > 3*min(len(data), MaxTerminationLog) {
			t.Errorf("%d bytes gave %d, %v", len(data), len(text), err)
		}
	})
}
