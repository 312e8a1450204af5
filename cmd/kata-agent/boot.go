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
// What an agent before has done, for one that is started again, is done.
func bootGuest(again bool) []error {
	_ = os.Setenv("PATH", boot.SearchPath)
	var errs []error
	steps := []func() error{
		boot.Mounts, boot.ShareMounts, boot.Links, boot.Session, boot.Hostname, boot.OpenFiles, loopback,
	}
	if again {
		steps = []func() error{boot.Session, boot.OpenFiles}
	}
	for _, step := range steps {
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
