// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/container/passfd"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// openPassfd listens for the streams that hosts pass to processes (agent.passfd_listener_port).
// Without the option there is no table, and so no goroutine. end closes what nobody has claimed.
func openPassfd(cfg *config.Config, log *zap.Logger) (streams *passfd.Streams, end func()) {
	if cfg.PassfdListenerPort == 0 {
		return nil, func() {}
	}
	l, err := listen(cfg, server.PortAddress(cfg.ServerAddress, cfg.PassfdListenerPort), log)
	if err != nil {
		log.Warn("streams cannot be passed", zap.Uint32("port", cfg.PassfdListenerPort), zap.Error(err))
		return nil, func() {}
	}
	streams = passfd.New(passfd.Options{Port: server.PeerPort})
	go streams.Serve(l)
	return streams, func() {
		streams.Close()
		l.Close()
	}
}
