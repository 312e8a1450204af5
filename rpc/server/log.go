// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
)

// Requests name their container and their exec session by these.
type (
	hasContainer interface{ GetContainerId() string }
	hasExec      interface{ GetExecId() string }
)

// logged returns the interceptor that writes one line when a call has ended, or nil if lines of its
// level are not wanted. Ids and the outcome are all it tells of a call.
func logged(log *zap.Logger, level zapcore.Level) Interceptor {
	if !log.Core().Enabled(level) {
		return nil
	}
	return func(ctx context.Context, info *Info, request protocols.Message) (context.Context, func(codes.Code, string), error) {
		start := time.Now()
		fields := make([]zap.Field, 0, 6)
		fields = append(fields, zap.String("rpc", info.Method))
		if r, ok := request.(hasContainer); ok && r.GetContainerId() != "" {
			fields = append(fields, zap.String("container", r.GetContainerId()))
		}
		if r, ok := request.(hasExec); ok && r.GetExecId() != "" {
			fields = append(fields, zap.String("exec", r.GetExecId()))
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
