// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// stockEnv makes this program the server of the floor, on a socket with that path.
const stockEnv = "KATA_BENCH_STOCK"

// stock starts a server that does nothing but read the pipe of a dd for each ReadStdout,
// written with the ttRPC library as everybody would.
func stock(b *testing.B) *harness.Client {
	b.Helper()
	path := filepath.Join(b.TempDir(), "s")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), stockEnv+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // its end ends the server
	guesttest.Must(b, err)
	guesttest.Must(b, cmd.Start())
	b.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := harness.Dial("unix://" + path)
		if err == nil {
			b.Cleanup(func() { c.Close() })
			return c
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
}

func serveStock(path string) {
	fail := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	dd := exec.Command("/bin/busybox", "dd", "if=/dev/zero", "bs=65536")
	pipe, err := dd.StdoutPipe()
	fail(err)
	fail(dd.Start())
	server, err := ttrpc.NewServer()
	fail(err)
	server.Register(protocols.AgentService, map[string]ttrpc.Method{
		"ReadStdout": func(_ context.Context, unmarshal func(any) error) (any, error) {
			var q protocols.ReadStreamRequest
			if err := unmarshal(protocols.Wire(&q)); err != nil {
				return nil, err
			}
			data := make([]byte, q.Len)
			n, err := pipe.Read(data)
			return protocols.Wire(&protocols.ReadStreamResponse{Data: data[:n]}), err
		},
	})
	l, err := net.Listen("unix", path)
	fail(err)
	go func() { _ = server.Serve(context.Background(), l) }()
	_, _ = os.Stdin.Read(make([]byte, 1))
	_ = dd.Process.Kill()
	_ = dd.Wait()
}
