// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

const (
	streamSize = 64 << 20
	chunk      = 32 << 10 // what hosts read and write at a time
)

// stream sends random bytes into cat and compares the hash of what comes back. Both directions run
// at once: a host that writes without reading would be held up, and should be.
func (d *demo) stream(ctx context.Context) error {
	if err := d.agent.Exec(ctx, "log", "stream", harness.Process("cat")); err != nil {
		return err
	}
	begin := time.Now()
	sent := sha256.New()
	written := make(chan error, 1)
	go func() { written <- d.feed(ctx, sent) }()
	got := sha256.New()
	size, err := d.drain(ctx, got)
	if err != nil {
		return err
	}
	if err := <-written; err != nil {
		return err
	}
	took := time.Since(begin)
	if status, err := d.agent.Wait(ctx, "log", "stream"); err != nil || status != 0 {
		return fmt.Errorf("status %d, %w", status, err)
	}
	a, b := fmt.Sprintf("%x", sent.Sum(nil)), fmt.Sprintf("%x", got.Sum(nil))
	if size != streamSize || a != b {
		return fmt.Errorf("%d bytes came back of %d, with hash %s instead of %s", size, streamSize, b, a)
	}
	rate := float64(streamSize>>20) / took.Seconds()
	say(took, "for 64 MiB through cat, in and out: %.0f MiB/s each way, sha256 %.12s... on both sides", rate, a)
	return nil
}

// feed writes the random bytes and the end of input.
func (d *demo) feed(ctx context.Context, hash io.Writer) error {
	random := rand.NewChaCha8([32]byte{'d', 'e', 'm', 'o'})
	buf := make([]byte, chunk)
	for range streamSize / chunk {
		_, _ = random.Read(buf) // never fails
		_, _ = hash.Write(buf)  // never fails
		for data := buf; len(data) > 0; {
			n, err := d.agent.WriteStdin(ctx, "log", "stream", data)
			if err != nil {
				return err
			}
			data = data[n:]
		}
	}
	_, err := d.agent.WriteStdin(ctx, "log", "stream", nil)
	return err
}

func (d *demo) drain(ctx context.Context, hash io.Writer) (int, error) {
	size := 0
	for {
		data, err := d.agent.ReadStdout(ctx, "log", "stream", chunk)
		if err != nil || len(data) == 0 {
			return size, err
		}
		size += len(data)
		_, _ = hash.Write(data) // never fails
	}
}
