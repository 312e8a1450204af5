// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
)

// ExitUsage is the exit status after a UsageError, as getopt programs have it.
const ExitUsage = 2

// Action is what the command line asks for.
type Action int

const (
	Run     Action = iota // serve requests
	Version               // print VersionLine on standard output, exit 0
	Help                  // print Usage on standard output, exit 0
	// Init is the entry of a container's first process: libcontainer starts
	// the agent's own executable with this word. The word is reserved for it,
	// whoever runs the executable.
	Init
)

// Invocation is a parsed command line.
type Invocation struct {
	Action     Action
	ConfigFile string   // empty if none was named
	Ignored    []string // words without meaning, passed over because of asInit
}

// UsageError says what is wrong with the command line.
type UsageError struct{ Reason string }

func (e *UsageError) Error() string { return e.Reason }

// Parse reads the arguments after the program's name. As the first process of
// a machine (asInit) it refuses nothing: the kernel hands its unknown words to
// init, and an init that exits over one is a kernel panic.
func Parse(args []string, asInit bool) (Invocation, error) {
	var inv Invocation
	if len(args) > 0 && args[0] == "init" {
		return Invocation{Action: Init}, nil
	}
	for len(args) > 0 {
		used, err := inv.take(args)
		if err != nil && !asInit {
			return Invocation{}, err
		}
		if err != nil {
			inv.Ignored = append(inv.Ignored, args[0])
		}
		args = args[used:]
	}
	return inv, nil
}

// take reads the option at the front and returns how many arguments it uses.
func (inv *Invocation) take(args []string) (int, error) {
	name, value, hasValue := strings.Cut(args[0], "=")
	switch name {
	case "--version", "-version", "-v":
		return 1, inv.ask(Version, args[0], hasValue)
	case "--help", "-help", "-h":
		return 1, inv.ask(Help, args[0], hasValue)
	case "--config", "-config", "-c":
		used := 1
		if !hasValue && len(args) > 1 {
			value, used = args[1], 2
		}
		if value == "" {
			return used, &UsageError{fmt.Sprintf("%s needs the name of a file", name)}
		}
		inv.ConfigFile = value
		return used, nil
	}
	return 1, &UsageError{fmt.Sprintf("unknown argument %q", args[0])}
}

func (inv *Invocation) ask(a Action, arg string, hasValue bool) error {
	if hasValue {
		return &UsageError{fmt.Sprintf("%q takes no value", arg)}
	}
	if inv.Action == Run {
		inv.Action = a
	}
	return nil
}
