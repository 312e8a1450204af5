// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/pprof"
	"strings"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/protocols"
)

const (
	// terminationLog is the only diagnostic that hosts ask for.
	terminationLog = "termination_log"
	// policyDecisions are the last answers of the policy, as lines of JSON.
	policyDecisions = "policy_decisions"
	// liveView is what the agent does, as one line of JSON, and liveText the same as a table.
	liveView = "live"
	liveText = "live_text"
	// logLevel is the least severe level that is logged; with "=<level>" behind it that is changed.
	logLevel    = "log_level"
	setLogLevel = logLevel + "="
	// actorTree is the living actors, as lines of JSON.
	actorTree = "actors"
	// goroutines is how many goroutines stand where.
	goroutines = "goroutines"
	// recentErrors is the last warnings and errors of the log.
	recentErrors = "errors"
	// terminationPath is the annotation with the path of that file in the container.
	terminationPath = "io.kubernetes.container.terminationMessagePath"
)

// maxActors bounds the list of actors, and maxStacks the text about goroutines, in bytes: a message
// holds 4 MiB.
const (
	maxActors = 8192
	maxStacks = 1 << 20
)

func (s *Service) getDiagnosticData(ctx context.Context, q *protocols.GetDiagnosticDataRequest) (*protocols.GetDiagnosticDataResponse, error) {
	data, err := s.diagnostic(ctx, q)
	if err != nil {
		return nil, err
	}
	return &protocols.GetDiagnosticDataResponse{Data: data}, nil
}

func (s *Service) diagnostic(ctx context.Context, q *protocols.GetDiagnosticDataRequest) (string, error) {
	switch {
	case q.LogType == terminationLog:
		data, err := s.terminationLog(ctx, q.ContainerId)
		if err != nil {
			err = opaque{err}
		}
		return data, err
	case q.LogType == policyDecisions && s.options.Policy != nil:
		return s.policyDecisions(), nil
	case q.LogType == liveView:
		return s.Live().json()
	case q.LogType == liveText:
		return s.Live().Text(), nil
	case q.LogType == logLevel:
		return s.options.Logs.Level() + "\n", nil
	case strings.HasPrefix(q.LogType, setLogLevel):
		return "", s.setLogLevel(strings.TrimPrefix(q.LogType, setLogLevel))
	case q.LogType == actorTree:
		return actorLines(s.agent.Tree())
	case q.LogType == goroutines:
		return goroutineText()
	case q.LogType == recentErrors:
		return s.options.Logs.Errors(), nil
	}
	return "", fmt.Errorf("%w diagnostic log_type: %s", errArgument, q.LogType)
}

func (s *Service) setLogLevel(name string) error {
	if err := s.options.Logs.SetLevel(name); err != nil {
		return fmt.Errorf("%w: %w", errArgument, err)
	}
	return nil
}

// actorLine is what is told of an actor. It holds nothing of a message but its type.
type actorLine struct {
	Path     string  `json:"path"`
	Mailbox  int     `json:"mailbox"`
	Parked   int     `json:"parked"`
	Works    int     `json:"works"`
	Pending  int     `json:"pending"`
	Handled  uint64  `json:"handled"`
	Current  string  `json:"current,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	Stopping bool    `json:"stopping,omitempty"`
}

// actorLines is the tree as lines of JSON, by path; the last one says how many are left out.
func actorLines(tree []core.ActorInfo) (string, error) {
	var text strings.Builder
	lines := json.NewEncoder(&text)
	for _, a := range tree[:min(len(tree), maxActors)] {
		line := actorLine{
			a.Path, a.Mailbox, a.Parked, a.Works, a.Pending, a.Handled, a.Current, a.Since.Seconds(), a.Stopping,
		}
		if err := lines.Encode(line); err != nil {
			return "", err
		}
	}
	if more := len(tree) - maxActors; more > 0 {
		fmt.Fprintf(&text, "{\"more_actors\":%d}\n", more)
	}
	return text.String(), nil
}

// goroutineText counts goroutines by where they stand. It has names of functions and places in the
// source, and none of their arguments.
func goroutineText() (string, error) {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		return "", err
	}
	if text.Len() > maxStacks {
		text.Truncate(maxStacks)
		text.WriteString("\n...\n")
	}
	return text.String(), nil
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
