// SPDX-License-Identifier: Apache-2.0

package memagent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrMissing says that the kernel does not have what a part needs.
var ErrMissing = errors.New("this kernel cannot do it")

// Places are the mount points that the package works with.
type Places struct {
	Cgroup string // /sys/fs/cgroup; only the unified hierarchy is looked into
	Sys    string // /sys
	Proc   string // /proc
}

// unified says whether the cgroups are those of v2.
func (p Places) unified() bool {
	_, err := os.Stat(filepath.Join(p.Cgroup, "cgroup.controllers"))
	return err == nil
}

// ownGroup is the path of the agent's own memory cgroup from the root of its hierarchy.
func (p Places) ownGroup() (string, error) {
	text, err := os.ReadFile(filepath.Join(p.Proc, "self/cgroup"))
	if err != nil {
		return "", err
	}
	own := "/"
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		if fields[1] == "memory" {
			return fields[2], nil
		}
		if fields[1] == "" {
			own = fields[2]
		}
	}
	return own, nil
}

// meminfo is a line of /proc/meminfo, in bytes.
func (p Places) meminfo(key string) (uint64, error) {
	n, err := keyed(filepath.Join(p.Proc, "meminfo"), key+":")
	return n << 10, err
}

// keyed is the number behind key in a file of lines that begin with a word and a number.
func keyed(path, key string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != key {
			continue
		}
		n, err := strconv.ParseUint(fields[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse %s of %s: %w", key, path, err)
		}
		return n, nil
	}
	return 0, fmt.Errorf("no %s in %s", key, path)
}

// put writes a word into a file of the kernel, in one call and without making the file.
func put(path, word string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(word)
	return err
}
