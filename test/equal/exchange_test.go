// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/guesttest"
)

// exchange puts b in the place of a and back, as fast as it can, until it is stopped. At the end a is what
// it was.
func exchange(t *testing.T, a, b string) (stop func()) {
	t.Helper()
	end := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-end:
				if n%2 == 0 {
					return
				}
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
				t.Errorf("exchange %s and %s: %v", a, b, err)
				return
			}
		}
	})
	return func() {
		close(end)
		running.Wait()
	}
}

// TestExchangedWhileMade: a directory of the root file system becomes a link that leads out of it, again and
// again while the container is made. Nothing may be made or mounted in the guest, and nothing of the guest
// be seen in the container.
func TestExchangedWhileMade(t *testing.T) {
	guesttest.NeedRoot(t, "to make containers")
	const secret = "secret"
	for _, w := range ways() {
		m := newMaker(t, w)
		for name, change := range map[string]func(*box){
			"data": func(b *box) {
				b.mount("tmpfs", "tmpfs", "/data/x")
				b.bind("dir", "/data/y/z")
				b.bind("file", "/data/file")
				b.spec.Linux.Devices = []specs.LinuxDevice{device("/data/node", "c", 1, 3, 0o666, 0, 0), device("/data/more/node", "c", 1, 3, 0o666, 0, 0)}
				b.spec.Linux.MaskedPaths, b.spec.Linux.ReadonlyPaths = []string{"/data/secret"}, []string{"/data"}
				b.spec.Process.Cwd = "/data/new"
			},
			"proc": func(*box) {},
			"dev":  func(b *box) { b.stdio.Terminal = true },
			"sys":  func(b *box) { b.mount("cgroup", "cgroup", "/sys/fs/cgroup", "ro") },
			"etc": func(b *box) {
				b.bind("file", "/etc/hosts")
				b.bind("file", "/etc/new/file")
				b.spec.Process.User.UID = 1000
			},
		} {
			for _, out := range []string{"upwards", "absolute"} {
				t.Run(m.name+"/"+name+"/"+out, func(t *testing.T) {
					guest := filepath.Join(shortDir(t), "guest")
					guesttest.Must(t, os.Mkdir(guest, 0o777))
					guesttest.Must(t, os.WriteFile(filepath.Join(guest, secret), []byte(secret), 0o644))
					made := 0
					for range 6 {
						made += m.exchanged(t, name, map[string]string{"upwards": "../../../../../../.." + guest, "absolute": guest}[out], change)
						entries, err := os.ReadDir(guest)
						if err != nil || len(entries) != 1 || entries[0].Name() != secret {
							t.Fatalf("the guest's directory has %v, %v; want nothing but the secret", entries, err)
						}
					}
					t.Logf("%d of 6 containers were made", made)
				})
			}
		}
	}
}

// exchanged makes a container whose directory is exchanged for a link, and tells whether it was made.
func (m *maker) exchanged(t *testing.T, name, target string, change func(*box)) (made int) {
	t.Helper()
	var stop func()
	s := m.make(t, shape{change: func(b *box) {
		change(b)
		b.look = append(b.look, "/"+name+"/secret", "/swap/secret", target+"/secret")
		b.link(target, b.inRoot("swap"))
		stop = exchange(t, b.inRoot(name), b.inRoot("swap"))
		b.undo = append(b.undo, stop)
	}}, filepath.Join(shortDir(t), "box"), true)
	if left := s["left"]; len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
	for _, line := range append(s["look"], s["root"]...) {
		// A masked path of that name is a device.
		if f := strings.Fields(line); len(f) > 1 && strings.HasSuffix(f[0], "/secret") && strings.HasPrefix(f[1], "100") {
			t.Errorf("the container sees %s", line)
		}
	}
	return len(s["end"])
}
