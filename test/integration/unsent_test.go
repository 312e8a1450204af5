// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
	"golang.org/x/sys/unix"
)

// TestNextHostGetsWhatWasNotSent: a host asks for output and the exit status, takes nothing of it and
// goes away. The next one gets all but what the kernel had taken for the first, and the status.
func TestNextHostGetsWhatWasNotSent(t *testing.T) {
	p := newPod(t, harness.Options{})
	p.Idle("c1")
	const lines = 200_000
	p.Session("c1", "e", "sh", "-c", fmt.Sprintf("seq 1 %d; exit 7", lines))
	var all bytes.Buffer
	for i := 1; i <= lines; i++ {
		fmt.Fprintln(&all, i)
	}

	fds := len(p.FDs())
	first := p.Raw(t)
	for i := range 100 {
		first.Request(harness.Call{Stream: uint32(2*i + 1), Method: "ReadStdout",
			Request: &protocols.ReadStreamRequest{ContainerId: "c1", ExecId: "e", Len: 32 << 10}})
	}
	before := 0
	guard.Until(t, "the first host's socket to be full", func() bool {
		now := waiting(t, first)
		full := now > 0 && now == before // else less is on its way, which is no harm
		before = now
		return full
	})
	first.Close()
	// A reader that comes earlier gets what the process writes next, as one beside the first would.
	guard.Until(t, "the agent to see the first host go", func() bool { return len(p.FDs()) <= fds })

	out, err := p.ReadAll(p.Ctx, "c1", "e")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(all.Bytes(), out) {
		t.Fatalf("the next host has got %d bytes that are not the end of the output", len(out))
	}
	const taken = 512 << 10 // the socket has two buffers of some 200 KiB
	if lost := all.Len() - len(out); lost > taken {
		t.Errorf("%d bytes are lost, want at most the %d that the kernel had taken", lost, taken)
	}
	p.WantExit("c1", "e", 7)
}

// waiting is how many bytes a connection has for its reader.
func waiting(t *testing.T, r *harness.Raw) (n int) {
	t.Helper()
	raw, err := r.Conn.(syscall.Conn).SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}
