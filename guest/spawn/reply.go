// SPDX-License-Identifier: Apache-2.0

package spawn

// Kinds of replies, as in request.h.
const (
	replyStarted = iota + 1
	replyTerminal
	replyFailed
)

const replySize = 16

// wireReply is struct reply.
type wireReply struct {
	kind, stage uint32
	errno, pid  int32
}

func parseReply(b []byte) (r wireReply, ok bool) {
	if len(b) != replySize {
		return r, false
	}
	return wireReply{
		kind: order.Uint32(b), stage: order.Uint32(b[4:]),
		errno: int32(order.Uint32(b[8:])), pid: int32(order.Uint32(b[12:])),
	}, true
}
