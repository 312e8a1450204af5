// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWords has one accepted or refused word per line; refused ones leave the
// default and warn once, naming the word and its value.
func TestWords(t *testing.T) {
	set := with
	none := func(*Config) {}
	for _, tc := range []struct {
		word     string
		change   func(*Config)
		warnings int
	}{
		{"agent.debug_console", func(c *Config) { c.DebugConsole = true }, 0},
		{"agent.debug_console=true", func(c *Config) { c.DebugConsole = true }, 0},
		{"agent.debug_console=1", func(c *Config) { c.DebugConsole = true }, 0},
		{"agent.debug_console=", func(c *Config) { c.DebugConsole = true }, 0},
		{"agent.debug_console=false", none, 0},
		{"agent.debug_console=perhaps", none, 1},
		{"agent.debug_consolex", none, 1},
		{"agent.debug_console_vport=0", none, 0},
		{"agent.debug_console_vport=-1", none, 1},
		{"agent.debug_console_vport=1026x", none, 1},
		{"agent.debug_console_vport", none, 1},
		{"agent.devmode=1", func(c *Config) { c.DevMode, c.LogLevel = true, LogDebug }, 0},
		{"agent.log=fatal", func(c *Config) { c.LogLevel = LogCritical }, 0},
		{"agent.log=panic", func(c *Config) { c.LogLevel = LogCritical }, 0},
		{"agent.log=critical", func(c *Config) { c.LogLevel = LogCritical }, 0},
		{"agent.log=WARNING", func(c *Config) { c.LogLevel = LogWarn }, 0},
		{"agent.log=Debug", func(c *Config) { c.LogLevel = LogDebug }, 0},
		{"agent.log=trace", func(c *Config) { c.LogLevel = LogTrace }, 0},
		{"agent.log=loud", none, 1},
		{"agent.log", none, 1},
		{"agent.logx=debug", none, 1},
		{"agent.log_vport=1025", func(c *Config) { c.LogVPort = 1025 }, 0},
		{"agent.log_vport=4294967295", none, 1},
		{"agent.log_vport=1025=1", none, 1},
		{"agent.trace", func(c *Config) { c.Trace = true }, 0},
		{"agent.trace=true", func(c *Config) { c.Trace = true }, 0},
		{"agent.trace=1", func(c *Config) { c.Trace = true }, 0},
		{"agent.trace=2", func(c *Config) { c.Trace = true }, 0},
		{"agent.trace=isolated", func(c *Config) { c.Trace = true }, 0},
		{"agent.trace=collated", func(c *Config) { c.Trace = true }, 0},
		{"agent.trace=0", none, 0},
		{"agent.trace=no", none, 1},
		{"agent.server_addr=vsock://-1:2000", func(c *Config) { c.ServerAddress = "vsock://-1:2000" }, 0},
		{"agent.server_addr=vsock://3:2000", func(c *Config) { c.ServerAddress = "vsock://3:2000" }, 0},
		{"agent.server_address=unix:///a=b", func(c *Config) { c.ServerAddress = "unix:///a=b" }, 0},
		{"agent.server_addr=unix://@abstract", func(c *Config) { c.ServerAddress = "unix://@abstract" }, 0},
		{"agent.server_addr=vsock://-1", none, 1},
		{"agent.server_addr=vsock://-2:1024", none, 1},
		{"agent.server_addr=vsock://-1:0", none, 1},
		{"agent.server_addr=unix://", none, 1},
		{"agent.server_addr=tcp://0.0.0.0:1024", none, 1},
		{"agent.server_addr=", none, 1},
		{"agent.hotplug_timeout=10", func(c *Config) { c.HotplugTimeout = 10 * time.Second }, 0},
		{"agent.hotplug_timeout=10s", func(c *Config) { c.HotplugTimeout = 10 * time.Second }, 0},
		{"agent.hotplug_timeout=1m0.5s", func(c *Config) { c.HotplugTimeout = 60500 * time.Millisecond }, 0},
		{"agent.hotplug_timeout=0", none, 1},
		{"agent.hotplug_timeout=-1s", none, 1},
		{"agent.hotplug_timeout=ten", none, 1},
		{"agent.hotplug_timeout=9223372036854775807", none, 1},
		{"agent.hotplug_timeout=99999999999999999999", none, 1},
		{"agent.cdh_api_timeout=600", func(c *Config) { c.CDHAPITimeout = 600 * time.Second }, 0},
		{"agent.image_pull_timeout=1", func(c *Config) { c.ImagePullTimeout = time.Second }, 0},
		{"agent.cdi_timeout=1", func(c *Config) { c.CDITimeout = time.Second }, 0},
		{"agent.launch_process_timeout=1", func(c *Config) { c.LaunchProcessTimeout = time.Second }, 0},
		{"agent.visible_cdi_devices=true", func(c *Config) { c.VisibleCDIDevices = true }, 0},
		{"agent.visible_cdi_devices=", none, 1},
		{"agent.container_pipe_size=2097152", func(c *Config) { c.ContainerPipeSize = 2097152 }, 0},
		{"agent.container_pipe_size=-1", none, 1},
		{"agent.container_pipe_size=2147483648", none, 1},
		{"agent.passfd_listener_port=1027", func(c *Config) { c.PassfdListenerPort = 1027 }, 0},
		{"agent.https_proxy=https://proxy", func(c *Config) { c.HTTPSProxy = "https://proxy/" }, 0},
		{"agent.https_proxy=proxy:3128", none, 1},
		{"agent.no_proxy=a,b", func(c *Config) { c.NoProxy = "a,b" }, 0},
		{"agent.no_proxy=", none, 1},
		{"agent.guest_components_rest_api=all", func(c *Config) { c.GuestComponentsRESTAPI = "all" }, 0},
		{"agent.guest_components_rest_api=none", func(c *Config) { c.GuestComponentsRESTAPI = "none" }, 0},
		{"agent.guest_components_rest_api=some", none, 1},
		{"agent.guest_components_procs=none", func(c *Config) { c.GuestComponentsProcs = "none" }, 0},
		{"agent.guest_components_procs=some", none, 1},
		{"agent.secure_storage_integrity=false", func(c *Config) { c.SecureStorageIntegrity = false }, 0},
		{"agent.secure_storage_integrity=maybe", none, 1},
		{"agent.policy_file=/p", func(c *Config) { c.PolicyFile = "/p" }, 0},
		{"agent.mem_agent_memcg_disable=1", func(c *Config) { c.MemAgent.MemcgDisable = true }, 0},
		{"agent.mem_agent_memcg_swappiness_max=256", none, 1},
		{"agent.mem_agent_compact_order=32", none, 1},
		{"agent.mem_agent_compact_sec_max=1", func(c *Config) { c.MemAgent.CompactMax = time.Second }, 0},
		{"cgroup_no_v1=all", func(c *Config) { c.CgroupNoV1 = "all" }, 0},
		{"cgroup_no_v1", none, 1},
		{"agent.config_file=", none, 1},
		{"agent.use_vsock=true", none, 0},
		{"agent.use_vsock", none, 0},
		{"agent.use_vsock=false", none, 1},
		{"agent.use_vsock=0", none, 1},
		{"agent.use_vsock=perhaps", none, 0},
		{"agent.aa_kbc_params=cc_kbc::http://127.0.0.1", none, 0},
		{"agent.secure_image_storage_integrity=true", none, 0},
		{"agent.no_such_thing=1", none, 1},
		{"agent.", none, 1},
		{"agent", none, 0},
		{"root=/dev/vda1", none, 0},
		{"debug", none, 0},
		{"=x", none, 0},
	} {
		c, warnings := load(t, "quiet "+tc.word+" panic=1", "")
		t.Run(tc.word, func(t *testing.T) {
			same(t, c, set(tc.change))
			if len(warnings) != tc.warnings {
				t.Fatalf("warnings %v, want %d", warnings, tc.warnings)
			}
			key, value, _ := strings.Cut(tc.word, "=")
			for _, w := range warnings {
				if w.Option != key || w.Value != value || !strings.Contains(w.String(), "kernel command line: "+key) {
					t.Errorf("warning %q", w)
				}
			}
		})
	}
}

func TestLaterWordWins(t *testing.T) {
	c, warnings := load(t, "agent.log=debug agent.log=error agent.log=loud", "")
	if c.LogLevel != LogError || len(warnings) != 1 {
		t.Errorf("level %s, warnings %v", c.LogLevel, warnings)
	}
	if !strings.Contains(warnings[0].String(), "agent.log=loud") || !strings.Contains(warnings[0].String(), "using error") {
		t.Errorf("warning %q", warnings[0])
	}
}

// TestRuntimeCmdlines has what the runtimes put together.
func TestRuntimeCmdlines(t *testing.T) {
	goRuntime := "tsc=reliable no_timer_check console=hvc0 root=/dev/pmem0p1 rootflags=dax,data=ordered,errors=remount-ro ro " +
		"rootfstype=ext4 quiet systemd.show_status=false panic=1 nr_cpus=4 selinux=0 systemd.unit=kata-containers.target " +
		"systemd.mask=systemd-networkd.service scsi_mod.scan=none agent.log=debug agent.trace=true agent.container_pipe_size=2097152 " +
		"agent.debug_console agent.debug_console_vport=1026 agent.cdh_api_timeout=50 agent.launch_process_timeout=6"
	c, warnings := load(t, goRuntime, "")
	same(t, c, with(func(c *Config) {
		c.LogLevel, c.Trace, c.ContainerPipeSize = LogDebug, true, 2097152
		c.DebugConsole, c.DebugConsoleVPort = true, 1026
	}))
	if len(warnings) != 0 {
		t.Errorf("warnings %v", warnings)
	}
}

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                          nil,
		" a\tb\n":                   {"a", "b"},
		"a=\"b c\" d":               {"a=b c", "d"},
		"\"a=b c\" d":               {"a=b c", "d"},
		"a=\"b c d=e":               {"a=\"b", "c", "d=e"},
		"a=b\"c":                    {"a=b\"c"},
		"a= b":                      {"a=", "b"},
		"a=b\u00a0c":                {"a=b\u00a0c"},
		"a\x00":                     {"a"},
		"a=\"\" b":                  {"a=", "b"},
		"agent.no_proxy=\"a, b\" x": {"agent.no_proxy=a, b", "x"},
	} {
		var got []string
		for _, w := range splitWords(line) {
			text := w.key
			if w.hasValue {
				text += "=" + w.value
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q splits into %q, want %q", line, got, want)
		}
	}
}

func FuzzCmdline(f *testing.F) {
	f.Add("agent.log=debug agent.debug_console agent.debug_console_vport=1026")
	f.Add(`agent.no_proxy="a b" agent.hotplug_timeout=10s agent.mem_agent_compact_order=31`)
	f.Add("agent.server_addr=vsock://:1 cgroup_no_v1=all agent.https_proxy=http://u:p@h")
	f.Fuzz(func(t *testing.T, line string) {
		c := Default()
		l := &loader{config: c, options: options(c), given: map[string]source{}}
		words := splitWords(line)
		l.applyWords(words)
		l.imply()
		if len(l.warnings) > len(words) {
			t.Errorf("%d warnings for %d words", len(l.warnings), len(words))
		}
		for _, o := range l.options {
			text := o.value.text()
			if text == "" {
				continue
			}
			if err := o.value.set(text); err != nil || o.value.text() != text {
				t.Errorf("%s holds %q, which it does not take back as such: %v", o.name(), text, err)
			}
		}
	})
}
