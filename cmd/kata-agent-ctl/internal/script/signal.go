// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Signal is the number of a signal given by number or name, "TERM" or "SIGTERM".
func Signal(s string) (int, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > 64 {
			return 0, fmt.Errorf("signal %d is not within 0 and 64", n)
		}
		return n, nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	return 0, fmt.Errorf("unknown signal %q", s)
}

// signalProcess puts a number for a name and, with automatic values, SIGKILL where no signal is given.
func signalProcess(v *Values, l Line, doc map[string]json.RawMessage) (requests, error) {
	given := doc["signal"]
	if given == nil {
		for _, w := range l.Words {
			if w.Key == "signal" {
				return nil, nil
			}
		}
		if !v.Auto {
			return nil, nil
		}
		given = json.RawMessage(`"SIGKILL"`)
	}
	var name string
	if json.Unmarshal(given, &name) != nil {
		return nil, nil // a number
	}
	n, err := Signal(name)
	if err != nil {
		return nil, fmt.Errorf("SignalProcess: %w", err)
	}
	doc["signal"] = json.RawMessage(strconv.Itoa(n))
	return nil, nil
}
