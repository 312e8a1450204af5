// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/actors/process"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestStories plays the life of a container. Commands:
//
//	create, start, pause, resume, update, killall, remove   ask for the operation
//	exec <id>                     ask for a session
//	cancel <operation>            its asker goes away
//	work <n> made|started|ok      end the n-th work under way, with what the operation's work gives
//	work <n> run                  do the n-th work
//	work <n> fail <text>          end it with an error
//	work <n> canceled             end it as its context has
//	undo ok | undo fail <text>    what the undo steps of a create give from now on
//	exit|waited|gone <id>         what the actor of a process tells
//	time                          let the time pass until the first timer
func TestStories(t *testing.T) {
	coretest.Stories(t, "testdata/*.txt", func(t *testing.T) func(string, ...string) string {
		s := &story{fixture: newFixture(t), handles: map[string]*process.Handle{}}
		return s.do
	})
}

// story is a container whose operations have names.
type story struct {
	*fixture
	asked   []*asked // without an answer
	handles map[string]*process.Handle
	undone  int // how many of the undo steps that ran were shown
}

type asked struct {
	name  string
	reply *coretest.Reply[struct{}]
}

func (s *story) do(command string, args ...string) string {
	s.t.Helper()
	switch arg := strings.Join(args, " "); command {
	case "work":
		s.work(args)
	case "undo":
		s.fail = nil
		if args[0] == "fail" {
			s.fail = errors.New(strings.Join(args[1:], " "))
		}
	case "exit":
		s.Tell(process.Exited{Handle: s.handle(arg)})
	case "waited":
		s.Tell(process.Waited{Handle: s.handle(arg)})
	case "gone":
		s.Tell(process.Gone{Handle: s.handle(arg)})
	case "time":
		s.Timers()[0].Fire()
	case "cancel":
		s.cancel(arg)
	default:
		name := strings.TrimSpace(command + " " + arg)
		s.asked = append(s.asked, &asked{name, s.ask(s.request(command, args))})
	}
	return s.seen()
}

func (s *story) request(command string, args []string) core.Request[struct{}] {
	s.t.Helper()
	switch command {
	case "create":
		return &Create{ID: "c1", Spec: &specs.Spec{Process: &specs.Process{}}}
	case "start":
		return &Start{}
	case "pause":
		return &Pause{}
	case "resume":
		return &Resume{}
	case "update":
		return &Update{}
	case "killall":
		return &KillAll{}
	case "remove":
		return &Remove{}
	case "exec":
		return newExec(args[0])
	}
	s.t.Fatalf("command %q is not known", command)
	return nil
}

func (s *story) work(args []string) {
	s.t.Helper()
	n, err := strconv.Atoi(args[0])
	if err != nil {
		s.t.Fatal(err)
	}
	w := s.Work(n)
	switch args[1] {
	case "run":
		w.Run()
	case "made":
		w.Complete(s.made(), nil)
	case "started":
		w.Complete(s.child(), nil)
	case "ok":
		w.Complete(nil, nil)
	case "fail":
		w.Complete(nil, errors.New(strings.Join(args[2:], " ")))
	case "canceled": // what a work gives when its context ends
		w.Complete(nil, context.Canceled)
	default:
		s.t.Fatalf("a work cannot end with %q", args[1])
	}
}

// cancel lets the oldest asker of that operation go away.
func (s *story) cancel(name string) {
	s.t.Helper()
	for i, a := range s.asked {
		if a.name == name {
			a.reply.Cancel()
			s.asked = append(s.asked[:i], s.asked[i+1:]...)
			s.Run()
			return
		}
	}
	s.t.Fatalf("nobody waits for %q", name)
}

func (s *story) handle(name string) *process.Handle {
	s.t.Helper()
	h := s.handles[name]
	if h == nil {
		s.t.Fatalf("there has been no process %q", name)
	}
	return h
}

// seen says what came of a command, and where the container is then.
func (s *story) seen() string {
	var out strings.Builder
	if steps := s.fixture.undone[s.undone:]; len(steps) > 0 {
		fmt.Fprintf(&out, "undone: %s\n", strings.Join(steps, ", "))
		s.undone += len(steps)
	}
	for _, m := range s.parent.Told() {
		fmt.Fprintf(&out, "the sandbox is told %s\n", strings.TrimPrefix(fmt.Sprintf("%T", m), "container."))
	}
	waiting := s.asked[:0]
	for _, a := range s.asked {
		if !a.reply.Done() {
			waiting = append(waiting, a)
			continue
		}
		if _, err := a.reply.Get(); err != nil {
			fmt.Fprintf(&out, "%s: %v\n", a.name, err)
		} else {
			fmt.Fprintf(&out, "%s: done\n", a.name)
		}
	}
	s.asked = waiting
	for exec, e := range s.c.procs {
		s.handles[string(exec)] = e.handle
	}
	return out.String() + s.place()
}

func (s *story) place() string {
	if !s.Alive() {
		return "the actor has ended\n"
	}
	out := fmt.Sprintf("%s, %d under way", s.c.state, len(s.Works()))
	var names []string
	for _, a := range s.asked {
		names = append(names, a.name)
	}
	if len(names) > 0 {
		out += ", waiting: " + strings.Join(names, ", ")
	}
	return out + "\n"
}
