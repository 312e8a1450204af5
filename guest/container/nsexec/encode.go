// SPDX-License-Identifier: Apache-2.0

package nsexec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Flags of a request, as in request.h.
const (
	flagNoNewPrivs = 1 << iota
	flagTerminal
	flagOOM
	flagUmask
	flagCaps
	flagPidNS
	flagUserNS
	flagCgroup2
	flagMemfd
	flagProc
	flagInit
)

const (
	headerSize = 104      // struct request
	maxInline  = 32 << 10 // MAX_INLINE: a longer tail goes in a memfd
)

var order = binary.NativeEndian

// message is a request on the wire.
type message struct {
	header []byte // struct request and, if short, the tail
	files  []int  // without the result socket, which comes first
	memfd  *os.File
}

func (m *message) close() {
	if m.memfd != nil {
		m.memfd.Close()
	}
}

// encode makes the message of a request. null stands in for missing streams.
func encode(r *Request, null *os.File) (*message, error) {
	m := &message{}
	tail := r.tail()
	flags := r.flags()
	if !r.Terminal {
		for _, f := range r.Files {
			if f == nil {
				f = null
			}
			m.files = append(m.files, int(f.Fd()))
		}
	}
	namespaces, cgroups := r.Target.descriptors()
	if r.cgroup != nil {
		cgroups = []int{int(r.cgroup.Fd())}
	}
	m.files = append(append(m.files, namespaces...), cgroups...)
	if len(tail) > maxInline {
		if err := m.spill(tail); err != nil {
			return nil, err
		}
		flags |= flagMemfd
	}
	m.header = r.header(flags, len(namespaces), len(cgroups), len(tail))
	if m.memfd == nil {
		m.header = append(m.header, tail...)
	}
	return m, nil
}

// spill puts the tail into a memfd, for a socket takes no message that long.
func (m *message) spill(tail []byte) error {
	var err error
	if m.memfd, err = memfd("spawn"); err != nil {
		return fmt.Errorf("create memfd for a request: %w", err)
	}
	if _, err := m.memfd.Write(tail); err != nil {
		m.close()
		return fmt.Errorf("write request: %w", err)
	}
	m.files = append(m.files, int(m.memfd.Fd()))
	return nil
}

// check refuses what the wire cannot carry.
func (r *Request) check() error {
	if r.Plan != nil && r.Target != nil {
		return r.Plan.check()
	}
	if len(r.Args) == 0 {
		return errors.New("spawn: no arguments")
	}
	if r.Target == nil {
		return errors.New("spawn: no target")
	}
	if len(r.Seccomp)%8 != 0 || len(r.Seccomp) > 8*unix.BPF_MAXINSNS {
		return fmt.Errorf("spawn: seccomp filter of %d bytes", len(r.Seccomp))
	}
	for what, list := range map[string][]string{
		"arguments": r.Args, "environment": r.Env, "directory or labels": {r.Cwd, r.SELinuxLabel, r.AppArmorProfile},
	} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return fmt.Errorf("spawn: NUL byte in the %s", what)
			}
		}
	}
	return nil
}

func (r *Request) flags() uint32 {
	flags := uint32(r.Target.flags)
	for flag, set := range map[uint32]bool{
		flagNoNewPrivs: r.NoNewPrivileges,
		flagTerminal:   r.Terminal,
		flagOOM:        r.OOMScoreAdj != nil,
		flagUmask:      r.Umask != nil,
		flagCaps:       r.Capabilities != nil,
		flagInit:       r.Plan != nil,
	} {
		if set {
			flags |= flag
		}
	}
	return flags
}

// header is struct request, in the order of its fields.
func (r *Request) header(flags uint32, namespaces, cgroups, tail int) []byte {
	b := make([]byte, 0, headerSize+maxInline/8)
	words, seccomp := len(r.Args), r.SeccompFlags
	if r.Plan != nil {
		words, seccomp = r.Plan.count, r.Plan.Unshare
	}
	u32 := func(v ...uint32) {
		for _, v := range v {
			b = order.AppendUint32(b, v)
		}
	}
	u32(flags, uint32(namespaces), uint32(cgroups), uint32(len(r.Groups)), uint32(len(r.Rlimits)),
		uint32(len(r.Seccomp)/8), uint32(words), uint32(len(r.Env)),
		seccomp, r.UID, r.GID, value(r.Umask), uint32(value(r.OOMScoreAdj)))
	b = order.AppendUint16(b, r.Rows)
	b = order.AppendUint16(b, r.Columns)
	u32(uint32(tail), 0) // the id is set when the request is sent
	caps := value(r.Capabilities)
	for _, set := range []uint64{caps.Bounding, caps.Effective, caps.Permitted, caps.Inheritable, caps.Ambient} {
		b = order.AppendUint64(b, set)
	}
	return b
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// tail is what follows struct request, as request.h has it.
func (r *Request) tail() []byte {
	if r.Plan != nil {
		return r.Plan.tail()
	}
	var b []byte
	for _, l := range r.Rlimits {
		b = order.AppendUint64(b, 0)
		order.PutUint32(b[len(b)-8:], uint32(l.Type))
		b = order.AppendUint64(b, l.Soft)
		b = order.AppendUint64(b, l.Hard)
	}
	b = append(b, r.Seccomp...)
	for _, g := range r.Groups {
		b = order.AppendUint32(b, g)
	}
	for _, list := range [][]string{{r.Cwd, r.SELinuxLabel, r.AppArmorProfile, r.path()}, r.Args, r.Env} {
		for _, s := range list {
			b = append(append(b, s...), 0)
		}
	}
	return b
}

// path is the PATH that programs are looked up in; the last one counts.
func (r *Request) path() string {
	path := ""
	for _, e := range r.Env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			path = value
		}
	}
	return path
}
