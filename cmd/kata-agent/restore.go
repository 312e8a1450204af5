// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"

	"github.com/kata-containers/kata-agent/guest/sys/restore"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

// youngAge is the age of a connection that may be that of the new host, which can be faster than the
// kernel's word of the restore. A guest's own time stands still with it.
const youngAge = time.Second

// restoring is what belongs to the host the machine had before it was restored.
type restoring struct {
	log *zap.Logger

	mu     sync.Mutex
	server *server.Server
	renew  []func() // other things that are the old host's, or the same in all clones
	after  func()   // sets right what the machine has missed; it may wait
}

// serves says which server's connections are meant, once there is one, and what sets right what the
// machine has missed.
func (r *restoring) serves(s *server.Server, catchUp func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server, r.after = s, catchUp
}

// then adds what is to be done after a restore. It must not block.
func (r *restoring) then(renew func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renew = append(r.renew, renew)
}

// seen ends what the old host has left.
func (r *restoring) seen(what restore.Seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return // nobody is connected yet
	}
	go r.after() // whoever looks must not wait
	if what != restore.Restored {
		r.server.Probe()
		return
	}
	closed, asked := r.server.CloseOlder(youngAge)
	for _, renew := range r.renew {
		renew()
	}
	r.log.Info("restored from an image: connections of the host before are closed",
		zap.Int("closed", closed), zap.Int("young", asked))
}
