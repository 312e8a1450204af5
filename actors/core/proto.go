// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	proto "github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
	cmap "github.com/orcaman/concurrent-map"
	"go.uber.org/zap"
)

var oneShard sync.Once

// newProto makes protoactor's system. Its registry is 1,024 maps of
// SHARD_COUNT shards each; at the default of 32 an empty one holds 2.8 MiB.
func newProto(log *zap.Logger) *proto.ActorSystem {
	oneShard.Do(func() { cmap.SHARD_COUNT = 1 })
	sys := proto.NewActorSystem(
		proto.WithLoggerFactory(func(*proto.ActorSystem) *slog.Logger { return slog.New(&bridge{log: log}) }))
	// Its own subscribers log dead letters whole, with a goroutine to throttle
	// them. A fresh stream has none: what is told to a dead actor is our matter.
	sys.EventStream = eventstream.NewEventStream()
	return sys
}

// stopIt is the supervision: an actor that failed is stopped, never restarted,
// because a restart would go on with empty state. Panics of turns do not come
// this far (see invoke).
var stopIt = proto.NewOneForOneStrategy(0, 0, func(any) proto.Directive { return proto.StopDirective })

// newProps makes the Props that all actors share: one of its own would be a
// third of an idle actor. So its producers cannot know for whom they are
// called and find it in System.newborn.
func (s *System) newProps() *proto.Props {
	return proto.PropsFromProducer(func() proto.Actor { return s.newborn },
		proto.WithMailbox(func() proto.Mailbox { return s.newborn }),
		proto.WithSupervisor(stopIt))
}

// begin gives a its protoactor side.
func (s *System) begin(a *actor, name string) error {
	if s.stepper != nil {
		s.stepper.spawned(a)
		return nil
	}
	s.birth.Lock()
	defer s.birth.Unlock()
	s.newborn = a
	defer func() { s.newborn = nil }()
	var err error
	if a.parent == nil {
		_, err = s.proto.Root.SpawnNamed(s.props, name)
	} else {
		_, err = a.parent.cell.SpawnNamed(s.props, name)
	}
	if errors.Is(err, proto.ErrNameExists) {
		return ErrNameTaken
	}
	return err
}

// Receive is protoactor's turn.
func (a *actor) Receive(c proto.Context) {
	switch m := c.Message().(type) {
	case *proto.Started:
	case *proto.Stopping:
		a.stopping()
	case *proto.Stopped:
		a.die()
	case *proto.Terminated:
		a.childDied(m.Who.Id[len(a.path)+1:])
	default:
		a.turn(m)
	}
}

// bridge passes on what protoactor logs at level warn and above. Of values other than
// numbers and texts it logs only the type, because they may be messages.
type bridge struct {
	log   *zap.Logger
	attrs []slog.Attr
}

func (b *bridge) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (b *bridge) WithGroup(string) slog.Handler { return b }

func (b *bridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &bridge{b.log, append(b.attrs[:len(b.attrs):len(b.attrs)], attrs...)}
}

func (b *bridge) Handle(_ context.Context, r slog.Record) error {
	fields := []zap.Field{zap.String("lib", "protoactor")}
	field := func(at slog.Attr) bool {
		fields = append(fields, plain(at))
		return true
	}
	for _, at := range b.attrs {
		field(at)
	}
	r.Attrs(field)
	b.log.Warn(r.Message, fields...)
	return nil
}

func plain(at slog.Attr) zap.Field {
	v := at.Value
	switch v.Kind() {
	case slog.KindInt64, slog.KindUint64, slog.KindBool, slog.KindDuration:
		return zap.Any(at.Key, v.Any())
	}
	if pid, ok := v.Any().(*proto.PID); ok && pid != nil {
		return zap.String(at.Key, pid.Id)
	}
	return zap.String(at.Key, typeName(v.Any()))
}
