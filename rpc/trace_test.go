// SPDX-License-Identifier: Apache-2.0

package rpc

import "testing"

// TestSpanNames has those of the Rust agent.
func TestSpanNames(t *testing.T) {
	for method, want := range map[string]string{
		"CreateContainer": "create_container", "ExecProcess": "exec_process", "TtyWinResize": "tty_win_resize",
		"GetIPTables": "get_iptables", "SetIPTables": "set_iptables", "AddARPNeighbors": "add_arp_neighbors",
		"MemHotplugByProbe": "mem_hotplug_by_probe", "SetGuestDateTime": "set_guest_date_time",
		"OnlineCPUMem": "online_cpu_mem", "ListRoutes": "list_routes", "MemAgentMemcgSet": "mem_agent_memcg_set",
	} {
		if got := spanName(method); got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
	}
}
