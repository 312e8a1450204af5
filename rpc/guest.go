// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"

	"github.com/kata-containers/kata-agent/guest/sys/clock"
	"github.com/kata-containers/kata-agent/guest/sys/random"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/convert"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

func (s *Service) guestMethods() []server.Method {
	return []server.Method{
		blocking("GetMetrics", s.getMetrics),
		blocking("GetGuestDetails", s.getGuestDetails),
		blocking("GetDiagnosticData", s.getDiagnosticData),
		empty("SetGuestDateTime", s.setGuestDateTime),
		empty("ReseedRandomDev", s.reseedRandomDev),
		s.setPolicyMethod(),
	}
}

func (s *Service) setPolicyMethod() server.Method {
	if s.options.Policy == nil {
		return unsupported[protocols.SetPolicyRequest]("SetPolicy")
	}
	return empty("SetPolicy", func(ctx context.Context, request *protocols.SetPolicyRequest) error {
		err := s.options.Policy.SetPolicy(ctx, request)
		if err == nil && s.options.PolicySet != nil {
			s.options.PolicySet()
		}
		return err
	})
}

func (s *Service) getMetrics(context.Context, *protocols.GetMetricsRequest) (*protocols.Metrics, error) {
	return &protocols.Metrics{Metrics: convert.WireText(s.metrics.Collect(s.agentMetrics()...))}, nil
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
