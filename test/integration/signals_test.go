// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// TestNoSignalIsIgnored starts an agent that inherits ignored signals, as under nohup, and
// wants none of them, nor of those the agent itself is deaf to, ignored in a container.
func TestNoSignalIsIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGHUP, syscall.SIGUSR2)
	a := harness.Start(t, harness.Options{})
	ctx := background(t)
	spec := a.Spec("c1", harness.Rootfs(t), "grep", "SigIgn", "/proc/self/status")
	if err := a.Create(ctx, "c1", spec); err != nil {
		t.Fatal(err)
	}
	session, _, err := a.Run(ctx, "c1", "e1", "grep", "SigIgn", "/proc/self/status")
	if err != nil {
		t.Error(err)
	}
	if err := a.StartContainer(ctx, "c1"); err != nil {
		t.Fatal(err)
	}
	init, err := a.ReadAll(ctx, "c1", "c1")
	if err != nil {
		t.Error(err)
	}
	for who, status := range map[string]string{"session": session, "init": string(init)} {
		if f := strings.Fields(status); len(f) != 2 || strings.Trim(f[1], "0") != "" {
			t.Errorf("%s: %q", who, status)
		}
	}
	if err := a.Remove(ctx, "c1"); err != nil {
		t.Error(err)
	}
}
