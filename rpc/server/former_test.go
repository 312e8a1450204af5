// SPDX-License-Identifier: Apache-2.0

package server

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kata-containers/kata-agent/protocols"
)

// A host that calls what older agents had gets the answer of every unknown method, and the log says
// once what to use now.
func TestFormerMethods(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	_, path := start(t, Options{Methods: []Method{checkMethod}, Log: zap.New(core)})
	client := dial(t, path)
	for _, method := range []string{"StartTracing", "StartTracing", "StopTracing", "ListProcesses", "NoSuchThing"} {
		err := call(t.Context(), client, protocols.HealthService, method, &protocols.CheckRequest{}, &protocols.Empty{})
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v, want %v", method, err, codes.Unimplemented)
		}
	}
	var got []string
	for _, l := range logs.All() {
		got = append(got, l.Message)
		if l.ContextMap()["instead"] == "" {
			t.Errorf("%q does not say what to use, want a hint", l.Message)
		}
	}
	if len(got) != 3 {
		t.Errorf("warned %q, want one warning for each of the three methods that there were", got)
	}
}
