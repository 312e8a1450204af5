// SPDX-License-Identifier: Apache-2.0

package address

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	// handshakeTimeout is the Go runtime's.
	handshakeTimeout = 10 * time.Second
	// maxLine bounds the hypervisor's answer, which is "OK <port>".
	maxLine = 256
)

// handshake asks the hypervisor at the other end for a port of the guest: one line "CONNECT
// <port>", answered by one line that begins with OK. It reads byte by byte, because what
// follows the line belongs to ttRPC.
func handshake(ctx context.Context, conn net.Conn, port uint32) error {
	deadline := time.Now().Add(handshakeTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %d\n", port); err != nil {
		return fmt.Errorf("hybrid vsock handshake: %w", err)
	}
	line, err := readLine(conn)
	if err != nil {
		return fmt.Errorf("hybrid vsock handshake: no answer for port %d: %w", port, err)
	}
	if line != "OK" && !strings.HasPrefix(line, "OK ") {
		return fmt.Errorf("hybrid vsock handshake: port %d: the hypervisor answers %q", port, line)
	}
	return conn.SetDeadline(time.Time{})
}

func readLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b[0])
	}
	return "", fmt.Errorf("the answer has no end after %d bytes", maxLine)
}
