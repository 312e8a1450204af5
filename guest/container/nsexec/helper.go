// SPDX-License-Identifier: Apache-2.0

package nsexec

// #cgo CFLAGS: -O2 -Wall -Wextra -std=gnu11
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/opencontainers/runc/libcontainer/exeseal"
	"golang.org/x/sys/unix"
)

// name is the argv[0] by which the C constructor knows the helper; see helper.c.
const name = "kata-spawner"

// ErrHelperDied says that the helper died, repeatedly if nothing was started by then. If
// something was, it is killed and reaped in the background.
var ErrHelperDied = errors.New("spawn helper died")

// Helper starts processes. It can be used by many goroutines at once.
type Helper struct {
	exe  *os.File // this binary, sealed against writing
	null *os.File

	mu     sync.Mutex
	worker *worker // nil until needed, and replaced when it has died
	closed bool
}

// worker is one life of the helper process.
type worker struct {
	pid  int
	sock *os.File
	conn syscall.RawConn
	exit *exit
	ids  atomic.Uint32   // of the last request
	dead context.Context // done when the process has been reaped

	// Once dead:
	last   entry
	diedAt time.Time
}

// Start seals the binary and starts the helper. dir is an existing directory that the
// seal may use; containers must not be able to write to it.
func Start(dir string) (*Helper, error) {
	exe, err := exeseal.CloneSelfExe(dir)
	if err != nil {
		return nil, fmt.Errorf("seal executable: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		exe.Close()
		return nil, err
	}
	h := &Helper{exe: exe, null: null}
	if _, err := h.living(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// Close ends the helper. Started processes live on; requests under way fail.
func (h *Helper) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.exe.Close()
	h.null.Close()
	if h.worker != nil {
		h.worker.stop()
	}
	return nil
}

// stop has the helper process end, which it does when nobody can ask it any more. One
// that does not, being stopped by a signal, is killed.
func (w *worker) stop() {
	w.sock.Close()
	select {
	case <-w.dead.Done():
	case <-time.After(time.Second):
		w.exit.kill()
		<-w.dead.Done()
	}
}

// Pid is the process id of the helper, 0 if there is none just now.
func (h *Helper) Pid() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.worker == nil || h.worker.dead.Err() != nil {
		return 0
	}
	return h.worker.pid
}

// living returns the helper process, a new one if the last has died.
func (h *Helper) living() (*worker, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fmt.Errorf("spawn helper: %w", os.ErrClosed)
	}
	if h.worker != nil && h.worker.dead.Err() == nil {
		return h.worker, nil
	}
	if h.worker != nil {
		h.worker.sock.Close()
	}
	w, err := h.start()
	if err != nil {
		return nil, fmt.Errorf("start spawn helper: %w", err)
	}
	h.worker = w
	return w, nil
}

func (h *Helper) start() (*worker, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[1])
	// Each end has flags of its own: the helper's stays blocking.
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		return nil, err
	}
	w := &worker{sock: os.NewFile(uintptr(pair[0]), name)}
	if w.conn, err = w.sock.SyscallConn(); err != nil {
		w.sock.Close()
		return nil, err
	}
	led, err := newLedger()
	if err != nil {
		w.sock.Close()
		return nil, err
	}
	null, pidfd := h.null.Fd(), -1
	// The executable goes along, for its path must mean the same file in the child.
	// No parent death signal: it would follow the thread that forks here, not the agent.
	w.pid, err = syscall.ForkExec("/proc/self/fd/4", []string{name}, &syscall.ProcAttr{
		Env:   []string{},
		Files: []uintptr{null, null, null, uintptr(pair[1]), h.exe.Fd(), led.file.Fd()},
		Sys:   &syscall.SysProcAttr{PidFD: &pidfd},
	})
	if err != nil {
		w.sock.Close()
		led.file.Close()
		return nil, err
	}
	if w.exit, err = watchExit(pidfd); err != nil {
		w.sock.Close()
		led.file.Close()
		return nil, err
	}
	var died context.CancelFunc
	w.dead, died = context.WithCancel(context.Background())
	go func() {
		w.exit.reap()
		w.last, w.diedAt = led.last(), time.Now()
		died()
	}()
	return w, nil
}
