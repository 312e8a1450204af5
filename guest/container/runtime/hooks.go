// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	program "github.com/kata-containers/kata-agent/guest/sys/command"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Hooks have their OCI meaning (runtime-spec, config.md "POSIX-platform Hooks"):
// prestart, createRuntime, createContainer and startContainer stop the container's
// life when they fail; poststart and poststop only warn. Those that run in the agent's
// namespaces are run here, under a context, so that one that hangs can be given up;
// createContainer and startContainer run in the container's child, by libcontainer.

// maxHookOutput bounds what is kept of a hook's output for the error text, in bytes.
const maxHookOutput = 4096

// installHooks gives libcontainer the hooks of spec. ctx bounds those that run here, without the place
// that the start has by then.
func (o Options) installHooks(ctx context.Context, config *configs.Config, hooks *specs.Hooks, start *started) {
	config.Hooks = configs.Hooks{}
	if hooks == nil {
		return
	}
	here := func(name configs.HookName, list []specs.Hook) {
		for _, h := range list {
			config.Hooks[name] = append(config.Hooks[name], configs.NewFunctionHook(func(s *specs.State) error {
				return start.place.without(ctx, func() error { return o.runHook(ctx, string(name), h, s) })
			}))
		}
	}
	inChild := func(name configs.HookName, list []specs.Hook) {
		for _, h := range list {
			config.Hooks[name] = append(config.Hooks[name], configs.NewCommandHook(command(h)))
		}
	}
	here(configs.Prestart, hooks.Prestart) // deprecated, but hosts and guest images still use it
	here(configs.CreateRuntime, hooks.CreateRuntime)
	inChild(configs.CreateContainer, hooks.CreateContainer)
	inChild(configs.StartContainer, hooks.StartContainer)
}

func command(h specs.Hook) *configs.Command {
	c := &configs.Command{Path: h.Path, Args: h.Args, Env: h.Env}
	if h.Timeout != nil && *h.Timeout > 0 {
		d := time.Duration(*h.Timeout) * time.Second
		c.Timeout = &d
	}
	return c
}

// runHook runs a hook of a stage.
func (o Options) runHook(ctx context.Context, stage string, h specs.Hook, state *specs.State) error {
	run := func(ctx context.Context) error { return RunHook(ctx, h, state) }
	if o.Hook == nil {
		return run(ctx)
	}
	return o.Hook(ctx, stage, h.Path, run)
}

// RunHook runs one hook in the agent's namespaces with the container's state as JSON
// on its stdin and exactly the hook's environment. It is killed when ctx ends or the
// hook's own timeout (seconds; none when unset) has passed.
func RunHook(ctx context.Context, h specs.Hook, state *specs.State) error {
	input, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if h.Timeout != nil && *h.Timeout > 0 {
		limit := time.Duration(*h.Timeout) * time.Second
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("it has not ended within %s", limit))
		defer cancel()
	}
	out := &program.Head{Max: maxHookOutput}
	cmd := exec.CommandContext(ctx, h.Path)
	if len(h.Args) > 0 {
		cmd.Args = h.Args
	}
	cmd.Env = h.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would hand the agent's environment on
	}
	cmd.Dir = state.Bundle
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stdout, cmd.Stderr = out, out
	err = program.RunGroup(cmd)
	if ctx.Err() != nil {
		return fmt.Errorf("hook %s: %w", h.Path, context.Cause(ctx))
	}
	if err != nil {
		err = fmt.Errorf("hook %s: %w", h.Path, err)
		if said := bytes.TrimSpace(out.Bytes()); len(said) > 0 {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return err
	}
	return nil
}
