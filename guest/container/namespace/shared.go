// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// DefaultDir is where the namespaces of the sandbox are bound.
const DefaultDir = "/run/sandbox-ns"

// maxHostname is the kernel's __NEW_UTS_LEN, in bytes.
const maxHostname = 64

// Kind is a kind of namespace, named as in /proc/<pid>/ns.
type Kind string

// The kinds that can be shared by a sandbox.
const (
	IPC Kind = "ipc"
	UTS Kind = "uts"
)

// Shared is a namespace bound on a file.
type Shared struct {
	// Path is the file: what an OCI spec's namespace entry names.
	Path string
}

// NewIPC makes an IPC namespace bound on dir/ipc.
func NewIPC(dir string) (Shared, error) { return newShared(dir, IPC, unix.CLONE_NEWIPC, nil) }

// NewUTS makes a UTS namespace bound on dir/uts, with the host name if it is not empty
// (at most 64 bytes), else with that of the guest.
func NewUTS(dir, hostname string) (Shared, error) {
	if len(hostname) > maxHostname {
		return Shared{}, fmt.Errorf("make uts namespace: host name of %d bytes is longer than %d", len(hostname), maxHostname)
	}
	return newShared(dir, UTS, unix.CLONE_NEWUTS, func() error {
		if hostname == "" {
			return nil
		}
		if err := unix.Sethostname([]byte(hostname)); err != nil {
			return fmt.Errorf("set host name %q: %w", hostname, err)
		}
		return nil
	})
}

// newShared fails with fs.ErrExist if the file is there: it may be another sandbox's.
func newShared(dir string, kind Kind, flag int, inside func() error) (Shared, error) {
	s := Shared{Path: filepath.Join(dir, string(kind))}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Shared{}, fmt.Errorf("make %s namespace: %w", kind, err)
	}
	f, err := os.OpenFile(s.Path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return Shared{}, fmt.Errorf("make %s namespace: %w", kind, err)
	}
	f.Close()
	err = OnOwnThread(func() error {
		if err := unix.Unshare(flag); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if inside != nil {
			if err := inside(); err != nil {
				return err
			}
		}
		from := "/proc/self/task/" + strconv.Itoa(unix.Gettid()) + "/ns/" + string(kind)
		if err := unix.Mount(from, s.Path, "none", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s on %s: %w", from, s.Path, err)
		}
		return nil
	})
	if err != nil {
		return Shared{}, errors.Join(fmt.Errorf("make %s namespace: %w", kind, err), os.Remove(s.Path))
	}
	return s, nil
}

// Release takes the bind away and removes its file; the namespace lives on as long as
// a process is in it. Doing it twice is harmless.
func (s Shared) Release() error {
	if s.Path == "" {
		return nil
	}
	err := unix.Unmount(s.Path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("release namespace %s: %w", s.Path, err)
	}
	if err := os.Remove(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("release namespace: %w", err)
	}
	return nil
}

// OnOwnThread runs work on a thread that ends afterwards: a goroutine that returns
// without unlocking takes its thread with it. The main thread cannot end, so work that
// lands there is passed on while it stays locked.
func OnOwnThread(work func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- OnOwnThread(work)
			return
		}
		done <- work()
	}()
	return <-done
}
