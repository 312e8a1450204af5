// SPDX-License-Identifier: Apache-2.0

package stdio

import (
	"os"
	"sync/atomic"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
)

// TestBefore: what is done before a batch comes before any byte of it is moved, so a reader that is
// gone does not take what it is too late for.
func TestBefore(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	out, err := p.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var cancel atomic.Pointer[func() bool]
	var canceled atomic.Bool
	looked := make(chan struct{}, 16)
	p.Before(func() {
		if !canceled.Load() {
			canceled.Store((*cancel.Load())())
		}
		looked <- struct{}{}
	})
	giveUp := out.Read(100, func(b []byte, _ error) { t.Errorf("the read that was canceled took %q", b) })
	cancel.Store(&giveUp)
	if _, err := w.WriteString("for the next"); err != nil {
		t.Fatal(err)
	}
	guard.Receive(t, "the look before the bytes are moved", looked)
	if !canceled.Load() {
		t.Fatal("the read could not be canceled before its bytes were moved")
	}
	got := make(chan string, 1)
	out.Read(100, func(b []byte, _ error) { got <- string(b) })
	if s := guard.Receive(t, "the bytes", got); s != "for the next" {
		t.Errorf("the next reader got %q, want %q", s, "for the next")
	}
}
