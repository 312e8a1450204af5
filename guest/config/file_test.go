// SPDX-License-Identifier: Apache-2.0

package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

func TestFileGrammar(t *testing.T) {
	none := func(*Config) {}
	for _, tc := range []struct {
		toml     string
		change   func(*Config)
		warnings int
	}{
		{"hotplug_timeout = 10", func(c *Config) { c.HotplugTimeout = 10 * time.Second }, 0},
		{"hotplug_timeout = '10s'", func(c *Config) { c.HotplugTimeout = 10 * time.Second }, 0},
		{"hotplug_timeout = { secs = 10, nanos = 5 }", func(c *Config) { c.HotplugTimeout = 10*time.Second + 5 }, 0},
		{"hotplug_timeout = { secs = 10 }", func(c *Config) { c.HotplugTimeout = 10 * time.Second }, 0},
		{"[hotplug_timeout]\nsecs = 10\nnanos = 0", func(c *Config) { c.HotplugTimeout = 10 * time.Second }, 0},
		{"hotplug_timeout = { secs = 0, nanos = 0 }", none, 1},
		{"hotplug_timeout = { secs = -1, nanos = 0 }", none, 1},
		{"hotplug_timeout = { secs = 1, nanos = 1000000000 }", none, 1},
		{"hotplug_timeout = { secs = 9223372036854775807 }", none, 1},
		{"hotplug_timeout = { nanos = 5 }", none, 1},
		{"hotplug_timeout = 1.5", none, 1},
		{"log_vport = { secs = 10, nanos = 0 }", none, 1},
		{"log_vport = 1025", func(c *Config) { c.LogVPort = 1025 }, 0},
		{"log_vport = '1025'", func(c *Config) { c.LogVPort = 1025 }, 0},
		{"log_vport = -1", none, 1},
		{"debug_console = true", func(c *Config) { c.DebugConsole = true }, 0},
		{"debug_console = 1", func(c *Config) { c.DebugConsole = true }, 0},
		{"debug_console = [true]", none, 1},
		{"dev_mode = true", func(c *Config) { c.DevMode, c.LogLevel = true, LogDebug }, 0},
		{"tracing = true", func(c *Config) { c.Trace = true }, 0},
		{"server_address = 'unix:///s'", func(c *Config) { c.ServerAddress = "unix:///s" }, 0},
		{"https_proxy = ''", none, 0},
		{"unified_cgroup_hierarchy = true", func(c *Config) { c.UnifiedCgroupHierarchy = true }, 0},
		{"mem_agent_memcg_swap = true", func(c *Config) { c.MemAgent.MemcgSwap = true }, 0},
		{"memcg_swap = true", func(c *Config) { c.MemAgent.MemcgSwap = true }, 0},
		{"no_such_key = 1", none, 1},
		{"[no_such_table]\na = 1", none, 1},
		{"[[log_level]]\na = 1", none, 1},
		{"log_level = 2026-01-01", none, 1},
	} {
		c, warnings := load(t, "", tc.toml)
		t.Run(tc.toml, func(t *testing.T) {
			same(t, c, with(tc.change))
			if len(warnings) != tc.warnings {
				t.Errorf("warnings %v, want %d", warnings, tc.warnings)
			}
			key := strings.FieldsFunc(tc.toml, func(r rune) bool { return strings.ContainsRune("[] =\n", r) })[0]
			for _, w := range warnings {
				if w.Option != key || w.Source != "configuration file" {
					t.Errorf("warning %+v", w)
				}
			}
		})
	}
}

// TestSampleFile loads the sample: all of the table is in it, at its default.
func TestSampleFile(t *testing.T) {
	const path = "../../docs/samples/configuration.toml"
	c, warnings, err := Load(Sources{File: path})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("%v, warnings %v", err, warnings)
	}
	c.File = ""
	same(t, c, Default())
	var tree map[string]any
	if _, err := toml.DecodeFile(path, &tree); err != nil {
		t.Fatal(err)
	}
	for _, o := range options(Default()) {
		if len(o.keys) > 0 && tree[o.keys[0]] == nil {
			t.Errorf("the sample has no %s", o.keys[0])
		}
	}
}

// TestTableIsSound finds a field without a row, and a spelling of two rows.
func TestTableIsSound(t *testing.T) {
	c := Default()
	seen := map[string]bool{}
	for _, o := range options(c) {
		for _, spelling := range append(append([]string{o.env}, o.words...), o.keys...) {
			if spelling != "" && seen[spelling] {
				t.Errorf("%s is there twice", spelling)
			}
			seen[spelling] = true
		}
		if ignored[o.name()] != "" {
			t.Errorf("%s is both used and ignored", o.name())
		}
		if o.doc == "" || !strings.HasSuffix(o.doc, ".") {
			t.Errorf("%s: its text is not a sentence", o.name())
		}
	}
	rows := len(options(c))
	fields := leaves(reflect.TypeFor[Config]()) - leaves(reflect.TypeFor[Endpoints]()) - 2 // File, GuestComponentsAsked
	if rows != fields {
		t.Errorf("%d rows for %d fields", rows, fields)
	}
}

func leaves(t reflect.Type) int {
	if t.Kind() != reflect.Struct {
		return 1
	}
	n := 0
	for i := range t.NumField() {
		n += leaves(t.Field(i).Type)
	}
	return n
}
