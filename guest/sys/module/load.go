// SPDX-License-Identifier: Apache-2.0

package module

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/command"
)

// DefaultModprobe is where guest images have modprobe.
const DefaultModprobe = "/sbin/modprobe"

// Errors of a request that names no module, and of a modprobe ended by a signal. Both
// texts are those hosts have seen so far.
var (
	ErrNoName = errors.New("Kernel module name is empty")  // known text
	ErrSignal = errors.New("Process terminated by signal") // known text
)

// Load runs "modprobe -v name params..." and returns when it has ended or ctx has.
// modprobe is its path, DefaultModprobe if empty. A name or parameter that modprobe
// would take for an option of its own is refused.
func Load(ctx context.Context, modprobe, name string, params []string) error {
	if name == "" {
		return ErrNoName
	}
	args := append([]string{"-v", name}, params...)
	for _, a := range args[1:] {
		if strings.HasPrefix(a, "-") {
			return fmt.Errorf("load kernel module %q: %q is neither a name nor a parameter", name, a)
		}
	}
	if modprobe == "" {
		modprobe = DefaultModprobe
	}
	err := command.Run(ctx, modprobe, args...)
	var f *command.Failure
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f):
		return fmt.Errorf("load kernel module %q: %w", name, err)
	case f.Signal != 0:
		return fmt.Errorf("load kernel module %q: %w (%v)", name, ErrSignal, f.Signal)
	}
	return fmt.Errorf("load_kernel_module return code: %d stdout:%s stderr:%s (module %q)", f.Code, f.Stdout, f.Stderr, name)
}
