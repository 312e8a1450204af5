// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"context"

	"github.com/kata-containers/kata-agent/guest/storage/share"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/rpc/server"
)

// sharedDir is where hosts share files with the guest, and the only place CopyFile writes to.
const sharedDir = "/run/kata-containers/shared/containers"

func (s *Service) fileMethods() []server.Method {
	return []server.Method{empty("CopyFile", s.copyFile, server.Quiet)}
}

func (s *Service) copyFile(_ context.Context, q *protocols.CopyFileRequest) error {
	return s.files.Copy(share.Request{
		Path: q.Path, FileSize: q.FileSize, FileMode: q.FileMode, DirMode: q.DirMode,
		UID: q.Uid, GID: q.Gid, Offset: q.Offset, Data: q.Data,
	})
}
