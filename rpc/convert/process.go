// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"math"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Process converts the process of a container or of an exec request. An empty working directory is
// "/". Absent Capabilities stay nil, so that an exec can take over the container's; an empty object
// is no capabilities at all. An OOM score adjustment of zero counts as not given.
func Process(in *protocols.Process) (*specs.Process, error) {
	if in == nil {
		return nil, refuse("no process given")
	}
	if len(in.Args) == 0 {
		return nil, refuse("process has no args")
	}
	env, err := environment(in.Env)
	if err != nil {
		return nil, err
	}
	limits, err := tryList(in.Rlimits, rlimit)
	if err != nil {
		return nil, err
	}
	if in.OOMScoreAdj < -1000 || in.OOMScoreAdj > 1000 { // proc_pid_oom_score_adj(5)
		return nil, refuse("OOM score adjustment %d is not within -1000 and 1000", in.OOMScoreAdj)
	}
	out := &specs.Process{
		Terminal:        in.Terminal,
		Args:            in.Args,
		Env:             env,
		Cwd:             in.Cwd,
		Capabilities:    capabilities(in.Capabilities),
		Rlimits:         limits,
		NoNewPrivileges: in.NoNewPrivileges,
		ApparmorProfile: in.ApparmorProfile,
		OOMScoreAdj:     given(int(in.OOMScoreAdj)),
		SelinuxLabel:    in.SelinuxLabel,
	}
	if out.Cwd == "" {
		out.Cwd = "/"
	}
	if b := in.ConsoleSize; b != nil {
		out.ConsoleSize = &specs.Box{Height: uint(b.Height), Width: uint(b.Width)}
	}
	out.User, err = user(in.User)
	return out, err
}

// noID is what the kernel takes for "leave as it is": a process that asks for it would run as root.
const noID = math.MaxUint32

func user(in *protocols.User) (specs.User, error) {
	if in == nil {
		return specs.User{}, nil
	}
	if in.UID == noID {
		return specs.User{}, refuse("user id %d is no user", in.UID)
	}
	if in.GID == noID || slices.Contains(in.AdditionalGids, noID) {
		return specs.User{}, refuse("group id %d is no group", uint32(noID))
	}
	return specs.User{UID: in.UID, GID: in.GID, AdditionalGids: in.AdditionalGids}, nil
}

func rlimit(in *protocols.POSIXRlimit) (specs.POSIXRlimit, error) {
	t, err := rlimitTypes.word(in.Type)
	return specs.POSIXRlimit{Type: t, Hard: in.Hard, Soft: in.Soft}, err
}

// environment checks that entries are NAME=value without zero bytes, for all who use them later. An entry with an empty name is left out: hosts get
// such from images, the Rust agent ran those without it, and libcontainer would refuse the process.
func environment(in []string) ([]string, error) {
	nameless := false
	for i, entry := range in {
		at := strings.IndexByte(entry, '=')
		if at < 0 { // not shown: it may be what is left of a secret
			return nil, refuse("malformed OCI env entry, number %d of %d: it has no \"=\"", i+1, len(in))
		}
		if strings.IndexByte(entry, 0) >= 0 {
			return nil, refuse("environment variable %q holds a zero byte", entry[:at])
		}
		nameless = nameless || at == 0
	}
	if !nameless {
		return in, nil
	}
	out := make([]string, 0, len(in))
	for _, entry := range in {
		if entry[0] != '=' {
			out = append(out, entry)
		}
	}
	return out, nil
}
