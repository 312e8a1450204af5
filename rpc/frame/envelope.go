// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"fmt"
	"unicode/utf8"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of ttrpc.Request, ttrpc.KeyValue and ttrpc.Response (request.proto of
// containerd/ttrpc) and of google.rpc.Status.
const (
	requestService  = 1
	requestMethod   = 2
	requestPayload  = 3
	requestTimeout  = 4
	requestMetadata = 5

	keyValueKey   = 1
	keyValueValue = 2

	responseStatus  = 1
	responsePayload = 2

	statusCode    = 1
	statusMessage = 2
)

// envelope is a decoded ttrpc.Request. Its slices lie in the frame it was decoded from.
type envelope struct {
	service, method []byte
	payload         []byte
	timeout         int64 // nanoseconds; 0: no limit
	metadata        ttrpc.MD
}

// decodeEnvelope reads a ttrpc.Request without copying its payload, which the generated code
// would do for every byte written to a stdin. As in any protobuf reader unknown fields and known
// numbers with an unknown wire type are skipped, and the last of a repeated scalar counts.
func decodeEnvelope(b []byte) (envelope, error) {
	var e envelope
	err := eachField(b, func(num protowire.Number, typ protowire.Type, b []byte) (n int) {
		switch {
		case num == requestService && typ == protowire.BytesType:
			e.service, n = consumeString(b)
		case num == requestMethod && typ == protowire.BytesType:
			e.method, n = consumeString(b)
		case num == requestPayload && typ == protowire.BytesType:
			e.payload, n = protowire.ConsumeBytes(b)
		case num == requestTimeout && typ == protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			e.timeout = int64(v)
		case num == requestMetadata && typ == protowire.BytesType:
			var pair []byte
			if pair, n = protowire.ConsumeBytes(b); n >= 0 && !e.addMetadata(pair) {
				n = errMetadata
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		return n
	})
	return e, err
}

// Codes of our own beside the negative ones protowire uses for its errors.
const (
	errUTF8     = -100
	errMetadata = -101
)

// eachField calls field with what follows each tag; field returns how long its value is, or a
// negative error code.
func eachField(b []byte, field func(protowire.Number, protowire.Type, []byte) int) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("decode request: %w", protowire.ParseError(n))
		}
		if num > protowire.MaxValidNumber {
			return fmt.Errorf("decode request: field number %d is too large", num)
		}
		b = b[n:]
		switch n = field(num, typ, b); {
		case n == errUTF8:
			return fmt.Errorf("decode request: field %d contains invalid UTF-8", num)
		case n == errMetadata:
			return fmt.Errorf("decode request: invalid metadata")
		case n < 0:
			return fmt.Errorf("decode request: field %d: %w", num, protowire.ParseError(n))
		}
		b = b[n:]
	}
	return nil
}

func consumeString(b []byte) ([]byte, int) {
	v, n := protowire.ConsumeBytes(b)
	if n >= 0 && !utf8.Valid(v) {
		return nil, errUTF8
	}
	return v, n
}

func (e *envelope) addMetadata(pair []byte) bool {
	var key, value []byte
	err := eachField(pair, func(num protowire.Number, typ protowire.Type, b []byte) (n int) {
		switch {
		case num == keyValueKey && typ == protowire.BytesType:
			key, n = consumeString(b)
		case num == keyValueValue && typ == protowire.BytesType:
			value, n = consumeString(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		return n
	})
	if err != nil {
		return false
	}
	if e.metadata == nil {
		e.metadata = ttrpc.MD{}
	}
	e.metadata.Append(string(key), string(value))
	return true
}
