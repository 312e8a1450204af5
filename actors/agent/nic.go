// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
)

// WaitNIC waits for the network interface at a PCI path and returns its name.
func (a *Agent) WaitNIC(ctx context.Context, devicePath string) (string, error) {
	return "", errors.New("waiting for devices is not implemented in kata-agent")
}
