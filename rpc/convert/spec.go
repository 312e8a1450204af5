// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Spec converts the specification of a container to be created. It must have a process; without a
// Linux section it gets the one of defaultLinux. Root and the process's capabilities stay absent
// when they are not sent.
func Spec(in *protocols.Spec) (*specs.Spec, error) {
	if in == nil {
		return nil, refuse("no OCI specification")
	}
	if in.Process == nil {
		return nil, refuse("OCI specification has no process")
	}
	process, err := Process(in.Process)
	if err != nil {
		return nil, err
	}
	hooks, err := hooks(in.Hooks)
	if err != nil {
		return nil, err
	}
	linux, err := linux(in.Linux)
	if err != nil {
		return nil, err
	}
	out := &specs.Spec{
		Version:     in.Version,
		Process:     process,
		Hostname:    in.Hostname,
		Mounts:      mounts(in.Mounts),
		Hooks:       hooks,
		Annotations: in.Annotations,
		Linux:       linux,
	}
	if in.Root != nil {
		out.Root = &specs.Root{Path: in.Root.Path, Readonly: in.Root.Readonly}
	}
	return out, nil
}

func mounts(in []*protocols.Mount) []specs.Mount {
	return list(in, func(m *protocols.Mount) specs.Mount {
		return specs.Mount{Destination: m.Destination, Type: m.Type, Source: m.Source, Options: mountOptions(m.Options)}
	})
}

// list converts the elements of a repeated field, none of which can fail. An empty field gives nil.
func list[In, Out any](in []*In, convert func(*In) Out) []Out {
	if len(in) == 0 {
		return nil
	}
	out := make([]Out, len(in))
	for i, v := range in {
		out[i] = convert(v)
	}
	return out
}

// tryList is list for elements that can be refused; the first error ends it.
func tryList[In, Out any](in []*In, convert func(*In) (Out, error)) ([]Out, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]Out, len(in))
	for i, v := range in {
		var err error
		if out[i], err = convert(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// given returns nil for zero, which on the wire is "not given".
func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
