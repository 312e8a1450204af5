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
	p.idle("c1")
	for range 100 {
		p.exec("c1", "e", "true")
		p.wantExit("c1", "e", 0)
		p.exec("c1", "e", "echo", "unread")
		p.wantExit("c1", "e", 0)
		p.exec("c1", "e", "echo", "half read")
		if out, err := p.ReadStdout(p.ctx, "c1", "e", 4); err != nil || string(out) != "half" {
			t.Fatalf("read %q, %v", out, err)
		}
		p.wantExit("c1", "e", 0)
		if out := p.output("c1", "e", "echo", "read"); out != "read\n" {
			t.Fatalf("read %q", out)
		}
	}
}

// TestContainerIDIsFreeAfterRemove makes a container of the same name as soon as the
// removal is answered.
func TestContainerIDIsFreeAfterRemove(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.warm()
	for range 20 {
		p.idle("c1")
		p.remove("c1")
		p.create("c1", "true")
		p.remove("c1")
	}
	p.NothingLeft(t, before)
}

// TestOutputStaysReadableAfterWait is a host that reads and waits at the same time, its
// wait being faster.
func TestOutputStaysReadableAfterWait(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.idle("c1")
	for range 20 {
		p.exec("c1", "e", "sh", "-c", "echo out; echo err >&2")
		p.wantExit("c1", "e", 0)
		if out, err := p.ReadAll(p.ctx, "c1", "e"); err != nil || string(out) != "out\n" {
			t.Fatalf("stdout %q, %v", out, err)
		}
		if out, err := p.ReadStderr(p.ctx, "c1", "e", 100); err != nil || string(out) != "err\n" {
			t.Fatalf("stderr %q, %v", out, err)
		}
	}
}
