// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Spec converts a whole specification. See Lost for what has no place in the message.
func Spec(in *specs.Spec) *protocols.Spec {
	out := &protocols.Spec{
		Version:     in.Version,
		Process:     Process(in.Process),
		Hostname:    in.Hostname,
		Mounts:      mounts(in.Mounts),
		Hooks:       hooks(in.Hooks),
		Annotations: in.Annotations,
		Linux:       linux(in.Linux),
	}
	if in.Root != nil {
		out.Root = &protocols.Root{Path: in.Root.Path, Readonly: in.Root.Readonly}
	}
	return out
}

// Process converts a process.
func Process(in *specs.Process) *protocols.Process {
	if in == nil {
		return nil
	}
	out := &protocols.Process{
		Terminal: in.Terminal,
		User: &protocols.User{
			UID: in.User.UID, GID: in.User.GID,
			AdditionalGids: in.User.AdditionalGids, Username: in.User.Username,
		},
		Args:            in.Args,
		Env:             in.Env,
		Cwd:             in.Cwd,
		Rlimits:         list(in.Rlimits, rlimit),
		NoNewPrivileges: in.NoNewPrivileges,
		ApparmorProfile: in.ApparmorProfile,
		OOMScoreAdj:     int64(value(in.OOMScoreAdj)),
		SelinuxLabel:    in.SelinuxLabel,
	}
	if b := in.ConsoleSize; b != nil {
		out.ConsoleSize = &protocols.Box{Height: uint32(b.Height), Width: uint32(b.Width)}
	}
	if c := in.Capabilities; c != nil {
		out.Capabilities = &protocols.LinuxCapabilities{
			Bounding: c.Bounding, Effective: c.Effective, Inheritable: c.Inheritable,
			Permitted: c.Permitted, Ambient: c.Ambient,
		}
	}
	return out
}

func rlimit(in specs.POSIXRlimit) *protocols.POSIXRlimit {
	return &protocols.POSIXRlimit{Type: in.Type, Hard: in.Hard, Soft: in.Soft}
}

func mounts(in []specs.Mount) []*protocols.Mount {
	return list(in, func(m specs.Mount) *protocols.Mount {
		return &protocols.Mount{Destination: m.Destination, Source: m.Source, Type: m.Type, Options: m.Options}
	})
}

func hooks(in *specs.Hooks) *protocols.Hooks {
	if in == nil {
		return nil
	}
	return &protocols.Hooks{
		Prestart:        list(in.Prestart, hook), // deprecated, but in use
		Poststart:       list(in.Poststart, hook),
		Poststop:        list(in.Poststop, hook),
		CreateRuntime:   list(in.CreateRuntime, hook),
		CreateContainer: list(in.CreateContainer, hook),
		StartContainer:  list(in.StartContainer, hook),
	}
}

func hook(in specs.Hook) *protocols.Hook {
	return &protocols.Hook{Path: in.Path, Args: in.Args, Env: in.Env, Timeout: int64(value(in.Timeout))}
}

// list converts each element of a list; nil stays nil.
func list[In, Out any](in []In, convert func(In) Out) []Out {
	if in == nil {
		return nil
	}
	out := make([]Out, len(in))
	for i, v := range in {
		out[i] = convert(v)
	}
	return out
}

// value is what p points to, or zero, which in the message is "not given".
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
