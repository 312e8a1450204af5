// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/client"
	pb "github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/grpc"
)

// limit is the host's for most calls.
const limit = 60 * time.Second

// storm makes many small calls on one connection.
func storm(ctx context.Context, c *client.AgentClient, o *options, out *outcome) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range max(o.atOnce, 1) {
		workers.Go(func() {
			for n := next.Add(1); n <= int64(o.calls); n = next.Add(1) {
				if n%2 == 0 {
					out.count("Check", limited(ctx, c.HealthClient.Check, &pb.CheckRequest{}))
				} else {
					out.count("GetGuestDetails", limited(ctx, c.AgentServiceClient.GetGuestDetails, &pb.GuestDetailsRequest{MemBlockSize: true}))
				}
			}
		})
	}
	workers.Wait()
}

// limited makes a call whose reply does not matter.
func limited[Q, R any](ctx context.Context, method func(context.Context, Q) (R, error), request Q) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := method(ctx, request)
	return err
}
