// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/trace"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// traceFlush bounds how long the last spans may take when the agent ends: the host waits for the
// virtual machine to power itself off, and a collector may never answer.
const traceFlush = 3 * time.Second

// startTracing has requests traced if agent.trace says so. end sends what has not been sent yet.
func startTracing(cfg *config.Config, log *zap.Logger, restored *restoring) (_ []server.Interceptor, end func()) {
	if !cfg.Trace {
		return nil, func() {}
	}
	t, err := trace.New(trace.Options{
		Endpoint: cfg.TraceEndpoint, Version: version,
		Lost: func(err error) { log.Warn("trace spans are lost", zap.Error(err)) },
	})
	if err != nil { // the configuration has checked it
		log.Warn("no tracing", zap.Error(err))
		return nil, func() {}
	}
	restored.then(t.Renew)
	return []server.Interceptor{rpc.Traced(t)}, func() {
		ctx, cancel := context.WithTimeout(context.Background(), traceFlush)
		defer cancel()
		c := t.Close(ctx)
		log.Info("trace spans", zap.Uint64("sent", c.Sent), zap.Uint64("lost", c.Lost))
	}
}
