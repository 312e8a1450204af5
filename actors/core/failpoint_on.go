// SPDX-License-Identifier: Apache-2.0

//go:build failpoints

package core

import (
	"context"

	"github.com/kata-containers/kata-agent/actors/core/failpoint"
)

func failBefore(ctx context.Context, kind StepKind, object string) error {
	return failpoint.Reach(ctx, hitOf(ctx, kind, object, ".before"))
}

func failAfter(ctx context.Context, kind StepKind, object string) error {
	return failpoint.Reach(ctx, hitOf(ctx, kind, object, ".after"))
}

func hitOf(ctx context.Context, kind StepKind, object, side string) failpoint.Hit {
	h := failpoint.Hit{Point: kind.Point() + side, Object: object}
	if o := origin(ctx); o != nil {
		h.Container, h.Exec, h.Method = o.Container, o.Exec, o.Method
		if o.Peer != nil {
			h.Drop = o.Peer.Close
		}
	}
	return h
}
