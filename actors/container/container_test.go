// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/stdio"
	"github.com/kata-containers/kata-agent/guest/sys/pidfd"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// fixture is a container's actor on the test's goroutine. Its works are completed by hand;
// no container is made.
type fixture struct {
	*coretest.Actor
	t      *testing.T
	parent *coretest.Peer
	c      *container
	undone []string // names of the undo steps that have run
	fail   error    // of the undo steps
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	poller, err := stdio.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { poller.Close() })
	s := &fixture{t: t}
	c := &container{
		id: "c1",
		options: &Options{
			Poller: poller, Processes: &process.Directory{}, Containers: &core.Directory[id.Container, core.Ref]{}, Warn: func(err error) { t.Error(err) },
		},
		procs: map[id.Exec]*entry{}, starting: map[id.Exec]*Exec{},
	}
	s.c = c
	s.Actor = coretest.NewAt(t, "sandbox/container/c1", c)
	s.parent = s.Peer("sandbox")
	c.parent = s.parent.Ref
	t.Cleanup(func() {
		for _, e := range c.procs {
			e.handle.IO.Close()
		}
	})
	return s
}

// child is a process of the test's with pipes, as a start gives it.
func (s *fixture) child() *started {
	s.t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	fd, err := pidfd.Open(cmd.Process.Pid)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		fd.Close()
	})
	pipes, _, err := stdio.OpenPipes(stdio.PipeOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	pipes.Child.Close()
	return &started{
		process: runtime.NewProcess(cmd.Process.Pid, fd, nil),
		streams: process.Streams{Pipes: pipes.Agent},
	}
}

// made is what the work of a create gives.
func (s *fixture) made() *made {
	p := s.child()
	m := &made{os: &runtime.Container{}, init: p.process, streams: p.streams}
	for _, name := range []string{"storage", "bundle", "container"} {
		m.undo.add(name, func(context.Context) error {
			if s.fail == nil {
				s.undone = append(s.undone, name)
			}
			return s.fail
		})
	}
	return m
}

func (s *fixture) ask(m core.Request[struct{}]) *coretest.Reply[struct{}] {
	s.t.Helper()
	return coretest.Ask(s.Actor, m)
}

// create brings the container into the state created.
func (s *fixture) create() {
	s.t.Helper()
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{Process: &specs.Process{}}})
	if r.Done() {
		s.t.Fatal("answered before it was made")
	}
	s.Work(0).Complete(s.made(), nil)
	s.ok(r)
	told := s.parent.Told()
	if len(told) != 1 || told[0].(Created).ID != "c1" {
		s.t.Fatalf("the sandbox was told %v", told)
	}
}

// do asks for an exclusive operation and completes it.
func (s *fixture) do(m core.Request[struct{}]) {
	s.t.Helper()
	r := s.ask(m)
	s.Work(0).Complete(nil, nil)
	s.ok(r)
}

func (s *fixture) ok(r *coretest.Reply[struct{}]) {
	s.t.Helper()
	if _, err := r.Get(); err != nil {
		s.t.Fatal(err)
	}
}

// refused checks that an operation was refused at once, by a sentence with the words.
func (s *fixture) refused(r *coretest.Reply[struct{}], is error, words ...string) {
	s.t.Helper()
	_, err := r.Get()
	if !errors.Is(err, is) {
		s.t.Errorf("error %v, want %v", err, is)
		return
	}
	for _, w := range append(words, `"c1"`) {
		if !strings.Contains(err.Error(), w) {
			s.t.Errorf("error %q does not have %q", err, w)
		}
	}
}

// initExits tells the container that its init has.
func (s *fixture) initExits() {
	s.Tell(process.Exited{Handle: s.c.procs["c1"].handle, Status: 0})
}

func newExec(name string) *Exec {
	return &Exec{ExecID: id.Exec(name), Process: &specs.Process{Args: []string{"true"}}}
}

// TestStates is the whole table: which operation is allowed in which state, and the state
// it leads to.
func TestStates(t *testing.T) {
	into := map[string]func(*fixture){
		"created": func(s *fixture) {},
		"running": func(s *fixture) { s.do(&Start{}) },
		"paused":  func(s *fixture) { s.do(&Start{}); s.do(&Pause{}) },
		"stopped": func(s *fixture) { s.do(&Start{}); s.initExits() },
	}
	operations := map[string]struct {
		ask  func() core.Request[struct{}]
		word string
		to   map[string]string // from the states in which it is allowed
	}{
		"start":  {func() core.Request[struct{}] { return &Start{} }, "start", map[string]string{"created": "running"}},
		"pause":  {func() core.Request[struct{}] { return &Pause{} }, "pause", map[string]string{"created": "paused", "running": "paused"}},
		"resume": {func() core.Request[struct{}] { return &Resume{} }, "resume", map[string]string{"paused": "running"}},
		"update": {func() core.Request[struct{}] { return &Update{} }, "update", map[string]string{"created": "created", "running": "running", "paused": "paused"}},
		"exec":   {func() core.Request[struct{}] { return newExec("e") }, "exec in", map[string]string{"created": "created", "running": "running"}},
	}
	for from, enter := range into {
		for name, op := range operations {
			t.Run(name+" when "+from, func(t *testing.T) {
				s := newFixture(t)
				s.create()
				enter(s)
				r := s.ask(op.ask())
				to, allowed := op.to[from]
				switch {
				case !allowed:
					s.refused(r, ErrState, "cannot "+op.word, from)
					to = from
				case name == "exec":
					s.Work(0).Complete(s.child(), nil)
					s.ok(r)
				default:
					s.Work(0).Complete(nil, nil)
					s.ok(r)
				}
				if got := s.c.state.String(); got != to {
					t.Errorf("state %s, want %s", got, to)
				}
			})
		}
	}
}

// TestFailedOperationKeepsTheState, and the next one is let in.
func TestFailedOperationKeepsTheState(t *testing.T) {
	s := newFixture(t)
	s.create()
	broken := errors.New("broken")
	for _, m := range []core.Request[struct{}]{&Start{}, &Pause{}, &Update{}} {
		r := s.ask(m)
		s.Work(0).Complete(nil, broken)
		if _, err := r.Get(); !errors.Is(err, broken) {
			t.Errorf("%T: %v, want %v", m, err, broken)
		}
		if s.c.state != created {
			t.Errorf("%T: %s", m, s.c.state)
		}
	}
	s.do(&Start{})
}

// TestPausedCreatedContainer goes back to where it came from.
func TestPausedCreatedContainer(t *testing.T) {
	s := newFixture(t)
	s.create()
	s.do(&Pause{})
	s.do(&Resume{})
	if s.c.state != created {
		t.Errorf("state %s", s.c.state)
	}
	s.do(&Start{})
}

// TestOneExclusiveOperationAtATime: others wait in their order, but sessions, signals to
// all and figures do not.
func TestOneExclusiveOperationAtATime(t *testing.T) {
	s := newFixture(t)
	s.create()
	start := s.ask(&Start{})
	update, pause := s.ask(&Update{}), s.ask(&Pause{})
	if n := len(s.Works()); n != 1 {
		t.Fatalf("%d works at a time", n)
	}
	kill, stats := s.ask(&KillAll{}), coretest.Ask(s.Actor, &Stats{})
	session := s.ask(newExec("e"))
	if n := len(s.Works()); n != 4 {
		t.Fatalf("%d works, want that of the start and three that do not wait", n)
	}
	s.Work(3).Complete(s.child(), nil)
	s.ok(session)
	s.Work(2).Complete(nil, nil)
	if _, err := stats.Get(); err != nil {
		t.Error(err)
	}
	s.Work(1).Complete(nil, nil)
	s.ok(kill)
	s.Work(0).Complete(nil, nil)
	s.ok(start)
	if update.Done() || pause.Done() {
		t.Fatal("an operation has not waited for its turn")
	}
	s.Work(0).Complete(nil, nil)
	s.ok(update)
	s.Work(0).Complete(nil, nil)
	s.ok(pause)
	if s.c.state != paused {
		t.Errorf("state %s", s.c.state)
	}
}

// TestCanceledOperationIsNotDone: one whose caller has gone away while it was parked.
func TestCanceledOperationIsNotDone(t *testing.T) {
	s := newFixture(t)
	s.create()
	update := s.ask(&Update{})
	start, pause := s.ask(&Start{}), s.ask(&Pause{})
	start.Cancel()
	s.Work(0).Complete(nil, nil)
	s.ok(update)
	s.Work(0).Complete(nil, nil)
	s.ok(pause)
	if s.c.resumeTo != created {
		t.Errorf("the start has been done: paused from %s", s.c.resumeTo)
	}
}

// TestPauseWaitsForStartingSessions, and later sessions wait for the pause.
func TestPauseWaitsForStartingSessions(t *testing.T) {
	s := newFixture(t)
	s.create()
	s.do(&Start{})
	first := s.ask(newExec("first"))
	pause, late := s.ask(&Pause{}), s.ask(newExec("late"))
	if n := len(s.Works()); n != 1 {
		t.Fatalf("%d works, want the first session's only", n)
	}
	s.Work(0).Complete(s.child(), nil)
	s.ok(first)
	s.Work(0).Complete(nil, nil) // the pause
	s.ok(pause)
	s.refused(late, ErrState, "paused")
}

// TestPauseThatIsGivenUp lets the sessions that wait for it start.
func TestPauseThatIsGivenUp(t *testing.T) {
	s := newFixture(t)
	s.create()
	s.do(&Start{})
	s.ask(newExec("hangs"))
	pause, late := s.ask(&Pause{}), s.ask(newExec("late"))
	s.Tell(lookAgain{}) // it waits on
	if late.Done() || len(s.Works()) != 1 {
		t.Fatal("a session has not waited for the pause")
	}
	pause.Cancel()
	for len(s.Works()) < 2 { // until it is told that who has asked for the pause has gone
		goruntime.Gosched()
		s.Run()
	}
	s.Work(1).Complete(s.child(), nil)
	s.ok(late)
	if s.c.state != running {
		t.Errorf("state %s", s.c.state)
	}
}

func TestExecIDs(t *testing.T) {
	s := newFixture(t)
	s.create()
	for _, bad := range []string{"", strings.Repeat("e", 2000)} {
		if _, err := s.ask(newExec(bad)).Get(); err == nil {
			t.Errorf("id of %d bytes taken", len(bad))
		}
	}
	s.refused(s.ask(newExec("c1")), ErrExecExists)
	first := s.ask(newExec("e"))
	s.refused(s.ask(newExec("e")), ErrExecExists, "exec_id 'e'") // while it starts
	s.Work(0).Complete(s.child(), nil)
	s.ok(first)
	s.refused(s.ask(newExec("e")), ErrExecExists)
	handle := s.c.procs["e"].handle
	s.Tell(process.Exited{Handle: handle})
	s.refused(s.ask(newExec("e")), ErrExecExists) // not waited for
	s.Tell(process.Waited{Handle: handle})
	superseding := s.ask(newExec("e"))
	s.Work(0).Complete((*started)(nil), errors.New("no such program"))
	if _, err := superseding.Get(); errors.Is(err, ErrExecExists) {
		t.Errorf("%v, want that the id of a session that was waited for is free", err)
	}
	s.Tell(process.Gone{Handle: handle})
	if _, ok := s.c.options.Processes.Get(handle.Key); ok {
		t.Error("a process that is gone is still in the directory")
	}
	again := s.ask(newExec("e"))
	s.Work(0).Complete(s.child(), nil)
	s.ok(again)
	// Late words of the first life do not touch the second.
	s.Tell(process.Gone{Handle: handle})
	if s.c.procs["e"] == nil {
		t.Error("the second process has been dropped with the first")
	}

	failing := s.ask(newExec("f"))
	s.Work(0).Complete((*started)(nil), errors.New("no such program"))
	if _, err := failing.Get(); err == nil {
		t.Error("no error")
	}
	free := s.ask(newExec("f"))
	s.Work(0).Complete(s.child(), nil)
	s.ok(free)
}

// TestSessionNobodyWaitsFor is killed when it stands.
func TestSessionNobodyWaitsFor(t *testing.T) {
	s := newFixture(t)
	s.create()
	r := s.ask(newExec("e"))
	r.Cancel()
	p := s.child()
	s.Work(0).Complete(p, nil)
	p.process.WaitGone() // hangs if it was not killed
	if s.c.procs["e"] != nil {
		t.Error("it was entered")
	}
}

func TestFailedCreate(t *testing.T) {
	s := newFixture(t)
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{}})
	later := s.ask(&Start{})
	broken := errors.New("broken")
	s.Work(0).Complete((*made)(nil), broken)
	if _, err := r.Get(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if _, err := later.Get(); !errors.Is(err, core.ErrStopped) {
		t.Errorf("what waited: %v, want %v", err, core.ErrStopped)
	}
	if told := s.parent.Told(); len(told) != 1 || told[0] != (Forgotten{ID: "c1"}) {
		t.Errorf("the sandbox was told %v", told)
	}
	if s.Alive() {
		t.Error("the actor lives on")
	}
}

// TestPanicInACreateUndoesIt: what the work had entered is undone before the answer.
func TestPanicInACreateUndoesIt(t *testing.T) {
	s := newFixture(t)
	s.c.options.BundleRoot = t.TempDir()
	rootfs := t.TempDir()
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{ // without a process: the bundle stands, then it panics
		Root: &specs.Root{Path: rootfs}, Linux: &specs.Linux{},
	}})
	s.Work(0).Run()
	if _, err := r.Get(); !errors.Is(err, core.ErrPanicked) {
		t.Errorf("%v, want that the work has panicked", err)
	}
	_ = s.Cause() // expected
	if left, err := os.ReadDir(s.c.options.BundleRoot); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v, want nothing", left, err)
	}
	if told := s.parent.Told(); len(told) != 1 || told[0] != (Forgotten{ID: "c1"}) {
		t.Errorf("the sandbox was told %v, want that the id is free", told)
	}
}

// TestCreateWhoseTimeIsOverIsNotBegun: it has waited in the mailbox for too long.
func TestCreateWhoseTimeIsOverIsNotBegun(t *testing.T) {
	s := newFixture(t)
	s.c.busy = true
	s.ask(&Create{ID: "c1", Spec: &specs.Spec{}}).Cancel()
	s.c.busy = false
	s.Tell(lookAgain{})
	if n := len(s.Works()); n > 0 {
		t.Errorf("%d works, want none", n)
	}
	if told := s.parent.Told(); len(told) != 1 || told[0] != (Forgotten{ID: "c1"}) || s.Alive() {
		t.Errorf("the sandbox was told %v, want that the id is free", told)
	}
}

// TestCreateWhoseCallerGoesAtTheLastMoment: the container stands, but its create was answered with
// DEADLINE_EXCEEDED, so nobody would remove it: it is undone, and nobody was told of it.
func TestCreateWhoseCallerGoesAtTheLastMoment(t *testing.T) {
	s := newFixture(t)
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{Process: &specs.Process{}}})
	r.Cancel()
	s.Work(0).Complete(s.made(), nil)
	s.Work(0).Run()
	if got := strings.Join(s.undone, " "); got != "container bundle storage" {
		t.Errorf("undone: %s", got)
	}
	if told := s.parent.Told(); len(told) != 1 || told[0] != (Forgotten{ID: "c1"}) || s.Alive() {
		t.Errorf("the sandbox was told %v, want that the id is free", told)
	}
}

// TestNobodyFindsARemovedContainer: it has left the directory before the one who removes it is answered,
// whatever the sandbox is doing.
func TestNobodyFindsARemovedContainer(t *testing.T) {
	s := newFixture(t)
	s.create()
	s.c.options.Containers.Put("c1", core.Ref{})
	r := s.ask(&Remove{})
	s.Work(0).Run()
	s.initExits()
	s.ok(r)
	if _, there := s.c.options.Containers.Get("c1"); there {
		t.Error("the container is in the directory after its removal was answered")
	}
}

// TestContainerThatCannotBeWatched is undone as a create that has failed, not as a
// container that has lived: its volumes are not kept.
func TestContainerThatCannotBeWatched(t *testing.T) {
	s := newFixture(t)
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{Process: &specs.Process{}}})
	m := s.made()
	var stands []bool
	m.undo.addStep("volume", func(_ context.Context, b bool) error { stands = append(stands, b); return nil })
	m.init.PidFD.Close() // nothing tells of its exit
	s.Work(0).Complete(m, nil)
	s.Work(0).Run()
	if _, err := r.Get(); err == nil {
		t.Error("the create was answered without an error")
	}
	if len(stands) != 1 || stands[0] {
		t.Errorf("the volume was released as one of a container that stands: %v, want [false]", stands)
	}
}

// TestUndoIsTriedAgain until nothing of a failed create is left; the id is free then.
func TestUndoIsTriedAgain(t *testing.T) {
	s := newFixture(t)
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{Process: &specs.Process{}}})
	m := s.made()
	m.init.PidFD.Close()
	s.fail = errors.New("too many open files")
	s.Work(0).Complete(m, nil)
	s.Work(0).Run()
	s.refused(r, s.fail)
	for range 3 {
		s.Timers()[0].Fire()
		s.Work(0).Run()
	}
	if told := s.parent.Told(); len(told) > 0 || !s.Alive() {
		t.Errorf("the sandbox was told %v, while something is left", told)
	}
	s.fail = nil
	s.Timers()[0].Fire()
	s.Work(0).Run()
	if got := strings.Join(s.undone, " "); got != "container bundle storage" {
		t.Errorf("undone: %q, want everything, last first", got)
	}
	if told := s.parent.Told(); len(told) != 1 || told[0] != (Forgotten{ID: "c1"}) || s.Alive() {
		t.Errorf("the sandbox was told %v, want that the id is free", told)
	}
}

// TestRemovalWaitsForKillers: whoever kills by the cgroup's path has ended before the id is
// free, as the next container of that id has the same path.
func TestRemovalWaitsForKillers(t *testing.T) {
	s := newFixture(t)
	s.create()
	kill := s.ask(&KillAll{})
	killer := s.Work(0)
	remove := s.ask(&Remove{})
	s.Work(1).Run()
	s.initExits()
	if remove.Done() {
		t.Fatal("answered while somebody still kills")
	}
	killer.Complete(struct{}{}, nil)
	s.ok(kill)
	s.ok(remove)
}

// TestRemove undoes the steps, last first, waits for the exits, and then forgets.
func TestRemove(t *testing.T) {
	s := newFixture(t)
	s.create()
	s.do(&Start{})
	first, second := s.ask(&Remove{}), s.ask(&Remove{})
	s.refused(s.ask(newExec("e")), ErrGivenUp)
	start := s.ask(&Start{})
	s.Work(0).Run()
	if got := strings.Join(s.undone, " "); got != "container bundle storage" {
		t.Errorf("undone: %s", got)
	}
	if first.Done() {
		t.Fatal("answered before init has exited")
	}
	s.parent.Told()
	handle := s.c.procs["c1"].handle
	s.initExits()
	s.ok(first)
	s.ok(second)
	if told := s.parent.Told(); len(told) != 1 || told[0] != (Forgotten{ID: "c1"}) {
		t.Errorf("the sandbox was told %v", told)
	}
	if _, err := start.Get(); !errors.Is(err, core.ErrStopped) {
		t.Errorf("what waited: %v, want %v", err, core.ErrStopped)
	}
	if _, ok := s.c.options.Processes.Get(handle.Key); ok || s.Alive() {
		t.Error("something of the container is left")
	}
}

// TestRemoveDoesNotWaitForEver for the exit of a process that has been killed.
func TestRemoveDoesNotWaitForEver(t *testing.T) {
	s := newFixture(t)
	s.create()
	r := s.ask(&Remove{})
	s.Work(0).Run()
	s.Timers()[0].Fire()
	s.ok(r)
}

// TestFailedRemoveCanBeRepeated and does not undo twice.
func TestFailedRemoveCanBeRepeated(t *testing.T) {
	s := newFixture(t)
	s.create()
	s.fail = errors.New("device or resource busy")
	r := s.ask(&Remove{})
	s.Work(0).Run()
	if _, err := r.Get(); !errors.Is(err, s.fail) {
		t.Errorf("got %v, want %v", err, s.fail)
	}
	if !s.Alive() || len(s.c.undo.steps) != 3 {
		t.Fatal("the container was dropped")
	}
	s.fail = nil
	r = s.ask(&Remove{})
	s.Work(0).Run()
	s.initExits()
	s.ok(r)
	if got := strings.Join(s.undone, " "); got != "container bundle storage" {
		t.Errorf("undone: %s", got)
	}
}

// TestRemoveGivesACreateUp: the create fails and the removal succeeds, in one step.
func TestRemoveGivesACreateUp(t *testing.T) {
	s := newFixture(t)
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{}})
	remove := s.ask(&Remove{})
	if remove.Done() {
		t.Fatal("answered while the create is under way")
	}
	s.Work(0).Complete((*made)(nil), context.Canceled) // what the work gives when its context ends
	s.refused(r, ErrGivenUp)
	s.ok(remove)
	if told := s.parent.Told(); len(told) != 1 || told[0] != (Forgotten{ID: "c1"}) {
		t.Errorf("the sandbox was told %v", told)
	}
}

// TestRemoveAfterACreateThatWasFaster undoes what stands.
func TestRemoveAfterACreateThatWasFaster(t *testing.T) {
	s := newFixture(t)
	r := s.ask(&Create{ID: "c1", Spec: &specs.Spec{}})
	remove := s.ask(&Remove{})
	s.Work(0).Complete(s.made(), nil)
	s.ok(r)
	s.Work(0).Run()
	s.initExits()
	s.ok(remove)
	if got := strings.Join(s.undone, " "); got != "container bundle storage" {
		t.Errorf("undone: %s", got)
	}
}

// TestSessionThatComesTooLate for a removal is ended, not entered.
func TestSessionThatComesTooLate(t *testing.T) {
	s := newFixture(t)
	s.create()
	session := s.ask(newExec("e"))
	s.ask(&Remove{})
	p := s.child()
	s.Work(0).Complete(p, nil)
	s.refused(session, ErrGivenUp)
	p.process.WaitGone()
}

// TestSessionThatFailsBesideARemoval was given up, whatever it has met: its container's init is killed.
func TestSessionThatFailsBesideARemoval(t *testing.T) {
	s := newFixture(t)
	s.create()
	session := s.ask(newExec("e"))
	s.ask(&Remove{})
	s.Work(0).Complete((*started)(nil), runtime.ErrStopped)
	s.refused(session, ErrGivenUp)
}

// TestRemovalWaitsForSessionsThatStart: such a session hears why it has none, and nothing of it comes after the id is free.
func TestRemovalWaitsForSessionsThatStart(t *testing.T) {
	s := newFixture(t)
	s.create()
	session := s.ask(newExec("e"))
	remove := s.ask(&Remove{})
	s.Work(1).Run()
	s.initExits()
	if remove.Done() {
		t.Fatal("the removal is answered, want it to wait for the session that starts")
	}
	s.Work(0).Complete((*started)(nil), runtime.ErrStopped)
	s.refused(session, ErrGivenUp)
	s.ok(remove)
}

// TestRemovalClearsTheJournal: of a container that is gone nothing is left for the next agent, also of processes that
// nobody has waited for.
func TestRemovalClearsTheJournal(t *testing.T) {
	s := newFixture(t)
	j, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.c.options.Journal = j
	s.create()
	s.do(&Start{})
	s.initExits()
	j.Flush()
	if left, err := Records(j); err != nil || len(left.Ends) != 1 {
		t.Errorf("before the removal the journal has %+v, %v, want the end of the first process", left, err)
	}
	remove := s.ask(&Remove{})
	s.Work(0).Run()
	s.ok(remove)
	j.Flush()
	if left, err := Records(j); err != nil || len(left.Ends) != 0 || len(left.Sessions) != 0 {
		t.Errorf("after it the journal has %+v, %v, want nothing", left, err)
	}
}

// TestNoOperationWhileExitsAreAwaited: what a removal has undone is not worked on any more.
func TestNoOperationWhileExitsAreAwaited(t *testing.T) {
	s := newFixture(t)
	s.create()
	s.do(&Start{})
	s.do(&Pause{})
	remove := s.ask(&Remove{})
	s.Work(0).Run()
	s.refused(s.ask(&Resume{}), ErrGivenUp)
	s.initExits()
	s.ok(remove)
}

// TestRemovalDoesNotWaitForEverForASession that starts: whoever has asked for it hears that the container is removed.
func TestRemovalDoesNotWaitForEverForASession(t *testing.T) {
	s := newFixture(t)
	s.create()
	session := s.ask(newExec("e"))
	remove := s.ask(&Remove{})
	s.Work(1).Run()
	s.initExits()
	s.Timers()[0].Fire()
	s.ok(remove)
	s.refused(session, ErrGivenUp)
}

// TestPanicTellsEverybody: who waits is answered, the directory has no dead entries.
func TestPanicTellsEverybody(t *testing.T) {
	s := newFixture(t)
	s.create()
	start := s.ask(&Start{})
	handle := s.c.procs["c1"].handle
	s.c.starting = nil // the next session's entry is one into a nil map
	session := s.ask(newExec("e"))
	for _, r := range []*coretest.Reply[struct{}]{start, session} {
		if _, err := r.Get(); !errors.Is(err, core.ErrStopped) {
			t.Errorf("got %v, want %v", err, core.ErrStopped)
		}
	}
	if !errors.Is(s.Cause(), core.ErrPanicked) {
		t.Errorf("cause: %v, want %v", s.Cause(), core.ErrPanicked)
	}
	if _, ok := s.c.options.Processes.Get(handle.Key); ok {
		t.Error("a process of a dead container is in the directory")
	}
	handle.IO.Close()
}

// TestPanicOfASessionFreesItsID: its actor tells nothing of its end any more.
func TestPanicOfASessionFreesItsID(t *testing.T) {
	s := newFixture(t)
	s.create()
	first := s.ask(newExec("e"))
	s.Work(0).Complete(s.child(), nil)
	s.ok(first)
	handle := s.c.procs["e"].handle
	s.Child("process/e").Exit(fmt.Errorf("a session: %w", core.ErrPanicked))
	if _, ok := s.c.options.Processes.Get(handle.Key); ok {
		t.Error("the session is in the directory, want that it is gone")
	}
	handle.IO.Close()
	again := s.ask(newExec("e"))
	s.Work(0).Complete(s.child(), nil)
	s.ok(again)
}

// TestWidenDoesNotWaitForACreate: the CPUs of a guest grow while a container is made,
// however long that takes.
func TestWidenDoesNotWaitForACreate(t *testing.T) {
	s := newFixture(t)
	s.ask(&Create{ID: "c1", Spec: &specs.Spec{}})
	s.ok(s.ask(&WidenCPUs{}))
}
