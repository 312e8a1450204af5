// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"strings"
	"testing"
)

// FuzzOptions takes the options of storages and drivers, one a line.
func FuzzOptions(f *testing.F) {
	f.Add("mode=0777\nfsgid=1000")
	f.Add("pagesize=2097152,size=4194304")
	f.Add("encryption_key=ephemeral\nsize=1m")
	f.Add("io.katacontainers.volume.overlayfs.create_directory=/run/x\nio.katacontainers.fs-opt.overlay-rw")
	f.Fuzz(func(t *testing.T, lines string) {
		words := strings.Split(lines, "\n")
		if gid, has, err := groupOf(words); err == nil && (has && gid < 0 || !has && gid != 0) {
			t.Errorf("%q: group %d, %t", words, gid, has)
		}
		if mode, err := modeOf(words); err == nil && mode != nil && *mode > 0o7777 {
			t.Errorf("%q: mode %#o", words, *mode)
		}
		for _, key := range []string{"pagesize", "size"} {
			if n, err := sizeOption(words, key); err == nil && (n == 0 || n > 1<<63-1) {
				t.Errorf("%q: %s %d", words, key, n)
			}
		}
		for _, w := range without(words, groupOption) {
			if strings.HasPrefix(w, groupOption) {
				t.Errorf("%q is left of %q", w, words)
			}
		}
		_ = tmpfsKnows(strings.Join(words, ","))
	})
}

// FuzzContainerDir: a container's directory is below the run directory, whatever its id.
func FuzzContainerDir(f *testing.F) {
	for _, id := range []string{"c1", "", ".", "..", "a/b", "a\x00", "../x"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		dir, err := (&Drivers{RunDir: "/run/x"}).ContainerDir(id)
		if err == nil && (strings.Count(dir, "/") != 3 || !strings.HasPrefix(dir, "/run/x/") || strings.Contains(dir, "\x00")) {
			t.Errorf("the directory of %q is %q", id, dir)
		}
	})
}
