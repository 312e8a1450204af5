// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/proto"

	"github.com/kata-containers/kata-agent/protocols"
)

// The benchmarks compare a bare ttRPC server with one behind the frame, by a client that costs
// next to nothing: one write and two reads for each call.

const chunk = 32 << 10

// startStock serves blocking methods by containerd/ttrpc alone.
func startStock(b *testing.B, all ...Method) string {
	s, err := ttrpc.NewServer()
	if err != nil {
		b.Fatal(err)
	}
	methods := map[string]ttrpc.Method{}
	for _, r := range all {
		methods[r.Name] = func(ctx context.Context, unmarshal func(any) error) (any, error) {
			m := r.New()
			if err := unmarshal(protocols.Wire(m)); err != nil {
				return nil, err
			}
			reply, err := r.Blocking(ctx, m)
			if err != nil {
				return nil, err
			}
			return protocols.Wire(reply), nil
		}
	}
	s.Register("grpc.AgentService", methods)
	path := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(context.Background(), l)
	b.Cleanup(func() { s.Close() })
	return path
}

// caller makes calls one after the other.
type caller struct {
	b   *testing.B
	nc  net.Conn
	br  *bufio.Reader
	req []byte
	id  uint32
	buf []byte
}

func newCaller(b *testing.B, path, method string, m protocols.Message) *caller {
	nc, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { nc.Close() })
	payload, err := m.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	return &caller{
		b: b, nc: nc, br: bufio.NewReaderSize(nc, 64<<10), buf: make([]byte, MaxLength),
		req: frameOf(1, kindRequest, 0, envelopeOf(b, requestTo(method, payload))), id: 1,
	}
}

func (c *caller) call() int {
	binary.BigEndian.PutUint32(c.req[4:], c.id)
	c.id += 2
	if _, err := c.nc.Write(c.req); err != nil {
		c.b.Fatal(err)
	}
	if _, err := io.ReadFull(c.br, c.buf[:headerLength]); err != nil {
		c.b.Fatal(err)
	}
	n := int(parseHeader(c.buf).length)
	if _, err := io.ReadFull(c.br, c.buf[:n]); err != nil {
		c.b.Fatal(err)
	}
	if n < 100 {
		var resp ttrpc.Response
		if err := proto.Unmarshal(c.buf[:n], &resp); err != nil || resp.GetStatus().GetCode() != 0 {
			c.b.Fatalf("%v %v", resp.Status, err)
		}
	}
	return n
}

// startFrame serves methods behind the frame.
func startFrame(b *testing.B, methods ...Method) string {
	_, path := serveMux(b, Options{Methods: methods})
	return path
}

func BenchmarkEcho(b *testing.B) {
	methods := []Method{blocking("Blocking", echo)}
	run := func(name, path, method string) {
		b.Run(name, func(b *testing.B) {
			c := newCaller(b, path, method, &protocols.ReadStreamRequest{ContainerId: "c", ExecId: "e", Len: 1})
			b.ReportAllocs()
			for b.Loop() {
				c.call()
			}
		})
	}
	run("stock", startStock(b, methods...), "Blocking")
	run("blocking", startFrame(b, methods...), "Blocking")
	run("async", startFrame(b, async("Async", asyncEcho)), "Async")
}

// child runs busybox with one of its standard descriptors on a pipe, of which it returns the other end.
func child(b *testing.B, write bool, args ...string) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("/bin/busybox", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ours, theirs := r, w
	if write {
		ours, theirs = w, r
		cmd.Stdin = theirs
	} else {
		cmd.Stdout = theirs
	}
	if err := cmd.Start(); err != nil {
		b.Skipf("busybox: %v", err)
	}
	theirs.Close()
	b.Cleanup(func() {
		ours.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	return ours
}

// BenchmarkReadPipe reads 32 KiB at a time from a process that writes as fast as it can.
func BenchmarkReadPipe(b *testing.B) {
	run := func(name, method string, start func(*testing.B, ...Method) string, serve func(*os.File) Method) {
		b.Run(name, func(b *testing.B) {
			path := start(b, serve(child(b, false, "dd", "if=/dev/zero", "bs=65536")))
			c := newCaller(b, path, method, &protocols.ReadStreamRequest{ContainerId: "c", ExecId: "e", Len: chunk})
			b.ReportAllocs()
			total := 0
			for b.Loop() {
				total += c.call()
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds()/(1<<20), "MiB/s")
		})
	}
	blockingRead := func(f *os.File) Method {
		return blocking("Blocking", func(_ context.Context, q *protocols.ReadStreamRequest) (protocols.Message, error) {
			data := make([]byte, q.Len)
			n, err := f.Read(data)
			return &protocols.ReadStreamResponse{Data: data[:n]}, err
		})
	}
	asyncRead := func(f *os.File) Method {
		data := make([]byte, chunk)
		return async("Async", func(c *Call, q *protocols.ReadStreamRequest) {
			n, err := f.Read(data[:q.Len])
			if err != nil {
				c.Fail(err)
				return
			}
			c.ReplyBytes(data[:n])
		})
	}
	run("stock", "Blocking", startStock, blockingRead)
	run("blocking", "Blocking", startFrame, blockingRead)
	run("async", "Async", startFrame, asyncRead)
}

// BenchmarkWritePipe writes 32 KiB at a time to a process that reads as fast as it can.
func BenchmarkWritePipe(b *testing.B) {
	run := func(name, method string, start func(*testing.B, ...Method) string, serve func(*os.File) Method) {
		b.Run(name, func(b *testing.B) {
			path := start(b, serve(child(b, true, "dd", "of=/dev/null", "bs=65536")))
			c := newCaller(b, path, method, &protocols.WriteStreamRequest{ContainerId: "c", ExecId: "e", Data: make([]byte, chunk)})
			b.ReportAllocs()
			b.SetBytes(chunk)
			for b.Loop() {
				c.call()
			}
		})
	}
	write := func(r Method) Method {
		r.New = func() protocols.Message { return &protocols.WriteStreamRequest{} }
		return r
	}
	blockingWrite := func(f *os.File) Method {
		r := write(Method{Service: "grpc.AgentService", Name: "Blocking"})
		r.Blocking = func(_ context.Context, m protocols.Message) (protocols.Message, error) {
			n, err := f.Write(m.(*protocols.WriteStreamRequest).Data)
			return &protocols.WriteStreamResponse{Len: uint32(n)}, err
		}
		return r
	}
	asyncWrite := func(f *os.File) Method {
		r := write(Method{Service: "grpc.AgentService", Name: "Async"})
		r.Recycle = func(m protocols.Message) {
			q := m.(*protocols.WriteStreamRequest)
			*q = protocols.WriteStreamRequest{Data: q.Data[:0]}
		}
		r.Async = func(c *Call, m protocols.Message) {
			n, _ := f.Write(m.(*protocols.WriteStreamRequest).Data)
			c.Reply(&protocols.WriteStreamResponse{Len: uint32(n)})
		}
		return r
	}
	run("stock", "Blocking", startStock, blockingWrite)
	run("blocking", "Blocking", startFrame, blockingWrite)
	run("async", "Async", startFrame, asyncWrite)
}
