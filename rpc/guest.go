// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
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
	return empty("SetPolicy", s.options.Policy.SetPolicy)
}

func (s *Service) getMetrics(context.Context, *protocols.GetMetricsRequest) (*protocols.Metrics, error) {
	return &protocols.Metrics{Metrics: convert.WireText(s.metrics.Collect())}, nil
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

const (
	// terminationLog is the only diagnostic that hosts ask for.
	terminationLog = "termination_log"
	// policyDecisions are the last answers of the policy, as lines of JSON.
	policyDecisions = "policy_decisions"
	// terminationPath is the annotation with the path of that file in the container.
	terminationPath = "io.kubernetes.container.terminationMessagePath"
)

func (s *Service) getDiagnosticData(ctx context.Context, q *protocols.GetDiagnosticDataRequest) (*protocols.GetDiagnosticDataResponse, error) {
	if q.LogType == policyDecisions && s.options.Policy != nil {
		return &protocols.GetDiagnosticDataResponse{Data: s.policyDecisions()}, nil
	}
	if q.LogType != terminationLog {
		return nil, fmt.Errorf("%w diagnostic log_type: %s", errArgument, q.LogType)
	}
	data, err := s.terminationLog(ctx, q.ContainerId)
	if err != nil {
		return nil, opaque{err}
	}
	return &protocols.GetDiagnosticDataResponse{Data: data}, nil
}

// policyDecisions are the last decisions, and how much output has been kept from the host.
func (s *Service) policyDecisions() string {
	data := s.options.Policy.Decisions()
	if n := s.dropped.Load(); n > 0 {
		data += fmt.Sprintf("{\"dropped_output_bytes\":%d}\n", n)
	}
	return data
}

// terminationLog is the beginning of the file that a container leaves for the one who
// looks why it has ended: the guest's source of the mount at the annotated path.
func (s *Service) terminationLog(ctx context.Context, cid string) (string, error) {
	spec, err := ask(ctx, s, cid, &container.Spec{})
	if err != nil {
		return "", err
	}
	path, ok := spec.Annotations[terminationPath]
	if !ok {
		return "", fmt.Errorf("No terminationMessagePath annotation in container %q", cid) // the words of all Kata agents
	}
	for _, m := range spec.Mounts {
		if m.Destination == path {
			return bundle.TerminationLog(m.Source)
		}
	}
	return "", fmt.Errorf("termination message mount not found for %s in container %q", path, cid)
}
