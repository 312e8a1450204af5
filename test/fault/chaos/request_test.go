// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

const (
	containers = 4
	sessions   = 4 // ids of sessions in each container
)

func container(i int) string { return fmt.Sprintf("chaos-%d", i) }

// request is one request to the agent.
type request struct {
	method   string
	message  protocols.Message
	patience time.Duration // its deadline
}

// kind is a method, and how often it is called.
type kind struct {
	weight  int
	method  string
	waits   bool // for something that may never happen
	message func(c *chaos, r *rand.Rand, cid, exec string) protocols.Message
}

var kinds = []kind{
	{8, "CreateContainer", false, (*chaos).create},
	{8, "StartContainer", false, func(_ *chaos, _ *rand.Rand, cid, _ string) protocols.Message {
		return &protocols.StartContainerRequest{ContainerId: cid}
	}},
	{2, "RemoveContainer", false, func(_ *chaos, r *rand.Rand, cid, _ string) protocols.Message {
		return &protocols.RemoveContainerRequest{ContainerId: cid, Timeout: uint32(r.IntN(2))}
	}},
	{20, "ExecProcess", false, func(_ *chaos, r *rand.Rand, cid, exec string) protocols.Message {
		return &protocols.ExecProcessRequest{ContainerId: cid, ExecId: exec, Process: program(r)}
	}},
	{10, "WaitProcess", true, func(_ *chaos, _ *rand.Rand, cid, exec string) protocols.Message {
		return &protocols.WaitProcessRequest{ContainerId: cid, ExecId: exec}
	}},
	{12, "ReadStdout", true, read},
	{4, "ReadStderr", true, read},
	{6, "WriteStdin", true, func(_ *chaos, r *rand.Rand, cid, exec string) protocols.Message {
		return &protocols.WriteStreamRequest{ContainerId: cid, ExecId: exec, Data: make([]byte, r.IntN(128<<10))}
	}},
	{3, "CloseStdin", false, func(_ *chaos, _ *rand.Rand, cid, exec string) protocols.Message {
		return &protocols.CloseStdinRequest{ContainerId: cid, ExecId: exec}
	}},
	{8, "SignalProcess", false, func(_ *chaos, r *rand.Rand, cid, exec string) protocols.Message {
		signals := [...]uint32{0, 9, 15, 18, 34} // no STOP: a start waits for a stopped init by right
		return &protocols.SignalProcessRequest{ContainerId: cid, ExecId: exec, Signal: signals[r.IntN(len(signals))]}
	}},
	{3, "PauseContainer", false, func(_ *chaos, _ *rand.Rand, cid, _ string) protocols.Message {
		return &protocols.PauseContainerRequest{ContainerId: cid}
	}},
	{6, "ResumeContainer", false, func(_ *chaos, _ *rand.Rand, cid, _ string) protocols.Message {
		return &protocols.ResumeContainerRequest{ContainerId: cid}
	}},
	{2, "StatsContainer", false, func(_ *chaos, _ *rand.Rand, cid, _ string) protocols.Message {
		return &protocols.StatsContainerRequest{ContainerId: cid}
	}},
	{3, "UpdateContainer", false, func(_ *chaos, r *rand.Rand, cid, _ string) protocols.Message {
		limits := &protocols.LinuxResources{Memory: &protocols.LinuxMemory{Limit: int64(64+r.IntN(64)) << 20}}
		return &protocols.UpdateContainerRequest{ContainerId: cid, Resources: limits}
	}},
	{2, "TtyWinResize", false, func(_ *chaos, _ *rand.Rand, cid, exec string) protocols.Message {
		return &protocols.TtyWinResizeRequest{ContainerId: cid, ExecId: exec, Row: 24, Column: 80}
	}},
	{1, "GetOOMEvent", true, func(*chaos, *rand.Rand, string, string) protocols.Message { return &protocols.GetOOMEventRequest{} }},
}

func read(_ *chaos, r *rand.Rand, cid, exec string) protocols.Message {
	return &protocols.ReadStreamRequest{ContainerId: cid, ExecId: exec, Len: uint32(r.IntN(32 << 10))}
}

// request makes one up.
func (c *chaos) request(r *rand.Rand) request {
	k := choose(r)
	cid, exec := container(r.IntN(containers)), ""
	if r.IntN(4) > 0 {
		exec = fmt.Sprintf("session-%d", r.IntN(sessions))
	}
	q := request{k.method, k.message(c, r, cid, exec), answerTimeout}
	switch {
	case k.waits:
		q.patience = time.Duration(1+r.IntN(100)) * time.Millisecond
	case r.IntN(4) == 0: // it passes in the middle
		q.patience = time.Duration(r.IntN(20000)) * time.Microsecond
	}
	return q
}

func choose(r *rand.Rand) kind {
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	n := r.IntN(sum)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("weights do not add up")
}

// create makes up a container: some share volumes or the pid namespace of the pod, some
// cannot be made, and some have a seccomp profile.
func (c *chaos) create(r *rand.Rand, cid, _ string) protocols.Message {
	q := &protocols.CreateContainerRequest{ContainerId: cid, SandboxPidns: r.IntN(3) == 0}
	q.OCI = c.Spec(cid, c.rootfs, "sh", "-c", "trap 'exit 3' TERM; while :; do echo tick; sleep 0.1; done")
	if r.IntN(4) == 0 {
		q.OCI.Process = program(r)
		q.OCI.Process.Capabilities = &protocols.LinuxCapabilities{}
	}
	if r.IntN(5) == 0 {
		q.OCI.Linux.Seccomp = &protocols.LinuxSeccomp{DefaultAction: "SCMP_ACT_ALLOW"}
	}
	if r.IntN(6) == 0 {
		q.OCI.Root.Path = "/nonexistent"
	}
	if r.IntN(2) == 0 {
		q.Storages = append(q.Storages, &protocols.Storage{
			Driver: "bind", Source: c.rootfs, Fstype: "bind", Options: []string{"bind"},
			MountPoint: fmt.Sprintf("/run/kata-containers/volume-%d", r.IntN(2)),
		})
	}
	return q
}

var programs = [...][]string{
	{"true"},
	{"echo", "hi"},
	{"cat"},
	{"sleep", "0.05"},
	{"sleep", "1000"},
	{"sh", "-c", "sleep 1 & echo left a child; exit 7"},
	{"sh", "-c", "head -c 200000 /dev/zero; echo enough >&2"},
	{"not-there"},
}

// program is something to run, now and then on a terminal.
func program(r *rand.Rand) *protocols.Process {
	p := harness.Process(programs[r.IntN(len(programs))]...)
	p.Terminal = r.IntN(4) == 0
	return p
}
