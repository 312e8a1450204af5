// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"strconv"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestClock sets the guest's clock, which no test may do to the machine it
// runs on.
func TestClock(t *testing.T) {
	vm, agent := bootInit(t, lab.Options{})
	want := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	agent.Call(t, "SetGuestDateTime", &protocols.SetGuestDateTimeRequest{Sec: want.Unix(), Usec: 250000})
	seconds, err := strconv.ParseInt(vm.Shell(t, "date +%s"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Unix(seconds, 0).Sub(want); off < 0 || off > guard {
		t.Errorf("the clock is off by %v", off)
	}
	agent.Fails(t, "SetGuestDateTime", &protocols.SetGuestDateTimeRequest{Sec: want.Unix(), Usec: 2_000_000})
	agent.Call(t, "ReseedRandomDev", &protocols.ReseedRandomDevRequest{Data: []byte("some bytes of entropy from the host")})
	agent.Fails(t, "ReseedRandomDev", &protocols.ReseedRandomDevRequest{})

	// A VM that was paused finds its timers and connections alive.
	vm.Pause(t)
	time.Sleep(200 * time.Millisecond) // clock: how long the pause lasts
	vm.Resume(t)
	agent.Call(t, "GetGuestDetails", &protocols.GuestDetailsRequest{})
}
