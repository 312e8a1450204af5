// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

// readKey returns the number behind key in a file of "key value" lines, such as
// memory.events. A file without the key counts as 0.
func readKey(path, key string) (uint64, error) {
	text, err := sysfs.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !ok || name != key {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse %s of %s: %w", key, path, err)
		}
		return n, nil
	}
	return 0, nil
}
