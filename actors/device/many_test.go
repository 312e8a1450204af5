// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core/coretest"
	guest "github.com/kata-containers/kata-agent/guest/device"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestManyWaiters: those whose askers have gone are looked for when the waiters have doubled,
// and not for each new one, which stalled the actor; and all of them go.
func TestManyWaiters(t *testing.T) {
	u := New(Options{}).(*uevent)
	a := coretest.New(t, u)
	var cancels []func() bool
	await := func(n int) {
		r := coretest.Ask(a, &Await{Matcher: newDisk(fmt.Sprint("vd", n)), Timeout: time.Hour})
		cancels = append(cancels, r.Cancel)
	}
	passes, at := 0, 0
	for n := range 500 {
		await(n)
		if u.pruneAt != at {
			passes, at = passes+1, u.pruneAt
		}
	}
	if passes > 4 || len(u.waiters) != 500 {
		t.Errorf("%d waiters were looked through %d times, want 500 and at most 4 times", len(u.waiters), passes)
	}
	for _, w := range cancels {
		w()
	}
	for n := range 600 {
		await(n)
	}
	if len(u.waiters) > 600 {
		t.Errorf("%d waiters, want the 600 whose askers are there", len(u.waiters))
	}
}

// TestTooManyDevices are refused at once.
func TestTooManyDevices(t *testing.T) {
	p := &Preparer{}
	_, err := p.Prepare(t.Context(), &specs.Spec{}, make([]guest.Request, maxDevices+1))
	if err == nil || !strings.Contains(err.Error(), "at most 1024 are possible") {
		t.Errorf("%v, want how many are possible", err)
	}
}
