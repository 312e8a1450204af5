// SPDX-License-Identifier: Apache-2.0

package policyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Default is where an image keeps its policy when no other file is configured.
const Default = "/etc/kata-opa/default-policy.rego"

// MaxSize bounds a policy document, in bytes, as Kata's policy engine does.
const MaxSize = 16 << 20

// Locate returns the path of the policy to start with: configured unless it is empty, which must
// exist then, or else standard if there is a file; "" if there is none.
func Locate(configured, standard string) (string, error) {
	path := configured
	if path == "" {
		path = standard
	}
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return path, nil
	case configured == "" && errors.Is(err, fs.ErrNotExist) && !dangling(path):
		return "", nil
	}
	return "", fmt.Errorf("policy: %w", err)
}

// dangling says whether path is there although what it leads to is not.
func dangling(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Read returns the document at path, at most MaxSize bytes.
func Read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("policy: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return "", fmt.Errorf("policy: %w", err)
	}
	if len(text) > MaxSize {
		return "", fmt.Errorf("policy %s: more than %d bytes", path, MaxSize)
	}
	return string(text), nil
}
