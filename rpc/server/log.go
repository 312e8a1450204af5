// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/kata-containers/kata-agent/guest/logging"
	"github.com/kata-containers/kata-agent/protocols"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc/codes"
)

// Requests name their container and their exec session by these.
type (
	hasContainer interface{ GetContainerId() string }
	hasExec      interface{ GetExecId() string }
)

// logged returns the interceptor that writes one line when a call has ended. Ids and the outcome are
// what it tells of a call. Where debug lines are wanted, it also shows the request of a method that is
// not quiet, without its secrets: as it came, since handlers change it.
func logged(log *zap.Logger, level zapcore.Level) Interceptor {
	return func(ctx context.Context, info *Info, request protocols.Message) (context.Context, func(codes.Code, string), error) {
		shown := level > zapcore.DebugLevel && log.Core().Enabled(zapcore.DebugLevel)
		start := time.Now()
		fields := make([]zap.Field, 0, 7)
		fields = append(fields, zap.String("rpc", info.Method))
		if r, ok := request.(hasContainer); ok && r.GetContainerId() != "" {
			fields = append(fields, zap.String("container", r.GetContainerId()))
		}
		if r, ok := request.(hasExec); ok && r.GetExecId() != "" {
			fields = append(fields, zap.String("exec", r.GetExecId()))
		}
		if shown {
			fields = append(fields, zap.String("request", logging.Scrub(request)))
		}
		return ctx, func(code codes.Code, text string) {
			fields = append(fields, zap.Stringer("code", code), zap.Float64("ms", milliseconds(time.Since(start))))
			if text != "" {
				fields = append(fields, zap.String("error", text))
			}
			log.Log(level, "rpc", fields...)
		}, nil
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
