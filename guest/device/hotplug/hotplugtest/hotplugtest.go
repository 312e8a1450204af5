// SPDX-License-Identifier: Apache-2.0

package hotplugtest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kata-containers/kata-agent/guest/device/hotplug"
)

// Source gives the events it is fed. It implements [hotplug.Source].
type Source struct {
	items chan item
	done  chan struct{}
	once  sync.Once
}

type item struct {
	event hotplug.Event
	err   error
}

var _ hotplug.Source = (*Source)(nil)

// NewSource returns a source that holds up to 4096 events nobody has read.
func NewSource() *Source {
	return &Source{items: make(chan item, 4096), done: make(chan struct{})}
}

// Send feeds an event.
func (s *Source) Send(e hotplug.Event) { s.items <- item{event: e} }

// Overflow says that events were lost.
func (s *Source) Overflow() { s.items <- item{err: hotplug.ErrOverflow} }

// Read implements [hotplug.Source].
func (s *Source) Read() (hotplug.Event, error) {
	select {
	case <-s.done:
		return hotplug.Event{}, os.ErrClosed
	case i := <-s.items:
		return i.event, i.err
	}
}

// Close implements [hotplug.Source].
func (s *Source) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

// AddDevice makes the directory of a device below sysRoot, as the kernel would before it
// sends the event, and its link in the directory of its class.
func AddDevice(t testing.TB, sysRoot string, e hotplug.Event) {
	t.Helper()
	dir := filepath.Join(sysRoot, e.DevPath)
	class := filepath.Join(sysRoot, "class", e.Subsystem)
	for _, d := range []string{dir, class} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text := ""
	if e.DevName != "" {
		text += "MAJOR=8\nMINOR=0\nDEVNAME=" + e.DevName + "\n"
	}
	if e.Interface != "" {
		text += "INTERFACE=" + e.Interface + "\nIFINDEX=2\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "uevent"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if e.Subsystem == "" {
		return
	}
	for link, target := range map[string]string{
		filepath.Join(dir, "subsystem"): class,
		filepath.Join(class, e.Base()):  dir,
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
}
