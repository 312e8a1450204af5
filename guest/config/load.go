// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"strings"
)

// source is where a value came from; a later source outranks an earlier one.
type source int

const (
	sourceDefault source = iota
	sourceFile
	sourceCmdline
	sourceEnv
)

func (s source) String() string {
	return [...]string{"defaults", "configuration file", "kernel command line", "environment"}[s]
}

// Sources says where to read from.
type Sources struct {
	// File is the TOML file named on the agent's own command line, empty if
	// none was. It takes the place of agent.config_file.
	File string
	// Cmdline is the path of the kernel command line, "/proc/cmdline". It is
	// not read if empty.
	Cmdline string
	// Environ is the environment as os.Environ returns it. An empty value
	// counts as unset.
	Environ []string
}

// Warning is a value that was not used. Its text names option and value.
type Warning struct {
	Source string // configuration file, kernel command line or environment
	Option string // as the source spells it
	Value  string // redacted if it may hold a password
	Reason string
}

func (w Warning) String() string {
	if w.Value == "" {
		return fmt.Sprintf("%s: %s: %s", w.Source, w.Option, w.Reason)
	}
	return fmt.Sprintf("%s: %s=%s: %s", w.Source, w.Option, w.Value, w.Reason)
}

// Load reads all sources. The error tells that a configuration file was named
// and cannot be used; the agent must not start then. Everything else that is
// wrong is a warning, and the configuration is complete without it.
func Load(src Sources) (*Config, []Warning, error) {
	c := Default()
	l := &loader{config: c, options: options(c), given: map[string]source{}}
	words := l.readCmdline(src.Cmdline)
	if err := l.readFile(src.File, l.configFileWord(words)); err != nil {
		return nil, l.warnings, err
	}
	l.applyWords(words)
	l.applyEnv(src.Environ)
	l.imply()
	return c, l.warnings, nil
}

// loader fills one Config.
type loader struct {
	config   *Config
	options  []option
	given    map[string]source // which source set an option, by its name
	warnings []Warning
}

func (l *loader) warn(from source, option, value, reason string) {
	l.warnings = append(l.warnings, Warning{Source: from.String(), Option: option, Value: value, Reason: reason})
}

// apply stores text in o, or warns.
func (l *loader) apply(from source, spelling string, o option, text string) {
	if err := o.value.set(text); err != nil {
		if o.secret {
			text = redactURL(text)
		}
		l.warn(from, spelling, text, fmt.Sprintf("%v, using %s", err, shown(o)))
		return
	}
	l.given[o.name()] = from
}

func (l *loader) readCmdline(path string) []word {
	if path == "" {
		return nil
	}
	line, err := os.ReadFile(path)
	if err != nil {
		l.warn(sourceCmdline, path, "", err.Error())
		return nil
	}
	return splitWords(string(line))
}

func (l *loader) readFile(byArgument, byWord string) error {
	path, namedBy := byArgument, "--config"
	switch {
	case byArgument == "" && byWord == "":
		return nil
	case byArgument == "":
		path, namedBy = byWord, wordConfigFile
	case byWord != "" && byWord != byArgument:
		l.warn(sourceCmdline, wordConfigFile, byWord, "using "+byArgument+" from --config")
	}
	if err := l.applyFile(path); err != nil {
		return fmt.Errorf("configuration file %s named by %s: %w", path, namedBy, err)
	}
	l.config.File = path
	return nil
}

func (l *loader) applyEnv(environ []string) {
	env := make(map[string]string)
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok && v != "" {
			env[k] = v
		}
	}
	for _, o := range l.options {
		if v, ok := env[o.env]; ok && o.env != "" {
			l.apply(sourceEnv, o.env, o, v)
		}
	}
}

// imply sets what follows from other options. It runs after all sources, so
// the order of words does not matter.
func (l *loader) imply() {
	c := l.config
	if c.DebugConsoleVPort != 0 && l.outranks("agent.debug_console_vport", "agent.debug_console") {
		c.DebugConsole = true
	}
	if c.DevMode && l.outranks("agent.devmode", "agent.log") {
		c.LogLevel = LogDebug
	}
	c.GuestComponentsAsked = l.asks("agent.guest_components_procs")
	if l.outranks("agent.mem_agent_compact_order", "agent.mem_agent_compact_threshold") {
		c.MemAgent.CompactThreshold = compactThreshold(c.MemAgent.CompactOrder)
	}
}

// outranks reports whether option a was set by a later source than option b,
// so that what a implies takes the place of what b says. An explicit b beside
// a, in the same source, stands.
func (l *loader) outranks(a, b string) bool { return l.given[a] > l.given[b] }

// asks says whether an option was given such that something would have to be there for it. A file with
// every option at its default, as the sample is, asks for nothing.
func (l *loader) asks(name string) bool {
	from, given := l.given[name]
	standard := options(Default())
	for i, o := range l.options {
		if o.name() == name {
			text := o.value.text()
			return given && text != "none" && (from > sourceFile || text != standard[i].value.text())
		}
	}
	return false
}
