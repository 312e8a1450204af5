// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A Result is a whole run, as the JSON file has it.
type Result struct {
	Scenario *Scenario `json:"scenario"`
	Address  string    `json:"address"`
	Start    time.Time `json:"start"`
	Seconds  float64   `json:"seconds"` // of the loads, without preparation
	Machine  Machine   `json:"machine"`
	// Agent is what Health.Version says, and the process that was watched.
	Agent    string    `json:"agent"`
	PID      int       `json:"pid,omitempty"`
	Loads    []Outcome `json:"loads"`
	Calls    []Outcome `json:"calls"` // by method, of all loads together
	Usage    *Usage    `json:"usage,omitempty"`
	Trends   []Trend   `json:"trends,omitempty"`
	Samples  []Sample  `json:"samples,omitempty"`
	Marks    []Mark    `json:"marks,omitempty"`
	Failures []string  `json:"failures,omitempty"` // the first of them
	Failed   int64     `json:"failed"`
}

// Machine is where the run was made.
type Machine struct {
	Kernel string  `json:"kernel"`
	CPUs   int     `json:"cpus"`
	Load   float64 `json:"load"` // average of the last minute, at the start
}

// An Outcome is one load, or one method.
type Outcome struct {
	Name       string       `json:"name"`
	Kind       string       `json:"kind,omitempty"`
	Operations int64        `json:"operations"`
	Errors     int64        `json:"errors"`
	Seconds    float64      `json:"seconds"`
	Rate       float64      `json:"rate"` // operations in a second
	Bytes      int64        `json:"bytes,omitempty"`
	MiBPerS    float64      `json:"mib_per_s,omitempty"`
	Latency    Latency      `json:"latency_ms"`
	Curve      [][2]float64 `json:"curve,omitempty"` // percentile and milliseconds
	Points     []Point      `json:"points,omitempty"`
}

// A Mark is a moment worth a line in a plot.
type Mark struct {
	T    float64 `json:"t"`
	Name string  `json:"name"`
}

func (r *recorder) outcome(name, kind string) Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := Outcome{
		Name: name, Kind: kind, Operations: r.all.TotalCount(), Errors: r.errors, Bytes: r.bytes,
		Latency: latency(r.all), Curve: curve(r.all), Points: r.points,
		Seconds: r.last.Sub(r.first).Seconds(),
	}
	if o.Seconds > 0 {
		o.Rate = float64(o.Operations) / o.Seconds
		o.MiBPerS = float64(o.Bytes) / o.Seconds / (1 << 20)
	}
	return o
}

func machine() Machine {
	m := Machine{CPUs: runtime.NumCPU()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &m.Load) // 0 if it has another form
	}
	return m
}

// Write writes the result as JSON.
func (r *Result) Write(file string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}

// ReadResult reads what Write has written.
func ReadResult(file string) (*Result, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	r := new(Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("result %s: %w", file, err)
	}
	if r.Scenario == nil {
		return nil, fmt.Errorf("result %s: no result of a load run", file)
	}
	return r, nil
}
