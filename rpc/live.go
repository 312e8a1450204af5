// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/rpc/server"
)

// liveVersion is the version of the form of Live. Fields may be added within a version.
const liveVersion = 1

// Bounds of the lists in a Live: a message holds 4 MiB.
const (
	maxSteps    = 2048
	maxSessions = 6144
)

// Live is what the agent does at one moment. It is told without a turn of any actor, so it shows one
// that hangs, too. Its JSON is the answer to GetDiagnosticData with log_type "live"; docs/protocol.md.
type Live struct {
	Version int     `json:"version"`
	Agent   string  `json:"agent_version"`
	Uptime  float64 `json:"uptime_seconds"`
	// Steps are what is under way, the oldest first.
	Steps      []LiveStep      `json:"steps"`
	Containers []LiveContainer `json:"containers"`
	// Calls are the requests without an answer, by method.
	Calls       []LiveCalls `json:"calls"`
	Connections []string    `json:"connections"`
	// Latencies are those of the requests since the start, by method; LatencyBounds are the upper bounds
	// of the buckets in seconds, but for the last.
	LatencyBounds []float64     `json:"latency_bounds_seconds"`
	Latencies     []LiveLatency `json:"latencies"`
	// Actors sums the tree up; the tree itself is log_type "actors".
	Actors LiveActors `json:"actors"`
	// Resident is the agent's memory, in bytes.
	Resident int64 `json:"resident_bytes"`
	// LogDropped is how many lines of the log found no reader.
	LogDropped uint64 `json:"log_lines_dropped"`
	LogLevel   string `json:"log_level"`
	// MoreSteps and MoreSessions are left out of the lists.
	MoreSteps    int `json:"more_steps,omitempty"`
	MoreSessions int `json:"more_sessions,omitempty"`
}

// LiveStep is a step under way.
type LiveStep struct {
	Step       string  `json:"step"` // in words: kind and object
	Kind       string  `json:"kind"`
	Object     string  `json:"object,omitempty"`
	Container  string  `json:"container,omitempty"`
	Exec       string  `json:"exec,omitempty"`
	Actor      string  `json:"actor,omitempty"`
	Method     string  `json:"method,omitempty"`
	Connection string  `json:"connection,omitempty"`
	Seconds    float64 `json:"seconds"`
}

// LiveContainer is a container with its sessions.
type LiveContainer struct {
	ID      string  `json:"id"`
	State   string  `json:"state"`
	Pid     int     `json:"pid,omitempty"`
	Seconds float64 `json:"seconds"` // since its create began
	// Doing is the innermost step of the request that is under way for the longest; "" for none.
	Doing    string        `json:"doing,omitempty"`
	Sessions []LiveSession `json:"sessions"`
}

// LiveSession is a process that the agent has started: the container's first, under the container's id,
// or that of an exec.
type LiveSession struct {
	Exec     string  `json:"exec"`
	State    string  `json:"state"`
	Pid      int     `json:"pid"`
	Seconds  float64 `json:"seconds"` // since its start
	Terminal bool    `json:"terminal,omitempty"`
	Passed   bool    `json:"passed,omitempty"` // streams go by connections of their own
	Stdin    uint64  `json:"stdin_bytes"`
	Stdout   uint64  `json:"stdout_bytes"`
	Stderr   uint64  `json:"stderr_bytes"`
	// Reads is how many reads of the host wait for output, Quiet for how long none was answered.
	Reads int     `json:"reads_waiting"`
	Quiet float64 `json:"quiet_seconds"`
	// Unread is how many bytes of output nobody has taken; left out if it is not known.
	Unread *int `json:"unread_bytes,omitempty"`
}

// LiveCalls are the requests of a method that have no answer.
type LiveCalls struct {
	Method string  `json:"method"`
	Calls  int     `json:"calls"`
	Oldest float64 `json:"oldest_seconds"`
}

// LiveLatency says how long the requests of a method took.
type LiveLatency struct {
	Method  string   `json:"method"`
	Calls   uint64   `json:"calls"`
	Seconds float64  `json:"seconds"` // of all together
	Buckets []uint64 `json:"buckets"` // those of smaller buckets are not counted in the bigger ones
}

// LiveActors sums up the actors.
type LiveActors struct {
	Living  int `json:"living"`
	Mailbox int `json:"mailbox"` // messages that wait, in all mailboxes
	Parked  int `json:"parked"`
	Deepest int `json:"deepest_mailbox"`
}

// Calls is what the server knows of requests.
type Calls interface {
	Pending() []server.Pending
	Latencies() []server.Latency
	Connections() []string
}

// ServedBy tells the service who serves it. It is called before the first request.
func (s *Service) ServedBy(c Calls) { s.calls = c }

// Live looks at the agent.
func (s *Service) Live() *Live {
	l := &Live{
		Version: liveVersion, Agent: s.options.Version, Uptime: time.Since(s.began).Seconds(),
		Steps: []LiveStep{}, Calls: []LiveCalls{}, Latencies: []LiveLatency{}, Connections: []string{},
		LatencyBounds: server.Bounds[:], LogLevel: s.options.Logs.Level(), LogDropped: s.options.Logs.Dropped(),
		Resident: s.metrics.Resident(), Actors: sumUp(s.agent.Tree()),
	}
	steps := s.agent.Steps()
	for _, v := range steps[:min(len(steps), maxSteps)] {
		l.Steps = append(l.Steps, liveStep(v))
	}
	l.MoreSteps = len(steps) - len(l.Steps)
	l.Containers, l.MoreSessions = s.containers(steps)
	if s.calls == nil {
		return l
	}
	l.Connections = append(l.Connections, s.calls.Connections()...)
	for _, p := range s.calls.Pending() {
		l.Calls = append(l.Calls, LiveCalls{p.Method, p.Calls, p.Oldest.Seconds()})
	}
	for _, h := range s.calls.Latencies() {
		l.Latencies = append(l.Latencies, LiveLatency{h.Method, h.Count(), h.Sum.Seconds(), h.Buckets[:]})
	}
	return l
}

func (l *Live) json() (string, error) {
	text, err := json.Marshal(l)
	return string(text) + "\n", err
}

func liveStep(v core.StepView) LiveStep {
	return LiveStep{
		Step: v.String(), Kind: v.Kind.String(), Object: v.Object, Container: v.Container, Exec: v.Exec, Actor: v.Actor,
		Method: v.Method, Connection: v.Peer, Seconds: v.For.Seconds(),
	}
}

// containers are all containers by id, and how many sessions are left out.
func (s *Service) containers(steps []core.StepView) (_ []LiveContainer, more int) {
	all := map[string]*LiveContainer{}
	s.agent.Views.Range(func(cid id.Container, v *container.View) bool {
		all[string(cid)] = &LiveContainer{
			ID: string(cid), State: v.State(), Pid: v.Pid(), Seconds: v.Age().Seconds(), Sessions: []LiveSession{},
		}
		return true
	})
	for _, v := range steps {
		if c := all[v.Container]; c != nil && (c.Doing == "" || !v.Kind.Outer()) {
			c.Doing = v.String()
		}
	}
	handles := map[process.Key]*process.Handle{}
	s.agent.Processes.Range(func(k process.Key, h *process.Handle) bool {
		if len(handles) < maxSessions {
			handles[k] = h
		} else {
			more++
		}
		return true
	})
	unread := s.unread(handles)
	for k, h := range handles {
		if c := all[string(k.Container)]; c != nil {
			c.Sessions = append(c.Sessions, liveSession(h, unread))
		}
	}
	list := make([]LiveContainer, 0, len(all))
	for _, cid := range slices.Sorted(maps.Keys(all)) {
		c := all[cid]
		slices.SortFunc(c.Sessions, func(a, b LiveSession) int { return cmp.Compare(a.Exec, b.Exec) })
		list = append(list, *c)
	}
	return list, more
}

func liveSession(h *process.Handle, unread map[process.Key]int) LiveSession {
	f := h.IO.Flows()
	l := LiveSession{
		Exec: string(h.Key.Exec), State: h.State(), Pid: h.Pid, Seconds: h.Age().Seconds(), Terminal: h.IO.Terminal(),
		Passed: f.Passed, Stdin: f.Stdin, Stdout: f.Stdout, Stderr: f.Stderr, Reads: f.Reads, Quiet: f.Quiet.Seconds(),
	}
	if n, ok := unread[h.Key]; ok {
		l.Unread = &n
	}
	return l
}

// unreadLook bounds the look at what is unread: the kernel can hold it up, and the view is not to
// hang.
const unreadLook = 100 * time.Millisecond

// unread is how much output nobody has taken; empty if that is not to be had now.
func (s *Service) unread(handles map[process.Key]*process.Handle) map[process.Key]int {
	if !s.looks.CompareAndSwap(false, true) {
		return nil
	}
	found := make(chan map[process.Key]int, 1)
	go func() {
		defer s.looks.Store(false)
		sizes := make(map[process.Key]int, len(handles))
		for k, h := range handles {
			stdout, stderr := h.IO.Unread()
			sizes[k] = stdout + stderr
		}
		found <- sizes
	}()
	select {
	case sizes := <-found:
		return sizes
	case <-time.After(unreadLook):
		return nil
	}
}

func sumUp(tree []core.ActorInfo) (sum LiveActors) {
	sum.Living = len(tree)
	for _, a := range tree {
		sum.Mailbox += a.Mailbox
		sum.Parked += a.Parked
		sum.Deepest = max(sum.Deepest, a.Mailbox)
	}
	return sum
}
