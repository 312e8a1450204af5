// SPDX-License-Identifier: Apache-2.0

package address

import (
	"errors"
	"testing"
)

func TestParse(t *testing.T) {
	cases := []struct {
		in     string
		hybrid bool
		want   Address
	}{
		{in: "unix:///run/a.sock", want: Address{Kind: Unix, Path: "/run/a.sock"}},
		{in: "unix://@/tmp/a", want: Address{Kind: Unix, Path: "@/tmp/a"}},
		{in: "remote:///run/a", want: Address{Kind: Unix, Path: "/run/a"}},
		{in: "mock:///run/a", want: Address{Kind: Unix, Path: "/run/a"}},
		{in: "unix:///run/clh.sock", hybrid: true, want: Address{Kind: Hybrid, Path: "/run/clh.sock", Port: 7}},
		{in: "vsock://3:1024", want: Address{Kind: Vsock, CID: 3, Port: 1024}},
		{in: "vsock://3:1025", hybrid: true, want: Address{Kind: Vsock, CID: 3, Port: 1025}},
		{in: "vsock://4294967294:5", want: Address{Kind: Vsock, CID: 4294967294, Port: 5}},
		{in: "vsock://-1:1024", want: Address{Kind: Vsock, CID: cidLocal, Port: 1024}},
		{in: "vsock://:1024", want: Address{Kind: Vsock, CID: cidLocal, Port: 1024}},
		{in: "vsock://4294967295:1024", want: Address{Kind: Vsock, CID: cidLocal, Port: 1024}},
		{in: "vsock://3", want: Address{Kind: Vsock, CID: 3, Port: AgentPort}},
		{in: "hvsock:///run/k.hvsock:1026", want: Address{Kind: Hybrid, Path: "/run/k.hvsock", Port: 1026}},
		{in: "hvsock:///run/k.hvsock", want: Address{Kind: Hybrid, Path: "/run/k.hvsock", Port: AgentPort}},
	}
	for _, c := range cases {
		got, err := Parse(c.in, c.hybrid, 7)
		if err != nil || got != c.want {
			t.Errorf("%s (hybrid %v): %+v, %v; want %+v", c.in, c.hybrid, got, err, c.want)
		}
		again, err := Parse(got.String(), false, 0)
		if err != nil || again != got {
			t.Errorf("%s: written as %s it becomes %+v, %v", c.in, got, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "/run/a.sock", "unix://", "unix://@", "tcp://1.2.3.4:5", "vsock://x:1024", "vsock://3:port",
		"vsock://4294967296:1", "vsock://3:4294967296", "hvsock:///run/x:y",
	} {
		if got, err := Parse(in, false, 0); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %+v, %v, want %v", in, got, err, ErrInvalid)
		}
	}
}
