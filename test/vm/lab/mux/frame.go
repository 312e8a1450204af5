// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"encoding/binary"
	"fmt"
	"io"
)

type kind uint8

const (
	// kindOpen asks for a stream; the payload is the port as uint32.
	kindOpen kind = iota + 1
	// kindAccept says that something listens on the port; the payload is the
	// port it was dialled from.
	kindAccept
	// kindRefuse says that nothing does; the stream id is free again.
	kindRefuse
	kindData
	// kindCredit gives back the uint32 of bytes the reader has consumed.
	kindCredit
	// kindFin ends the sender's direction.
	kindFin
	// kindReset ends both directions and drops what was not read.
	kindReset
)

const (
	headerSize = 9
	// maxPayload keeps one busy stream from holding the pipe for long.
	maxPayload = 16 << 10
	// window is how much a stream may have on its way unread.
	window = 256 << 10
)

// frame is one unit on the pipe: kind, stream id, payload length and payload,
// integers little-endian.
type frame struct {
	kind    kind
	stream  uint32
	payload []byte
}

func writeFrame(w io.Writer, f frame) error {
	buf := make([]byte, headerSize+len(f.payload))
	buf[0] = byte(f.kind)
	binary.LittleEndian.PutUint32(buf[1:], f.stream)
	binary.LittleEndian.PutUint32(buf[5:], uint32(len(f.payload)))
	copy(buf[headerSize:], f.payload)
	_, err := w.Write(buf)
	return err
}

func readFrame(r io.Reader) (frame, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: kind(head[0]), stream: binary.LittleEndian.Uint32(head[1:])}
	n := binary.LittleEndian.Uint32(head[5:])
	if n > maxPayload {
		return frame{}, fmt.Errorf("mux frame of %d bytes: limit is %d", n, maxPayload)
	}
	if n > 0 {
		f.payload = make([]byte, n)
		if _, err := io.ReadFull(r, f.payload); err != nil {
			return frame{}, fmt.Errorf("mux payload: %w", err)
		}
	}
	return f, nil
}

func uint32Payload(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func (f frame) number() uint32 {
	if len(f.payload) != 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(f.payload)
}
