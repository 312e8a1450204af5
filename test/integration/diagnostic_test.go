// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestDiagnosticData asks a running agent how it is. The allow list holds for it as for any call.
func TestDiagnosticData(t *testing.T) {
	a := harness.Start(t, harness.Options{Cmdline: "agent.no_such_option=1"})
	ask := func(kind string) (string, error) {
		var got protocols.GetDiagnosticDataResponse
		err := a.Call(background(t), "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: kind}, &got)
		return got.Data, err
	}
	for kind, want := range map[string]string{
		"actors":     `{"path":"sandbox","mailbox":0,`,
		"goroutines": "goroutine profile: total ",
		"errors":     "agent.no_such_option",
	} {
		if got, err := ask(kind); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, %q, want %q", kind, err, got, want)
		}
	}
	_, err := ask("secrets")
	harness.Refused(t, err, codes.InvalidArgument, "log_type: secrets")

	closed := harness.Start(t, harness.Options{Config: "[endpoints]\nallowed = [\"CheckRequest\", \"CreateSandboxRequest\", \"DestroySandboxRequest\"]\n"})
	err = closed.Call(background(t), "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: "errors"},
		&protocols.GetDiagnosticDataResponse{})
	harness.Refused(t, err, codes.Unimplemented, "GetDiagnosticDataRequest is blocked")
}
