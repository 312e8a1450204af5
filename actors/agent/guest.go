// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"

	"github.com/kata-containers/kata-agent/actors/sandbox"
	"github.com/kata-containers/kata-agent/guest/boot/goruntime"
	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"github.com/kata-containers/kata-agent/guest/container/namespace"
	"github.com/kata-containers/kata-agent/guest/device/online"
	"github.com/kata-containers/kata-agent/guest/network/dns"
	"github.com/kata-containers/kata-agent/guest/sys/module"
	"github.com/kata-containers/kata-agent/guest/sys/random"
)

// modprobe is where guest images have it.
const modprobe = "/sbin/modprobe"

// guest gives the sandbox the real guest.
func guest() sandbox.Guest {
	return sandbox.Guest{
		Stir: func(ctx context.Context, salt ...[]byte) error { return random.Device{}.Stir(ctx, "", salt...) },
		LoadModule: func(ctx context.Context, name string, parameters []string) error {
			return module.Load(ctx, modprobe, name, parameters)
		},
		Namespaces: sharedNamespaces,
		SetDNS:     dns.ResolvConf{}.Apply,
		Hooks:      bundle.ScanHooks,
		OnlineCPUs: func(ctx context.Context, total int) error {
			defer goruntime.Processors()
			return online.CPUs(ctx, sys, total)
		},
		OnlineMemory: func() error {
			_, err := online.Memory(sys)
			return err
		},
	}
}

// sharedNamespaces makes the pod's IPC and UTS namespaces.
func sharedNamespaces(hostname string) (sandbox.Namespaces, func() error, error) {
	ipc, err := namespace.NewIPC(nsDir)
	if err != nil {
		return sandbox.Namespaces{}, nil, err
	}
	uts, err := namespace.NewUTS(nsDir, hostname)
	if err != nil {
		return sandbox.Namespaces{}, nil, errors.Join(err, ipc.Release())
	}
	release := func() error { return errors.Join(uts.Release(), ipc.Release()) }
	return sandbox.Namespaces{IPC: ipc.Path, UTS: uts.Path}, release, nil
}
