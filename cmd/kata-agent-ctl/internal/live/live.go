// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/client"
)

// version is that of the form this package reads. An agent may add fields within it.
const version = 1

// A View is what an agent does at one moment.
type View struct {
	Version int     `json:"version"`
	Agent   string  `json:"agent_version"`
	Uptime  float64 `json:"uptime_seconds"`
	// Steps are what is under way, the oldest first.
	Steps       []Step      `json:"steps"`
	Containers  []Container `json:"containers"`
	Calls       []Calls     `json:"calls"`
	Connections []string    `json:"connections"`
	// LatencyBounds are the upper bounds of the buckets of Latencies, in seconds, but for the last.
	LatencyBounds []float64 `json:"latency_bounds_seconds"`
	Latencies     []Latency `json:"latencies"`
	Actors        Actors    `json:"actors"`
	Resident      int64     `json:"resident_bytes"`
	LogDropped    uint64    `json:"log_lines_dropped"`
	LogLevel      string    `json:"log_level"`

	// At is when the view came.
	At time.Time `json:"-"`
}

// A Step is one that is under way.
type Step struct {
	Step       string  `json:"step"`
	Container  string  `json:"container,omitempty"`
	Exec       string  `json:"exec,omitempty"`
	Actor      string  `json:"actor,omitempty"`
	Method     string  `json:"method,omitempty"`
	Connection string  `json:"connection,omitempty"`
	Seconds    float64 `json:"seconds"`
}

// A Container has its sessions; the first process is the one under the container's id.
type Container struct {
	ID       string    `json:"id"`
	State    string    `json:"state"`
	Pid      int       `json:"pid,omitempty"`
	Seconds  float64   `json:"seconds"` // since its create began
	Doing    string    `json:"doing,omitempty"`
	Sessions []Session `json:"sessions"`
}

// A Session is a process that the agent has started.
type Session struct {
	Exec     string  `json:"exec"`
	State    string  `json:"state"`
	Pid      int     `json:"pid"`
	Seconds  float64 `json:"seconds"` // since its start
	Terminal bool    `json:"terminal,omitempty"`
	Passed   bool    `json:"passed,omitempty"` // streams go by connections of their own
	Stdin    uint64  `json:"stdin_bytes"`
	Stdout   uint64  `json:"stdout_bytes"`
	Stderr   uint64  `json:"stderr_bytes"`
	Reads    int     `json:"reads_waiting"`
	Quiet    float64 `json:"quiet_seconds"`
	Unread   *int    `json:"unread_bytes,omitempty"`
}

// Calls are the requests of a method that have no answer.
type Calls struct {
	Method string  `json:"method"`
	Calls  int     `json:"calls"`
	Oldest float64 `json:"oldest_seconds"`
}

// A Latency says how long the requests of a method took.
type Latency struct {
	Method  string   `json:"method"`
	Calls   uint64   `json:"calls"`
	Seconds float64  `json:"seconds"`
	Buckets []uint64 `json:"buckets"`
}

// Actors sums up the actors.
type Actors struct {
	Living  int `json:"living"`
	Mailbox int `json:"mailbox"`
	Parked  int `json:"parked"`
	Deepest int `json:"deepest_mailbox"`
}

// stalled is for how long output must lie unread before a session counts as stalled, in seconds.
const stalled = 2

// Stalled tells whether a session has output that nobody has asked for of late, so that its program
// stands still or soon will.
func (s Session) Stalled() bool {
	return s.Unread != nil && *s.Unread > 0 && s.Reads == 0 && s.Quiet >= stalled
}

// Fetch asks an agent.
func Fetch(ctx context.Context, c *client.Client) (*View, error) {
	text, err := c.Diagnostic(ctx, "live")
	if err != nil {
		return nil, err
	}
	v := &View{At: time.Now()}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return nil, fmt.Errorf("the agent's live view: %w", err)
	}
	if v.Version != version {
		return nil, fmt.Errorf("the agent's live view has version %d; this program knows %d", v.Version, version)
	}
	return v, nil
}

// An Actor is one of the tree.
type Actor struct {
	Path    string  `json:"path"`
	Mailbox int     `json:"mailbox"`
	Parked  int     `json:"parked"`
	Works   int     `json:"works"`
	Pending int     `json:"pending"`
	Handled uint64  `json:"handled"`
	Current string  `json:"current,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

// FetchActors asks for the tree.
func FetchActors(ctx context.Context, c *client.Client) ([]Actor, error) {
	text, err := c.Diagnostic(ctx, "actors")
	if err != nil {
		return nil, err
	}
	return decodeActors(text)
}
