// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"errors"
	"os/exec"
	"syscall"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/oom"
)

// drainTime is how long output held open by a descendant is waited for after the
// program itself has ended.
const drainTime = time.Second

// RunGroup runs cmd, which exec.CommandContext has made, to its end in a process group of its
// own. When the context ends, the program is killed with everything it has started. A descendant
// that keeps the output open does not hold up the end, which counts as that of the program alone.
func RunGroup(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drainTime
	if err := oom.Run(cmd); !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	return nil
}

// Head keeps the first Max bytes written to it and takes the rest without an error, so that a
// program can end in its own way. The buffer is no embedded one: its ReadFrom would go round Max.
type Head struct {
	Max  int
	buf  bytes.Buffer
	over bool
}

func (h *Head) Write(p []byte) (int, error) {
	room := h.Max - h.buf.Len()
	h.over = h.over || len(p) > room
	h.buf.Write(p[:min(len(p), room)])
	return len(p), nil
}

// Bytes is what was kept. It is valid until the next Write.
func (h *Head) Bytes() []byte { return h.buf.Bytes() }

// Over tells whether more was written than was kept.
func (h *Head) Over() bool { return h.over }
