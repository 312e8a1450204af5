// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/storage"
	"github.com/kata-containers/kata-agent/guest/volume"
)

// mounter puts volumes in place by their driver.
type mounter struct{ drivers *volume.Drivers }

// mount attaches a volume for a container, or for the sandbox when holder is "".
func (m *mounter) mount(ctx context.Context, holder string, v storage.Volume) (volume.Attached, error) {
	if volume.NeedsDevice(v.Driver) {
		return volume.Attached{}, fmt.Errorf("driver %q: waiting for devices is not implemented in kata-agent", v.Driver)
	}
	return m.drivers.Attach(ctx, holder, v)
}
