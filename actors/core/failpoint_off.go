// SPDX-License-Identifier: Apache-2.0

//go:build !failpoints

package core

import "context"

// Without the build tag failpoints there are none: both vanish in Step.

func failBefore(context.Context, StepKind, string) error { return nil }

func failAfter(context.Context, StepKind, string) error { return nil }
