// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/agent"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// configured is the configuration of an agent that is started with these words.
func configured(t *testing.T, words string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cmdline")
	if err := os.WriteFile(file, []byte(words+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, warnings, err := config.Load(config.Sources{Cmdline: file})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%s: %v, %v, want no error and no warning", words, err, warnings)
	}
	return cfg
}

// TestMemAgentOptions: each option of the memory agent sets what it is named for and nothing else.
// What that brings about is shown in guest/memagent and actors/memagent.
func TestMemAgentOptions(t *testing.T) {
	if got := memAgent(configured(t, "agent.mem_agent_memcg_swap=true").MemAgent); got != nil {
		t.Errorf("without agent.mem_agent_enable the memory agent has %+v, want none", got)
	}
	const enable = "agent.mem_agent_enable=1 "
	for word, change := range map[string]func(m *agent.MemAgent){
		"agent.mem_agent_memcg_disable=true":                   func(m *agent.MemAgent) { m.Memcg.Disabled = true },
		"agent.mem_agent_memcg_swap=true":                      func(m *agent.MemAgent) { m.Memcg.Swap = true },
		"agent.mem_agent_memcg_swappiness_max=7":               func(m *agent.MemAgent) { m.Memcg.SwappinessMax = 7 },
		"agent.mem_agent_memcg_period_secs=7":                  func(m *agent.MemAgent) { m.Memcg.Period = 7 * time.Second },
		"agent.mem_agent_memcg_period_psi_percent_limit=7":     func(m *agent.MemAgent) { m.Memcg.PeriodPressure = 7 },
		"agent.mem_agent_memcg_eviction_psi_percent_limit=7":   func(m *agent.MemAgent) { m.Memcg.EvictionPressure = 7 },
		"agent.mem_agent_memcg_eviction_run_aging_count_min=7": func(m *agent.MemAgent) { m.Memcg.MinAgings = 7 },
		"agent.mem_agent_compact_disable=true":                 func(m *agent.MemAgent) { m.Compact.Disabled = true },
		"agent.mem_agent_compact_period_secs=7":                func(m *agent.MemAgent) { m.Compact.Period = 7 * time.Second },
		"agent.mem_agent_compact_period_psi_percent_limit=7":   func(m *agent.MemAgent) { m.Compact.PeriodPressure = 7 },
		"agent.mem_agent_compact_psi_percent_limit=7":          func(m *agent.MemAgent) { m.Compact.Pressure = 7 },
		"agent.mem_agent_compact_sec_max=7":                    func(m *agent.MemAgent) { m.Compact.Max = 7 * time.Second },
		"agent.mem_agent_compact_order=7":                      func(m *agent.MemAgent) { m.Compact.Order, m.Compact.Threshold = 7, 2<<7 },
		"agent.mem_agent_compact_threshold=7":                  func(m *agent.MemAgent) { m.Compact.Threshold = 7 },
		"agent.mem_agent_compact_force_times=7":                func(m *agent.MemAgent) { m.Compact.ForceTimes = 7 },
	} {
		want := *memAgent(configured(t, enable).MemAgent)
		change(&want)
		if got := *memAgent(configured(t, enable+word).MemAgent); got != want {
			t.Errorf("%s: %+v, want %+v", word, got, want)
		}
	}
}

// TestVsockLocal: connections from inside the guest are let through only by agent.vsock_local=true;
// rpc/server shows that they are refused otherwise.
func TestVsockLocal(t *testing.T) {
	address := "unix://" + filepath.Join(t.TempDir(), "s")
	plain, err := server.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	plain.Close()
	own := server.OwnPeers(plain, nil)
	for words, want := range map[string]string{
		"agent.vsock_local=true":  fmt.Sprintf("%T", own),
		"agent.vsock_local=false": fmt.Sprintf("%T", server.HostOnly(own)),
		"":                        fmt.Sprintf("%T", server.HostOnly(own)),
	} {
		l, err := listen(configured(t, words), address, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%T", l); got != want {
			t.Errorf("%q listens by a %s, want a %s", words, got, want)
		}
		l.Close()
	}
}
