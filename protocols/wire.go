// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoiface"
)

// Wire returns m as a message of google.golang.org/protobuf, the only kind ttRPC since 1.2 takes.
// That library's Marshal and Unmarshal then call m's own; nothing is reflected on and no descriptor
// is built. The result shares m: what is unmarshalled into it is in m. It costs one small
// allocation. It is for Marshal, Unmarshal, Size and Reset only: whatever needs a descriptor
// (text, JSON, Equal, Clone) panics on it.
func Wire(m Message) proto.Message { return &wire{Message: m} }

// wire is both the message and its reflection, so that one object serves for the two.
type wire struct {
	Message
	unsupported
}

// unsupported is the reflection that is not there: a nil interface, a call on which panics. It has a
// type of its own because its methods must not hide those of wire.
type unsupported struct{ protoreflect.Message }

// wireMethods is what the library calls in place of reflection. Size is left out on purpose: with it
// the library would size the message first and Marshal a second time.
var wireMethods = protoiface.Methods{
	Flags:            protoiface.SupportMarshalDeterministic | protoiface.SupportUnmarshalDiscardUnknown,
	Marshal:          wireMarshal,
	Unmarshal:        wireUnmarshal,
	Merge:            nil,
	CheckInitialized: wireInitialized,
}

// ProtoReflect returns w itself.
func (w *wire) ProtoReflect() protoreflect.Message { return w }

// Interface returns w itself.
func (w *wire) Interface() protoreflect.ProtoMessage { return w }

// IsValid says that w is not an empty stand-in.
func (w *wire) IsValid() bool { return w != nil && w.Message != nil }

// ProtoMethods returns the fast path, the only path there is.
func (w *wire) ProtoMethods() *protoiface.Methods { return &wireMethods }

// Reset clears the wrapped message.
func (w *wire) Reset() { w.Message.Reset() }

// String returns the text form of the wrapped message.
func (w *wire) String() string { return w.Message.String() }

func wireMarshal(in protoiface.MarshalInput) (protoiface.MarshalOutput, error) {
	m := in.Message.(*wire).Message
	if in.Buf == nil {
		buf, err := m.Marshal()
		return protoiface.MarshalOutput{Buf: buf}, err
	}
	return appendTo(in.Buf, m)
}

// appendTo marshals m behind what buf holds, in place if there is room.
func appendTo(buf []byte, m Message) (protoiface.MarshalOutput, error) {
	at, size := len(buf), m.Size()
	if cap(buf)-at < size {
		grown := make([]byte, at, at+size)
		copy(grown, buf)
		buf = grown
	}
	_, err := m.MarshalToSizedBuffer(buf[at : at+size])
	return protoiface.MarshalOutput{Buf: buf[:at+size]}, err
}

// wireUnmarshal need not clear the message: the library does unless asked to merge, and merging is
// what gogo's Unmarshal does.
func wireUnmarshal(in protoiface.UnmarshalInput) (protoiface.UnmarshalOutput, error) {
	err := in.Message.(*wire).Message.Unmarshal(in.Buf)
	return protoiface.UnmarshalOutput{Flags: protoiface.UnmarshalInitialized}, err
}

// wireInitialized: proto3 has no required fields.
func wireInitialized(protoiface.CheckInitializedInput) (protoiface.CheckInitializedOutput, error) {
	return protoiface.CheckInitializedOutput{}, nil
}
