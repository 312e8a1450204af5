// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
)

// stream reads Bytes of known content from a program.
func (l *run) stream(ctx context.Context, i int) (int64, error) {
	p, err := l.start(ctx, i, process("sh", "-c", l.files.produce(int64(l.Bytes))))
	if err != nil {
		return 0, err
	}
	n, code, err := l.collect(ctx, p, expectCycle(l.files.data))
	if err == nil {
		err = ended(code, 0)
	}
	if err == nil && n != int64(l.Bytes) {
		err = fmt.Errorf("%d bytes came of %d", n, l.Bytes)
	}
	return n, err
}

// stdin writes Bytes to a program that counts them, or makes their sum.
func (l *run) stdin(ctx context.Context, i int) (int64, error) {
	program, want := l.counter()
	if l.Hash {
		program = "sha256sum"
	}
	p, err := l.start(ctx, i, process("sh", "-c", program))
	if err != nil {
		return 0, err
	}
	type sent struct {
		n    int64
		hash []byte
		err  error
	}
	done := make(chan sent, 1)
	go func() {
		sum := sha256.New()
		var to io.Writer = io.Discard
		if l.Hash {
			to = sum
		}
		n, err := l.feed(ctx, to, p.Write)
		if err == nil {
			err = p.CloseStdin(ctx)
		}
		done <- sent{n, sum.Sum(nil), err}
	}()
	var out bytes.Buffer
	_, code, err := l.collect(ctx, p, expectText(&out))
	s := <-done
	switch {
	case err != nil:
		return s.n, err
	case s.err != nil:
		return s.n, s.err
	}
	if l.Hash {
		want = fmt.Sprintf("%x", s.hash)
	}
	if got, _, _ := strings.Cut(strings.TrimSpace(out.String()), " "); got != want {
		return s.n, fmt.Errorf("%s says %q, not %q", program, got, want)
	}
	return s.n, ended(code, 0)
}

// counter is a program that counts its input, and what it says of Bytes. wc looks at every byte and
// would be what is measured; dd counts blocks only, so a byte too few or too many is a block that is
// not full.
func (l *run) counter() (program, says string) {
	const block = 64 << 10
	if l.Bytes%block != 0 {
		return "wc -c", fmt.Sprint(int64(l.Bytes))
	}
	return "dd of=/dev/null bs=64k iflag=fullblock 2>&1 | grep out", fmt.Sprintf("%d+0", l.Bytes/block)
}

// feed writes Bytes of the known content in pieces of Chunk, and what was taken to sum.
func (l *run) feed(ctx context.Context, sum io.Writer, write func(context.Context, []byte) (int, error)) (int64, error) {
	var total int64
	for total < int64(l.Bytes) {
		at := int(total % int64(len(l.files.data)))
		piece := l.files.data[at:min(len(l.files.data), at+int(l.Chunk))]
		piece = piece[:min(int64(len(piece)), int64(l.Bytes)-total)]
		n, err := write(ctx, piece)
		if err != nil {
			return total, err
		}
		if n <= 0 || n > len(piece) {
			return total, fmt.Errorf("%d bytes were taken of %d", n, len(piece))
		}
		_, _ = sum.Write(piece[:n]) // never fails
		total += int64(n)
	}
	return total, nil
}
