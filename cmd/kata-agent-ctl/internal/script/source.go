// SPDX-License-Identifier: Apache-2.0

package script

import (
	"bufio"
	"errors"
	"io"
)

// A Source gives one line after another, and io.EOF behind the last.
type Source func() (string, error)

// Lines is a source of the lines in list.
func Lines(list []string) Source {
	return func() (string, error) {
		if len(list) == 0 {
			return "", io.EOF
		}
		line := list[0]
		list = list[1:]
		return line, nil
	}
}

// Read is a source of the lines of r.
func Read(r io.Reader) Source {
	in := bufio.NewReader(r)
	return func() (string, error) {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		return line, err
	}
}
