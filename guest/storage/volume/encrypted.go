// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"

	"github.com/kata-containers/kata-agent/guest/storage/devicemapper"
	"github.com/kata-containers/kata-agent/guest/sys/command"
	"golang.org/x/sys/unix"
)

// keySize of the key that opens a volume, in bytes.
const keySize = 64

// formatArgs make what hosts expect of a confidential emptyDir: LUKS2, AES-XTS and a
// keyed hash of each sector, so that content made up by the host gives an I/O error. The
// key is random already, so stretching it would only cost time; and a large disk is not
// wiped first: what was never written cannot be read.
var formatArgs = []string{
	"luksFormat", "--batch-mode", "--type", "luks2", "--key-file", "-",
	"--cipher", "aes-xts-plain64", "--key-size", "512", "--sector-size", "4096",
	"--integrity", "hmac-sha256", "--integrity-no-wipe",
	"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
}

// openArgs leave out the journal that would keep sectors and their hashes in step over a
// crash: after a crash nobody has the key.
var openArgs = []string{"open", "--type", "luks2", "--key-file", "-", "--integrity-no-journal"}

// noCopies leaves out the copies of the superblock. They are shorter than a sector, and
// what is never written cannot be read: mkfs would fail on the rest of their sectors.
var noCopies = []string{"-O", "sparse_super2", "-E", "num_backup_sb=0"}

// mountEncrypted makes and mounts an encrypted ext4 on node, a block device with the
// number dev. The key is made here, handed to cryptsetup on its standard input and
// forgotten: nothing can open the volume again. Whatever fails, nothing is mounted.
func (d *Drivers) mountEncrypted(ctx context.Context, node string, dev uint64, s Storage) (Attached, error) {
	if err := ext4Only(s.FSType); err != nil {
		return Attached{}, err
	}
	tool, err := d.findCryptsetup()
	if err != nil {
		return Attached{}, err
	}
	m := mapping{tool: tool, name: fmt.Sprintf("kata-%d:%d", unix.Major(dev), unix.Minor(dev)), d: d}
	if err := m.open(ctx, node); err != nil {
		return Attached{}, fmt.Errorf("encrypt %s: %w", node, err)
	}
	s.Source = m.node()
	err = writeEnds(s.Source)
	if err == nil {
		err = d.mkfs(ctx, s.Source, s.FSType, noCopies...)
	}
	if err != nil {
		return unless(err, m.close)
	}
	a, err := d.attachMount(ctx, "", s)
	mounted := a
	a.release = func() error {
		if err := mounted.Release(); err != nil {
			return err
		}
		return m.close()
	}
	if err != nil {
		return unless(err, a.release)
	}
	return a, nil
}

// mapping is a device that decrypts another one.
type mapping struct {
	tool, name string
	d          *Drivers
}

func (m mapping) node() string { return path.Join(m.d.mapperDir(), m.name) }

// open puts a new LUKS header on node, whatever it holds, and opens it. cryptsetup
// refuses a device in use.
func (m mapping) open(ctx context.Context, node string) error {
	key := make([]byte, keySize)
	defer clear(key)
	_, _ = rand.Read(key) // never fails
	if err := command.RunInput(ctx, key, m.tool, append(slices.Clone(formatArgs), node)...); err != nil {
		return err
	}
	err := command.RunInput(ctx, key, m.tool, append(slices.Clone(openArgs), node, m.name)...)
	var refused *command.Failure
	if err != nil && !errors.As(err, &refused) {
		// Killed on the way, it may have left the mapping.
		return errors.Join(err, m.close())
	}
	return err
}

// close takes away the mapping and the one below it, which keeps the hashes and has this
// suffix. One in use goes with its last user: cryptsetup would wait and then give the
// lower one up. One that is not there is no error.
func (m mapping) close() error {
	remove := m.d.removeMapping
	if remove == nil {
		remove = devicemapper.Mapper{}.Remove
	}
	for _, name := range []string{m.name, m.name + "_dif"} {
		if err := remove(name); err != nil {
			return fmt.Errorf("close encrypted device: %w", err)
		}
		// A node that cryptsetup made itself, where there is no udev.
		_ = os.Remove(path.Join(m.d.mapperDir(), name))
	}
	return nil
}

// endSize is where mkfs looks for older file systems at both ends of a device.
const endSize = 1 << 20

// writeEnds makes both ends of a new mapping readable: a sector that was never written
// has no valid hash, and mkfs gives up when it cannot read the first.
func writeEnds(node string) (err error) {
	f, err := os.OpenFile(node, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	zeros := make([]byte, min(endSize, size))
	for _, at := range []int64{0, size - int64(len(zeros))} {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// findCryptsetup looks where guest images have it: the PATH of a first program is often
// without the directories of root's tools.
func (d *Drivers) findCryptsetup() (string, error) {
	names := []string{"cryptsetup", "/usr/sbin/cryptsetup", "/sbin/cryptsetup"}
	if d.Cryptsetup != "" {
		names = []string{d.Cryptsetup}
	}
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", ErrNoEncryption
}

func (d *Drivers) mapperDir() string {
	if d.MapperDir == "" {
		return "/dev/mapper"
	}
	return d.MapperDir
}
