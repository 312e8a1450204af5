// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"strings"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// hookSteps are the stages of OCI hooks that run in the agent's namespaces. The others run in the
// container's child.
var hookSteps = map[string]core.StepKind{
	"prestart":      core.StepPrestartHook,
	"createRuntime": core.StepCreateRuntimeHook,
	"poststart":     core.StepPoststartHook,
	"poststop":      core.StepPoststopHook,
}

// Hook makes each hook a step, see [runtime.Options].
func Hook(ctx context.Context, stage string, path string, run func(context.Context) error) error {
	return core.Step(ctx, hookSteps[stage], path, run)
}

// childHooks names the hooks that libcontainer runs in the container's child while it makes the container,
// "" for none. They are no steps of their own: a step that hangs names them.
func childHooks(spec *specs.Spec) string {
	if spec.Hooks == nil || len(spec.Hooks.CreateContainer) == 0 {
		return ""
	}
	paths := make([]string, 0, len(spec.Hooks.CreateContainer))
	for _, h := range spec.Hooks.CreateContainer {
		paths = append(paths, h.Path)
	}
	return "with createContainer hook " + strings.Join(paths, ", ")
}
