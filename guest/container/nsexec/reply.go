// SPDX-License-Identifier: Apache-2.0

package nsexec

import "golang.org/x/sys/unix"

// Kinds of replies, as in request.h.
const (
	replyStarted = iota + 1
	replyTerminal
	replyFailed
	replyReady
	replyMounted
	replyBuilt
)

const replySize = 16

// wireReply is struct reply.
type wireReply struct {
	kind, step uint32
	errno, pid int32
}

func parseReply(b []byte) (r wireReply, ok bool) {
	if len(b) != replySize {
		return r, false
	}
	return wireReply{
		kind: order.Uint32(b), step: order.Uint32(b[4:]),
		errno: int32(order.Uint32(b[8:])), pid: int32(order.Uint32(b[12:])),
	}, true
}

// parseControl returns the descriptor that came with a message, or -1, and the pid of
// its sender, or 0.
func parseControl(b []byte) (fd, sender int) {
	fd = -1
	messages, err := unix.ParseSocketControlMessage(b)
	if err != nil {
		return fd, 0
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil && len(fds) > 0 {
			fd = fds[0]
		}
		if cred, err := unix.ParseUnixCredentials(&m); err == nil {
			sender = int(cred.Pid)
		}
	}
	return fd, sender
}
