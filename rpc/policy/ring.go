// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"sync"
	"time"

	engine "github.com/kata-containers/kata-agent/guest/policy"
	"github.com/kata-containers/kata-agent/rpc/document"
)

// kept is how many decisions are remembered, and how many bytes of prints with each.
const (
	kept       = 256
	keptPrints = 1 << 10
)

// Record is a decision that was made. It has nothing of the request but its name and ids.
type Record struct {
	Time      time.Time `json:"time"`
	Request   string    `json:"request"`
	Container string    `json:"container_id,omitempty"`
	Exec      string    `json:"exec_id,omitempty"`
	Allowed   bool      `json:"allowed"`
	Error     string    `json:"error,omitempty"`
	Prints    []string  `json:"prints,omitempty"`
}

// ring has the last decisions.
type ring struct {
	mu   sync.Mutex
	all  []Record // the oldest is at next once there are kept of them
	next int
}

func (r *ring) add(rule string, in document.Input, d engine.Decision, err error) {
	record := Record{Time: time.Now(), Request: rule, Allowed: d.Allowed && err == nil}
	record.Container, record.Exec = in.IDs()
	if err != nil {
		record.Error = err.Error()
	}
	room := keptPrints
	for _, text := range d.Prints {
		if room -= len(text); room < 0 {
			break
		}
		record.Prints = append(record.Prints, text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) < kept {
		r.all = append(r.all, record)
		return
	}
	r.all[r.next] = record
	r.next = (r.next + 1) % kept
}

// records returns the decisions, the oldest first.
func (r *ring) records() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append(make([]Record, 0, len(r.all)), r.all[r.next:]...), r.all[:r.next]...)
}

// Decisions is the last decisions as lines of JSON, the oldest first. A decision that needed no
// evaluation is noted if it was a refusal.
func (g *Gate) Decisions() string {
	var out []byte
	for _, record := range g.recent.records() {
		line, err := json.Marshal(record)
		if err != nil {
			continue
		}
		out = append(append(out, line...), '\n')
	}
	return string(out)
}
