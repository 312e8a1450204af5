// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/components"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// componentData are init data with a configuration of the attestation agent.
const componentData = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = 'x = 1'\n"

// withComponents adds stand-ins for the guest components to an image, and a resource for containers.
func withComponents(t *testing.T, o lab.Options) lab.Options {
	t.Helper()
	dir, ids := t.TempDir(), []string{"attestation-agent", "confidential-data-hub", "api-server-rest"}
	components.Install(t, dir, ids...)
	o.Files = map[string]lab.File{"/usr/local/bin/resources/default/key/1": {Data: []byte("a key of the broker")}}
	for _, id := range ids {
		o.Files["/usr/local/bin/"+id] = lab.File{Path: filepath.Join(dir, id), Mode: 0o755}
	}
	o.Disks = append(o.Disks, initDataDisk(t, componentData))
	return o
}

// TestGuestComponents: a guest of which they are a part has them ready when the agent answers. They serve
// its programs, are started again, and end with it.
func TestGuestComponents(t *testing.T) {
	vm, agent := bootInit(t, withComponents(t, lab.Options{
		CgroupV2: true, KernelArgs: []string{"agent.launch_process_timeout=60"}, // it is emulated, and not alone
	}))
	agent.CreateSandbox(t, &protocols.CreateSandboxRequest{Hostname: "pod"})
	const fetch = "wget -q -O - http://127.0.0.1:8006/cdh/resource/default/key/1"
	vm.WaitUntil(t, fetch)
	if got := vm.Shell(t, fetch); got != "a key of the broker" {
		t.Errorf("resource %q, want it from the data hub", got)
	}
	wantContains(t, "console", vm.Console(),
		"--initdata-toml /run/confidential-containers/initdata/initdata.toml -c /run/confidential-containers/initdata/aa.toml",
		`"component":"attestation-agent"`, `"component":"confidential-data-hub"`, `"component":"api-server-rest"`)
	const hub = "grep -l ^/usr/local/bin/confidential-data-hub /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3"
	if got := vm.Shell(t, "cat /proc/$("+hub+")/oom_score_adj"); got != "-500" {
		t.Errorf("OOM score adjustment %s, want -500", got)
	}
	if log := vm.Console(); strings.Contains(log, "guest component has ended") {
		t.Errorf("a component has not lived until now:\n%s", log)
	}
	first := vm.Shell(t, hub)
	vm.Shell(t, "kill -9 "+first)
	vm.WaitUntil(t, "p=$("+hub+") && [ -n \"$p\" ] && [ \"$p\" != "+first+" ]")
	if got := vm.Shell(t, fetch); got != "a key of the broker" {
		t.Errorf("resource %q, want it from the hub that was started again", got)
	}
	agent.DestroySandbox(t)
	if err := vm.WaitPowerOff(within(t)); err != nil {
		t.Fatal(err)
	}
	if log := vm.Console(); strings.Contains(log, "actors did not end") {
		t.Errorf("the components have held up the end:\n%s", log)
	}
}
