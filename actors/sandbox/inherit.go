// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"github.com/kata-containers/kata-agent/actors/container"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/id"
	"github.com/kata-containers/kata-agent/guest/boot/journal"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// journalSandbox is the kind, and the name, of this package's entry in the journal.
const journalSandbox = "sandbox"

// Record is what the journal has of a sandbox that was created.
type Record struct {
	ID         string
	Namespaces Namespaces
	HookPath   string
}

// Recorded reads what an agent before has left; nil if there was no sandbox.
func Recorded(j *journal.Journal) (*Record, error) {
	records, err := journal.Read[Record](j, journalSandbox)
	if len(records) == 0 {
		return nil, err
	}
	return &records[0], err
}

// Inherit takes over what an agent has made that has died since. It comes before any other request. The
// containers have their actors when it is answered, which whoever has sent it tells what they take over.
type Inherit struct {
	core.Call[[]id.Container]         // the containers that it has
	Record                    *Record // nil: there was no sandbox
	Hooks                     *specs.Hooks
	Undo                      []func() error // of the sandbox's create
	Containers                []*container.Inherit
}

func (s *sandbox) inherit(t *core.Turn, m *Inherit) {
	if r := m.Record; r != nil {
		s.id, s.created, s.ns, s.hooks = r.ID, true, r.Namespaces, m.Hooks
		s.undo = append([]func() error{s.forgetRecord}, m.Undo...)
	}
	var kept []id.Container
	for _, c := range m.Containers {
		cid := c.Record.ID
		ref, err := t.Spawn("container/"+string(cid), container.New(cid, s.options.Container, t.Self()))
		if err != nil {
			continue // two records of one container: not from this package
		}
		s.members[cid] = ref
		s.options.Containers.Put(cid, ref)
		if c.Record.First {
			s.pid.owner = cid
		}
		kept = append(kept, cid)
	}
	if s.pid.owner == "" && len(kept) > 0 { // the first one went before the agent died
		s.pid = sharedPID{owner: "the first container", ended: true}
	}
	m.Reply(kept, nil)
}

// note enters the sandbox in the journal.
func (d *Options) note(m *Create, out *setUp) error {
	if d.Container.Journal == nil {
		return nil
	}
	out.undo = append(out.undo, func() error { return d.Container.Journal.Delete(journalSandbox, "") })
	return d.Container.Journal.Put(journalSandbox, "", Record{ID: m.ID, Namespaces: out.ns, HookPath: m.HookPath})
}

func (s *sandbox) forgetRecord() error {
	return s.options.Container.Journal.Delete(journalSandbox, "")
}
