// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestChoose(t *testing.T) {
	const cid = "c1"
	tests := []struct {
		name     string
		init     bool
		noSystem bool
		path     string
		want     Driver
	}{
		{name: "systemd form", path: "kubepods.slice:cri-containerd:c1", want: Driver{true, "kubepods.slice:cri-containerd:c1"}},
		{name: "systemd default", path: "::", want: Driver{true, "system.slice:kata_agent:c1"}},
		{name: "empty parts", path: ":x:", want: Driver{true, ":x:"}},
		{name: "as first program", init: true, path: "kubepods-x.slice:cri-containerd:c1", want: Driver{false, "/kubepods-x.slice/cri-containerd/c1"}},
		{name: "systemd does not answer", noSystem: true, path: "a.slice:b:c1", want: Driver{false, "/a.slice/b/c1"}},
		{name: "default without systemd", init: true, path: "::", want: Driver{false, "/c1"}},
		{name: "empty", path: "", want: Driver{false, "/c1"}},
		{name: "root", path: "/", want: Driver{false, "/c1"}},
		{name: "path", path: "/kubepods/pod1/c1", want: Driver{false, "/kubepods/pod1/c1"}},
		{name: "relative path", path: "pod1/c1", want: Driver{false, "/pod1/c1"}},
		{name: "colons in a path", path: "/a:b:c", want: Driver{false, "/a:b:c"}},
		{name: "four parts", path: "a:b:c:d", want: Driver{false, "/a:b:c:d"}},
		{name: "climbing", path: "../../etc", want: Driver{false, "/etc"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Chooser{InitMode: tt.init, Reachable: func() bool { return !tt.noSystem }}
			if got := c.Choose(tt.path, cid); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestChooseDoesNotProbeInInitMode(t *testing.T) {
	c := Chooser{InitMode: true, Reachable: func() bool { t.Error("probed"); return true }}
	c.Choose("a:b:c", "c")
	c = Chooser{Reachable: func() bool { t.Error("probed for a plain path"); return true }}
	c.Choose("/a", "c")
}

func TestSystemdReachable(t *testing.T) {
	run := t.TempDir()
	if SystemdReachable(run) {
		t.Error("reachable without anything")
	}
	if err := os.MkdirAll(filepath.Join(run, "systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	if SystemdReachable(run) {
		t.Error("reachable without a socket")
	}
	l, err := net.Listen("unix", filepath.Join(run, "systemd/private"))
	if err != nil {
		t.Fatal(err)
	}
	if !SystemdReachable(run) {
		t.Error("not reachable though it listens")
	}
	l.Close()
	if err := os.WriteFile(filepath.Join(run, "systemd/private"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if SystemdReachable(run) {
		t.Error("reachable though nothing listens")
	}
}
