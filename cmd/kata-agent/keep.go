// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/kata-containers/kata-agent/actors/agent"
	"github.com/kata-containers/kata-agent/guest/boot/keeper"
	"github.com/kata-containers/kata-agent/guest/boot/pid1"
	"github.com/kata-containers/kata-agent/guest/config"
	"github.com/kata-containers/kata-agent/rpc/frame"
	"github.com/kata-containers/kata-agent/rpc/server"
	"go.uber.org/zap"
)

var errNoDescriptor = errors.New("a socket without a descriptor")

// keeping is what is done for the agent that comes after this one, should it die.
type keeping struct {
	on     bool
	keeper *keeper.Keeper     // as the guest's init; nil otherwise
	left   keeper.Inheritance // of the agent before
	log    *zap.Logger
}

// startKeeping begins with it, if that is wanted. A policy's state dies with the agent, and with it what the
// policy would no longer allow: then nothing is kept.
func startKeeping(cfg *config.Config, gate policyGate, asInit bool, log *zap.Logger) keeping {
	k := keeping{on: cfg.KeepContainers, log: log}
	if k.on && gate != nil && gate.Active() {
		log.Warn("containers will not outlive a crash: a policy is in force, whose state would be lost")
		k.on = false
	}
	if !k.on || !asInit {
		return k
	}
	memory, queue := pid1.Kept()
	var err error
	if k.keeper, err = keeper.New(memory, queue); err != nil {
		log.Warn("containers will not outlive a crash", zap.Error(err))
		k.on = false
		return k
	}
	k.left = k.keeper.Take()
	k.keeper.Enable()
	if n := pid1.Restarts(); n > 0 {
		log.Error("an agent has died, and this one goes on", zap.Int("restarts", n), zap.Int("connections", len(k.left.Conns)), zap.Int("cut", k.left.Cut))
	}
	return k
}

// end is for an agent that ends in order, or must not have a successor.
func (k *keeping) end() {
	if k.keeper != nil {
		k.keeper.Disable()
	}
}

// forget is for a policy that was set: from now on nothing is kept.
func (k *keeping) forget(run *agent.Run) {
	if !k.on {
		return
	}
	k.end()
	if err := run.Forget(); err != nil {
		k.log.Error("what was kept for the next agent stays", zap.Error(err))
		return
	}
	k.log.Warn("containers will not outlive a crash any more: a policy was set, whose state would be lost")
}

// conn has a connection kept. One for which there is no room ends with the agent.
func (k *keeping) conn(nc net.Conn) frame.Keeper {
	if k.keeper == nil {
		return nil
	}
	var kept *keeper.Conn
	err := control(nc, func(fd int) (err error) {
		kept, err = k.keeper.Keep(fd)
		return err
	})
	if err != nil {
		k.log.Debug("a connection will not outlive a crash", zap.Error(err))
		return nil
	}
	return kept
}

// control has something done with a socket's descriptor.
func control(socket any, do func(fd int) error) error {
	sc, ok := socket.(syscall.Conn)
	if !ok {
		return errNoDescriptor
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) { err = do(int(fd)) }), err)
}

// goOn serves the connections that an agent before has left.
func (k *keeping) goOn(ctx context.Context, s *server.Server) {
	for _, l := range k.left.Conns {
		nc, err := server.ConnOf(l.FD)
		if err != nil {
			k.log.Warn("a connection of the agent before ends", zap.Error(err))
			continue
		}
		s.GoOn(ctx, nc, frame.Left{Again: l.Again, Unanswered: l.Unanswered})
	}
}
