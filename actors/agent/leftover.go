// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kata-containers/kata-agent/guest/boot/claim"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
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

// journalDir is where the next agent finds what is to outlive this one.
const journalDir = "/run/kata-agent/journal"

// Run is the claim on /run.
type Run struct {
	claim   *claim.Claim // nil: /run is another agent's, or nobody's
	journal *journal.Journal
	inherit bool     // an agent has died, and its journal is here
	killed  []string // components of the agent that has died
	log     *zap.Logger
}

// ClaimRun makes /run this agent's, and clears what one that has died, or was stopped with its pod
// running, has left there: containers with their processes and cgroups, mounts of its own making,
// namespaces, bundles. What was mounted before it stays, and all of it does while an agent lives
// with the same /run. With keep there is a journal, and the containers of an agent that has died
// wait for Inherit. It never fails: the agent can work without.
func ClaimRun(keep bool, log *zap.Logger) *Run {
	r := &Run{log: log}
	c, err := claim.Take(claimFile, proc, bundleRoot, nsDir)
	if errors.Is(err, claim.ErrTaken) {
		log.Info("what is in /run belongs to another agent and stays", zap.Error(err))
	} else if err != nil {
		log.Warn("what a dead agent may have left is not cleared", zap.Error(err))
	}
	if err != nil {
		return r
	}
	r.claim = c
	if c.Died() {
		r.clearComponents() // now: this agent starts some of its own next
	}
	if keep {
		if r.journal, err = journal.Open(journalDir); err != nil {
			log.Warn("containers will not outlive a crash", zap.Error(err))
		}
		r.inherit = c.Died() && r.journal != nil
	}
	switch {
	case r.inherit:
	case c.Died():
		clearDead(c, kept{killed: r.killed}, log)
		fallthrough
	default:
		if err := r.journal.Clear(); err != nil {
			log.Warn("journal", zap.Error(err))
		}
	}
	return r
}

// clearComponents ends the components of an agent that has died.
func (r *Run) clearComponents() {
	ctx, cancel := context.WithTimeout(context.Background(), clearTimeout)
	defer cancel()
	var err error
	if r.killed, err = components.ClearDead(ctx, componentNotes); err != nil {
		r.log.Warn("of what an agent before has left some stays", zap.Error(err))
	}
}

// Journal is where actors enter what is to outlive the agent; nil if nothing is.
func (r *Run) Journal() *journal.Journal { return r.journal }

// Release notes that the pod was destroyed: nothing is left for the next agent.
func (r *Run) Release() {
	if r.claim == nil {
		return
	}
	if err := errors.Join(r.journal.Clear(), r.claim.Release()); err != nil {
		r.log.Warn("the next agent will look for leftovers", zap.Error(err))
	}
}

// Forget has nothing outlive this agent from now on: the next one clears what it finds.
func (r *Run) Forget() error { return r.journal.Stop() }

// End notes that the agent ends in order, and its containers with it.
func (r *Run) End() {
	if r.claim == nil {
		return
	}
	if err := r.journal.Clear(); err != nil {
		r.log.Warn("journal", zap.Error(err))
	}
}

// kept is what of a dead agent is not cleared.
type kept struct {
	sandbox    bool
	containers []string
	mounts     []string

	killed []string // components of the agent before: these are not kept
}

// path tells whether a mount point is in use: in a bundle or on a volume that is kept, or on it.
func (k kept) path(path string) bool {
	under := func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
	return k.sandbox && under(nsDir) || slices.ContainsFunc(k.mounts, under) ||
		slices.ContainsFunc(k.containers, func(cid string) bool { return under(filepath.Join(bundleRoot, cid)) })
}

// clearDead clears in the order in which things stand on one another.
func clearDead(c *claim.Claim, keep kept, log *zap.Logger) {
	containers := without(subdirs(stateRoot), keep.containers)
	var errs []error
	for _, id := range containers {
		ctx, cancel := context.WithTimeout(context.Background(), clearTimeout)
		errs = append(errs, runtime.ClearDead(ctx, runtime.Options{StateRoot: stateRoot, Proc: proc}, id))
		cancel()
	}
	mounts, err := c.Detach(keep.path, bundleRoot, nsDir)
	errs = append(errs, err)
	resolver := false
	if !keep.sandbox {
		for _, kind := range []namespace.Kind{namespace.IPC, namespace.UTS} {
			errs = append(errs, namespace.Shared{Path: filepath.Join(nsDir, string(kind))}.Release())
		}
		resolver, err = dns.ResolvConf{}.Clear()
		errs = append(errs, err)
	}
	bundles, err := clearBundles(c, keep.containers)
	errs = append(errs, err)
	log.Info("cleared what an agent before has left", zap.Strings("containers", containers),
		zap.Strings("bundles", bundles), zap.Strings("mounts", mounts), zap.Strings("components", keep.killed), zap.Bool("resolv.conf", resolver))
	if err := errors.Join(errs...); err != nil {
		log.Warn("of what an agent before has left some stays", zap.Error(err))
	}
}

func without(all, those []string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return slices.Contains(those, s) })
}

// clearBundles removes the bundles of containers, which are known by what is in them. One in which
// something foreign is mounted stays.
func clearBundles(c *claim.Claim, keep []string) (cleared []string, _ error) {
	var errs []error
	for _, id := range without(subdirs(bundleRoot), keep) {
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
