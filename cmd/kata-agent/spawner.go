// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/container/nsexec"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"go.uber.org/zap"
)

// runDir is the agent's own; containers cannot write to it.
const runDir = "/run/kata-agent"

// newSpawner starts the helper that starts exec sessions. Without it libcontainer does,
// more slowly.
func newSpawner(log *zap.Logger) (s runtime.Spawner, end func()) {
	err := os.MkdirAll(runDir, 0o700)
	var h *nsexec.Helper
	if err == nil {
		h, err = nsexec.Start(runDir)
	}
	if err != nil {
		log.Warn("exec sessions are started by libcontainer", zap.Error(err))
		return nil, func() {}
	}
	return runtime.NewSpawner(h), func() { _ = h.Close() }
}

// initWay is what makes containers. One that waits for its start waits for this agent if it was made
// directly, so those that are to outlive the agent are made by libcontainer.
func initWay(cfg *config.Config) runtime.InitWay {
	if cfg.ContainerInit == runtime.WayDirect && !cfg.KeepContainers {
		return runtime.InitDirect
	}
	return runtime.InitLibcontainer
}
