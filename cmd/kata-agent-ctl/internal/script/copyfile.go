// SPDX-License-Identifier: Apache-2.0

package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kata-containers/kata-agent/protocols"
)

const (
	// chunkSize is what hosts send of a file in one request.
	chunkSize = 1 << 20
	// parentMode is for directories that have to be made on the way.
	parentMode = 0o750
)

// copyFile takes {"src", "dest"}: a file, symbolic link or directory here, and its path in the
// guest. Anything else is a request as it stands.
func copyFile(_ *Values, l Line, doc map[string]json.RawMessage) (requests, error) {
	var src, dest string
	if err := takeOut(doc, "src", &src, "dest", &dest); err != nil {
		return nil, fmt.Errorf("CopyFile: %w", err)
	}
	for _, w := range l.Words {
		switch w.Key {
		case "src":
			src = w.Value
		case "dest":
			dest = w.Value
		}
	}
	if src == "" && dest == "" {
		return nil, nil
	}
	if src == "" || dest == "" {
		return nil, errors.New(`CopyFile: needs both "src" and "dest"`)
	}
	return func(send func(protocols.Message) error) error {
		return copyTree(src, dest, send)
	}, nil
}

// copyTree sends src and everything below it, directories before what is in them.
func copyTree(src, dest string, send func(protocols.Message) error) error {
	return filepath.WalkDir(src, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("CopyFile: %w", err)
		}
		below, err := filepath.Rel(src, path)
		if err != nil {
			return fmt.Errorf("CopyFile: %w", err)
		}
		return copyOne(path, filepath.Join(dest, below), send)
	})
}

func copyOne(path, dest string, send func(protocols.Message) error) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return fmt.Errorf("CopyFile: %s: %w", path, err)
	}
	request := protocols.CopyFileRequest{
		Path: dest, FileMode: st.Mode, DirMode: parentMode, Uid: int32(st.Uid), Gid: int32(st.Gid),
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return send(&request)
	case syscall.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return fmt.Errorf("CopyFile: %w", err)
		}
		request.Data = []byte(target)
		request.FileSize = int64(len(target))
		return send(&request)
	case syscall.S_IFREG:
		request.FileSize = st.Size
		return copyContent(path, request, send)
	}
	return fmt.Errorf("CopyFile: %s is neither file, directory nor symbolic link", path)
}

// copyContent sends a file in pieces; an empty one is one empty piece.
func copyContent(path string, request protocols.CopyFileRequest, send func(protocols.Message) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("CopyFile: %w", err)
	}
	defer f.Close()
	for {
		piece := request
		piece.Data = make([]byte, min(chunkSize, request.FileSize-request.Offset))
		if _, err := io.ReadFull(f, piece.Data); err != nil {
			return fmt.Errorf("CopyFile: %s became shorter: %w", path, err)
		}
		if err := send(&piece); err != nil {
			return err
		}
		request.Offset += int64(len(piece.Data))
		if request.Offset >= request.FileSize {
			return nil
		}
	}
}
