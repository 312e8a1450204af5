// SPDX-License-Identifier: Apache-2.0

package protojson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/kata-containers/kata-agent/protocols"
)

// Unmarshal reads one JSON object into m, which it adds to. Anything after the object but white
// space is an error.
func Unmarshal(data []byte, m protocols.Message) error {
	protocols.RegisterEnums()
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := new(jsonpb.Unmarshaler).UnmarshalNext(dec, m); err != nil {
		if place := mismatch(data, m); place != nil {
			return place
		}
		return fmt.Errorf("decode JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("decode JSON: text after the object")
	}
	return nil
}

// Marshal writes m with the field names of the .proto files. Fields with zero values are left out
// unless zeros is set. A non-empty indent puts each field on a line of its own.
func Marshal(m protocols.Message, indent string, zeros bool) ([]byte, error) {
	var out bytes.Buffer
	marshaler := jsonpb.Marshaler{OrigName: true, EmitDefaults: zeros, Indent: indent}
	if err := marshaler.Marshal(&out, m); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return out.Bytes(), nil
}
