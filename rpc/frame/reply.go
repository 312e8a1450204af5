// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kata-containers/kata-agent/protocols"
)

// okStatus is an OK status in a ttrpc.Response: present and empty. A reader takes an absent one
// for the same; agents have always sent it.
var okStatus = []byte{responseStatus<<3 | byte(protowire.BytesType), 0}

const (
	payloadTag = responsePayload<<3 | byte(protowire.BytesType)
	dataTag    = 1<<3 | byte(protowire.BytesType)
)

// maxErrorText bounds the text of an error reply in bytes.
const maxErrorText = 32 << 10

// messageFrame returns the frame that answers stream with m, encoded straight into it. A frame
// that would be too long is an Error. A nil m is an empty message.
func messageFrame(stream uint32, m protocols.Message) (*buffer, error) {
	size := 0
	if m != nil {
		size = m.Size()
	}
	length := len(okStatus) + 1 + protowire.SizeBytes(size)
	if length > MaxLength {
		return nil, oversize(length)
	}
	buf := getBuffer(headerLength + length)
	b := appendHeader(buf.b, stream, length)
	b = append(b, okStatus...)
	b = append(b, payloadTag)
	b = protowire.AppendVarint(b, uint64(size))
	if size > 0 {
		at := len(b)
		b = b[:at+size]
		if _, err := m.MarshalTo(b[at:]); err != nil {
			buf.free()
			return nil, Errorf(codes.Internal, "encode reply: %v", err)
		}
	}
	buf.b = b
	return buf, nil
}

// bytesFrame returns the frame, without the data itself, that answers stream with a message whose
// only field is number 1, of type bytes, holding data. The data follow the buffer on the wire.
func bytesFrame(stream uint32, data []byte) (*buffer, error) {
	size := 0
	if len(data) > 0 {
		size = 1 + protowire.SizeBytes(len(data))
	}
	length := len(okStatus) + 1 + protowire.SizeBytes(size)
	if length > MaxLength {
		return nil, oversize(length)
	}
	buf := getBuffer(64)
	b := appendHeader(buf.b, stream, length)
	b = append(b, okStatus...)
	b = append(b, payloadTag)
	b = protowire.AppendVarint(b, uint64(size))
	if size > 0 {
		b = append(b, dataTag)
		b = protowire.AppendVarint(b, uint64(len(data)))
	}
	buf.b = b
	return buf, nil
}

// errorFrame returns the frame that answers stream with an error. The text is cut to a length that
// fits and made valid UTF-8, without which a peer could not decode the status.
func errorFrame(stream uint32, code codes.Code, text string) *buffer {
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	status := make([]byte, 0, len(text)+16)
	status = protowire.AppendTag(status, statusCode, protowire.VarintType)
	status = protowire.AppendVarint(status, uint64(code))
	status = protowire.AppendTag(status, statusMessage, protowire.BytesType)
	status = protowire.AppendString(status, text)

	length := 1 + protowire.SizeBytes(len(status))
	buf := getBuffer(headerLength + length)
	b := appendHeader(buf.b, stream, length)
	b = protowire.AppendTag(b, responseStatus, protowire.BytesType)
	buf.b = protowire.AppendBytes(b, status)
	return buf
}

func appendHeader(b []byte, stream uint32, length int) []byte {
	at := len(b)
	b = b[:at+headerLength]
	putHeader(b[at:], header{length: uint32(length), stream: stream, kind: kindResponse})
	return b
}

func oversize(length int) *Error {
	return Errorf(codes.InvalidArgument, oversizeText, length, MaxLength)
}
