// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kata-containers/kata-agent/actors/agent"
	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/boot/power"
	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/sys/oom"
	"github.com/kata-containers/kata-agent/rpc"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// drainTimeout bounds the wait for answers on their way when the agent ends.
const drainTimeout = 5 * time.Second

// serve runs the agent until its sandbox is destroyed or it is told to end.
func serve(cfg *config.Config, out *logger, asInit bool) error {
	log := out.Logger
	ctx, stop := endOn(syscall.SIGTERM)
	defer stop()
	if cfg.DevMode {
		allowCoreDumps(log)
	}
	var serving atomic.Pointer[rpc.Service]
	dumpOnUSR1(&serving)
	out.switchOnUSR2()
	if asInit {
		go powerOff(ctx, log, stop)
	}
	restored := &restoring{log: log}
	defer openPorts(ctx, cfg, out, restored)()
	data, err := readInitData(log)
	if err != nil {
		return err
	}
	gate, err := startPolicy(cfg, data, log)
	if err != nil {
		return err
	}
	plan, err := planComponents(cfg, data, log)
	if err != nil {
		return err
	}
	tracing, endTracing := startTracing(cfg, log, restored)
	defer endTracing() // last: with all that has happened in the spans
	keep := startKeeping(cfg, gate, asInit, log)
	run := agent.ClaimRun(keep.on, log)
	ended := run.End
	defer func() { ended() }()
	system := core.NewSystem(log, core.WithStepLimits(core.StepLimits{cfg.StepWarning, cfg.StepWarningAgain}))
	streams, closeStreams := openPassfd(cfg, log)
	defer closeStreams()
	hub := cdh.New(cdh.Options{Timeout: cfg.CDHAPITimeout, PullTimeout: cfg.ImagePullTimeout})
	defer hub.Close()
	spawner, closeSpawner := newSpawner(log)
	defer closeSpawner()
	a, err := agent.Start(system, agent.Options{
		InitMode: asInit, PipeSize: cfg.ContainerPipeSize, HotplugTimeout: cfg.HotplugTimeout,
		VisibleCDI: cfg.VisibleCDIDevices, CDITimeout: cfg.CDITimeout, MemAgent: memAgent(cfg.MemAgent),
		Components: plan.Processes, PauseBundle: plan.PauseBundle,
		Hub: hub, NoStoreIntegrity: !cfg.SecureStorageIntegrity,
		Spawn: spawner, Init: initWay(cfg), Passfd: streams, Log: log, Restored: restored.seen, Journal: run.Journal(), Kept: keep.keeper,
	})
	if err != nil {
		return err
	}
	defer a.Close()
	defer stopSystem(system, log)
	if err := a.LaunchComponents(ctx); err != nil {
		return err
	}
	hub.Present() // one that was there once is waited for when it is away

	run.Inherit(ctx, a)
	destroyed := make(chan struct{})
	service := rpc.New(rpc.Options{
		Agent: a, Version: version, InitMode: asInit, Features: features(), Log: log,
		Logs:      out,
		Policy:    gate,
		PolicySet: func() { keep.forget(run) },
		Destroyed: sync.OnceFunc(func() { close(destroyed) }),
	})
	s, err := server.New(server.Options{
		Methods: service.Methods(), Status: rpc.Status, Log: log, Allowed: allowed(cfg), Freed: a.Freed, Gate: gate,
		Interceptors: tracing, Begin: service.Begin, Arriving: a.Look, Keep: keep.conn,
	})
	if err != nil {
		return err
	}
	restored.serves(s, func() { a.CatchUp(log) })
	service.ServedBy(s)
	serving.Store(service)
	l, err := listen(cfg, cfg.ServerAddress, log)
	if err != nil {
		return err
	}
	log.Info("listening", zap.String("address", cfg.ServerAddress))
	go holdMemory(ctx, log)
	keep.goOn(context.WithoutCancel(ctx), s)
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.WithoutCancel(ctx), l) }()
	select {
	case err = <-served:
		return err
	case <-a.Sandbox.Done():
		err = errors.New("the sandbox actor has died")
	case <-a.Storage.Done():
		err = errors.New("the storage actor has died")
	case <-a.Network.Done():
		err = errors.New("the network actor has died")
	case <-a.Devices():
		err = errors.New("the uevent actor has died")
	case <-destroyed:
		ended = run.Release
	case <-ctx.Done():
	}
	keep.end()
	drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if drainErr := s.Shutdown(drain); drainErr != nil {
		log.Warn("answers were cut off", zap.Error(drainErr))
	}
	return err
}

// holdMemory keeps what the agent needs when the guest has no memory left. It is no part of the
// start: a host waits for that, and until the first request there is no pod that could take memory.
func holdMemory(ctx context.Context, log *zap.Logger) {
	if err := oom.LockProgram("/proc"); err != nil {
		log.Info(err.Error()) // without the right to: a developer's machine
	}
	oom.KeepReserve(ctx, "/proc")
}

// listen opens a socket for the host, and for the guest itself only if the configuration
// says so. On a unix socket, where an agent that is alone listens, its own user stands for the host.
func listen(cfg *config.Config, address string, log *zap.Logger) (net.Listener, error) {
	l, err := server.Listen(address)
	if err != nil {
		return nil, err
	}
	l = server.OwnPeers(l, func(err error) {
		log.Warn("connection refused; others will be without a word", zap.String("address", address), zap.Error(err))
	})
	if cfg.VsockLocal {
		return l, nil
	}
	return server.HostOnly(l), nil
}

// allowed is the list of endpoints for the server: nil allows all.
func allowed(cfg *config.Config) []string {
	if !cfg.Endpoints.Restricted {
		return nil
	}
	return append([]string{}, cfg.Endpoints.Allowed...)
}

// powerOff ends the agent, and so the guest, when the host presses the power button. As a
// service systemd does.
func powerOff(ctx context.Context, log *zap.Logger, stop func()) {
	err := power.AwaitButton(ctx)
	switch {
	case err == nil:
		log.Info("power button: the agent ends")
		stop()
	case ctx.Err() == nil:
		log.Debug("no power button", zap.Error(err)) // a machine or a kernel without ACPI
	}
}

// endOn returns a context that ends with one of the signals. Signals that a console can
// make (INT, QUIT, HUP; TSTP, TTIN, TTOU) and a broken pipe are no reason to end or to stop
// a pod.
func endOn(signals ...os.Signal) (context.Context, func()) {
	// Caught and not ignored: what is ignored stays so in the containers.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGPIPE,
		syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	return signal.NotifyContext(context.Background(), signals...)
}

func stopSystem(system *core.System, log *zap.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := system.Stop(ctx); err != nil {
		log.Warn("actors did not end", zap.Error(fmt.Errorf("stop: %w", err)))
	}
}
