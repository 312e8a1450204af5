// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"fmt"
	"net"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const attestationService = "attestation_agent.AttestationAgentService"

// AttestationAgent is a stand-in for the attestation agent.
type AttestationAgent struct{ StandIn }

// Server offers the service. Its messages have one field of bytes or text with number 1, as those of
// google.protobuf's wrappers.
func (a *AttestationAgent) Server() (*ttrpc.Server, error) {
	s, err := ttrpc.NewServer()
	if err != nil {
		return nil, err
	}
	a.register(s, attestationService, map[string]ttrpc.Method{
		"GetEvidence": bytesMethod(func(b []byte) string { return fmt.Sprintf("evidence about %q", b) }),
		"GetToken":    bytesMethod(func(b []byte) string { return fmt.Sprintf("token of type %s", b) }),
		"GetTeeType":  bytesMethod(func([]byte) string { return "sample" }),
		"BindInitData": func(context.Context, func(any) error) (any, error) {
			return &emptypb.Empty{}, nil
		},
	})
	return s, nil
}

func bytesMethod(answer func([]byte) string) ttrpc.Method {
	return func(_ context.Context, unmarshal func(any) error) (any, error) {
		var request wrapperspb.BytesValue
		if err := unmarshal(&request); err != nil {
			return nil, err
		}
		return wrapperspb.Bytes([]byte(answer(request.Value))), nil
	}
}

// Attest gets a token from the attestation agent on socket, as a hub does.
func Attest(ctx context.Context, socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return fmt.Errorf("attestation agent: %w", err)
	}
	client := ttrpc.NewClient(conn)
	defer client.Close()
	var token wrapperspb.BytesValue
	if err := client.Call(ctx, attestationService, "GetToken", wrapperspb.Bytes([]byte("kbs")), &token); err != nil {
		return fmt.Errorf("attestation agent: %w", err)
	}
	return nil
}
