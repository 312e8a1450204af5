// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"sync/atomic"
	"unsafe"
)

// Size is how many bytes of memory a Keeper needs. Only pages that have been used exist.
const Size = frontSize + int(unsafe.Sizeof(table{}))

const (
	frontSize   = 4096
	maxConns    = 32
	maxRequests = 4096
	maxEnded    = 511 // KEPT_ENDED of kept.h
	frameRoom   = 232 // a read or wait of a container and a session with ids of 64 characters takes some 200
)

// front is the page that init in front shares: struct kept of kept.h.
type front struct {
	enabled atomic.Uint32 // init starts the agent again
	count   atomic.Uint32 // of processes that init has collected
	ended   [maxEnded]struct{ pid, status atomic.Int32 }
}

// table is the rest, the agents' own.
type table struct {
	moving   atomic.Int32  // bytes are between a process and an answer, in the agent's memory
	used     atomic.Uint32 // entries of requests from here on have never been
	sequence atomic.Uint64
	conns    [maxConns]connState
	requests [maxRequests]request
}

// connState is one connection.
type connState struct {
	used    atomic.Uint32 // it is one
	reading atomic.Uint32
	writing atomic.Uint32
	// missing counts requests without an answer for which there was no room.
	missing atomic.Int32
}

// request is one without an answer.
type request struct {
	conn     atomic.Uint32 // 1 and more; 0: this entry is free
	stream   uint32
	sequence uint64
	length   uint32 // of frame; 0: it cannot be served again
	_        uint32
	frame    [frameRoom]byte
}
