// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
	"tags.cncf.io/container-device-interface/pkg/parser"
)

// DefaultCDIDir is where the guest's programs write what devices they have, see the
// Container Device Interface specification.
const DefaultCDIDir = "/var/run/cdi"

// cdiPoll is how often the directory is read again while a device is waited for.
const cdiPoll = 100 * time.Millisecond

// CDI injects devices by the CDI specifications in Dir.
type CDI struct {
	Dir string
}

// Inject makes the edits of every device in the specification of a container. It waits up
// to timeout for the devices to be described. A device that is missing although others of
// its kind are described will not come: that is an error at once.
func (c CDI) Inject(ctx context.Context, spec *specs.Spec, devices []string, timeout time.Duration) error {
	if len(devices) == 0 {
		return nil
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(c.Dir), cdi.WithAutoRefresh(false))
	if err != nil {
		return fmt.Errorf("read CDI specifications: %w", err)
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(cdiPoll)
	defer tick.Stop()
	for {
		missing := missingDevices(cache, devices)
		if len(missing) == 0 {
			return inject(cache, spec, devices)
		}
		if hopeless := ofKnownKind(cache, missing); len(hopeless) > 0 {
			return fmt.Errorf("CDI device(s) %s do not exist; %s has %s", strings.Join(hopeless, ", "), c.Dir, known(cache))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for CDI device(s) %s: %w", strings.Join(missing, ", "), ctx.Err())
		case <-deadline.C:
			return c.timedOut(cache, missing, timeout)
		case <-tick.C:
		}
		_ = cache.Refresh() // its errors are told when it matters, see timedOut
	}
}

func inject(cache *cdi.Cache, spec *specs.Spec, devices []string) error {
	if _, err := cache.InjectDevices(spec, devices...); err != nil {
		return fmt.Errorf("inject CDI devices: %w", err)
	}
	return nil
}

// timedOut says which devices nothing is known of, and what is wrong with the
// specifications that could not be read: one of them may be the reason.
func (c CDI) timedOut(cache *cdi.Cache, missing []string, timeout time.Duration) error {
	err := fmt.Errorf("failed to inject devices after CDI timeout of %d seconds: no CDI specification in %s for %s; it has %s",
		int(timeout.Seconds()), c.Dir, strings.Join(missing, ", "), known(cache))
	for _, specErrs := range cache.GetErrors() {
		err = errors.Join(append([]error{err}, specErrs...)...)
	}
	return err
}

func missingDevices(cache *cdi.Cache, devices []string) []string {
	var missing []string
	for _, d := range devices {
		if cache.GetDevice(d) == nil {
			missing = append(missing, d)
		}
	}
	return missing
}

// ofKnownKind returns the devices whose vendor and class are described.
func ofKnownKind(cache *cdi.Cache, devices []string) []string {
	kinds := map[string]bool{}
	for _, vendor := range cache.ListVendors() {
		for _, s := range cache.GetVendorSpecs(vendor) {
			kinds[s.Kind] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(devices), func(d string) bool {
		vendor, class, _ := parser.ParseDevice(d)
		return !kinds[vendor+"/"+class]
	})
}

func known(cache *cdi.Cache) string {
	if devices := cache.ListDevices(); len(devices) > 0 {
		return strings.Join(devices, ", ")
	}
	return "none"
}
