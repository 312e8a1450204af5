// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core"
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
