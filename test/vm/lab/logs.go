// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"path/filepath"
	"strings"
)

// ArtifactsEnv names the directory that keeps the logs of failed tests; the
// default is kata-vm-logs in the temporary directory.
const ArtifactsEnv = "KATA_TEST_ARTIFACTS"

// consoleTail is how many lines of the console a failed test shows.
const consoleTail = 60

// Console is what the guest wrote to its serial console: the kernel's words
// and the standard output of PID 1.
func (vm *VM) Console() string {
	data, _ := os.ReadFile(vm.consolePath())
	return strings.ReplaceAll(string(data), "\r", "")
}

// AgentLog is the agent's part of the console: its lines are JSON objects.
func (vm *VM) AgentLog() []string {
	var lines []string
	for line := range strings.Lines(vm.Console()) {
		if strings.HasPrefix(line, "{") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func (vm *VM) keepLogs(console string) {
	base := os.Getenv(ArtifactsEnv)
	if base == "" {
		base = filepath.Join(os.TempDir(), "kata-vm-logs")
	}
	dir := filepath.Join(base, strings.ReplaceAll(vm.t.Name(), "/", "_"))
	kept := os.MkdirAll(dir, 0o755)
	logs, _ := filepath.Glob(filepath.Join(vm.dir, "*.log"))
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err == nil && kept == nil {
			kept = os.WriteFile(filepath.Join(dir, filepath.Base(log)), data, 0o644)
		}
		if filepath.Base(log) == "qemu.log" && len(data) > 0 {
			vm.t.Logf("QEMU says:\n%s", data)
		}
	}
	lines := strings.Split(strings.TrimSpace(console), "\n")
	vm.t.Logf("last of the console (all logs in %s, error %v):\n%s",
		dir, kept, strings.Join(lines[max(0, len(lines)-consoleTail):], "\n"))
}
