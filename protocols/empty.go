// SPDX-License-Identifier: Apache-2.0

package protocols

// Empty is google.protobuf.Empty, the request or answer that says nothing. It is written by hand:
// the libraries' own Empty brings a package of well-known types and its registration into every
// program that links it.
type Empty struct{}

// Reset does nothing: there is nothing to clear.
func (*Empty) Reset() {}

// String returns the text form, which is empty.
func (*Empty) String() string { return "" }

// ProtoMessage marks the type as a message.
func (*Empty) ProtoMessage() {}

// Size returns 0.
func (*Empty) Size() int { return 0 }

// Marshal returns an empty slice, not nil: an absent body and an empty one differ in some callers.
func (*Empty) Marshal() ([]byte, error) { return []byte{}, nil }

// MarshalTo writes nothing.
func (*Empty) MarshalTo([]byte) (int, error) { return 0, nil }

// MarshalToSizedBuffer writes nothing.
func (*Empty) MarshalToSizedBuffer([]byte) (int, error) { return 0, nil }

// Unmarshal skips whatever fields data has; malformed data is an error as in any message.
func (*Empty) Unmarshal(data []byte) error {
	// A message without fields of its own treats every field as unknown.
	return new(GetMetricsRequest).Unmarshal(data)
}
