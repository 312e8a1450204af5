// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"fmt"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// RemountTmpfs changes the options of a mounted tmpfs, such as its size. The option
// "fsgid=" is the agent's own and is dropped. Flags no word mentions keep their value:
// a new size does not make a nosuid mount setuid again. Without the
// word "remount" a tmpfs is mounted if the target is none yet; with it, a target that is no
// mount point is EINVAL.
func (m Mounter) RemountTmpfs(target string, options []string) error {
	var words []string
	for _, o := range options {
		if !strings.HasPrefix(o, "fsgid=") {
			words = append(words, o)
		}
	}
	o, err := ParseOptions(words)
	if err == nil && o.Flags&unix.MS_REMOUNT == 0 {
		_, err := m.Mount(Spec{Source: "tmpfs", Target: target, FSType: "tmpfs", Options: words})
		return err
	}
	if err == nil {
		err = m.remount(target, o)
	}
	if err != nil {
		return fmt.Errorf("remount tmpfs %q with %q: %w", target, strings.Join(words, ","), err)
	}
	return nil
}

func (m Mounter) remount(target string, o Options) error {
	p, err := m.open(target)
	if err != nil {
		return err
	}
	defer p.close()
	flags, err := currentFlags(p.self)
	if err != nil {
		return err
	}
	flags = flags&^o.Cleared | o.Flags
	return unix.Mount("tmpfs", safepath.FDPath(p.self), "tmpfs", flags, o.Data)
}
