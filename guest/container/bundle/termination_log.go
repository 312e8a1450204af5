// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/sys/safepath"
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
// followed, none in the way to it leads out of where volumes are ([mount.Mounter.OpenSource]), and a pipe
// does not hold the call up.
func TerminationLog(path string) (string, error) {
	f, err := openLog(path)
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

func openLog(name string) (*os.File, error) {
	name = filepath.Clean(name)
	dir, err := mount.Mounter{}.OpenSource(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return safepath.OpenChild(dir, filepath.Base(name), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}
