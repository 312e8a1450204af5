// SPDX-License-Identifier: Apache-2.0

package random

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultHardware is where Linux has the machine's own generator, such as a virtio-rng.
const DefaultHardware = "/dev/hwrng"

// hardwareBytes is how much is read of the machine's generator. The kernel and the driver of
// virtio-rng each keep up to a cache line or two that they have fetched before: in a machine that was
// cloned these are the template's. So many bytes go past them.
const hardwareBytes = 512

// Stir makes machines that were cloned from one image draw different numbers from now on: it mixes in
// the time, salt (what this machine has and others have not; it need not be secret) and what the
// machine's generator gives, and has the kernel draw a new key. hardware is DefaultHardware if
// empty; a machine without one, or one that has nothing until ctx ends, is no error. Nothing of it is
// credited as entropy.
func (d Device) Stir(ctx context.Context, hardware string, salt ...[]byte) error {
	if hardware == "" {
		hardware = DefaultHardware
	}
	seed := binary.NativeEndian.AppendUint64(nil, uint64(time.Now().UnixNano())) // wall: clones go on at different times
	for _, s := range salt {
		seed = append(seed, s...)
	}
	fresh, err := readHardware(ctx, hardware)
	if err != nil {
		return fmt.Errorf("stir: %w", err)
	}
	return d.mix(append(seed, fresh...))
}

// mix writes seed into the pool and has a new key drawn.
func (d Device) mix(seed []byte) error {
	f, err := os.OpenFile(d.path(), os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("stir: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(seed); err != nil {
		return fmt.Errorf("stir: %w", err)
	}
	if err := d.control()(f.Fd(), unix.RNDRESEEDCRNG, nil); err != nil {
		return fmt.Errorf("draw a new key from %s: %w", d.path(), err)
	}
	return nil
}

// readHardware reads the machine's generator until ctx ends. A read that a host does not answer
// outlives that: it is given up, and ends with the host's answer.
func readHardware(ctx context.Context, path string) ([]byte, error) {
	f, err := os.Open(path)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	type result struct {
		data []byte
		err  error
	}
	got := make(chan result, 1)
	go func() {
		defer f.Close()
		b := make([]byte, hardwareBytes)
		n, err := io.ReadAtLeast(f, b, len(b))
		got <- result{b[:n], err}
	}()
	select {
	case r := <-got:
		if len(r.data) > 0 || absent(r.err) || errors.Is(r.err, io.EOF) {
			return r.data, nil
		}
		return nil, r.err
	case <-ctx.Done():
		return nil, nil
	}
}

// absent says that there is no such device, or no generator behind it.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)
}
