// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// A Scenario is a file: what to prepare, and the loads to run at the same time.
type Scenario struct {
	Name  string `toml:"name" json:"name"`
	About string `toml:"about" json:"about,omitempty"`
	// Containers that are there before the loads start, for sessions; 1 if there is none.
	Containers int `toml:"containers" json:"containers"`
	// Connections to spread the calls over; hosts have 1.
	Connections int `toml:"connections" json:"connections"`
	// Duration ends loads that have no count of their own.
	Duration Duration `toml:"duration" json:"duration,omitempty"`
	// Timeout is the limit of one operation; one that takes longer is a failure.
	Timeout Duration `toml:"timeout" json:"timeout"`
	// Sample is the time between two points of the plots; 0 is half a second.
	Sample Duration `toml:"sample" json:"sample,omitempty"`
	// Goroutines: the agent is asked for their number with each sample.
	Goroutines bool `toml:"goroutines" json:"goroutines,omitempty"`
	// Level is by how many percent memory, descriptors, goroutines and threads of the agent may
	// grow over the second half of the run; 0 does not look.
	Level float64 `toml:"level" json:"level,omitempty"`
	Loads []Spec  `toml:"load" json:"load"`
}

// A Spec is one load.
type Spec struct {
	Name string `toml:"name" json:"name"`
	Kind string `toml:"kind" json:"kind"` // one of kinds
	// Workers is how many operations run at once.
	Workers int `toml:"workers" json:"workers"`
	// Rate is how many operations start in a second; 0 is as many as the workers can do.
	Rate float64 `toml:"rate" json:"rate,omitempty"`
	// Burst is how many of them start together, at the same rate over time; 0 is one.
	Burst int `toml:"burst" json:"burst,omitempty"`
	// Count is how many operations to run; for the kinds that hold, how many to hold.
	Count int `toml:"count" json:"count,omitempty"`
	// Hold is how long what is open stays open, for the kinds that hold.
	Hold Duration `toml:"hold" json:"hold,omitempty"`
	// Pings is how many messages go to and fro in a second, over all held sessions.
	Pings float64 `toml:"pings" json:"pings,omitempty"`
	// Bytes is the size of a stream.
	Bytes Size `toml:"bytes" json:"bytes,omitempty"`
	// Chunk is how much is read or written in one call.
	Chunk Size `toml:"chunk" json:"chunk,omitempty"`
	// Hash checks what was written by its sum; else only by its length.
	Hash bool `toml:"hash" json:"hash,omitempty"`
	// Args is the program of an exec, and Output what it must write. For held sessions it is
	// one to run instead of the cat that is talked to: its standard input is closed at once, as
	// hosts do where nothing is typed, and SIGKILL ends it.
	Args   []string `toml:"args" json:"args,omitempty"`
	Output string   `toml:"output" json:"output,omitempty"`
	// Method and Request are those of a call; Request is JSON.
	Method  string `toml:"method" json:"method,omitempty"`
	Request string `toml:"request" json:"request,omitempty"`
	// Expect is the status code the call has to end with, by name; empty is OK.
	Expect string `toml:"expect" json:"expect,omitempty"`
	// Background: it runs until all other loads are over.
	Background bool `toml:"background" json:"background,omitempty"`
}

// Interval is the time between two points and samples.
func (s *Scenario) Interval() time.Duration {
	if s.Sample > 0 {
		return time.Duration(s.Sample)
	}
	return interval
}

// kinds of loads and what one operation is.
var kinds = map[string]string{
	"exec":       "start a program, read its output to the end, wait for it",
	"hold":       "open a session that stays open, talk to it now and then",
	"stream":     "read much from a program",
	"stdin":      "write much to a program",
	"tty":        "a session with a terminal that is resized",
	"churn":      "create, start, kill, wait for and remove a container",
	"pause":      "a container that is frozen with a session in it, and thawed",
	"leave":      "a client that goes away in the middle of a session; another ends it",
	"containers": "create and start a container that stays",
	"stall":      "a program that writes for ever, and a reader who stops reading",
	"call":       "one call by its name",
}

// Read reads a scenario: JSON if the file's name ends so, else TOML.
func Read(file string) (*Scenario, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	s := &Scenario{Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))}
	if filepath.Ext(file) == ".json" {
		dec := json.NewDecoder(strings.NewReader(string(data)))
		dec.DisallowUnknownFields()
		err = dec.Decode(s)
	} else {
		var meta toml.MetaData
		if meta, err = toml.Decode(string(data), s); err == nil && len(meta.Undecoded()) > 0 {
			err = fmt.Errorf("unknown key %q", meta.Undecoded()[0].String())
		}
	}
	if err == nil {
		err = s.complete()
	}
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", file, err)
	}
	return s, nil
}

// complete sets what is left out and refuses what has no meaning.
func (s *Scenario) complete() error {
	if s.Containers == 0 {
		s.Containers = 1
	}
	if s.Connections == 0 {
		s.Connections = 1
	}
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	if s.Level < 0 {
		return errors.New("level is below zero")
	}
	if len(s.Loads) == 0 {
		return errors.New("no [[load]]")
	}
	names := map[string]bool{}
	foreground := false
	for i := range s.Loads {
		l := &s.Loads[i]
		if err := l.complete(s); err != nil {
			return fmt.Errorf("load %d (%s): %w", i+1, l.Name, err)
		}
		if names[l.Name] {
			return fmt.Errorf("two loads are named %q", l.Name)
		}
		names[l.Name] = true
		foreground = foreground || !l.Background
	}
	if !foreground {
		return errors.New("all loads are in the background: nothing would end them")
	}
	return nil
}

func (l *Spec) complete(s *Scenario) error {
	if kinds[l.Kind] == "" {
		return fmt.Errorf("kind %q is none of %s", l.Kind, strings.Join(sortedKinds(), ", "))
	}
	if l.Name == "" {
		l.Name = l.Kind
	}
	if l.Workers == 0 {
		l.Workers = 1
		if l.Rate > 0 || l.holds() {
			l.Workers = openWorkers
		}
	}
	if l.Workers < 0 || l.Rate < 0 || l.Count < 0 || l.Bytes < 0 || l.Chunk < 0 || l.Pings < 0 || l.Burst < 0 {
		return errors.New("a number below zero")
	}
	if l.Burst > 0 && l.Rate == 0 {
		return errors.New("a burst without a rate")
	}
	if l.Kind == "hold" && len(l.Args) > 0 && l.Pings > 0 {
		return errors.New("pings go to a session's own program, not to one of args")
	}
	if l.Chunk == 0 {
		l.Chunk = hostChunk
	}
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	switch {
	case l.holds() && l.Count == 0:
		l.Count = 1
	case l.Kind == "call" && l.Method == "":
		return errors.New("no method")
	case l.Count == 0 && s.Duration == 0 && !l.Background:
		return errors.New("neither a count, nor a duration of the scenario: it would never end")
	}
	if l.Kind == "exec" && len(l.Args) == 0 {
		l.Args, l.Output = []string{"echo", "hi"}, "hi\n"
	}
	return nil
}

// holds reports whether the kind opens things that stay open.
func (l *Spec) holds() bool { return l.Kind == "hold" || l.Kind == "containers" || l.Kind == "stall" }

func sortedKinds() []string {
	var names []string
	for k := range kinds {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}
