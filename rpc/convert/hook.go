// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// hooks converts all six lists. Hosts run prestart, createRuntime and the like themselves, but hooks
// can reach the agent from other clients.
func hooks(in *protocols.Hooks) (*specs.Hooks, error) {
	if in == nil {
		return nil, nil
	}
	out := &specs.Hooks{}
	for _, l := range []struct {
		from []*protocols.Hook
		to   *[]specs.Hook
	}{
		// deprecated, but images still have prestart hooks
		{in.Prestart, &out.Prestart},
		{in.CreateRuntime, &out.CreateRuntime},
		{in.CreateContainer, &out.CreateContainer},
		{in.StartContainer, &out.StartContainer},
		{in.Poststart, &out.Poststart},
		{in.Poststop, &out.Poststop},
	} {
		var err error
		if *l.to, err = tryList(l.from, hook); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hook converts one hook. Its time limit is in seconds; zero leaves it to the runner.
func hook(in *protocols.Hook) (specs.Hook, error) {
	if in.Path == "" {
		return specs.Hook{}, refuse("hook has no path")
	}
	if in.Timeout < 0 {
		return specs.Hook{}, refuse("hook %s has a negative time limit, %d", in.Path, in.Timeout)
	}
	return specs.Hook{Path: in.Path, Args: in.Args, Env: in.Env, Timeout: given(int(in.Timeout))}, nil
}
