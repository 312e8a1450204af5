// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

// TestExecIDIsFreeAfterWait uses an id again as soon as the wait is answered, with output
// read, unread and half read.
func TestExecIDIsFreeAfterWait(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	rounds := 100
	if harness.Seccomp() {
		rounds = 25 // by libcontainer, which takes many times as long
	}
	for range rounds {
		p.Session("c1", "e", "true")
		p.WantExit("c1", "e", 0)
		p.Session("c1", "e", "echo", "unread")
		p.WantExit("c1", "e", 0)
		p.Session("c1", "e", "echo", "half read")
		if out, err := p.ReadStdout(p.Ctx, "c1", "e", 4); err != nil || string(out) != "half" {
			t.Fatalf("read %q, %v", out, err)
		}
		p.WantExit("c1", "e", 0)
		if out := p.Output("c1", "e", "echo", "read"); out != "read\n" {
			t.Fatalf("read %q", out)
		}
	}
}

// TestContainerIDIsFreeAfterRemove makes a container of the same name as soon as the
// removal is answered.
func TestContainerIDIsFreeAfterRemove(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	for range 20 {
		p.Idle("c1")
		p.Delete("c1")
		p.Make("c1", "true")
		p.Delete("c1")
	}
	p.NothingLeft(t, before)
}

// TestOutputStaysReadableAfterWait is a host that reads and waits at the same time, its
// wait being faster.
func TestOutputStaysReadableAfterWait(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	for range 20 {
		p.Session("c1", "e", "sh", "-c", "echo out; echo err >&2")
		p.WantExit("c1", "e", 0)
		if out, err := p.ReadAll(p.Ctx, "c1", "e"); err != nil || string(out) != "out\n" {
			t.Fatalf("stdout %q, %v", out, err)
		}
		if out, err := p.ReadStderr(p.Ctx, "c1", "e", 100); err != nil || string(out) != "err\n" {
			t.Fatalf("stderr %q, %v", out, err)
		}
	}
}
