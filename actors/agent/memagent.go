// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	actor "github.com/kata-containers/kata-agent/actors/memagent"
	"github.com/kata-containers/kata-agent/guest/memagent"
	"github.com/kata-containers/kata-agent/guest/sys/command"
)

// cgroupRoot is where cgroups are in a guest.
const cgroupRoot = "/sys/fs/cgroup"

// MemAgent are the settings with which the memory agent begins.
type MemAgent struct {
	Memcg   memagent.Memcg
	Compact memagent.Compact
}

// startMemAgent makes the actor of the memory agent, or nobody.
func startMemAgent(system *core.System, settings *MemAgent) (core.Ref, error) {
	if settings == nil {
		return core.Ref{}, nil
	}
	places := memagent.Places{Cgroup: cgroupRoot, Sys: sys, Proc: proc}
	ref, err := spawn(system, "memagent", actor.New(actor.Options{
		Reclaimer: memagent.NewReclaimer(places, time.Now),
		Compactor: memagent.NewCompactor(places, time.Now, compactNow),
		Memcg:     settings.Memcg, Compact: settings.Compact,
	}))
	ref.Tell(actor.Start())
	return ref, err
}

// compactNow has this program run once more, for a process that can be killed.
func compactNow(ctx context.Context) error {
	return command.Run(ctx, "/proc/self/exe", memagent.CompactWord)
}
