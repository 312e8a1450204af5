// SPDX-License-Identifier: Apache-2.0

package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/guest/sys/group"
	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"golang.org/x/sys/unix"
)

// Bounds of what is looked at: more entries, or a longer file, are no volume of secrets.
const (
	maxEntries = 4096
	maxFile    = 1 << 20 // bytes
)

// Volume is something mounted in a container whose files may be sealed.
type Volume struct {
	// Source is the file or directory in the guest, "" if it is not to be looked at; Destination
	// where the container has it.
	Source, Destination string
}

// Over is a file to be mounted over a sealed one, read-only.
type Over struct {
	Volume              int // in whose place in the list it is
	Source, Destination string
}

// Files unseals the files of volumes.
type Files struct {
	Hub Unsealer
	// Mounts opens the sources by its rules, and makes Dir.
	Mounts mount.Mounter
	// Dir is where the unsealed files are to be; it is made if one is found. Who removes it, removes
	// them.
	Dir string
}

// file is a sealed file of a volume.
type file struct {
	volume int
	at     string // the destination of the volume
	name   string // below the volume, links resolved; "" is the volume itself
	stat   unix.Stat_t
	text   string
}

// Unseal looks at the volumes' own files, and at the entries of their directories, whose links may lead
// to files deeper in the same volume, as those of Kubernetes do. Files that cannot be read are passed
// over: the container will not be able to either.
func (f Files) Unseal(ctx context.Context, volumes []Volume) ([]Over, error) {
	var all []file
	for i, v := range volumes {
		if v.Source == "" {
			continue
		}
		found, err := f.scan(ctx, v.Source)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			one.volume, one.at = i, v.Destination
			all = append(all, one)
		}
	}
	over := make([]Over, len(all))
	works, ctx := group.WithContext(ctx)
	works.SetLimit(atOnce)
	for i, one := range all {
		works.Go(func() error {
			var err error
			if over[i], err = f.unseal(ctx, one, fmt.Sprint(i)); err != nil {
				return fmt.Errorf("file %q: %w", path.Join(one.at, one.name), err)
			}
			return nil
		})
	}
	if err := works.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(over, func(o Over) bool { return o == Over{} }), nil
}

// unseal makes the file to be mounted; none if this was no secret.
func (f Files) unseal(ctx context.Context, one file, name string) (_ Over, err error) {
	plain, ok, err := unseal(ctx, f.Hub, one.text)
	if !ok || err != nil {
		return Over{}, err
	}
	target := path.Join(f.Dir, name)
	out, _, err := f.Mounts.OpenFile(target)
	if err != nil {
		return Over{}, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := out.Chmod(os.FileMode(one.stat.Mode & 0o777)); err != nil {
		return Over{}, err
	}
	if err := out.Chown(int(one.stat.Uid), int(one.stat.Gid)); err != nil {
		return Over{}, err
	}
	_, err = out.Write(plain)
	return Over{one.volume, target, path.Join(one.at, one.name)}, err
}

func (f Files) scan(ctx context.Context, source string) ([]file, error) {
	top, err := f.Mounts.OpenSource(source)
	if err != nil {
		return nil, nil //nolint:nilerror // who mounts it finds that out, too
	}
	defer top.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(top.Fd()), &st); err != nil {
		return nil, nil //nolint:nilerror // as above
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if text := read(top, st); text != "" {
			return []file{{stat: st, text: text}}, nil
		}
	case unix.S_IFDIR:
		return scanDirectory(ctx, top)
	}
	return nil, nil
}

func scanDirectory(ctx context.Context, top *os.File) ([]file, error) {
	var found []file
	for _, name := range entries(top) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one, ok := look(top, name)
		if ok && !slices.ContainsFunc(found, func(f file) bool { return f.name == one.name }) {
			found = append(found, one)
		}
	}
	return found, nil
}

// entries of a directory, sorted; none if there are too many.
func entries(dir *os.File) []string {
	f, err := os.Open(safepath.FDPath(dir))
	if err != nil {
		return nil
	}
	defer f.Close()
	names, err := f.Readdirnames(maxEntries + 1)
	if err != nil || len(names) > maxEntries {
		return nil
	}
	slices.Sort(names)
	return names
}

// look opens an entry, which may be a link that stays in the volume, and reads it if it is sealed.
func look(top *os.File, name string) (file, bool) {
	f, err := safepath.At(top, safepath.Inside).Open(name, unix.O_PATH, 0)
	if err != nil {
		return file{}, false
	}
	defer f.Close()
	var one file
	if err := unix.Fstat(int(f.Fd()), &one.stat); err != nil || one.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return file{}, false
	}
	if one.text = read(f, one.stat); one.text == "" {
		return file{}, false
	}
	one.name = below(top, f)
	return one, one.name != ""
}

// below is the path of f below top, with no link in it; "" if it is not there any more.
func below(top, f *os.File) string {
	base, err := os.Readlink(safepath.FDPath(top))
	if err != nil {
		return ""
	}
	full, err := os.Readlink(safepath.FDPath(f))
	if err != nil {
		return ""
	}
	rel, ok := strings.CutPrefix(full, base+"/")
	if !ok {
		return ""
	}
	return rel
}

// read gives the text of a file that begins like a sealed secret, else "". f may be O_PATH.
func read(f *os.File, st unix.Stat_t) string {
	if st.Size < int64(len(prefix)) || st.Size > maxFile {
		return ""
	}
	in, err := os.Open(safepath.FDPath(f))
	if err != nil {
		return ""
	}
	defer in.Close()
	begin := make([]byte, len(prefix))
	if _, err := io.ReadFull(in, begin); err != nil || string(begin) != prefix {
		return ""
	}
	rest, err := io.ReadAll(io.LimitReader(in, maxFile))
	if err != nil {
		return ""
	}
	return string(begin) + string(rest)
}
