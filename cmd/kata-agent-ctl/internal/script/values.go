// SPDX-License-Identifier: Apache-2.0

package script

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
)

// Values are what requests are made of beside their own words: the ids that commands have used so
// far, and the bundle.
type Values struct {
	// Auto fills in what a command leaves out.
	Auto bool
	// BundleDir is an OCI bundle, for CreateContainer and ExecProcess without a specification.
	BundleDir string
	// PassOver, if not nil, is told of words that mean nothing to a call. With Auto they are left out,
	// since lists for Kata's own tool have some; without it they are errors.
	PassOver func(method, word string)
	// ImageDir is where images are unpacked; "" is /run/kata-containers.
	ImageDir string

	ids map[string]string // container_id, exec_id, sandbox_id
}

// readLen is what hosts ask for in one read.
const readLen = 32 << 10

// RandomID is a new id of 64 hexadecimal digits, as containerd makes them.
func RandomID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// id is what was last used for a field, or a new one.
func (v *Values) id(field string) string {
	if v.ids[field] == "" {
		v.remember(field, RandomID())
	}
	return v.ids[field]
}

func (v *Values) remember(field, id string) {
	if v.ids == nil {
		v.ids = map[string]string{}
	}
	v.ids[field] = id
}

func (v *Values) passOver(method string, w Word) {
	if v.PassOver != nil {
		v.PassOver(method, w.Key+"="+w.Value)
	}
}

// complete remembers the ids of m, and with Auto sets the fields that are still empty.
func (v *Values) complete(m protocols.Message, name string, l Line, doc map[string]json.RawMessage) error {
	given := map[string]bool{}
	for field := range doc {
		given[field] = true
	}
	for _, w := range l.Words {
		given[w.Key], given[aliases[w.Key]] = true, true
	}
	if !v.Auto {
		v.noteIDs(m, name)
		return nil
	}
	if err := v.setIDs(m, name); err != nil {
		return err
	}
	return defaults(m, given)
}

// noteIDs remembers which ids m has.
func (v *Values) noteIDs(m protocols.Message, name string) {
	if r, ok := m.(interface{ GetSandboxId() string }); ok && r.GetSandboxId() != "" {
		v.remember("sandbox_id", r.GetSandboxId())
	}
	if r, ok := m.(interface{ GetContainerId() string }); ok && r.GetContainerId() != "" {
		v.remember("container_id", r.GetContainerId())
	}
	if r, ok := m.(interface{ GetExecId() string }); ok && r.GetExecId() != "" && name != "CreateContainer" {
		v.remember("exec_id", r.GetExecId())
	}
}

// setIDs gives m the ids it does not have. An exec id that was never given is the container's,
// which is the id of its first process.
func (v *Values) setIDs(m protocols.Message, name string) error {
	v.noteIDs(m, name)
	if r, ok := m.(interface{ GetSandboxId() string }); ok && r.GetSandboxId() == "" {
		if err := setText(m, "sandbox_id", v.id("sandbox_id")); err != nil {
			return err
		}
	}
	if r, ok := m.(interface{ GetContainerId() string }); ok && r.GetContainerId() == "" {
		if err := setText(m, "container_id", v.id("container_id")); err != nil {
			return err
		}
	}
	if r, ok := m.(interface{ GetExecId() string }); ok && r.GetExecId() == "" {
		id := v.ids["exec_id"]
		if id == "" || name == "CreateContainer" {
			id = v.id("container_id")
		}
		return setText(m, "exec_id", id)
	}
	return nil
}

// defaults are the values that make a request without arguments a useful one.
func defaults(m protocols.Message, given map[string]bool) error {
	switch r := m.(type) {
	case *protocols.GuestDetailsRequest:
		if len(given) == 0 {
			r.MemBlockSize, r.MemHotplugProbe = true, true
		}
	case *protocols.ReadStreamRequest:
		if r.Len == 0 {
			r.Len = readLen
		}
	case *protocols.SetGuestDateTimeRequest:
		if len(given) == 0 {
			now := time.Now()
			r.Sec, r.Usec = now.Unix(), int64(now.Nanosecond()/1000)
		}
	case *protocols.ReseedRandomDevRequest:
		if len(given) == 0 {
			r.Data = make([]byte, 64)
			_, _ = rand.Read(r.Data) // never fails: see crypto/rand
		}
	case *protocols.TtyWinResizeRequest:
		if len(given) == 0 {
			return fmt.Errorf("TtyWinResize needs %s", strconv.Quote("row=<lines> column=<columns>"))
		}
	}
	return nil
}
