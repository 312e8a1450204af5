// SPDX-License-Identifier: Apache-2.0

package components

import (
	"os"
	"strings"
	"time"
)

// Process is a component as it is to be started. Paths are absolute.
type Process struct {
	// ID is its name, "attestation-agent".
	ID   string
	Path string
	Args []string
	// Config is a file that is handed over as "-c FILE" if it is there when the component starts.
	Config string
	// Env are NAME=value pairs over the agent's own environment.
	Env []string
	// Socket is what the component makes when it is ready; what comes after it waits for that, for
	// Timeout at most. Nobody waits if either is nothing.
	Socket  string
	Timeout time.Duration
}

// Awaited says whether those that come after p wait for its socket.
func (p Process) Awaited() bool { return p.Socket != "" && p.Timeout > 0 }

// command is the whole command line.
func (p Process) command() []string {
	args := append([]string{p.Path}, p.Args...)
	if p.Config == "" {
		return args
	}
	if _, err := os.Stat(p.Config); err != nil {
		return args
	}
	return append(args, "-c", p.Config)
}

// environ is the agent's environment with p's over it.
func (p Process) environ() []string {
	own := map[string]bool{"GOMAXPROCS": true} // the agent's word to libcontainer's children
	for _, e := range p.Env {
		name, _, _ := strings.Cut(e, "=")
		own[name] = true
	}
	var env []string
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); !own[name] {
			env = append(env, e)
		}
	}
	return append(env, p.Env...)
}
