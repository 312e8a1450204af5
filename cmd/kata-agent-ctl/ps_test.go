// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/cmd/kata-agent-ctl/internal/agenttest"
	"github.com/kata-containers/kata-agent/protocols"
)

const liveView = `{"version":1,"agent_version":"4.2.0","steps":[
	{"step":"queued","container":"web","method":"StatsContainer","seconds":1},
	{"step":"wait for device 0000:02/00","container":"db","method":"CreateContainer","seconds":31}],
 "containers":[
	{"id":"db","state":"creating","seconds":31,"doing":"wait for device 0000:02/00","sessions":[]},
	{"id":"web","state":"running","pid":120,"seconds":4000,"sessions":[
		{"exec":"web","state":"running","pid":120,"seconds":4000,"stdout_bytes":1536,"reads_waiting":2},
		{"exec":"e1","state":"running","pid":130,"seconds":70,"unread_bytes":65536,"quiet_seconds":60}]}]}`

func liveAgent(t *testing.T, answer string) *agenttest.Server {
	s := agenttest.Start(t)
	t.Setenv(addressVariable, s.Address())
	s.Handle("GetDiagnosticData", func(_ context.Context, request, reply protocols.Message) error {
		if kind := request.(*protocols.GetDiagnosticDataRequest).LogType; kind != "live" {
			t.Errorf("log_type %q is asked for, want live", kind)
		}
		reply.(*protocols.GetDiagnosticDataResponse).Data = answer
		return nil
	})
	return s
}

func TestPs(t *testing.T) {
	liveAgent(t, liveView)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ps", "-o", "table"}, "db         creating  -    31 s   0          wait for device 0000:02/00 for 31 s\n"},
		{[]string{"ps", "-o", "table", "web"}, "web        running  120  1h06m  2          -\n"},
		{[]string{"ps", "-s", "-o", "table", "web"}, "web        e1    running  130  1m10s  0 B  0 B      0 B  64.0 KiB  nobody reads for 1m00s\n"},
		{[]string{"ps", "-o", "yaml", "db"}, "- doing: wait for device 0000:02/00\n"},
		{[]string{"__complete", "exec", ""}, "db\tcreating\nweb\trunning\n"},
		{[]string{"__complete", "kill", "--exec", ""}, "e1\trunning\n"},
	} {
		out, err := execute("", c.args...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%v: %v\n%s\nwant a line %q", c.args, err, out, c.want)
		}
	}
	var all []struct {
		ID    string
		Steps []struct{ Method string }
	}
	out, err := execute("", "inspect", "db")
	if e := json.Unmarshal([]byte(out), &all); e != nil || err != nil || len(all) != 1 || len(all[0].Steps) != 1 || all[0].Steps[0].Method != "CreateContainer" {
		t.Errorf("inspect: %v, %v, %s, want db with its one step", err, e, out)
	}
	if _, err := execute("", "ps", "nobody"); err == nil || !strings.Contains(err.Error(), `no container "nobody"`) {
		t.Errorf("got %v, want an error that names the container", err)
	}
	if _, err := execute("", "top"); err == nil || !strings.Contains(err.Error(), "no terminal") {
		t.Errorf("top without a terminal: %v, want an error", err)
	}
}

func TestPsOfAnotherAgent(t *testing.T) {
	liveAgent(t, `{"version":2}`)
	if _, err := execute("", "ps"); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("got %v, want an error about the version", err)
	}
}
