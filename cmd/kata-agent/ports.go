// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/guest/boot/console"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/guest/logging"
	"go.uber.org/zap"
)

// consoleDevice is where the debug console is when it has no port.
const consoleDevice = "/dev/console"

// openPorts serves what hosts may have asked for beside the requests: the log on
// agent.log_vport, the debug console. What cannot be served is a warning. close ends it all.
func openPorts(ctx context.Context, cfg *config.Config, log *logger, restored *restoring) (end func()) {
	var open []net.Listener
	openPort := func(what string, port uint32, serve func(net.Listener)) {
		l, err := listen(cfg, fmt.Sprintf("vsock://-1:%d", port), log.Logger)
		if err != nil {
			log.Warn(what+" is not served", zap.Uint32("port", port), zap.Error(err))
			return
		}
		open = append(open, l)
		go serve(l)
	}
	if cfg.LogVPort != 0 {
		openPort("log", cfg.LogVPort, func(l net.Listener) {
			log.queue.SetFallback(nil) // held until the host comes
			forwardLog(l, log.queue, restored)
		})
	}
	if cfg.DebugConsole {
		c := console.Console{Report: func(err error) { log.Warn("debug console", zap.Error(err)) }}
		if cfg.DebugConsoleVPort != 0 {
			openPort("debug console", cfg.DebugConsoleVPort, func(l net.Listener) { _ = c.Serve(l) })
		} else {
			go c.OnTerminal(ctx, consoleDevice)
		}
	}
	return func() {
		for _, l := range open {
			l.Close()
		}
	}
}

// forwardLog gives the log to the latest connection. Lines written while nobody is
// connected wait for the next one, as many as the queue holds. A machine that was restored has no
// latest connection.
func forwardLog(l net.Listener, q *logging.Queue, restored *restoring) {
	type connection struct {
		net.Conn
		since time.Time
	}
	var latest atomic.Pointer[connection]
	restored.then(func() {
		if c := latest.Load(); c != nil && time.Since(c.since) > youngAge {
			q.Detach(c.Conn)
		}
	})
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		latest.Store(&connection{conn, time.Now()})
		lost := q.Attach(conn) // takes the place of an earlier one
		go func() {
			<-lost
			conn.Close()
		}()
	}
}
