// SPDX-License-Identifier: Apache-2.0

package initdata

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// magic is what a device with init data begins with.
const magic = "initdata"

// Bounds of a document, in bytes: packed on the device, and unpacked. A policy may have 16 MiB.
const (
	maxPacked = 16 << 20
	maxPlain  = 20 << 20
)

// patterns are the names of the devices that may hold it.
var patterns = []string{"vd*", "sd*"}

// Find returns the document on the first block device below dev (/dev) that begins as one does, in
// the order of names, or nil if none does. Devices that cannot be read are passed over: what is no
// disk with a medium holds no document.
func Find(dev string) (*Document, error) {
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(dev, pattern))
		if err != nil {
			return nil, fmt.Errorf("init data: %w", err)
		}
		slices.Sort(paths)
		for _, path := range paths {
			text, ok, err := readDevice(path)
			if err == nil && !ok {
				continue
			}
			if err == nil {
				d, err := Parse(text)
				if err == nil {
					d.Device = path
					return d, nil
				}
				return nil, fmt.Errorf("init data on %s: %w", path, err)
			}
			return nil, fmt.Errorf("init data on %s: %w", path, err)
		}
	}
	return nil, nil
}

// readDevice unpacks what is on a device. ok is false if it is no init data.
func readDevice(path string) (text []byte, ok bool, err error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&os.ModeCharDevice != 0 {
		return nil, false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false, nil
	}
	defer f.Close()
	var head [len(magic) + 8]byte
	if _, err := io.ReadFull(f, head[:len(magic)]); err != nil || string(head[:len(magic)]) != magic {
		return nil, false, nil
	}
	if _, err := io.ReadFull(f, head[len(magic):]); err != nil {
		return nil, true, fmt.Errorf("length: %w", err)
	}
	length := binary.LittleEndian.Uint64(head[len(magic):])
	if length > maxPacked {
		return nil, true, fmt.Errorf("%d bytes, more than %d", length, maxPacked)
	}
	text, err = unpack(io.LimitReader(f, int64(length)))
	return text, true, err
}

// unpack returns the content of a gzip stream up to maxPlain bytes.
func unpack(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	var plain bytes.Buffer
	n, err := io.Copy(&plain, io.LimitReader(z, maxPlain+1))
	if err != nil {
		return nil, err
	}
	if n > maxPlain {
		return nil, fmt.Errorf("more than %d bytes unpacked", maxPlain)
	}
	if plain.Len() == 0 {
		return nil, errors.New("empty")
	}
	return plain.Bytes(), nil
}
