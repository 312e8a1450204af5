// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.uber.org/zap"
)

// Guest is what the sandbox changes of the guest. Each call may block; undo and release
// take back what it has done.
type Guest struct {
	// Stir makes clones of one machine draw different random numbers; salt is what sets this one apart.
	Stir       func(ctx context.Context, salt ...[]byte) error
	LoadModule func(ctx context.Context, name string, parameters []string) error
	Namespaces func(hostname string) (ns Namespaces, release func() error, err error)
	SetDNS     func(lines []string) (undo func() error, err error)
	Hooks      func(dir string) (*specs.Hooks, error)
	// OnlineCPUs waits for missing ones as long as ctx lets it; OnlineMemory does not wait.
	OnlineCPUs   func(ctx context.Context, total int) error
	OnlineMemory func() error
}

// Namespaces are the paths of the pod's shared namespaces.
type Namespaces struct{ IPC, UTS string }

// Options is what a sandbox is made with.
type Options struct {
	Guest      Guest
	Container  *container.Options
	Containers *Containers
	Storage    core.Ref
}

// sandbox is the actor. It runs containers before Create too, each in namespaces of its own:
// the hosts of peer pods send no CreateSandbox.
type sandbox struct {
	options   Options
	id        string
	created   bool
	creating  bool
	adopting  bool               // the create that is under way replaces another sandbox
	giveUp    context.CancelFunc // ends the create that is under way
	destroyed bool
	ns        Namespaces
	hooks     *specs.Hooks
	undo      []func() error

	members map[id.Container]core.Ref
	making  map[id.Container]bool // whose create is under way
	names   names
	pid     sharedPID
	oom     oomQueue
}

// sharedPID is the pid namespace of the pod, which is that of its first container. It is held open:
// a path by the number of that container's process could lead to another namespace later.
type sharedPID struct {
	owner id.Container
	ns    *namespace.PID
	ready bool // the owner stands
	ended bool // the owner has gone, and its namespace with it
}

// New makes the behaviour of the sandbox.
func New(d Options) core.Behavior {
	return &sandbox{options: d, members: map[id.Container]core.Ref{}, making: map[id.Container]bool{}}
}

// Receive handles one message.
func (s *sandbox) Receive(t *core.Turn, m core.Message) {
	switch m := m.(type) {
	case *CreateContainer:
		s.createContainer(t, m)
	case *Create:
		s.create(t, m)
	case *Inherit:
		s.inherit(t, m)
	case *Online:
		s.online(t, m)
	case *NextOOM:
		s.oom.ask(m)
	case OOMUntold:
		s.oom.again(m.ID)
	case *Destroy:
		s.destroy(t, m)
	case container.Created:
		s.containerCreated(t, m)
	case container.Forgotten:
		s.forget(t, m.ID)
	case container.OOMKilled:
		if string(m.ID) != s.id { // the pause container's kills are no event to hosts
			s.oom.add(m.ID)
		}
	case core.ChildExited:
		s.childExited(t, m)
	}
}

func (s *sandbox) createContainer(t *core.Turn, m *CreateContainer) {
	if err := s.admit(m); err != nil {
		m.Reply(struct{}{}, err)
		return
	}
	if s.adopting {
		t.Park() // until the namespaces are those of the new sandbox
		return
	}
	if m.SharedPID && s.pid.owner != "" && !s.pid.ready && !s.pid.ended {
		t.ParkBehind(core.StepCreate) // until the pod's first container stands or has failed
		return
	}
	if m.SharedPID {
		var err error
		if m.PID, err = s.pid.join(); err != nil {
			m.Reply(struct{}{}, fmt.Errorf("create container %q: %w", m.ID, err))
			return
		}
	}
	m.SharePID = s.pid.owner == ""
	for i := range m.Shared {
		m.Shared[i].From = s.members[s.names.find(m.Shared[i].Source)]
	}
	m.IPC, m.UTS, m.GuestHooks = s.ns.IPC, s.ns.UTS, s.hooks
	ref, err := t.Spawn("container/"+string(m.ID), container.New(m.ID, s.options.Container, t.Self()))
	if err != nil {
		m.PID.Release()
		m.PID = nil
	}
	if errors.Is(err, core.ErrNameTaken) {
		t.ParkBehind(core.StepRemove) // until the actor of the container that had the name has died: it is forgotten
		return
	}
	if err != nil {
		m.Reply(struct{}{}, fmt.Errorf("create container %q: %w", m.ID, err))
		return
	}
	if s.pid.owner == "" {
		s.pid.owner = m.ID
	}
	s.members[m.ID], s.making[m.ID] = ref, true
	s.names.add(m.ID, m.Spec)
	s.options.Containers.Put(m.ID, ref)
	ref.Tell(&m.Create)
}

func (s *sandbox) admit(m *CreateContainer) error {
	if s.destroyed {
		return fmt.Errorf("create container %q: %w", m.ID, ErrDestroyed)
	}
	if err := m.ID.Check(); err != nil {
		return err
	}
	if _, taken := s.members[m.ID]; taken {
		return fmt.Errorf("container %q %w", m.ID, ErrExists)
	}
	if n := len(s.making); n >= maxMaking {
		return fmt.Errorf("create container %q: the room for creates is %w: %d are under way", m.ID, ErrFull, n)
	}
	return nil
}

// maxMaking bounds the containers that are made at the same time: each waits with its request and a stack
// for its turn.
const maxMaking = 1024

// join is how a container joins the shared pid namespace: it holds it too, as the namespace's
// first container may go while it is made. Nil for the first one, whose namespace it becomes.
func (p *sharedPID) join() (*namespace.PID, error) {
	switch {
	case p.owner == "":
		return nil, nil
	case p.ended:
		return nil, fmt.Errorf("%w: it ended with container %q", ErrNoPIDNS, p.owner)
	case p.ns == nil:
		return nil, ErrNoPIDNS
	}
	return p.ns.Hold(), nil
}

func (s *sandbox) containerCreated(t *core.Turn, m container.Created) {
	delete(s.making, m.ID)
	if m.ID != s.pid.owner {
		m.PID.Release()
		return
	}
	s.pid.ns, s.pid.ready = m.PID, true
	t.Unpark()
}

// forget drops a container that is gone. If it never stood, or was the last, the next one
// becomes the pod's first.
func (s *sandbox) forget(t *core.Turn, cid id.Container) {
	delete(s.members, cid)
	delete(s.making, cid)
	s.names.drop(cid)
	s.options.Containers.Delete(cid)
	if cid != s.pid.owner && len(s.members) > 0 {
		return
	}
	s.pid.ns.Release()
	if s.pid.ready && len(s.members) > 0 {
		s.pid = sharedPID{owner: cid, ended: true}
	} else {
		s.pid = sharedPID{}
	}
	t.Unpark()
}

// childExited is the end of a container's actor: expected after Forgotten, else a panic
// whose container stays in the guest until the pod ends.
func (s *sandbox) childExited(t *core.Turn, m core.ChildExited) {
	for cid, ref := range s.members {
		if ref == m.Child {
			t.Log().Error("container lost", zap.String("container", string(cid)), zap.Error(m.Cause))
			s.forget(t, cid)
		}
	}
	t.Unpark()
}

// Stopped closes what the sandbox holds open.
func (s *sandbox) Stopped(error) {
	s.pid.ns.Release()
}
