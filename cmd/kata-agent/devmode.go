// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"github.com/kata-containers/kata-agent/rpc"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// allowCoreDumps has a crash of the agent leave a core: agent.devmode. The core pattern of
// the guest is left alone. A change of user when a session is started makes the agent
// undumpable as a side effect of the kernel's, so that is set back knowingly.
func allowCoreDumps(log *zap.Logger) {
	debug.SetTraceback("crash")
	unlimited := &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, unlimited); err != nil {
		log.Warn("devmode: core dumps stay limited", zap.Error(err))
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		log.Warn("devmode: agent stays undumpable", zap.Error(err))
	}
}

// stackLimit bounds a dump of all goroutines, in bytes.
const stackLimit = 8 << 20

// dumpOnUSR1 writes what the agent does and then the stacks of all goroutines to standard error on
// SIGUSR1, for those who look why something waits. what is nil until the agent serves.
func dumpOnUSR1(what *atomic.Pointer[rpc.Service]) {
	usr1 := make(chan os.Signal, 1)
	signal.Notify(usr1, syscall.SIGUSR1)
	go func() {
		for range usr1 {
			if s := what.Load(); s != nil {
				_, _ = os.Stderr.WriteString(s.Live().Text())
			}
			buf := make([]byte, stackLimit)
			_, _ = os.Stderr.Write(buf[:runtime.Stack(buf, true)])
		}
	}()
}
