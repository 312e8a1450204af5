// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/client"
	pb "github.com/kata-containers/kata-containers/src/runtime/virtcontainers/pkg/agent/protocols/grpc"
	"golang.org/x/sys/unix"
)

const (
	sandbox = "sb"
	app     = "app"
	guarded = "guarded"
	sigkill = 9
	dirBit  = 1 << 31 // of Go's file modes, which the host sends
)

// pod is the life of a pod, call by call as the Go runtime makes them: specifications that it has
// converted, init addressed by the container's id, sessions without capabilities, CloseStdin, a
// second wait for init before its removal.
func pod(ctx context.Context, c *client.AgentClient, o *options, out *outcome) {
	a := c.AgentServiceClient
	out.count("Check", limited(ctx, c.HealthClient.Check, &pb.CheckRequest{}))
	begin(ctx, a, out)
	create(ctx, a, o, plan{id: sandbox, kind: "pod_sandbox", args: []string{"sleep", "1000"}}, out)
	oom := make(chan error, 1)
	go func() {
		_, err := a.GetOOMEvent(ctx, &pb.GetOOMEventRequest{})
		oom <- err
	}()
	create(ctx, a, o, plan{id: app, kind: "pod_container", args: []string{"sh", "-c", "read line; echo got $line; exec sleep 1000"}}, out)
	out.count("init's streams", initStreams(ctx, a))
	slots := make(chan struct{}, max(o.atOnce, 1))
	var sessions sync.WaitGroup
	for i := range o.sessions {
		slots <- struct{}{}
		sessions.Go(func() {
			out.count("session", echo(ctx, a, fmt.Sprintf("%s/e%d", app, i)))
			<-slots
		})
	}
	sessions.Wait()
	out.count("terminal", terminal(ctx, a, app))
	control(ctx, a, out)
	create(ctx, a, o, plan{id: guarded, kind: "pod_container", args: []string{"sleep", "1000"}, seccomp: true}, out)
	out.count("seccomp", guard(ctx, a))
	for _, id := range []string{guarded, app, sandbox} {
		stop(ctx, a, id, out)
	}
	end(ctx, c, o, oom, out)
}

func end(ctx context.Context, c *client.AgentClient, o *options, oom <-chan error, out *outcome) {
	select {
	case err := <-oom:
		out.count("GetOOMEvent", fmt.Errorf("ended by itself: %w", err))
	default:
	}
	if o.destroy {
		out.count("DestroySandbox", limited(ctx, c.AgentServiceClient.DestroySandbox, &pb.DestroySandboxRequest{}))
	}
	c.Close()
	if err := <-oom; !errors.Is(err, ttrpc.ErrClosed) && out.failed.Load() == 0 && !o.destroy {
		out.count("GetOOMEvent", fmt.Errorf("after closing: %w", err))
	}
}

// begin makes the sandbox.
func begin(ctx context.Context, a pb.AgentServiceService, out *outcome) {
	out.count("ListInterfaces", limited(ctx, a.ListInterfaces, &pb.ListInterfacesRequest{}))
	out.count("CreateSandbox", limited(ctx, a.CreateSandbox, &pb.CreateSandboxRequest{
		Hostname: "pod", SandboxId: sandbox, Dns: []string{"nameserver 10.96.0.10", "search default.svc", ""},
		Storages: []*pb.Storage{{
			Driver: "ephemeral", Source: "shm", Fstype: "tmpfs", MountPoint: shm,
			Options: []string{"noexec", "nosuid", "nodev", "mode=1777", "size=67108864"},
		}},
	}))
	out.count("GetGuestDetails", limited(ctx, a.GetGuestDetails, &pb.GuestDetailsRequest{MemBlockSize: true, MemHotplugProbe: true}))
}

// create makes and starts a container.
func create(ctx context.Context, a pb.AgentServiceService, o *options, p plan, out *outcome) {
	content := []byte("nameserver 10.96.0.10\n")
	out.count("CopyFile", limited(ctx, a.CopyFile, &pb.CopyFileRequest{
		Path: resolvConf(p.id), FileSize: int64(len(content)), FileMode: unix.S_IFREG | 0o644, DirMode: dirBit | 0o750, Data: content,
	}))
	spec, err := o.containerSpec(p)
	if out.count("specification", err) {
		out.count("CreateContainer", limited(ctx, a.CreateContainer, &pb.CreateContainerRequest{ContainerId: p.id, ExecId: p.id, OCI: spec}))
	}
	resized(ctx, a, out)
	out.count("StartContainer", limited(ctx, a.StartContainer, &pb.StartContainerRequest{ContainerId: p.id}))
}

// resized is what the host sends whenever it may have given the machine memory or CPUs.
func resized(ctx context.Context, a pb.AgentServiceService, out *outcome) {
	out.count("OnlineCPUMem", limited(ctx, a.OnlineCPUMem, &pb.OnlineCPUMemRequest{}))
	out.count("UpdateEphemeralMounts", limited(ctx, a.UpdateEphemeralMounts, &pb.UpdateEphemeralMountsRequest{}))
}

func initStreams(ctx context.Context, a pb.AgentServiceService) error {
	if _, err := a.WriteStdin(ctx, &pb.WriteStreamRequest{ContainerId: app, ExecId: app, Data: []byte("this\n")}); err != nil {
		return err
	}
	reply, err := a.ReadStdout(ctx, &pb.ReadStreamRequest{ContainerId: app, ExecId: app, Len: readSize})
	if err == nil && string(reply.Data) != "got this\n" {
		err = fmt.Errorf("init wrote %q", reply.Data)
	}
	return err
}

// control is what is done to a container that runs: limits, statistics, pause.
func control(ctx context.Context, a pb.AgentServiceService, out *outcome) {
	resources, err := moreMemory()
	if out.count("resources", err) {
		out.count("UpdateContainer", limited(ctx, a.UpdateContainer, &pb.UpdateContainerRequest{ContainerId: app, Resources: resources}))
	}
	resized(ctx, a, out)
	stats, err := a.StatsContainer(ctx, &pb.StatsContainerRequest{ContainerId: app})
	if limit := stats.GetCgroupStats().GetMemoryStats().GetUsage().GetLimit(); err == nil && limit != 256<<20 {
		err = fmt.Errorf("memory is limited to %d bytes", limit)
	}
	out.count("StatsContainer", err)
	out.count("PauseContainer", limited(ctx, a.PauseContainer, &pb.PauseContainerRequest{ContainerId: app}))
	out.count("ResumeContainer", limited(ctx, a.ResumeContainer, &pb.ResumeContainerRequest{ContainerId: app}))
	text, err := output(ctx, a, app+"/f", "sh", "-c", "echo shared >/dev/shm/f; cat /dev/shm/f /etc/resolv.conf")
	if want := "shared\nnameserver 10.96.0.10\n"; err == nil && text != want {
		err = fmt.Errorf("files hold %q, want %q", text, want)
	}
	out.count("shared memory and copied file", err)
	out.count("GetMetrics", limited(ctx, a.GetMetrics, &pb.GetMetricsRequest{}))
}

// guard tries a call that the profile denies, without an errno of its own: EPERM.
func guard(ctx context.Context, a pb.AgentServiceService) error {
	text, err := output(ctx, a, guarded+"/s", "sh", "-c", "touch /tmp/f; chmod 600 /tmp/f 2>/dev/null || echo denied; grep ^Seccomp: /proc/self/status")
	if want := "denied\nSeccomp:\t2\n"; err == nil && text != want {
		err = fmt.Errorf("%q, want %q", text, want)
	}
	return err
}

// stop is what the host does with a container that is to end.
func stop(ctx context.Context, a pb.AgentServiceService, id string, out *outcome) {
	out.count("SignalProcess", limited(ctx, a.SignalProcess, &pb.SignalProcessRequest{ContainerId: id, Signal: sigkill}))
	reply, err := a.WaitProcess(ctx, &pb.WaitProcessRequest{ContainerId: id, ExecId: id})
	if err == nil && reply.Status != 128+sigkill {
		err = fmt.Errorf("status %d", reply.Status)
	}
	out.count("WaitProcess", err)
	// Once more, as its StopContainer does: answered at once, by an error or not.
	_, _ = a.WaitProcess(ctx, &pb.WaitProcessRequest{ContainerId: id, ExecId: id})
	out.count("RemoveContainer", limited(ctx, a.RemoveContainer, &pb.RemoveContainerRequest{ContainerId: id}))
	out.count("RemoveStaleVirtiofsShareMounts", limited(ctx, a.RemoveStaleVirtiofsShareMounts, &pb.RemoveStaleVirtiofsShareMountsRequest{}))
}
