// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/guest/boot"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/network/netlink"
)

// bootGuest sets the guest up as its init must, before anything can be logged or read.
// What goes wrong is returned to be logged: a guest that lacks something may still serve,
// one whose agent gives up cannot.
func bootGuest() []error {
	_ = os.Setenv("PATH", boot.SearchPath)
	var errs []error
	for _, step := range []func() error{
		boot.Mounts, boot.ShareMounts, boot.Links, boot.Session, boot.Hostname, boot.OpenFiles, loopback,
	} {
		if err := step(); err != nil {
			errs = append(errs, fmt.Errorf("boot: %w", err))
		}
	}
	return errs
}

// bootCgroups mounts the control groups of the version that the configuration chooses.
func bootCgroups(cfg *config.Config) error {
	if err := boot.Cgroups(cfg.UnifiedCgroups()); err != nil {
		return fmt.Errorf("boot: %w", err)
	}
	return nil
}

func loopback() error {
	h, err := netlink.New("/proc")
	if err != nil {
		return err
	}
	defer h.Close()
	return h.LoopbackUp()
}
