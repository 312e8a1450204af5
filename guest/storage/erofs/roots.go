// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"fmt"
	"os"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
)

// roots are the open roots of mounted layers: of the upper one, then of the lower ones.
type roots struct {
	files []*os.File
	own   []*os.File // the overlay's directories in the upper layer
}

func (w *workplace) roots() (_ *roots, err error) {
	r := &roots{}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	names := []string{w.upperDir()}
	for i := range w.lowers {
		names = append(names, w.lowerDir(i))
	}
	for _, name := range names {
		f, err := w.m.Volumes.Mounts.Open(name)
		if err != nil {
			return nil, err
		}
		r.files = append(r.files, f)
	}
	return r, nil
}

func (r *roots) close() {
	for _, f := range append(r.files, r.own...) {
		f.Close()
	}
}

// ownDirectory makes a directory of the overlay's in the upper layer if it is missing, and
// gives a path that leads exactly there. A link in its place is refused: the disk comes
// from the host and was perhaps written by another container.
func (r *roots) ownDirectory(name string) (string, error) {
	f, _, err := safepath.At(r.files[0], safepath.Volume).MkdirAll(name, 0o755)
	if err != nil {
		return "", fmt.Errorf("directory %s of the upper layer: %w", name, err)
	}
	r.own = append(r.own, f)
	return safepath.FDPath(f), nil
}

// lowers is the list of the lower layers as the overlay takes it.
func (r *roots) lowers() string {
	var paths []string
	for _, f := range r.files[1:] {
		paths = append(paths, safepath.FDPath(f))
	}
	return strings.Join(paths, ":")
}
