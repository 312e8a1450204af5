// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/core"
	actor "github.com/kata-containers/kata-agent/actors/memagent"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
)

// errMemAgentOff is the answer where agent.mem_agent_enable was not given.
var errMemAgentOff = errors.New("mem-agent is disabled")

// memAgentMemcgSet changes settings of eviction. What the request does not have stays as it is.
func (s *Service) memAgentMemcgSet(ctx context.Context, q *protocols.MemAgentMemcgConfig) error {
	change := convert.MemcgChange(q)
	return s.setMemAgent("ma.memcg_set_config_async", func() error {
		_, err := core.Ask(ctx, s.agent.MemAgent, &actor.SetMemcg{Change: change})
		return err
	})
}

// memAgentCompactSet changes settings of compaction.
func (s *Service) memAgentCompactSet(ctx context.Context, q *protocols.MemAgentCompactConfig) error {
	change := convert.CompactChange(q)
	return s.setMemAgent("ma.compact_set_config_async", func() error {
		_, err := core.Ask(ctx, s.agent.MemAgent, &actor.SetCompact{Change: change})
		return err
	})
}

func (s *Service) setMemAgent(what string, set func() error) error {
	if s.agent.MemAgent == (core.Ref{}) {
		return errMemAgentOff
	}
	if err := set(); err != nil {
		return fmt.Errorf("%s fail: %w", what, err)
	}
	return nil
}
