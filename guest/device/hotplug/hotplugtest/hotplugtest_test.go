// SPDX-License-Identifier: Apache-2.0

package hotplugtest

import (
	"errors"
	"os"
	"testing"

	"github.com/kata-containers/kata-agent/guest/device/hotplug"
)

func TestSource(t *testing.T) {
	s := NewSource()
	s.Send(hotplug.Event{SeqNum: 1})
	s.Overflow()
	if e, err := s.Read(); err != nil || e.SeqNum != 1 {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := s.Read(); !errors.Is(err, hotplug.ErrOverflow) {
		t.Errorf("got %v, want %v", err, hotplug.ErrOverflow)
	}
	ended := make(chan error)
	go func() { _, err := s.Read(); ended <- err }()
	s.Close()
	s.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want %v", err, os.ErrClosed)
	}
}
