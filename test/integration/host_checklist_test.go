// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// What hosts do with an answer, by its code and text. "Link not found" and the denial by
// a policy are in TestRPC09TextsHostsMatch, exit codes in TestRPC03Wait.

// TestHostSignalOfAnExitedProcess: the Go host takes a text with "ESRCH: No such process"
// for success, runtime-rs the code NOT_FOUND.
func TestHostSignalOfAnExitedProcess(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Launch("c1", "true")
	p.WantExit("c1", "", 0)
	for _, exec := range []string{"", "c1"} {
		err := p.Signal(p.Ctx, "c1", exec, 15)
		harness.Refused(t, err, codes.NotFound, "process not found")
	}
	p.Must(p.Signal(p.Ctx, "c1", "", 9)) // what a forced stop sends first
}

// TestHostRemoveOfAGoneContainer: the shim's delete tolerates only texts with "not found"
// or "not exist", so other failures of a removal must not have them.
func TestHostRemoveOfAGoneContainer(t *testing.T) {
	p := newPod(t, harness.Options{})
	err := p.Remove(p.Ctx, "nobody")
	harness.Refused(t, err, codes.Internal, "invalid container id", `"nobody"`)
	p.Must(p.Do(p.Ctx, "RemoveStaleVirtiofsShareMounts", &protocols.RemoveStaleVirtiofsShareMountsRequest{}))
}

func TestHostMetricsAreNotNotFound(t *testing.T) {
	p := newPod(t, harness.Options{})
	var m protocols.Metrics
	p.Must(p.Call(p.Ctx, "GetMetrics", &protocols.GetMetricsRequest{}, &m))
	for _, family := range []string{"kata_agent_scrape_count", "kata_agent_threads", "kata_agent_total_rss", "kata_guest_load"} {
		if !strings.Contains(m.Metrics, "\n"+family) && !strings.HasPrefix(m.Metrics, family) {
			t.Errorf("no %s", family)
		}
	}
}

// TestHostImplementsWhatIsNotTolerated: UNIMPLEMENTED ends a sandbox's start for all but
// AddARPNeighbors and UpdateEphemeralMounts.
func TestHostImplementsWhatIsNotTolerated(t *testing.T) {
	a := harness.Start(t, harness.Options{Network: true})
	ctx := background(t)
	r, stream := a.Raw(t), uint32(1)
	for method, request := range map[string]protocols.Message{
		"OnlineCPUMem":                   &protocols.OnlineCPUMemRequest{},
		"GetGuestDetails":                &protocols.GuestDetailsRequest{MemBlockSize: true, MemHotplugProbe: true},
		"CreateSandbox":                  &protocols.CreateSandboxRequest{},
		"RemoveStaleVirtiofsShareMounts": &protocols.RemoveStaleVirtiofsShareMountsRequest{},
		"UpdateEphemeralMounts":          &protocols.UpdateEphemeralMountsRequest{},
		"UpdateInterface":                &protocols.UpdateInterfaceRequest{},
		"UpdateRoutes":                   &protocols.UpdateRoutesRequest{},
	} {
		r.Request(harness.Call{Stream: stream, Method: method, Request: request})
		if got := r.Answer(); codes.Code(got.Code) == codes.Unimplemented {
			t.Errorf("%s: %s", method, got.Text)
		}
		stream += 2
	}
	var d protocols.GuestDetailsResponse
	if err := a.Call(ctx, "GetGuestDetails", &protocols.GuestDetailsRequest{MemBlockSize: true, MemHotplugProbe: true}, &d); err != nil {
		t.Error(err)
	}
	if d.AgentDetails == nil || d.AgentDetails.Version == "" || !d.AgentDetails.SupportsSeccomp {
		t.Errorf("details: %v", d.AgentDetails)
	}
}

// TestHostStreamEndsWithTheProcess: the Go host waits for both streams to end before it
// asks for the exit, so a descendant that holds them must not keep them open for as long as it
// lives, which is longer than a read may take.
func TestHostStreamEndsWithTheProcess(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	p.Session("c1", "e", "sh", "-c", "echo before; sleep 10000 & exit 4")
	if out, err := p.ReadAll(p.Ctx, "c1", "e"); err != nil || string(out) != "before\n" {
		t.Errorf("stdout %q, %v", out, err)
	}
	if out, err := p.ReadStderr(p.Ctx, "c1", "e", 100); err != nil || len(out) > 0 {
		t.Errorf("stderr %q, %v", out, err)
	}
	p.WantExit("c1", "e", 4)
}

// TestHostOOMEventIsNeverEmpty: a server that answers at once has the shim emit events in
// a loop, and runtime-rs repeats a failed call without a pause, unless the text is that of a reset
// connection. With that the wait ends when the sandbox does, before the connection.
func TestHostOOMEventIsNeverEmpty(t *testing.T) {
	p := newPod(t, harness.Options{})
	r := p.Raw(t)
	r.Request(harness.Call{Stream: 1, Method: "GetOOMEvent", Request: &protocols.GetOOMEventRequest{}})
	p.Idle("c1")
	p.Delete("c1")
	check(t, r, 3) // and so no answer has come before
	p.Must(p.DestroySandbox(p.Ctx))
	end := r.Answer()
	answered(t, end, 1, codes.Internal)
	if text := end.Text; text != "sandbox is destroyed: Connection reset by peer" {
		t.Errorf("GetOOMEvent ends with %q", text)
	}
	var b [1]byte
	if n, err := r.Read(b[:]); n != 0 || err == nil {
		t.Errorf("GetOOMEvent has been answered twice: %d, %v", n, err)
	}
}

// TestHostForcedStopAfterAFailedStart is what the Go host does when StartContainer fails:
// kill, wait, remove.
func TestHostForcedStopAfterAFailedStart(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	p.Make("c1", "true")
	p.Must(p.Signal(p.Ctx, "c1", "", 9))
	p.WantExit("c1", "c1", 137)
	harness.Refused(t, p.StartContainer(p.Ctx, "c1"), codes.FailedPrecondition, `"c1"`, "stopped")
	p.Must(p.Signal(p.Ctx, "c1", "", 9))
	_, err := p.Wait(p.Ctx, "c1", "c1")
	harness.Refused(t, err, codes.NotFound)
	p.Delete("c1")
	p.NothingLeft(t, before)
}

// TestHostStartsManyContainersAtOnce is a node that comes back: all containers at a time.
func TestHostStartsManyContainersAtOnce(t *testing.T) {
	p := newPod(t, harness.Options{})
	before := p.Warm()
	const n = 10
	errs := make(chan error, n)
	for i := range n {
		go func() {
			cid := fmt.Sprintf("many-%d", i)
			errs <- func() error {
				if err := p.Create(p.Ctx, cid, p.Spec(cid, p.Rootfs, "sh", "-c", "echo $$; exit 3")); err != nil {
					return err
				}
				if err := p.StartContainer(p.Ctx, cid); err != nil {
					return err
				}
				if out, err := p.ReadAll(p.Ctx, cid, ""); err != nil || string(out) != "1\n" {
					return fmt.Errorf("output of %s: %q, %w", cid, out, err)
				}
				if code, err := p.Wait(p.Ctx, cid, ""); err != nil || code != 3 {
					return fmt.Errorf("exit of %s: %d, %w", cid, code, err)
				}
				return p.Remove(p.Ctx, cid)
			}()
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	p.NothingLeft(t, before)
}
