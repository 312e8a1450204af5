// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"github.com/kata-containers/kata-agent/guest/clock"
	"github.com/kata-containers/kata-agent/guest/random"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

func (s *Service) guestRoutes() []server.Route {
	return []server.Route{
		unary("GetMetrics", s.getMetrics),
		unary("GetGuestDetails", s.getGuestDetails),
		empty("SetGuestDateTime", s.setGuestDateTime),
		empty("ReseedRandomDev", s.reseedRandomDev),
		unsupported[protocols.SetPolicyRequest]("SetPolicy"),
		unsupported[protocols.MemAgentMemcgConfig]("MemAgentMemcgSet"),
		unsupported[protocols.MemAgentCompactConfig]("MemAgentCompactSet"),
	}
}

func (s *Service) getMetrics(context.Context, *protocols.GetMetricsRequest) (*protocols.Metrics, error) {
	return &protocols.Metrics{Metrics: s.metrics.Collect()}, nil
}

func (s *Service) setGuestDateTime(_ context.Context, q *protocols.SetGuestDateTimeRequest) error {
	return clock.Set(q.Sec, q.Usec)
}

func (s *Service) reseedRandomDev(_ context.Context, q *protocols.ReseedRandomDevRequest) error {
	warning, err := random.Device{}.Reseed(q.Data)
	if warning != nil {
		s.options.Log.Warn("random device", zap.Error(warning))
	}
	return err
}
