// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"errors"
	"fmt"
	"strings"
)

// operation is what a process does for a container, as in plan.h.
type operation uint32

const (
	opRoot operation = iota + 1
	opMount
	opBind
	opPropagate
	opNode
	opLink
	opUnlink
	opHooks
	opPivot
	opDevNull
	opDirectory
	opConsole
	opAttributes
	opUmask
	opHostname
	opDomainname
	opSysctl
	opReadOnly
	opMask
	opLoopback
	opUnmount
	opMove
)

var operationNames = map[operation]string{
	opRoot: "prepare root file system", opMount: "mount", opBind: "bind mount", opPropagate: "set propagation of the last mount",
	opNode: "make device", opLink: "make link", opUnlink: "remove", opHooks: "wait for hooks", opPivot: "pivot_root",
	opDevNull: "open /dev/null", opDirectory: "make directory", opConsole: "set up /dev/console",
	opAttributes: "set mount attributes", opUmask: "set umask", opHostname: "set hostname", opDomainname: "set domain name",
	opSysctl: "set sysctl", opReadOnly: "make read-only", opMask: "mask", opLoopback: "bring up loopback",
	opUnmount: "unmount", opMove: "move root",
}

// Flags of operations, as in plan.h.
const (
	operationReadOnly = 1 << iota
	operationStrict
	operationMode
	operationRecursive
	operationKeep
	operationAttributes
)

// Bounds of a plan, as in plan.h.
const (
	// MaxSlots is how many mounts a plan can keep for later.
	MaxSlots      = 16
	slotRoot      = MaxSlots
	maxOperations = 4096
)

// Attributes are attributes of a mount, MOUNT_ATTR_ of linux/mount.h, to be set and to be cleared.
type Attributes struct{ Set, Clear uint64 }

// Plan is what a container's first process does between its birth and the wait for its program, one
// operation after the other. Paths are absolute and clean; those inside the container are resolved
// within its root file system.
type Plan struct {
	// Unshare are the namespaces to be made, CLONE_NEW of sched.h; no user and no time namespace.
	Unshare uint32

	fixed, words []byte
	count        int
	texts        []string
	bad          bool
	slots        int
}

type fields struct {
	flags                      uint32
	a, b                       uint64
	x                          uint32
	kind, source, target, data string
}

func (p *Plan) add(op operation, f fields) {
	p.fixed = order.AppendUint32(p.fixed, uint32(op))
	p.fixed = order.AppendUint32(p.fixed, f.flags)
	p.fixed = order.AppendUint64(p.fixed, f.a)
	p.fixed = order.AppendUint64(p.fixed, f.b)
	p.fixed = order.AppendUint32(p.fixed, f.x)
	p.fixed = order.AppendUint32(p.fixed, 0)
	for _, word := range []string{f.kind, f.source, f.target, f.data} {
		p.bad = p.bad || strings.IndexByte(word, 0) >= 0
		p.words = append(append(p.words, word...), 0)
	}
	p.count++
	p.texts = append(p.texts, strings.TrimSpace(operationNames[op]+" "+f.target))
}

// tail is what goes behind struct request.
func (p *Plan) tail() []byte { return append(append([]byte{}, p.fixed...), p.words...) }

func (p *Plan) check() error {
	switch {
	case p.bad:
		return errors.New("plan: NUL byte in it")
	case p.count > maxOperations:
		return fmt.Errorf("plan: %d operations, at most %d are possible", p.count, maxOperations)
	case p.slots > MaxSlots:
		return fmt.Errorf("plan: %d mounts to be kept, at most %d are possible", p.slots, MaxSlots)
	}
	return nil
}

// describe is an operation in words.
func (p *Plan) describe(index int) string {
	if index < 0 || index >= len(p.texts) {
		return "plan"
	}
	return p.texts[index]
}

// Root begins the root file system at a directory of the agent's, whose path has no links. own and
// parent are the propagation (MS_ of mount(2)) of all mounts and of the one that path is on.
func (p *Plan) Root(path string, own, parent uint64) {
	p.add(opRoot, fields{source: path, a: own, b: parent})
}

// Mount is a new file system.
type Mount struct {
	Type, Source, Target, Data string
	Attributes                 uint64
	ReadOnly                   bool // the file system
	Strict                     bool // no link in the target's path
	Mode                       bool // the root of the file system has the mode of what it covers
	Keep                       bool // for Attributes
}

// Mount mounts a file system. The result names it if it is kept.
func (p *Plan) Mount(m Mount) (slot uint32) {
	f := fields{kind: m.Type, source: m.Source, target: m.Target, data: m.Data, a: m.Attributes}
	for flag, set := range map[uint32]bool{
		operationReadOnly: m.ReadOnly, operationStrict: m.Strict, operationMode: m.Mode, operationKeep: m.Keep,
	} {
		if set {
			f.flags |= flag
		}
	}
	if m.Keep {
		f.x = p.slot()
	}
	p.add(opMount, f)
	return f.x
}

func (p *Plan) slot() uint32 {
	p.slots++
	return uint32(p.slots - 1)
}

// Bind mounts a file or directory of the agent's; attributes nil leaves them as they are there.
func (p *Plan) Bind(source, target string, recursive bool, attributes *Attributes) {
	f := fields{source: source, target: target}
	if recursive {
		f.flags |= operationRecursive
	}
	if attributes != nil {
		f.flags |= operationAttributes
		f.a, f.b = attributes.Set, attributes.Clear
	}
	p.add(opBind, f)
}

// Propagate sets the propagation (MS_ of mount(2)) of the last mount.
func (p *Plan) Propagate(flags uint64) { p.add(opPropagate, fields{a: flags}) }

// Node makes a device node or FIFO, unless there is something.
func (p *Plan) Node(path string, mode uint32, device uint64, uid, gid uint32) {
	p.add(opNode, fields{target: path, x: mode, a: device, b: uint64(uid)<<32 | uint64(gid)})
}

// Link makes a symbolic link, unless there is something.
func (p *Plan) Link(text, path string) { p.add(opLink, fields{source: text, target: path}) }

// Unlink removes a file, if there is one.
func (p *Plan) Unlink(path string) { p.add(opUnlink, fields{target: path}) }

// Hooks waits until Init.Go is called.
func (p *Plan) Hooks() { p.add(opHooks, fields{}) }

// Pivot makes the root file system the process's own.
func (p *Plan) Pivot() { p.add(opPivot, fields{}) }

// Move is Pivot where / is the initramfs, in which pivot_root(2) is not possible. The agent's mounts stay
// below it, so unmount is what of them must not be there.
func (p *Plan) Move(unmount []string) {
	for _, path := range unmount {
		p.add(opUnmount, fields{target: path})
	}
	p.add(opMove, fields{})
}

// DevNull puts the container's /dev/null in the place of the agent's.
func (p *Plan) DevNull() { p.add(opDevNull, fields{}) }

// Directory makes a directory, with those above it.
func (p *Plan) Directory(path string) { p.add(opDirectory, fields{target: path}) }

// Console makes the terminal, and /dev/console.
func (p *Plan) Console() { p.add(opConsole, fields{}) }

// Change changes the attributes of a mount that was kept.
func (p *Plan) Change(slot uint32, a Attributes) {
	p.add(opAttributes, fields{x: slot, a: a.Set, b: a.Clear})
}

// ChangeRoot changes the attributes of the container's root.
func (p *Plan) ChangeRoot(a Attributes) { p.Change(slotRoot, a) }

// Umask sets the umask.
func (p *Plan) Umask(mask uint32) { p.add(opUmask, fields{x: mask}) }

// Hostname sets the host name.
func (p *Plan) Hostname(name string) { p.add(opHostname, fields{source: name}) }

// Domainname sets the NIS domain name.
func (p *Plan) Domainname(name string) { p.add(opDomainname, fields{source: name}) }

// Sysctl writes a value to a path below /proc/sys.
func (p *Plan) Sysctl(path, value string) { p.add(opSysctl, fields{target: path, source: value}) }

// ReadOnly makes a path read-only, if it is there.
func (p *Plan) ReadOnly(path string) { p.add(opReadOnly, fields{target: path}) }

// Mask covers a path, if it is there.
func (p *Plan) Mask(path string) { p.add(opMask, fields{target: path}) }

// Loopback brings up the loopback device.
func (p *Plan) Loopback() { p.add(opLoopback, fields{}) }
