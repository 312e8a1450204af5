// SPDX-License-Identifier: Apache-2.0

package bundle_test

import (
	"os"
	"reflect"
	"testing"

	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"golang.org/x/sys/unix"
)

func TestScan(t *testing.T) {
	dir := t.TempDir()
	guesttest.Must(t, os.MkdirAll(dir+"/prestart/sub", 0o755))
	guesttest.Must(t, os.MkdirAll(dir+"/createRuntime", 0o755))
	for name, mode := range map[string]os.FileMode{
		"prestart/20-b": 0o755, "prestart/10-a": 0o700, "prestart/group": 0o010,
		"prestart/plain": 0o644, "createRuntime/x": 0o755,
	} {
		guesttest.Must(t, os.WriteFile(dir+"/"+name, nil, mode))
		guesttest.Must(t, os.Chmod(dir+"/"+name, mode))
	}
	guesttest.Must(t, os.Symlink("20-b", dir+"/prestart/link"))
	guesttest.Must(t, unix.Mkfifo(dir+"/prestart/fifo", 0o755))

	h, err := bundle.ScanHooks(dir)
	guesttest.Must(t, err)
	var got [][]string
	for _, x := range h.Prestart { // deprecated by OCI
		got = append(got, append([]string{x.Path}, x.Args...))
		if x.Env != nil || x.Timeout == nil || *x.Timeout != 10 {
			t.Errorf("%+v", x)
		}
	}
	want := [][]string{
		{dir + "/prestart/10-a", "10-a", "prestart"},
		{dir + "/prestart/20-b", "20-b", "prestart"},
		{dir + "/prestart/group", "group", "prestart"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if h.Poststart != nil || h.Poststop != nil || h.CreateRuntime != nil {
		t.Errorf("%+v", h)
	}
}

func TestScanWithoutHooks(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, dir + "/missing"} {
		if h, err := bundle.ScanHooks(d); h != nil || err != nil {
			t.Errorf("%s: %v, %v, want no hooks and no error", d, h, err)
		}
	}
	if _, err := bundle.ScanHooks("hooks"); err == nil {
		t.Error("a relative path was taken")
	}
	// A kind that cannot be read does not hide the others.
	guesttest.Must(t, os.WriteFile(dir+"/prestart", nil, 0o644))
	guesttest.Must(t, os.Mkdir(dir+"/poststop", 0o755))
	guesttest.Must(t, os.WriteFile(dir+"/poststop/x", nil, 0o755))
	h, err := bundle.ScanHooks(dir)
	if err == nil || h == nil || len(h.Poststop) != 1 {
		t.Errorf("%+v, %v, want one poststop hook and an error", h, err)
	}
}
