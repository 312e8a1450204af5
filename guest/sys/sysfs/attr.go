// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Write gives an attribute a value in one write(2), which is what the kernel acts on.
func Write(path, value string) error { return write(path, value, unix.O_TRUNC) }

// Overwrite is Write without truncation, of which an attribute knows nothing.
func Overwrite(path, value string) error { return write(path, value, 0) }

func write(path, value string, flags int) error {
	fd, err := open(path, unix.O_WRONLY|flags)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Write(fd, []byte(value))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return &os.PathError{Op: "write", Path: path, Err: err}
		case n < len(value):
			return &os.PathError{Op: "write", Path: path, Err: io.ErrShortWrite}
		default:
			return nil
		}
	}
}

// Read returns the value of an attribute without the white space around it.
func Read(path string) (string, error) {
	text, err := ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(text)), nil
}

// pageSize is what the kernel gives of an attribute at once: most are shorter.
const pageSize = 4096

// ReadFile returns all of an attribute, or of a file in /proc.
func ReadFile(path string) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, pageSize)
	for {
		text = slices.Grow(text, pageSize)
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return text, nil
		default:
			text = text[:len(text)+n]
		}
	}
}

// open is open(2). An os.File would be made known to Go's poller and taken out again, five more system
// calls for a file of which nothing can be waited for.
func open(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// Names lists a directory in order, none for one that is not there.
func Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// IsDir tells whether path is a directory or a link to one.
func IsDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
