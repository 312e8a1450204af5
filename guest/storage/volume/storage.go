// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/storage/fsgroup"
)

// Storage is one storage as the Kata API describes it.
type Storage struct {
	// Driver is a name of the list in list.go.
	Driver        string
	DriverOptions []string
	// Source is a device address, a share's tag or a path, depending on the driver.
	Source string
	FSType string
	// Options are mount option words, or key=value pairs of the driver.
	Options []string
	// MountPoint is absolute.
	MountPoint string
	// FSGroup is nil if the files keep their group.
	FSGroup *fsgroup.Group
	// Shared storages live as long as the sandbox.
	Shared bool
	// Layers are the parts of a layered image, which guest/storage/erofs puts together; nil for
	// every other storage.
	Layers []Storage
}

// Attached is a storage in place. One that comes with an error has come to nothing, and its Release
// takes back what could not be taken back yet.
type Attached struct {
	// MountPoint is where it is; empty for the zero Attached.
	MountPoint string
	// Keep tells that the content must outlive the container it was attached for: an
	// emptyDir keeps its files when the only container using it is started again.
	// Release is then for the end of the sandbox, or for a creation that failed.
	Keep bool
	// Warning is what went otherwise than asked for without being a failure.
	Warning error

	release func() error
}

// unless is an Attached that has come to nothing with err: undo takes back what there is of it. What
// cannot be taken back now can be later, by Release.
func unless(err error, undo func() error) (Attached, error) {
	if undone := undo(); undone != nil {
		return Attached{release: undo}, errors.Join(err, undone)
	}
	return Attached{}, err
}

// NewAttached is for storages put in place by somebody else. release undoes that; it must
// be harmless when there is nothing left to do.
func NewAttached(mountPoint string, release func() error) Attached {
	return Attached{MountPoint: mountPoint, release: release}
}

// Release undoes the Attach. After an error it may be called again; when there is
// nothing left to do it does nothing.
func (a Attached) Release() error {
	if a.release == nil {
		return nil
	}
	return a.release()
}

// option gives the value of the first option "key=value" among the words, which may
// hold several options joined by commas.
func option(words []string, key string) (string, bool) {
	for _, w := range words {
		for o := range strings.SplitSeq(w, ",") {
			if k, v, ok := strings.Cut(o, "="); ok && k == key {
				return v, true
			}
		}
	}
	return "", false
}

// without gives the words that do not begin with prefix.
func without(words []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, prefix) })
}
