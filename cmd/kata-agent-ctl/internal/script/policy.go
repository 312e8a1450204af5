// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/kata-containers/kata-agent/protocols"
)

// setPolicy takes {"policy_file"}, a path here, or the request itself.
func setPolicy(_ *Values, l Line, doc map[string]json.RawMessage) (requests, error) {
	var file string
	if err := takeOut(doc, "policy_file", &file); err != nil {
		return nil, fmt.Errorf("SetPolicy: %w", err)
	}
	for _, w := range l.Words {
		if w.Key == "policy_file" {
			file = w.Value
		}
	}
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("SetPolicy: %w", err)
	}
	return one(&protocols.SetPolicyRequest{Policy: string(text)}), nil
}
