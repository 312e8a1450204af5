// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestStories plays the life of a sandbox. Commands:
//
//	create [id] | destroy      ask for the operation; the sandbox is called "pod" unless told otherwise
//	work                       do the oldest work under way
//	broken <part>              that part of the guest fails from now on
//	container <id> [shared]    ask for a container, which may share the pod's pid namespace
//	stands <id>                its actor says that it was created
//	goes <id>                  its actor says that nothing of it is left, and ends
//	oom <id>                   a process of it was killed for want of memory
//	next                       ask for the next such kill
//	untold <id>                the answer about a kill could not be given
//
// The actors of the containers only collect what they are told, so a request that was told on to one of
// them waits until that one ends.
func TestStories(t *testing.T) {
	coretest.Stories(t, "testdata/*.txt", func(t *testing.T) func(string, ...string) string {
		return (&story{fixture: newFixture(t)}).do
	})
}

// story is a sandbox whose requests have names.
type story struct {
	*fixture
	asked []asked // without an answer
	shown int     // how many of the changes of the guest were shown
	out   strings.Builder
}

type asked struct {
	name   string
	answer func() (text string, done bool)
}

func (s *story) do(command string, args ...string) string {
	s.t.Helper()
	s.out.Reset()
	arg := strings.Join(args, " ")
	switch name := strings.TrimSpace(command + " " + arg); command {
	case "create":
		sid := "pod"
		if arg != "" {
			sid = arg
		}
		wait(s, name, coretest.Ask(s.Actor, &Create{ID: sid, Hostname: sid, HookPath: "/hooks", DNS: []string{"nameserver 1.1.1.1"}}))
	case "destroy":
		wait(s, name, coretest.Ask(s.Actor, &Destroy{}))
	case "next":
		wait(s, name, next(s.fixture))
	case "container":
		m := &CreateContainer{SharedPID: len(args) > 1}
		m.ID, m.Spec = id.Container(args[0]), &specs.Spec{}
		wait(s, name, coretest.Ask(s.Actor, m))
	case "work":
		s.Work(0).Run()
	case "broken":
		s.fail = arg
	case "stands":
		s.stands(arg, 7)
	case "goes":
		s.goes(arg)
	case "untold":
		s.Tell(OOMUntold{ID: id.Container(arg)})
	case "oom":
		s.Tell(container.OOMKilled{ID: id.Container(arg)})
	default:
		s.t.Fatalf("command %q is not known", command)
	}
	s.see()
	return s.out.String()
}

// wait notes a request whose answer is to be shown.
func wait[R any](s *story, name string, r *coretest.Reply[R]) {
	s.asked = append(s.asked, asked{name, func() (string, bool) {
		if !r.Done() {
			return "", false
		}
		v, err := r.Get()
		if err != nil {
			return err.Error(), true
		}
		return strings.TrimSuffix(fmt.Sprintf("done %v", v), " {}"), true
	}})
}

// see says what came of a command.
func (s *story) see() {
	for _, change := range s.done[s.shown:] {
		fmt.Fprintf(&s.out, "guest: %s\n", change)
	}
	s.shown = len(s.done)
	for _, child := range s.Children() {
		for _, m := range child.Told() {
			s.told(child.Name, m)
		}
	}
	waiting := s.asked[:0]
	var names []string
	for _, a := range s.asked {
		text, done := a.answer()
		if !done {
			waiting, names = append(waiting, a), append(names, a.name)
			continue
		}
		fmt.Fprintf(&s.out, "%s: %s\n", a.name, text)
	}
	s.asked = waiting
	fmt.Fprintf(&s.out, "%d under way", len(s.Works()))
	if len(names) > 0 {
		fmt.Fprintf(&s.out, ", waiting: %s", strings.Join(names, ", "))
	}
	s.out.WriteByte('\n')
}

func (s *story) told(name string, m any) {
	c, ok := m.(*container.Create)
	if !ok {
		fmt.Fprintf(&s.out, "%s is told %s\n", name, strings.TrimPrefix(fmt.Sprintf("%T", m), "*container."))
		return
	}
	s.t.Cleanup(c.PID.Release)
	how := "a pid namespace of its own"
	if of := s.joins(c); of != "" {
		how = "the pid namespace of " + of
	}
	fmt.Fprintf(&s.out, "%s is to be made with %s\n", name, how)
}
