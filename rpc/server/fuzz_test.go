// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"go.uber.org/zap"
)

// FuzzEndpoints: nothing is allowed but what the list names, whatever is in it.
func FuzzEndpoints(f *testing.F) {
	f.Add("ExecProcessRequest\nSignalProcess")
	f.Add("")
	f.Add("execprocessrequest\n*\n ExecProcessRequest")
	f.Fuzz(func(t *testing.T, lines string) {
		names := strings.Split(lines, "\n")
		methods := []Method{
			{Request: "ExecProcessRequest", frame: frame.Method{Service: protocols.AgentService, Name: "ExecProcess"}},
			{Request: "CheckRequest", frame: frame.Method{Service: neverBlocked, Name: "Check"}},
		}
		methods[0].frame.Blocking = func(context.Context, protocols.Message) (protocols.Message, error) { return nil, nil }
		list := newAllowList(names, methods, zap.NewNop())
		named := false
		for _, n := range names {
			named = named || n == "ExecProcessRequest" || n == "ExecProcess"
		}
		if list.blocks(&methods[0]) == named || list.blocks(&methods[1]) {
			t.Errorf("%q: blocked %t, want %t", names, list.blocks(&methods[0]), !named)
		}
	})
}

// FuzzAddresses reads server addresses and the names of peers.
func FuzzAddresses(f *testing.F) {
	f.Add("-1:1024")
	f.Add("@passed_1027")
	f.Fuzz(func(t *testing.T, text string) {
		if _, _, err := parseVsock(text); err == nil && strings.Count(text, ":") != 1 {
			t.Errorf("%q is taken for an address", text)
		}
		_, _ = PeerPort(connOf{addr: &net.UnixAddr{Name: text}})
	})
}
