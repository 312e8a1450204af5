// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/oom"
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

// installHooks gives libcontainer the hooks of spec. ctx bounds those that run here.
func installHooks(ctx context.Context, config *configs.Config, hooks *specs.Hooks) {
	config.Hooks = configs.Hooks{}
	if hooks == nil {
		return
	}
	here := func(name configs.HookName, list []specs.Hook) {
		for _, h := range list {
			config.Hooks[name] = append(config.Hooks[name], configs.NewFunctionHook(func(s *specs.State) error {
				return RunHook(ctx, h, s)
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
	out := &head{limit: maxHookOutput}
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
	// A hook given up goes with everything it started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// A descendant that keeps the output open must not hold up the hook's end.
	cmd.WaitDelay = time.Second
	err = oom.Run(cmd)
	if ctx.Err() != nil {
		return fmt.Errorf("hook %s: %w", h.Path, context.Cause(ctx))
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		err = fmt.Errorf("hook %s: %w", h.Path, err)
		if said := bytes.TrimSpace(out.buf); len(said) > 0 {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return err
	}
	return nil
}

// head keeps the first limit bytes written to it and drops the rest.
type head struct {
	buf   []byte
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	if n := h.limit - len(h.buf); n > 0 {
		h.buf = append(h.buf, p[:min(n, len(p))]...)
	}
	return len(p), nil
}
