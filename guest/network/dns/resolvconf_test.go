// SPDX-License-Identifier: Apache-2.0

package dns_test

import (
	"os"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/network/dns"
	"golang.org/x/sys/unix"
)

func TestApply(t *testing.T) {
	guesttest.NeedRoot(t, "to mount")
	for _, linked := range []bool{false, true} {
		dir := t.TempDir()
		file := dir + "/resolv.conf"
		if linked {
			guesttest.Must(t, os.Mkdir(dir+"/run", 0o755))
			guesttest.Must(t, os.WriteFile(dir+"/run/stub", []byte("old"), 0o644))
			guesttest.Must(t, os.Symlink("run/stub", file))
			t.Cleanup(func() { unix.Unmount(dir+"/run/stub", unix.MNT_DETACH) })
		} else {
			guesttest.Must(t, os.WriteFile(file, []byte("old"), 0o644))
			t.Cleanup(func() { unix.Unmount(file, unix.MNT_DETACH) })
		}
		r := dns.ResolvConf{Path: file, Content: dir + "/sandbox/resolv.conf"}
		undo, err := r.Apply([]string{" nameserver 1.1.1.1 ", "search a b", ""})
		guesttest.Must(t, err)
		if got, _ := os.ReadFile(file); string(got) != "nameserver 1.1.1.1\nsearch a b\n" {
			t.Errorf("content %q", got)
		}
		guesttest.Must(t, undo())
		guesttest.Must(t, undo())
		if got, _ := os.ReadFile(file); string(got) != "old" {
			t.Errorf("after undo %q", got)
		}
		if _, err := os.Stat(r.Content); !os.IsNotExist(err) {
			t.Errorf("after undo: %v", err)
		}
	}
}

func TestApplyNothingToDo(t *testing.T) {
	dir := t.TempDir()
	r := dns.ResolvConf{Path: dir + "/missing", Content: dir + "/content"}
	for _, lines := range [][]string{nil, {"nameserver 1.1.1.1"}} {
		undo, err := r.Apply(lines)
		guesttest.Must(t, err)
		guesttest.Must(t, undo())
	}
	if _, err := os.Stat(r.Content); !os.IsNotExist(err) {
		t.Errorf("wrote a file nobody reads: %v", err)
	}
	r.Path = dir
	if _, err := r.Apply([]string{"x"}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v, want an error with %q", err, "is a directory")
	}
}
