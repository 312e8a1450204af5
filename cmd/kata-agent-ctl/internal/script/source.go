// SPDX-License-Identifier: Apache-2.0

package script

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// A Source gives one line after another, and io.EOF behind the last. The place is where the line
// stands, for errors about it: "file:7", or "" where nobody would have to look for it.
type Source func() (line, place string, err error)

// Lines is a source of the lines in list.
func Lines(list []string) Source {
	return func() (string, string, error) {
		if len(list) == 0 {
			return "", "", io.EOF
		}
		line := list[0]
		list = list[1:]
		return line, "", nil
	}
}

// Read is a source of the lines of r. The name is that of the file, "" for somebody who types.
func Read(r io.Reader, name string) Source {
	in := bufio.NewReader(r)
	number := 0
	return func() (string, string, error) {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		number++
		if name == "" {
			return line, "", err
		}
		return line, fmt.Sprintf("%s:%d", name, number), err
	}
}
