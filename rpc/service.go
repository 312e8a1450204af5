// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/actors/agent"
	"github.com/kata-containers/kata-agent/guest/metrics"
	"github.com/kata-containers/kata-agent/guest/storage/share"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// Names of the services on the socket.
const (
	agentService  = "grpc.AgentService"
	healthService = "grpc.Health"
)

// APIVersion is the version of the interface, the same for every agent so far.
const APIVersion = "0.0.1"

// Options of a service.
type Options struct {
	Agent    *agent.Agent
	Version  string
	InitMode bool
	Features []string // extra features, sorted
	Log      *zap.Logger
	// Logs is the agent's log.
	Logs Logs
	// Policy decides about requests; nil in a build without policy.
	Policy Policy
	// PolicySet is called before a SetPolicy that has put a policy in force is answered. May be nil.
	PolicySet func()
	// Destroyed is called after DestroySandbox, when its answer is on its way: the agent
	// is to end.
	Destroyed func()
}

// Logs is the agent's log, as far as requests concern it.
type Logs interface {
	// Errors are the last lines that tell of something wrong, each with a newline.
	Errors() string
	// Dropped is how many lines have found no reader.
	Dropped() uint64
	// Level is the least severe level that is written.
	Level() string
	// SetLevel changes it: "debug", "info" and the other names of agent.log.
	SetLevel(name string) error
}

// Policy is what decides about requests, as far as requests concern it.
type Policy interface {
	SetPolicy(context.Context, *protocols.SetPolicyRequest) error
	// Decisions is the last decisions as lines of JSON, the oldest first.
	Decisions() string
}

// Service has the handlers.
type Service struct {
	agent   *agent.Agent
	options Options
	files   *share.Tree
	metrics *metrics.Collector
	shares  *share.StaleVisitor
	calls   Calls // who serves it; set before the first request
	began   time.Time
	looks   atomic.Bool   // a look at unread output is under way
	dropped atomic.Uint64 // bytes of output that the policy keeps from the host
}

// New makes the service.
func New(o Options) *Service {
	return &Service{
		agent: o.Agent, options: o, metrics: metrics.New("/proc"), began: time.Now(),
		files: share.NewTree(sharedDir), shares: &share.StaleVisitor{},
	}
}

// Methods binds every method of the two services.
func (s *Service) Methods() []server.Method {
	var all []server.Method
	for _, part := range [][]server.Method{
		s.healthMethods(), s.containerMethods(), s.processMethods(), s.streamMethods(), s.sandboxMethods(),
		s.fileMethods(), s.guestMethods(), s.networkMethods(), s.memoryMethods(), s.volumeMethods(),
	} {
		all = append(all, part...)
	}
	return all
}

// warn logs what is not worth an error; nil is nothing.
func (s *Service) warn(err error) {
	if err != nil {
		s.options.Log.Warn("request", zap.Error(err))
	}
}
