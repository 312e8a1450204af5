// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/json"
	"fmt"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/protocols/protojson"
)

// requests sends the requests of one command through send, in order, until one fails.
type requests func(send func(protocols.Message) error) error

func one(m protocols.Message) requests {
	return func(send func(protocols.Message) error) error { return send(m) }
}

// A special command makes its requests in its own way, from what Kata's scripts give it. It gets
// the JSON document by members and takes out those it knows; ok says whether it has made all.
type special func(v *Values, l Line, doc map[string]json.RawMessage) (r requests, err error)

// specials by method.
var specials = map[string]special{
	"CreateContainer": createContainer,
	"CopyFile":        copyFile,
	"SetPolicy":       setPolicy,
	"SignalProcess":   signalProcess,
	"ExecProcess":     execProcess,
}

// Requests makes the requests of a call: from the JSON document, then from the words, then, with
// automatic values, from what earlier commands have said.
func (v *Values) requests(method protocols.Method, l Line) (requests, error) {
	if err := l.arguments(); err != nil {
		return nil, err
	}
	doc := map[string]json.RawMessage{}
	if l.JSON != nil {
		if err := json.Unmarshal(l.JSON, &doc); err != nil {
			return nil, fmt.Errorf("%s: decode JSON: %w", method.Method, err)
		}
	}
	if make := specials[method.Method]; make != nil {
		r, err := make(v, l, doc)
		if r != nil || err != nil {
			return r, err
		}
	}
	m := method.NewRequest()
	if err := v.fill(m, method.Method, l, doc); err != nil {
		return nil, err
	}
	return one(m), nil
}

// fill writes the document, the words and the automatic values into m.
func (v *Values) fill(m protocols.Message, name string, l Line, doc map[string]json.RawMessage) error {
	bytesFromNumbers(doc)
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := protojson.Unmarshal(text, m); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, w := range l.Words {
		if v.Auto && !known(m, name, w.Key) {
			v.passOver(name, w)
			continue
		}
		if err := setWord(m, name, w); err != nil {
			return fmt.Errorf("%s: %s=%s: %w", name, w.Key, w.Value, err)
		}
	}
	return v.complete(m, name, l, doc)
}

// bytesFromNumbers turns a list of numbers in "data" into base64: serde, which reads the JSON of
// Kata's own tool, writes bytes that way.
func bytesFromNumbers(doc map[string]json.RawMessage) {
	var numbers []uint16
	if err := json.Unmarshal(doc["data"], &numbers); err != nil || numbers == nil {
		return
	}
	data := make([]byte, len(numbers))
	for i, n := range numbers {
		if n > 255 {
			return
		}
		data[i] = byte(n)
	}
	doc["data"], _ = json.Marshal(data) // of a byte slice: cannot fail
}
