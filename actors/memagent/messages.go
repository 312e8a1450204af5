// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/memagent"
)

// Reclaimer does a round of eviction; see [memagent.Reclaimer]. It blocks.
type Reclaimer interface {
	Round(context.Context, memagent.Memcg) (memagent.Evicted, error)
}

// Compactor does a round of compaction; see [memagent.Compactor]. It blocks.
type Compactor interface {
	Round(context.Context, memagent.Compact) (memagent.Compacted, error)
}

// Options are what the actor works with, and the settings to begin with.
type Options struct {
	Reclaimer Reclaimer
	Compactor Compactor
	Memcg     memagent.Memcg
	Compact   memagent.Compact
}

// SetMemcg changes the settings of eviction: all of it, or nothing and an error. A new period
// begins when it or whether there is eviction changes. A round that is under way ends when eviction
// is disabled; otherwise it goes on with the settings it began with.
type SetMemcg struct {
	core.Call[struct{}]
	Change memagent.MemcgChange
}

// SetCompact changes the settings of compaction, as [SetMemcg] does those of eviction.
type SetCompact struct {
	core.Call[struct{}]
	Change memagent.CompactChange
}

type start struct{}

// Start is the first message: the periods begin.
func Start() core.Message { return start{} }
