// SPDX-License-Identifier: Apache-2.0

package sharedmount

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

var (
	// ErrRequest is a mount that makes no sense, whatever the containers hold.
	ErrRequest = errors.New("is not possible")
	// ErrSource is a source container that is not there, or whose programs have ended.
	ErrSource = errors.New("source is not there")
)

// Mount is one mount to be shared.
type Mount struct {
	// Name is the host's word for it, for errors only.
	Name string
	// Source is the name that the container runtime knows the source container by.
	Source string
	// SourcePath is the mount point in the source, DestinationPath where it is to be in the
	// destination: absolute paths without "..", not "/".
	SourcePath, DestinationPath string
}

// Check returns ErrRequest if the mount makes no sense.
func (m Mount) Check() error {
	switch {
	case m.Source == "":
		return fmt.Errorf("%w: it names no source container", ErrRequest)
	case !valid(m.SourcePath):
		return fmt.Errorf("%w: source path %q is not absolute, has a \"..\", or is the root", ErrRequest, m.SourcePath)
	case !valid(m.DestinationPath):
		return fmt.Errorf("%w: destination path %q is not absolute, has a \"..\", or is the root", ErrRequest, m.DestinationPath)
	}
	return nil
}

// maxMounts of one container bounds the work of a request.
const maxMounts = 128

// CheckAll checks every mount, and that none hides another one. The error says which it is about.
func CheckAll(all []Mount) error {
	if len(all) > maxMounts {
		return fmt.Errorf("%w: %d shared mounts, at most %d are possible", ErrRequest, len(all), maxMounts)
	}
	for i, m := range all {
		err := m.Check()
		for _, other := range all[:i] {
			if err == nil && covers(m.DestinationPath, other.DestinationPath) {
				err = fmt.Errorf("%w: destination path %q and that of %q, %q, lie one in the other", ErrRequest,
					m.DestinationPath, other.Name, other.DestinationPath)
			}
		}
		if err != nil {
			return m.naming(err)
		}
	}
	return nil
}

// covers tells whether two paths are the same, or one is below the other.
func covers(a, b string) bool {
	a, b = path.Clean(a)+"/", path.Clean(b)+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

func (m Mount) naming(err error) error { return fmt.Errorf("shared mount %q: %w", m.Name, err) }

func valid(p string) bool {
	return path.IsAbs(p) && path.Clean(p) != "/" && !strings.ContainsRune(p, 0) && !strings.Contains(p+"/", "/../")
}
