// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"fmt"

	"github.com/kata-containers/kata-agent/protocols"
)

const (
	agentService  = "grpc.AgentService"
	healthService = "grpc.Health"
)

// pod is where containers are made.
type pod struct {
	rootfs string // where the agent is
	cgroup string // parent of the containers'
}

var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

// request makes the message of a call. tag is what its process writes, data what it is given to read.
func (p *pod) request(s *step, cid, tag string, data []byte) protocols.Message {
	exec := s.exec()
	switch s.Method {
	case "CreateContainer":
		return &protocols.CreateContainerRequest{ContainerId: cid, ExecId: cid, OCI: p.spec(s, cid, tag)}
	case "StartContainer":
		return &protocols.StartContainerRequest{ContainerId: cid}
	case "RemoveContainer":
		return &protocols.RemoveContainerRequest{ContainerId: cid}
	case "ExecProcess":
		return &protocols.ExecProcessRequest{ContainerId: cid, ExecId: exec, Process: s.process(tag)}
	case "SignalProcess":
		if s.Slot == 0 && !s.All {
			exec = cid
		}
		return &protocols.SignalProcessRequest{ContainerId: cid, ExecId: exec, Signal: s.Signal}
	case "WaitProcess":
		return &protocols.WaitProcessRequest{ContainerId: cid, ExecId: exec}
	case "ReadStdout", "ReadStderr":
		return &protocols.ReadStreamRequest{ContainerId: cid, ExecId: exec, Len: uint32(s.Len)}
	case "WriteStdin":
		return &protocols.WriteStreamRequest{ContainerId: cid, ExecId: exec, Data: data}
	case "CloseStdin":
		return &protocols.CloseStdinRequest{ContainerId: cid, ExecId: exec}
	}
	return others(s, cid, exec)
}

func others(s *step, cid, exec string) protocols.Message {
	switch s.Method {
	case "PauseContainer":
		return &protocols.PauseContainerRequest{ContainerId: cid}
	case "ResumeContainer":
		return &protocols.ResumeContainerRequest{ContainerId: cid}
	case "UpdateContainer":
		return &protocols.UpdateContainerRequest{ContainerId: cid, Resources: &protocols.LinuxResources{
			Memory: &protocols.LinuxMemory{Limit: 512 << 20}, CPU: &protocols.LinuxCPU{Shares: 512},
		}}
	case "StatsContainer":
		return &protocols.StatsContainerRequest{ContainerId: cid}
	case "TtyWinResize":
		return &protocols.TtyWinResizeRequest{ContainerId: cid, ExecId: exec, Row: 24, Column: 80}
	case "Check":
		return &protocols.CheckRequest{}
	case "CreateSandbox":
		return &protocols.CreateSandboxRequest{SandboxId: "pod-id"}
	case "GetOOMEvent":
		return &protocols.GetOOMEventRequest{}
	}
	panic("no request for " + s.Method)
}

func (s *step) process(tag string) *protocols.Process {
	p := programs[s.Program]
	return &protocols.Process{Args: p.args(tag), Cwd: "/", User: &protocols.User{}, Env: environment, Terminal: p.terminal}
}

// spec is a small one, since scripts show it.
func (p *pod) spec(s *step, cid, tag string) *protocols.Spec {
	root := p.rootfs
	if s.BadRoot {
		root = "/nonexistent"
	}
	return &protocols.Spec{
		Version: "1.1.0", Process: s.process(tag), Root: &protocols.Root{Path: root}, Hostname: "pod",
		Mounts: []*protocols.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666"}},
		},
		Linux: &protocols.Linux{
			CgroupsPath: p.cgroup + "/" + cid,
			Namespaces:  []*protocols.LinuxNamespace{{Type: "ipc"}, {Type: "uts"}, {Type: "mount"}},
			Resources:   &protocols.LinuxResources{},
		},
	}
}

// input is what a WriteStdin gives a process: records of its own.
func input(number, length int) []byte {
	one := []byte(record(fmt.Sprintf("w%05d", number%100000), 0))
	return bytes.Repeat(one, max(length/len(one), 1))
}
