// SPDX-License-Identifier: Apache-2.0

package device

import (
	"strings"
	"testing"

	guest "github.com/kata-containers/kata-agent/guest/device"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
)

// TestCryptoQueueWithoutBus is refused at once on a machine that has no AP bus: nothing will come.
func TestCryptoQueueWithoutBus(t *testing.T) {
	d := &Preparer{Sys: t.TempDir()}
	_, err := d.one(t.Context(), guest.Request{Type: guest.TypeVFIOAP, ContainerPath: "/dev/z90crypt", Options: []string{"0a.001f"}})
	if err == nil || !strings.Contains(err.Error(), "no AP bus") || !strings.Contains(err.Error(), "/dev/z90crypt") {
		t.Errorf("%v, want an error that names the device and the bus", err)
	}
}

// TestTimeoutNamesThreeDevices of those that came, the latest.
func TestTimeoutNamesThreeDevices(t *testing.T) {
	u := &uevent{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		u.remember(hotplug.Event{Subsystem: "block", DevPath: "/devices/" + name})
	}
	if got := strings.Join(u.recent, ", "); got != "block /devices/c, block /devices/d, block /devices/e" {
		t.Errorf("a timeout names %q, want the latest three", got)
	}
}
