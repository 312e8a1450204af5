// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Options beginning so are notes from the host's snapshotters to the Kata runtimes; no
// file system knows them.
const (
	notePrefix       = "io.katacontainers."
	erofsLayerPrefix = "X-kata."
)

// Options is a list of option words as mount(2) takes them.
type Options struct {
	// Flags are the MS_ bits set, without propagation.
	Flags uintptr
	// Cleared are the MS_ bits a word asked to be off; they matter to a remount.
	Cleared uintptr
	// Propagation is zero or one of MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE,
	// with MS_REC for the r-words. The kernel takes it only in a call of its own.
	Propagation uintptr
	// Data are the filesystem's own options, joined by commas.
	Data string
}

type word struct {
	name       string
	clear, set uintptr
}

// words are the options that are flags of mount(2): those of the Rust agent and no more. Every other
// word, such as acl or lazytime, is passed to the filesystem as data.
var words = []word{
	{"async", unix.MS_SYNCHRONOUS, 0},
	{"atime", unix.MS_NOATIME, 0},
	{"bind", 0, unix.MS_BIND},
	{"defaults", 0, 0},
	{"dev", unix.MS_NODEV, 0},
	{"diratime", unix.MS_NODIRATIME, 0},
	{"dirsync", 0, unix.MS_DIRSYNC},
	{"exec", unix.MS_NOEXEC, 0},
	{"iversion", 0, unix.MS_I_VERSION},
	{"loud", unix.MS_SILENT, 0},
	{"mand", 0, unix.MS_MANDLOCK},
	{"noatime", 0, unix.MS_NOATIME},
	{"nodev", 0, unix.MS_NODEV},
	{"nodiratime", 0, unix.MS_NODIRATIME},
	{"noexec", 0, unix.MS_NOEXEC},
	{"noiversion", unix.MS_I_VERSION, 0},
	{"nomand", unix.MS_MANDLOCK, 0},
	{"norelatime", unix.MS_RELATIME, 0},
	{"nostrictatime", unix.MS_STRICTATIME, 0},
	{"nosuid", 0, unix.MS_NOSUID},
	{"rbind", 0, unix.MS_BIND | unix.MS_REC},
	{"relatime", 0, unix.MS_RELATIME},
	{"remount", 0, unix.MS_REMOUNT},
	{"ro", 0, unix.MS_RDONLY},
	{"rw", unix.MS_RDONLY, 0},
	{"silent", 0, unix.MS_SILENT},
	{"strictatime", 0, unix.MS_STRICTATIME},
	{"suid", unix.MS_NOSUID, 0},
	{"sync", 0, unix.MS_SYNCHRONOUS},
}

var propagations = []word{
	{"private", 0, unix.MS_PRIVATE},
	{"rprivate", 0, unix.MS_PRIVATE | unix.MS_REC},
	{"rshared", 0, unix.MS_SHARED | unix.MS_REC},
	{"rslave", 0, unix.MS_SLAVE | unix.MS_REC},
	{"runbindable", 0, unix.MS_UNBINDABLE | unix.MS_REC},
	{"shared", 0, unix.MS_SHARED},
	{"slave", 0, unix.MS_SLAVE},
	{"unbindable", 0, unix.MS_UNBINDABLE},
}

// ParseOptions applies the words left to right; they are case sensitive and each
// element is one word, whatever commas it holds. Words beginning with
// "io.katacontainers." or "X-kata." are dropped, "loop" is refused because no loop device is set up
// here, and the last propagation word wins.
func ParseOptions(options []string) (Options, error) {
	var o Options
	var data []string
	for _, opt := range options {
		if opt == "loop" {
			return Options{}, fmt.Errorf("mount option %q: loop devices are not set up by the agent", opt)
		}
		if opt == "" || strings.HasPrefix(opt, notePrefix) || strings.HasPrefix(opt, erofsLayerPrefix) {
			continue
		}
		if w, ok := find(words, opt); ok {
			o.Flags = o.Flags&^w.clear | w.set
			o.Cleared = o.Cleared&^w.set | w.clear
		} else if w, ok := find(propagations, opt); ok {
			o.Propagation = w.set
		} else {
			data = append(data, opt)
		}
	}
	o.Data = strings.Join(data, ",")
	return o, nil
}

// tooLong reports whether data does not fit the one page mount(2) copies, with the
// zero byte that ends it.
func (o Options) tooLong() bool { return len(o.Data) >= os.Getpagesize() }

func find(table []word, name string) (word, bool) {
	i, ok := slices.BinarySearchFunc(table, name, func(w word, n string) int { return strings.Compare(w.name, n) })
	if !ok {
		return word{}, false
	}
	return table[i], true
}
