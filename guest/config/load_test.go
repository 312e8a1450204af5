// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// file writes content to a file of its own.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads a command line, a file unless it is empty, and an environment.
func load(t *testing.T, cmdline, toml string, env ...string) (*Config, []Warning) {
	t.Helper()
	src := Sources{Cmdline: file(t, cmdline+"\n"), Environ: env}
	if toml != "" {
		src.File = file(t, toml)
	}
	c, warnings, err := Load(src)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	c.File = ""
	return c, warnings
}

// with returns the default configuration after a change.
func with(change func(*Config)) *Config {
	c := Default()
	change(c)
	return c
}

func same(t *testing.T, got, want *Config) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("configuration\n got %s\nwant %s", got.Dump(), want.Dump())
	}
}

func TestOrderOfSources(t *testing.T) {
	toml := `log_level = "error"
hotplug_timeout = 7
server_addr = "unix:///file"`
	c, warnings := load(t, "quiet agent.hotplug_timeout=8 agent.server_addr=unix:///word", toml,
		"PATH=/bin", "KATA_AGENT_SERVER_ADDR=unix:///env", "KATA_AGENT_LOG_LEVEL=", "KATA_AGENT_TRACING=1",
		"KATA_AGENT_POLICY_FILE=/p")
	same(t, c, with(func(c *Config) {
		c.LogLevel = LogError
		c.HotplugTimeout = 8 * time.Second
		c.ServerAddress = "unix:///env"
		c.Trace = true
		c.PolicyFile = "/p"
	}))
	if len(warnings) != 0 {
		t.Errorf("warnings %v", warnings)
	}
}

func TestNothingGivenIsTheDefault(t *testing.T) {
	c, warnings := load(t, "", "")
	same(t, c, Default())
	if len(warnings) != 0 {
		t.Errorf("warnings %v", warnings)
	}
	c, _, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, c, Default())
}

func TestUnreadableCmdlineIsAWarning(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "cmdline")
	c, warnings, err := Load(Sources{Cmdline: missing, Environ: []string{"KATA_AGENT_LOG_LEVEL=trace"}})
	if err != nil || c.LogLevel != LogTrace {
		t.Fatalf("%v, %v", c, err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].String(), missing) {
		t.Errorf("warnings %v", warnings)
	}
}

func TestConfigFileWord(t *testing.T) {
	toml := file(t, "log_level = \"warn\"\ncontainer_pipe_size = 1")
	cmdline := file(t, "agent.container_pipe_size=2 agent.config_file="+toml+" agent.log_vport=1025")
	c, warnings, err := Load(Sources{Cmdline: cmdline, Environ: []string{"KATA_AGENT_TRACING=true"}})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("%v, %v", err, warnings)
	}
	// Words beside the one that names the file count, wherever they stand.
	same(t, c, with(func(c *Config) {
		c.File = toml
		c.LogLevel = LogWarn
		c.ContainerPipeSize = 2
		c.LogVPort = 1025
		c.Trace = true
	}))
}

func TestConfigArgumentOutranksTheWord(t *testing.T) {
	argument := file(t, `log_level = "warn"`)
	cmdline := file(t, "agent.config_file=/nonexistent")
	c, warnings, err := Load(Sources{File: argument, Cmdline: cmdline})
	if err != nil || c.LogLevel != LogWarn || c.File != argument {
		t.Fatalf("%+v, %v", c, err)
	}
	if len(warnings) != 1 || warnings[0].Value != "/nonexistent" {
		t.Errorf("warnings %v", warnings)
	}
}

func TestNamedFileMustBeUsable(t *testing.T) {
	for name, tc := range map[string]struct{ content, reason string }{
		"syntax":           {"log_level = [", "line 1"},
		"duplicate key":    {"log_level='info'\nlog_level='warn'", "already been defined"},
		"endpoints value":  {"endpoints = 1", "[endpoints] is not a table"},
		"no allowed":       {"[endpoints]\n", "no list named allowed"},
		"allowed not list": {"[endpoints]\nallowed = 'x'", "no list named allowed"},
		"allowed mixed":    {"[endpoints]\nallowed = ['a', 1]", "not a string"},
	} {
		path := file(t, tc.content)
		_, _, err := Load(Sources{File: path})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tc.reason) {
			t.Errorf("%s: %v, want an error with %q and %q", name, err, path, tc.reason)
		}
	}
	for namedBy, src := range map[string]Sources{
		"--config":          {File: "/nonexistent"},
		"agent.config_file": {Cmdline: file(t, "agent.config_file=/nonexistent")},
	} {
		_, _, err := Load(src)
		if err == nil || !strings.Contains(err.Error(), "/nonexistent") || !strings.Contains(err.Error(), namedBy) ||
			!strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: %v, want an error with %q and %q", namedBy, err, "/nonexistent", "no such file")
		}
	}
	if _, _, err := Load(Sources{File: t.TempDir()}); err == nil {
		t.Error("a directory passes for a configuration file")
	}
}

func TestImplied(t *testing.T) {
	for _, tc := range []struct {
		name, cmdline, toml string
		console             bool
		level               LogLevel
		threshold           uint64
	}{
		{"port turns the console on", "agent.debug_console_vport=1026", "", true, LogInfo, 1024},
		{"explicit off stands", "agent.debug_console=0 agent.debug_console_vport=1026", "", false, LogInfo, 1024},
		{"word outranks the file", "agent.debug_console_vport=1026", "debug_console = false", true, LogInfo, 1024},
		{"file stands by itself", "", "debug_console = false\ndebug_console_vport = 1026", false, LogInfo, 1024},
		{"devmode logs at debug", "agent.devmode", "log_level = 'error'", false, LogDebug, 1024},
		{"level beside devmode stands", "agent.devmode agent.log=error", "", false, LogError, 1024},
		{"order sets threshold", "agent.mem_agent_compact_order=4", "", false, LogInfo, 32},
		{"threshold stands", "agent.mem_agent_compact_threshold=7 agent.mem_agent_compact_order=4", "", false, LogInfo, 7},
	} {
		c, warnings := load(t, tc.cmdline, tc.toml)
		if c.DebugConsole != tc.console || c.LogLevel != tc.level || c.MemAgent.CompactThreshold != tc.threshold {
			t.Errorf("%s: %s", tc.name, c.Dump())
		}
		if len(warnings) != 0 {
			t.Errorf("%s: warnings %v", tc.name, warnings)
		}
	}
}

func TestMemAgentWordsInAnyOrder(t *testing.T) {
	sorted := "agent.mem_agent_compact_order=4 agent.mem_agent_compact_period_secs=5 agent.mem_agent_enable=1 " +
		"agent.mem_agent_memcg_swap=true"
	want := with(func(c *Config) {
		c.MemAgent.Enable = true
		c.MemAgent.CompactOrder = 4
		c.MemAgent.CompactThreshold = 32
		c.MemAgent.CompactPeriod = 5 * time.Second
		c.MemAgent.MemcgSwap = true
	})
	c, _ := load(t, sorted, "")
	same(t, c, want)
	words := strings.Fields(sorted)
	words[0], words[2] = words[2], words[0]
	c, _ = load(t, strings.Join(words, " "), "")
	same(t, c, want)
}

func TestEndpoints(t *testing.T) {
	c, _ := load(t, "", "log_level = 'info'")
	if c.Endpoints.Restricted {
		t.Error("without a list requests are restricted")
	}
	c, warnings := load(t, "", "[endpoints]\nallowed = ['CreateSandboxRequest']\nother = 1")
	if want := []string{"CreateSandboxRequest"}; !c.Endpoints.Restricted || !slices.Equal(c.Endpoints.Allowed, want) {
		t.Errorf("endpoints %+v, want restricted to %v", c.Endpoints, want)
	}
	if len(warnings) != 0 {
		t.Errorf("warnings %v", warnings)
	}
	c, _ = load(t, "", "[endpoints]\nallowed = []")
	if !c.Endpoints.Restricted || len(c.Endpoints.Allowed) > 0 {
		t.Errorf("an empty list gives %+v, want restricted to nothing", c.Endpoints)
	}
}

func TestUnifiedCgroups(t *testing.T) {
	for cmdline, want := range map[string]bool{
		"":                                   false,
		"cgroup_no_v1=all":                   true,
		"cgroup_no_v1=memory":                false,
		"systemd.unified_cgroup_hierarchy=1": true,
		"systemd.unified_cgroup_hierarchy=0": false,
		"systemd.unified_cgroup_hierarchy":   true,
		"agent.unified_cgroup_hierarchy=T":   true,
		"agent.unified_cgroup_hierarchy=yes": false,
	} {
		if c, _ := load(t, cmdline, ""); c.UnifiedCgroups() != want {
			t.Errorf("%q: %v, want %v", cmdline, c.UnifiedCgroups(), want)
		}
	}
}

func TestPasswordsAreNotShown(t *testing.T) {
	c, warnings := load(t, "agent.https_proxy=http://user:SECRET@proxy:3128 agent.https_proxy=//user:SECRET@proxy", "")
	if c.HTTPSProxy != "http://user:SECRET@proxy:3128/" {
		t.Errorf("proxy %q", c.HTTPSProxy)
	}
	if len(warnings) != 1 {
		t.Fatalf("warnings %v", warnings)
	}
	for _, text := range []string{c.Dump(), warnings[0].String()} {
		if strings.Contains(text, "SECRET") || !strings.Contains(text, "proxy") {
			t.Errorf("shown: %s", text)
		}
	}
	_, warnings = load(t, "agent.https_proxy=http://user:SECRET@%zz", "")
	if len(warnings) != 1 || strings.Contains(warnings[0].String(), "SECRET") {
		t.Errorf("warnings %v", warnings)
	}
}

// TestAskedForComponents: words ask for what they name, and so does a file that is not the sample.
func TestAskedForComponents(t *testing.T) {
	for _, tc := range []struct {
		cmdline, toml string
		want          bool
	}{
		{"agent.hotplug_timeout=9", "", false},
		{"agent.guest_components_procs=none", "", false},
		{"agent.guest_components_procs=api-server-rest", "", true},
		{"agent.guest_components_rest_api=all", "", false}, // only of those that are there
		{"", `guest_components_procs = "api-server-rest"`, false},
		{"", `guest_components_procs = "attestation-agent"`, true},
	} {
		if c, _ := load(t, tc.cmdline, tc.toml); c.GuestComponentsAsked != tc.want {
			t.Errorf("%s%s: asked %t, want %t", tc.cmdline, tc.toml, c.GuestComponentsAsked, tc.want)
		}
	}
}
