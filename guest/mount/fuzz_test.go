// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzParseOptions takes lines of options as hosts send them.
func FuzzParseOptions(f *testing.F) {
	f.Add("ro\nrbind\nrprivate\nlowerdir=/a:/b")
	f.Add("nosuid\nsuid\nX-kata.overlay\nio.katacontainers.fs-opt.layer=xxx\nsize=64m,mode=0700")
	f.Add("loop")
	f.Fuzz(func(t *testing.T, lines string) {
		words := strings.Split(lines, "\n")
		o, err := ParseOptions(words)
		if err != nil {
			return
		}
		if o.Flags&o.Cleared != 0 {
			t.Errorf("%q: flags %#x are both set and cleared", words, o.Flags&o.Cleared)
		}
		const all = unix.MS_PRIVATE | unix.MS_SHARED | unix.MS_SLAVE | unix.MS_UNBINDABLE
		if n := o.Propagation & all; n&(n-1) != 0 || o.Flags&all != 0 {
			t.Errorf("%q: propagation %#x, flags %#x", words, o.Propagation, o.Flags)
		}
		for _, w := range words {
			if (strings.HasPrefix(w, notePrefix) || strings.HasPrefix(w, erofsLayerPrefix)) && strings.Contains(o.Data, w) && !strings.Contains(lines, ","+w) &&
				strings.Count(lines, w) == 1 {
				t.Errorf("the note %q is handed to the file system in %q", w, o.Data)
			}
		}
	})
}

// FuzzBase: no mount point leads out of the directories that containers can write below.
func FuzzBase(f *testing.F) {
	for _, s := range []string{"/run/kata-containers/sandbox/shm", "/run/user/1000/run/kata-containers/x", "/", "a/../b", "/run/kata-containers/../etc", "/x\x00y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		d, rel, err := Mounter{Confined: []string{"/proc"}}.base(target)
		if err != nil {
			return
		}
		defer d.Close()
		if strings.Contains("/"+rel+"/", "/../") || strings.ContainsRune(rel, 0) || rel == "" {
			t.Errorf("%q became %q", target, rel)
		}
	})
}
