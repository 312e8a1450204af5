// SPDX-License-Identifier: Apache-2.0

package agent

import "context"

// WaitNIC waits for the network interface at a PCI path and returns its name.
func (a *Agent) WaitNIC(ctx context.Context, path string) (string, error) {
	return a.devices.NIC(ctx, path)
}

// WaitDisk waits for a disk and returns its node; see the block drivers for the forms of source.
func (a *Agent) WaitDisk(ctx context.Context, driver, source string) (string, error) {
	return a.devices.Block(ctx, driver, source)
}

// Devices is closed when the actor that waits for devices has died.
func (a *Agent) Devices() <-chan struct{} { return a.devices.Actor.Done() }
