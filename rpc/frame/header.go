// SPDX-License-Identifier: Apache-2.0

package frame

import "encoding/binary"

// The frame of ttRPC: length, stream id (big-endian), type, flags, then length bytes of payload.
// See PROTOCOL.md of containerd/ttrpc.
const (
	headerLength = 10
	// MaxLength is the longest payload of a frame in bytes, either way.
	MaxLength = 4 << 20
)

const (
	kindRequest  = 1
	kindResponse = 2
	kindData     = 3
)

type header struct {
	length uint32
	stream uint32
	kind   uint8
	flags  uint8
}

func parseHeader(b []byte) header {
	_ = b[headerLength-1]
	return header{
		length: binary.BigEndian.Uint32(b),
		stream: binary.BigEndian.Uint32(b[4:]),
		kind:   b[8],
		flags:  b[9],
	}
}

func putHeader(b []byte, h header) {
	_ = b[headerLength-1]
	binary.BigEndian.PutUint32(b, h.length)
	binary.BigEndian.PutUint32(b[4:], h.stream)
	b[8], b[9] = h.kind, h.flags
}
