// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxTerminationLog is the number of bytes of a termination log that count, as in
// Kubernetes.
const MaxTerminationLog = 4096

// ErrNotAFile is a termination log that is not a regular file.
var ErrNotAFile = errors.New("is not a regular file")

// TerminationLog gives the beginning of the file at path, at most MaxTerminationLog
// bytes of it, with the replacement character in place of what is not UTF-8. A missing
// file is an empty log. The workload wrote the file: a link in its place is not
// followed, and a pipe does not hold the call up.
func TerminationLog(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read termination log: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return "", fmt.Errorf("read termination log: %w", err)
	} else if !st.Mode().IsRegular() {
		return "", fmt.Errorf("termination log %s %w", path, ErrNotAFile)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxTerminationLog))
	if err != nil {
		return "", fmt.Errorf("read termination log: %w", err)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD"), nil
}
