// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/core/coretest"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// TestStories plays the life of mount points. Commands:
//
//	attach <holder> <mount point> [shared]   ask for a mount
//	release <holder> <mount point> [undo]    let it go
//	releaseall                               the sandbox ends
//	cancel <operation>                       its asker goes away
//	next fail <text> | keep | warn <text>    what the next mount or unmount gives
//	work <mount point>                       do the mount or unmount that is under way there
//	later <mount point>                      the time until the next try passes
//	dies <mount point>                       its actor dies
func TestStories(t *testing.T) {
	coretest.Stories(t, "testdata/*.txt", func(t *testing.T) func(string, ...string) string {
		s := &story{t: t, mounts: map[*coretest.Peer]*coretest.Actor{}}
		s.x = New(s.mount, nil).(*index)
		s.index = coretest.NewAt(t, "storage", s.x)
		return s.do
	})
}

// story is the index, and the actors it has spawned. coretest plays one actor: what one of them
// is told is carried over by hand.
type story struct {
	t      *testing.T
	x      *index
	index  *coretest.Actor
	mounts map[*coretest.Peer]*coretest.Actor
	asked  []*asked // without an answer
	did    []string // since the last command
	next   outcome
}

type asked struct {
	name  string
	reply *coretest.Reply[struct{}]
}

// outcome is what the next mount or unmount gives.
type outcome struct {
	err, warning error
	keep         bool
}

func (s *story) mount(ctx context.Context, holder string, v Volume) (volume.Attached, error) {
	now := s.take()
	if now.err == nil {
		now.err = ctx.Err() // of an asker that has gone away, as a wait for a disk gives it
	}
	if now.err != nil {
		s.did = append(s.did, "no mount of "+v.MountPoint+" for "+holder)
		return volume.Attached{}, now.err
	}
	s.did = append(s.did, "mount "+v.MountPoint+" for "+holder)
	a := volume.NewAttached(v.MountPoint, func() error {
		s.did = append(s.did, "unmount "+v.MountPoint)
		return s.take().err
	})
	a.Keep, a.Warning = now.keep, now.warning
	return a, nil
}

func (s *story) take() outcome {
	defer func() { s.next = outcome{} }()
	return s.next
}

func (s *story) do(command string, args ...string) string {
	s.t.Helper()
	name := strings.Join(append([]string{command}, args...), " ")
	switch command {
	case "attach":
		v := Volume{MountPoint: args[1], Shared: slices.Contains(args, "shared")}
		s.ask(name, &Attach{Holder: args[0], Volume: v})
	case "release":
		s.ask(name, &Release{Holder: args[0], MountPoint: args[1], Undo: slices.Contains(args, "undo")})
	case "releaseall":
		s.ask(name, &ReleaseAll{})
	case "cancel":
		s.cancel(strings.Join(args, " "))
	case "next":
		s.setNext(args)
	case "work":
		s.actor(args[0]).Work(0).Run()
	case "later":
		s.actor(args[0]).Timers()[0].Fire()
	case "dies":
		s.actor(args[0]).Stop()
	default:
		s.t.Fatalf("command %q is not known", command)
	}
	s.carry()
	return s.seen()
}

func (s *story) setNext(args []string) {
	text := errors.New(strings.Join(args[1:], " "))
	switch args[0] {
	case "fail":
		s.next.err = text
	case "warn":
		s.next.warning = text
	case "keep":
		s.next.keep = true
	default:
		s.t.Fatalf("the next step cannot %q", args[0])
	}
}

func (s *story) ask(name string, q core.Request[struct{}]) {
	s.asked = append(s.asked, &asked{name, coretest.Ask(s.index, q)})
}

// cancel lets the oldest asker of that operation go away.
func (s *story) cancel(name string) {
	s.t.Helper()
	i := slices.IndexFunc(s.asked, func(a *asked) bool { return a.name == name })
	if i < 0 {
		s.t.Fatalf("nobody waits for %q", name)
	}
	s.asked[i].reply.Cancel()
	s.asked = slices.Delete(s.asked, i, i+1)
	s.index.Run()
}

// actor is the living actor of a mount point.
func (s *story) actor(mountPoint string) *coretest.Actor {
	s.t.Helper()
	return s.mounts[s.index.Child(mountPoint)]
}

// carry passes on what the actors tell one another until all are quiet.
func (s *story) carry() {
	for again := true; again; {
		again = false
		s.index.Run()
		for _, child := range s.index.Children() {
			again = s.carryTo(child) || again
		}
	}
}

func (s *story) carryTo(child *coretest.Peer) (moved bool) {
	a := s.mounts[child]
	if a == nil {
		a = coretest.NewAt(s.t, child.Ref.Path(), child.Behavior)
		s.mounts[child] = a
	}
	for _, m := range child.Told() {
		a.Tell(m)
		moved = true
	}
	if !a.Alive() && child.Alive() {
		child.Exit(a.Cause())
		moved = true
	}
	return moved
}

// seen says what came of a command, and which mount points there are then.
func (s *story) seen() string {
	var out strings.Builder
	for _, d := range s.did {
		fmt.Fprintln(&out, d)
	}
	s.did = nil
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
	for _, mp := range s.x.order {
		fmt.Fprintln(&out, s.place(mp))
	}
	if len(s.x.order) == 0 {
		fmt.Fprintln(&out, "no mount point")
	}
	for _, a := range s.asked {
		fmt.Fprintf(&out, "waits: %s\n", a.name)
	}
	return out.String()
}

// place is one mount point: what happens there, who holds it, and why it will stay.
func (s *story) place(mp string) string {
	e, m := s.x.entries[mp], s.index.Child(mp).Behavior.(*mounted)
	state := "waits"
	switch {
	case e.ending:
		state = "ending"
	case m.busy && m.doing == core.StepUnmount:
		state = "tried again"
	case m.busy:
		state = "mounting"
	case m.left:
		state = "left behind"
	case m.attached != nil:
		state = "mounted"
	}
	var holders []string
	for h, n := range e.holders {
		holders = append(holders, strings.TrimSuffix(fmt.Sprintf("%s x%d", h, n), " x1"))
	}
	slices.Sort(holders)
	if len(holders) == 0 {
		holders = []string{"nobody"}
	}
	out := fmt.Sprintf("%s: %s, held by %s", mp, state, strings.Join(holders, ", "))
	if e.shared {
		out += ", shared"
	}
	if e.kept {
		out += ", kept"
	}
	return out
}
