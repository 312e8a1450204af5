// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/gogo/protobuf/proto"

// A Message is any message of this package: what gogo/protobuf generates and ttRPC needs. All of
// them are pointers to structs. Reading from a nil pointer through the getters is safe.
type Message interface {
	proto.Message // Reset, String, ProtoMessage

	// Size returns the number of bytes Marshal gives.
	Size() int
	// Marshal returns the wire form in a slice of its own. Map entries are in key order, so equal
	// messages have equal bytes.
	Marshal() ([]byte, error)
	// MarshalTo writes the wire form at the start of buf, which must have room for Size bytes, and
	// returns how many it wrote.
	MarshalTo(buf []byte) (int, error)
	// MarshalToSizedBuffer writes the wire form at the end of buf.
	MarshalToSizedBuffer(buf []byte) (int, error)
	// Unmarshal merges the wire form in data into the message. It keeps nothing of data. Unknown
	// fields are skipped.
	Unmarshal(data []byte) error
}
