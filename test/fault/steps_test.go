// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// faults are what can happen at a point of a step; see actors/core/failpoint.
var faults = []string{"error", "panic", "block", "cancel"}

// elsewhere are the kinds of steps that no scenario here can reach, with the tests that make them fail.
var elsewhere = map[core.StepKind]string{
	core.StepQueued:        "nothing is done in it",
	core.StepPassedStreams: "TestPassedPortsThatDoNotCome",
	core.StepPull:          "TestRemovalGivesAGuestPullUp",
	core.StepUnseal:        "TestSealedSecrets",
}

// some is 1 where each point is tried, and k where each k-th is: KATA_FAULT_SOME.
var some = func() int {
	k, err := strconv.Atoi(os.Getenv("KATA_FAULT_SOME"))
	if err != nil {
		return 1
	}
	return max(k, 1)
}()

// TestFaultAtEachStep lets every step of every scenario fail, panic, stand still past the deadline of its
// caller, and lose its caller, before its work and after it. There is no difference afterwards, and the
// same ids work again. Unless the test is exhaustive, a point is tried in the first scenario that reaches it.
func TestFaultAtEachStep(t *testing.T) {
	reached := map[string]int{} // faults, by point
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) { stepsOf(t, s, reached) })
	}
	if t.Failed() || some > 1 || strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // not all of them were tried
	}
	total := 0
	for _, k := range core.StepKinds() {
		before, after := reached[k.Kind.Point()+".before"], reached[k.Kind.Point()+".after"]
		total += before + after
		if _, known := elsewhere[k.Kind]; !known && (before == 0 || after == 0) {
			t.Errorf("step %q: %d faults before it, %d after it; want a scenario that reaches both", k.Name, before, after)
		}
	}
	t.Logf("%d kinds of steps, %d faults", len(core.StepKinds()), total)
}

func stepsOf(t *testing.T, s scenario, reached map[string]int) {
	f := &failer{runner: runner{t: t, s: s}, file: filepath.Join(t.TempDir(), "points")}
	f.begin()
	for i, point := range f.points() {
		if i%some > 0 {
			continue
		}
		if reached[point] > 0 && !exhaustive {
			continue
		}
		for _, fault := range faults {
			if s.once {
				f.begin()
			}
			if f.fail(point, fault) {
				reached[point]++
			}
		}
	}
	t.Logf("%d faults", f.faults)
}

// failer is a runner whose agent has failpoints.
type failer struct {
	runner
	file string
	n    int
}

func (f *failer) begin() {
	f.t.Helper()
	f.set("")
	o := f.s.options
	o.Binary, o.Panics = harness.BuildFailpoints(f.t), true
	o.Env = append(slices.Clone(o.Env), "KATA_AGENT_FAILPOINTS="+f.file)
	f.start(o)
}

// set puts a fault at a point, the only one; none if it is empty.
func (f *failer) set(line string) {
	f.t.Helper()
	if err := os.WriteFile(f.file, []byte(line), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// hits are the points that were reached since forget, in order, each once.
func (f *failer) hits() (points []string) {
	text, _ := os.ReadFile(f.file + ".hits")
	for line := range strings.Lines(string(text)) {
		var h struct{ Point string }
		if json.Unmarshal([]byte(line), &h) == nil && !slices.Contains(points, h.Point) {
			points = append(points, h.Point)
		}
	}
	return points
}

func (f *failer) forget() { _ = os.Remove(f.file + ".hits") }

// points are those that a run reaches.
func (f *failer) points() []string {
	f.forget()
	f.must("run that is watched", f.s.run)
	return f.hits()
}

// fail runs the scenario with a fault at a point. It tells whether the fault has happened.
func (f *failer) fail(point, fault string) bool {
	f.t.Helper()
	// A caller's deadline is long enough when the point is reached before it.
	for limit := time.Second; limit < guard.Hang; limit *= 2 { // clock: where the search for the deadline begins
		f.n++
		f.forget()
		f.set(fmt.Sprintf("%s=1*%s(%s %d)\n", point, fault, point, f.n))
		ctx, cancel := context.WithTimeout(f.p.Ctx, lifeTimeout)
		if fault == "block" {
			cancel()
			ctx, cancel = context.WithTimeout(f.p.Ctx, limit)
		}
		err := f.s.run(ctx, f.p)
		cancel()
		if fault == "block" {
			time.Sleep(limit / 2) // clock: the agent has got the call later, and so has its deadline
		}
		f.set("")
		hit := slices.Contains(f.hits(), point)
		f.connect()
		if !hit && fault == "block" && err != nil {
			f.p.Must(f.once(f.s.clean))
			continue
		}
		if hit {
			f.check(point+" "+fault, err)
		}
		return hit
	}
	f.t.Errorf("%s was not reached before any deadline", point)
	return false
}

// connect makes a new connection in place of one that was closed.
func (f *failer) connect() {
	f.t.Helper()
	if f.p.Check(f.p.Ctx) == nil {
		return
	}
	f.p.Agent.Client.Close()
	c, err := harness.Dial(f.p.Address)
	f.p.Must(err)
	f.p.Agent.Client = c
}

// TestReleaseHasNoFailpointCode looks into the binary that is built without the tag, and into the one with it.
func TestReleaseHasNoFailpointCode(t *testing.T) {
	const variable = "KATA_AGENT_FAILPOINTS"
	for binary, want := range map[string]bool{harness.Build(t): false, harness.BuildFailpoints(t): true} {
		b, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{variable, "actors/core/failpoint."} {
			if has := bytes.Contains(b, []byte(word)); has != want {
				t.Errorf("%q in %s: %v, want %v", word, binary, has, want)
			}
		}
	}
}
