// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// fixture is the sandbox's actor on the test's goroutine. Containers are peers that only
// collect what they are told.
type fixture struct {
	*coretest.Actor
	t    *testing.T
	s    *sandbox
	done []string // what has been changed of the guest, and "undo" of it
	fail string   // the part of the guest that fails
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	st := &fixture{t: t}
	part := func(name string) error {
		if st.fail == name {
			return errors.New(name + " is broken")
		}
		st.done = append(st.done, name)
		return nil
	}
	undo := func(name string) func() error {
		return func() error { st.done = append(st.done, "undo "+name); return nil }
	}
	containers := &Containers{}
	b := New(Options{
		Guest: Guest{
			Stir: func(_ context.Context, salt ...[]byte) error {
				return part("stir " + string(bytes.Join(salt, []byte(" "))))
			},
			LoadModule: func(_ context.Context, name string, _ []string) error { return part("module " + name) },
			Namespaces: func(hostname string) (Namespaces, func() error, error) {
				return Namespaces{IPC: "/ipc", UTS: "/uts"}, undo("namespaces"), part("namespaces")
			},
			SetDNS: func([]string) (func() error, error) { return undo("dns"), part("dns") },
			Hooks:  func(string) (*specs.Hooks, error) { return &specs.Hooks{}, part("hooks") },
		},
		Container: &container.Options{Containers: containers}, Containers: containers,
	})
	st.s = b.(*sandbox)
	st.Actor = coretest.NewAt(t, "sandbox", b)
	return st
}

// create asks for a container and returns the answer to come.
func (st *fixture) create(cid string, shared bool) *coretest.Reply[struct{}] {
	st.t.Helper()
	m := &CreateContainer{SharedPID: shared}
	m.ID = id.Container(cid)
	return coretest.Ask(st.Actor, m)
}

// asked is the create that the container's actor was told; the test fails without one.
func (st *fixture) asked(cid string) *container.Create {
	st.t.Helper()
	for _, m := range st.Child("container/" + cid).Told() {
		if c, ok := m.(*container.Create); ok {
			st.t.Cleanup(c.PID.Release)
			return c
		}
	}
	st.t.Fatalf("container %s was not asked to be made", cid)
	return nil
}

// stands has a container made, whose init is the given number.
func (st *fixture) stands(cid string, pid int) {
	st.t.Helper()
	proc := st.t.TempDir()
	ns := filepath.Join(proc, fmt.Sprint(pid), "ns/pid")
	if err := os.MkdirAll(filepath.Dir(ns), 0o755); err != nil {
		st.t.Fatal(err)
	}
	if err := os.WriteFile(ns, []byte(cid), 0o600); err != nil {
		st.t.Fatal(err)
	}
	held, err := namespace.OpenPID(proc, pid)
	if err != nil {
		st.t.Fatal(err)
	}
	st.Tell(container.Created{ID: id.Container(cid), PID: held})
}

// goes is the end of a container's actor.
func (st *fixture) goes(cid string) {
	st.t.Helper()
	st.Tell(container.Forgotten{ID: id.Container(cid)})
	st.Child("container/" + cid).Exit(nil)
}

// joins says whose pid namespace a create was given: "" for one of its own.
func (st *fixture) joins(c *container.Create) string {
	st.t.Helper()
	if c.PID == nil {
		return ""
	}
	b, err := os.ReadFile(c.PID.Path())
	if err != nil {
		st.t.Fatal(err)
	}
	return string(b)
}

func (st *fixture) refused(r *coretest.Reply[struct{}], is error, words ...string) {
	st.t.Helper()
	_, err := r.Get()
	if !errors.Is(err, is) {
		st.t.Errorf("%v, want %v", err, is)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			st.t.Errorf("%q does not have %q", err, w)
		}
	}
}

// TestSharedPIDNamespace is that of the pod's first container, whether it asked for
// sharing or not, and for those that do ask.
func TestSharedPIDNamespace(t *testing.T) {
	for _, first := range []bool{true, false} {
		st := newFixture(t)
		st.create("pause", first)
		if got := st.joins(st.asked("pause")); got != "" {
			t.Errorf("the first container joins %q", got)
		}
		st.stands("pause", 100)
		st.create("alone", false)
		if got := st.joins(st.asked("alone")); got != "" {
			t.Errorf("a container that does not share joins %q", got)
		}
		st.create("app", true)
		if got := st.joins(st.asked("app")); got != "pause" {
			t.Errorf("joins %q", got)
		}
	}
}

// TestSharedPIDNamespaceIsWaitedFor while the first container is made.
func TestSharedPIDNamespaceIsWaitedFor(t *testing.T) {
	st := newFixture(t)
	st.create("pause", true)
	app := st.create("app", true)
	if len(st.Children()) != 1 || app.Done() {
		t.Fatal("the second container has not waited for the first")
	}
	st.create("alone", false) // who does not share does not wait
	st.asked("alone")
	st.stands("pause", 100)
	if got := st.joins(st.asked("app")); got != "pause" {
		t.Errorf("joins %q", got)
	}
}

// TestFirstContainerFails: the next one takes its place.
func TestFirstContainerFails(t *testing.T) {
	st := newFixture(t)
	st.create("pause", true)
	st.create("app", true)
	st.goes("pause")
	if got := st.joins(st.asked("app")); got != "" {
		t.Errorf("joins %q", got)
	}
	st.stands("app", 101)
	st.create("late", true)
	if got := st.joins(st.asked("late")); got != "app" {
		t.Errorf("joins %q", got)
	}
}

// TestFirstContainerGoes: its namespace is no more, which is an error for who wants it,
// until the pod is empty and begins anew.
func TestFirstContainerGoes(t *testing.T) {
	st := newFixture(t)
	st.create("pause", true)
	st.stands("pause", 100)
	st.create("app", true)
	st.stands("app", 101)
	st.goes("pause")
	st.refused(st.create("late", true), ErrNoPIDNS, `"late"`, `"pause"`, "Sandbox does not have sandbox_pidns")
	st.create("alone", false)
	st.goes("alone")
	st.goes("app")
	st.create("new", true)
	if got := st.joins(st.asked("new")); got != "" {
		t.Errorf("joins %q", got)
	}
}

func TestDirectory(t *testing.T) {
	st := newFixture(t)
	st.create("c1", false)
	ref, ok := st.s.options.Containers.Get("c1")
	if !ok || ref != st.Child("container/c1").Ref {
		t.Error("a container that is being made is not in the directory")
	}
	st.refused(st.create("c1", false), ErrExists, `"c1"`)
	st.refused(st.create("../c2", false), id.ErrInvalid)
	st.Tell(container.Forgotten{ID: "c1"})
	if _, ok := st.s.options.Containers.Get("c1"); ok {
		t.Error("a forgotten container is in the directory")
	}

	// The actor of the first is not dead yet: the second waits for that, and no longer.
	again := st.create("c1", false)
	if len(st.Children()) != 1 || again.Done() {
		t.Fatal("made before the first was gone")
	}
	st.Child("container/c1").Exit(nil)
	if len(st.Children()) != 2 {
		t.Fatal("not made when the first was gone")
	}
	st.asked("c1")
}

// TestLostContainer is one whose actor has panicked: nobody waits for it, the id is free.
func TestLostContainer(t *testing.T) {
	st := newFixture(t)
	r := st.create("c1", false)
	st.Child("container/c1").Exit(errors.New("internal error"))
	if _, err := r.Get(); !errors.Is(err, core.ErrStopped) {
		t.Errorf("got %v, want %v", err, core.ErrStopped)
	}
	st.create("c1", false)
	st.asked("c1")
}

func TestCreateSandbox(t *testing.T) {
	st := newFixture(t)
	r := coretest.Ask(st.Actor, &Create{ID: "pod", Hostname: "h", HookPath: "/hooks", Modules: []Module{{Name: "m"}}})
	st.refused(coretest.Ask(st.Actor, &Create{ID: "other"}), ErrExists, `"pod"`)
	st.Work(0).Run()
	if _, err := r.Get(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(st.done, ", "); got != "stir pod h, module m, namespaces, hooks, dns" {
		t.Errorf("done: %s", got)
	}
	st.refused(coretest.Ask(st.Actor, &Create{ID: "pod"}), ErrExists, `"pod"`)
	st.create("c1", false)
	if c := st.asked("c1"); c.IPC != "/ipc" || c.UTS != "/uts" || c.GuestHooks == nil {
		t.Errorf("the container does not get what the pod has: %+v", c)
	}
}

// TestFailedCreateSandbox is undone, and can be repeated.
func TestFailedCreateSandbox(t *testing.T) {
	st := newFixture(t)
	st.fail = "dns"
	r := coretest.Ask(st.Actor, &Create{ID: "pod"})
	st.Work(0).Run()
	if _, err := r.Get(); err == nil || !strings.Contains(err.Error(), "dns is broken") {
		t.Errorf("got %v, want an error with %q", err, "dns is broken")
	}
	if got := strings.Join(st.done, ", "); got != "stir pod , namespaces, undo namespaces" {
		t.Errorf("done: %s", got)
	}
	st.fail = ""
	r = coretest.Ask(st.Actor, &Create{ID: "pod"})
	st.Work(0).Run()
	if _, err := r.Get(); err != nil {
		t.Error(err)
	}
}

// TestCreateSandboxWhoseCallerGoesAtTheLastMoment is undone, since the host was told that it has failed.
func TestCreateSandboxWhoseCallerGoesAtTheLastMoment(t *testing.T) {
	st := newFixture(t)
	r := coretest.Ask(st.Actor, &Create{ID: "pod"})
	out := &setUp{undo: []func() error{func() error { st.done = append(st.done, "undo"); return nil }}}
	r.Cancel()
	st.Work(0).Complete(out, nil)
	st.Work(0).Run()
	if got := strings.Join(st.done, ", "); got != "undo" {
		t.Errorf("done: %s", got)
	}
	again := coretest.Ask(st.Actor, &Create{ID: "pod"})
	st.Work(0).Run()
	if _, err := again.Get(); err != nil {
		t.Errorf("the next create: %v", err)
	}
}

// TestHooksThatCannotBeRead are a fault of the guest image that hosts do not know of.
func TestHooksThatCannotBeRead(t *testing.T) {
	st := newFixture(t)
	st.fail = "hooks"
	r := coretest.Ask(st.Actor, &Create{ID: "pod", HookPath: "/hooks"})
	st.Work(0).Run()
	if _, err := r.Get(); err != nil {
		t.Error(err)
	}
}

func TestTooManyCreates(t *testing.T) {
	st := newFixture(t)
	for i := range maxMaking {
		st.create(fmt.Sprint("c", i), false)
	}
	st.refused(st.create("more", false), ErrFull, `"more"`, "1024 are under way")
	st.stands("c0", 100)
	if r := st.create("more", false); r.Done() {
		_, err := r.Get()
		t.Errorf("with room again: %v", err)
	}
	st.goes("c1")
	if r := st.create("another", false); r.Done() {
		t.Error("with room again after a create that failed: refused")
	}
}

func TestDestroyRefusesNewContainers(t *testing.T) {
	st := newFixture(t)
	coretest.Ask(st.Actor, &Destroy{})
	st.refused(st.create("c1", false), ErrDestroyed, `"c1"`)
	st.refused(coretest.Ask(st.Actor, &Create{}), ErrDestroyed)
}

// TestDestroyWaitsForACreate of the sandbox, which it gives up.
func TestDestroyWaitsForACreate(t *testing.T) {
	st := newFixture(t)
	create := coretest.Ask(st.Actor, &Create{ID: "pod"})
	coretest.Ask(st.Actor, &Destroy{})
	if len(st.Works()) != 1 {
		t.Fatal("destroyed while it is created")
	}
	st.Work(0).Run()
	if _, err := create.Get(); !errors.Is(err, context.Canceled) {
		t.Errorf("create: %v, want %v", err, context.Canceled)
	}
	if got := strings.Join(st.done, ", "); strings.Count(got, "undo") != 2 {
		t.Errorf("done: %s", got)
	}
	if len(st.Works()) != 1 {
		t.Error("not destroyed after the create")
	}
}

func next(st *fixture) *coretest.Reply[id.Container] { return coretest.Ask(st.Actor, &NextOOM{}) }

func TestOOMKills(t *testing.T) {
	st := newFixture(t)
	st.s.id = "pod"
	st.Tell(container.OOMKilled{ID: "pod"}) // the pod's own container: no event
	first, second := next(st), next(st)
	if first.Done() {
		t.Fatal("answered without a kill")
	}
	for _, c := range []id.Container{"a", "b", "c", "c"} {
		st.Tell(container.OOMKilled{ID: c})
	}
	for i, want := range []id.Container{"a", "b", "c", "c"} {
		r := []*coretest.Reply[id.Container]{first, second, nil, nil}[i]
		if r == nil {
			r = next(st)
		}
		if got, err := r.Get(); err != nil || got != want {
			t.Errorf("kill %d: %q, %v; want %q", i, got, err, want)
		}
	}
	if next(st).Done() {
		t.Error("one kill too many")
	}
}

// TestOOMAskersThatHaveGone take no kill with them and leave nothing behind.
func TestOOMAskersThatHaveGone(t *testing.T) {
	st := newFixture(t)
	for range 1000 {
		next(st).Cancel()
	}
	if n, most := st.s.oom.waiting.Len(), 50; n > most {
		t.Errorf("%d askers are kept, want at most %d", n, most)
	}
	st.Tell(container.OOMKilled{ID: "a"})
	if got, err := next(st).Get(); err != nil || got != "a" {
		t.Errorf("%q, %v, want %q", got, err, "a")
	}
}

// TestDestroyEndsTheWaitForOOMKills with an answer, before its own; so it does for those who ask later.
func TestDestroyEndsTheWaitForOOMKills(t *testing.T) {
	st := newFixture(t)
	gone, waits := next(st), next(st)
	gone.Cancel()
	destroy := coretest.Ask(st.Actor, &Destroy{})
	if waits.Done() {
		t.Error("answered while containers may still be killed")
	}
	st.Work(0).Run()
	for when, r := range map[string]*coretest.Reply[id.Container]{"before": waits, "after": next(st)} {
		if !r.Done() {
			t.Errorf("asked %s the end: no answer, want %v", when, ErrNoMoreOOM)
			continue
		}
		if got, err := r.Get(); got != "" || !errors.Is(err, ErrNoMoreOOM) {
			t.Errorf("asked %s the end: %q, %v; want %v", when, got, err, ErrNoMoreOOM)
		}
	}
	if _, err := destroy.Get(); err != nil {
		t.Errorf("destroy: %v, want no error", err)
	}
}

// TestOOMKillsNobodyAsksFor: the latest are kept, so many and no more.
func TestOOMKillsNobodyAsksFor(t *testing.T) {
	st := newFixture(t)
	for i := range oomLimit + 5 {
		st.Tell(container.OOMKilled{ID: id.Container(fmt.Sprint(i))})
	}
	if got, err := next(st).Get(); err != nil || got != "5" {
		t.Errorf("%q, %v, want %q", got, err, "5")
	}
	if n := len(st.s.oom.kills); n != oomLimit-1 {
		t.Errorf("%d are kept", n)
	}
}
