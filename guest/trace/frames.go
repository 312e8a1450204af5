// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"syscall"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sys/unix"
)

// frames sends spans as Kata's trace forwarder takes them: each as the length of its JSON, eight
// bytes with the highest first, and the JSON. There are no acknowledgements.
type frames struct {
	dial dialer
	conn net.Conn // nil: none yet, or lost
}

func (f *frames) close() {
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}

// export sends spans. A forwarder that has been started anew meanwhile gets them, too.
func (f *frames) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) (sent int, err error) {
	buf, ends, err := encodeFrames(spans)
	if err != nil {
		return 0, err
	}
	if f.conn != nil && hungUp(f.conn) {
		f.close()
	}
	for at := 0; ; {
		old := f.conn != nil
		n, err := f.write(ctx, buf[at:])
		whole := 0
		for whole < len(ends) && ends[whole] <= at+n {
			whole++
		}
		if err == nil || !old || ctx.Err() != nil {
			return whole, err
		}
		if whole > 0 { // a frame that was cut is sent anew
			at = ends[whole-1]
		}
	}
}

// write connects if need be, and writes. After an error there is no connection.
func (f *frames) write(ctx context.Context, data []byte) (n int, err error) {
	if f.conn == nil {
		if f.conn, err = f.dial(ctx); err != nil {
			f.conn = nil
			return 0, err
		}
	}
	defer bound(ctx, f.conn)()
	if n, err = f.conn.Write(data); err != nil {
		f.close()
	}
	return n, err
}

func encodeFrames(spans []sdktrace.ReadOnlySpan) (buf []byte, ends []int, err error) {
	for _, s := range spans {
		text, err := spanJSON(s)
		if err != nil {
			return nil, nil, err
		}
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(text)))
		buf = append(buf, text...)
		ends = append(ends, len(buf))
	}
	return buf, ends, nil
}

// hungUp tells whether the peer has closed a connection, which a first write would not notice.
func hungUp(c net.Conn) (gone bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = err == nil && n == 0 || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return gone || err != nil
}
