// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kata-containers/kata-agent/guest/boot/claim"
	"github.com/kata-containers/kata-agent/guest/components"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/network/dns"
	"go.uber.org/zap"
)

// claimFile is locked by the agent whose /run this is.
const claimFile = "/run/kata-agent/claim"

// clearTimeout bounds the wait for the processes of one container that an agent has left.
const clearTimeout = 10 * time.Second

// ClaimRun makes /run this agent's, and clears what one that has died, or was stopped with its pod
// running, has left there: containers with their processes and cgroups, mounts of its own making,
// namespaces, bundles. What was mounted before it stays, and all of it does while an agent lives
// with the same /run. Call release when the pod has been destroyed. It never fails: the agent can work
// without.
func ClaimRun(log *zap.Logger) (release func()) {
	c, err := claim.Take(claimFile, proc, bundleRoot, nsDir)
	if errors.Is(err, claim.ErrTaken) {
		log.Info("what is in /run belongs to another agent and stays", zap.Error(err))
	} else if err != nil {
		log.Warn("what a dead agent may have left is not cleared", zap.Error(err))
	}
	if err != nil {
		return func() {}
	}
	if c.Died() {
		clearDead(c, log)
	}
	return func() {
		if err := c.Release(); err != nil {
			log.Warn("the next agent will look for leftovers", zap.Error(err))
		}
	}
}

// clearDead clears in the order in which things stand on one another.
func clearDead(c *claim.Claim, log *zap.Logger) {
	containers := subdirs(stateRoot)
	var errs []error
	for _, id := range containers {
		ctx, cancel := context.WithTimeout(context.Background(), clearTimeout)
		errs = append(errs, runtime.ClearDead(ctx, runtime.Options{StateRoot: stateRoot, Proc: proc}, id))
		cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), clearTimeout)
	killed, err := components.ClearDead(ctx, componentNotes)
	cancel()
	errs = append(errs, err)
	mounts, err := c.Detach(bundleRoot, nsDir)
	errs = append(errs, err)
	for _, kind := range []namespace.Kind{namespace.IPC, namespace.UTS} {
		errs = append(errs, namespace.Shared{Path: filepath.Join(nsDir, string(kind))}.Release())
	}
	resolver, err := dns.ResolvConf{}.Clear()
	errs = append(errs, err)
	bundles, err := clearBundles(c)
	errs = append(errs, err)
	log.Info("cleared what an agent before has left", zap.Strings("containers", containers),
		zap.Strings("bundles", bundles), zap.Strings("mounts", mounts), zap.Strings("components", killed), zap.Bool("resolv.conf", resolver))
	if err := errors.Join(errs...); err != nil {
		log.Warn("of what an agent before has left some stays", zap.Error(err))
	}
}

// clearBundles removes the bundles of containers, which are known by what is in them. One in which
// something foreign is mounted stays.
func clearBundles(c *claim.Claim) (cleared []string, _ error) {
	var errs []error
	for _, id := range subdirs(bundleRoot) {
		dir := filepath.Join(bundleRoot, id)
		if !isBundle(dir) || c.Foreign(dir) {
			continue
		}
		cleared = append(cleared, id)
		errs = append(errs, bundle.Remove(bundleRoot, id))
	}
	return cleared, errors.Join(errs...)
}

func isBundle(dir string) bool {
	for _, name := range []string{"config.json", "rootfs"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// subdirs names the directories in dir; none if it is not there.
func subdirs(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
