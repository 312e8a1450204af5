// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/protocols/protojson"
)

// aliases are the names that Kata's scripts have for fields.
var aliases = map[string]string{
	"cid":  "container_id",
	"sid":  "sandbox_id",
	"sec":  "Sec",
	"usec": "Usec",
}

// setWord sets a field by its name or alias. The value is JSON where that fits (a number, true,
// an object) and text otherwise.
func setWord(m protocols.Message, method string, w Word) error {
	key := w.Key
	if a, ok := aliases[key]; ok {
		key = a
	}
	switch {
	case method == "ExecProcess" && key == "spec":
		return nil // the process was read from there
	case key == "signal":
		n, err := Signal(w.Value)
		if err != nil {
			return err
		}
		return setField(m, key, strconv.Itoa(n))
	case key == "data":
		data, err := rawBytes(w.Value)
		if err != nil {
			return err
		}
		text, _ := json.Marshal(data) // of a byte slice: cannot fail
		return setField(m, key, string(text))
	case key == "memHotplugProbeAddr":
		list, err := addresses(w.Value)
		if err != nil {
			return err
		}
		return setField(m, key, list)
	}
	if json.Valid([]byte(w.Value)) {
		if err := setField(m, key, w.Value); err == nil {
			return nil
		}
	}
	return setText(m, key, w.Value)
}

// known tells whether a word means something to a call. Lists for Kata's own tool have words that
// it never reads, such as the sandbox id of a CreateContainer.
func known(m protocols.Message, method, key string) bool {
	if a, ok := aliases[key]; ok {
		key = a
	}
	if method == "ExecProcess" && key == "spec" {
		return true
	}
	return protojson.HasField(m, key)
}

func setText(m protocols.Message, field, value string) error {
	text, _ := json.Marshal(value) // of a string: cannot fail
	return setField(m, field, string(text))
}

// setField sets a field to a JSON value.
func setField(m protocols.Message, field, value string) error {
	name, _ := json.Marshal(field) // of a string: cannot fail
	return protojson.Unmarshal([]byte("{"+string(name)+":"+value+"}"), m)
}

// rawBytes is the value itself, or what hex:... stands for.
func rawBytes(value string) ([]byte, error) {
	digits, ok := strings.CutPrefix(value, "hex:")
	if !ok {
		return []byte(value), nil
	}
	data, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("not hexadecimal: %w", err)
	}
	return data, nil
}

// addresses reads a list of hexadecimal numbers, separated by commas, and writes it as JSON.
func addresses(value string) (string, error) {
	list := []uint64{}
	for s := range strings.SplitSeq(value, ",") {
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(s), "0x"), 16, 64)
		if err != nil {
			return "", fmt.Errorf("address %q is not hexadecimal", s)
		}
		list = append(list, n)
	}
	text, err := json.Marshal(list)
	return string(text), err
}
