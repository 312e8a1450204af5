package core

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Message is anything told to an actor. The receiver owns it from then on.
type Message any

// Ref addresses one actor. It is comparable; the zero Ref addresses nobody
// and drops what it is told.
type Ref struct{ p *actor }

type actor struct{}

// Tell puts m into the actor's mailbox. It never blocks and never fails; what
// is told to a dead actor is dropped, a Request among it fails with ErrStopped.
func (r Ref) Tell(m Message) { panic("todo") }

// Path is the actor's name, as it stands in logs and panic reports ("sandbox/container/c1").
func (r Ref) Path() string { panic("todo") }

// Done is closed when the actor has died.
func (r Ref) Done() <-chan struct{} { panic("todo") }

// Call is embedded in a request; the actor answers it once, now or later.
type Call[R any] struct{}

// Reply answers the call. Only the first Reply counts. It never blocks.
func (c *Call[R]) Reply(v R, err error) { panic("todo") }

// Context ends when the asker has gone away or its deadline has passed.
func (c *Call[R]) Context() context.Context { panic("todo") }

func (c *Call[R]) request() *Call[R] { return c }

// Request is a message that is answered with an R: a pointer to a struct that embeds Call[R].
type Request[R any] interface {
	request() *Call[R]
}

// Ask tells req and waits for the reply, the actor's death or the end of ctx.
func Ask[R any](ctx context.Context, to Ref, req Request[R]) (R, error) { panic("todo") }

// AskFunc tells req and returns; deliver is called exactly once with the reply, on
// the goroutine that replies, and must not block. cancel withdraws the call: it is
// true when deliver has not been called and will not be.
func AskFunc[R any](to Ref, req Request[R], deliver func(R, error)) (cancel func() bool) {
	panic("todo")
}

// Behavior is what an actor does. Both methods run in the actor's turns, one at a time.
type Behavior interface {
	Receive(*Turn, Message)
	// Stopped is the last call; cause says why (nil: asked to stop).
	Stopped(cause error)
}

// Turn is what an actor may do while it handles one message. It must not be kept.
type Turn struct{}

func (t *Turn) Self() Ref                                        { panic("todo") }
func (t *Turn) Log() *zap.Logger                                 { panic("todo") }
func (t *Turn) After(d time.Duration, m Message) (cancel func()) { panic("todo") }

// Spawn starts a child. Names are unique among the living children; the parent is
// told ChildExited when the child dies.
func (t *Turn) Spawn(name string, b Behavior) (Ref, error) { panic("todo") }

// Stop ends this actor after this turn: children first, then requests that wait in
// the mailbox or have been parked fail with cause (ErrStopped when nil).
func (t *Turn) Stop(cause error) { panic("todo") }

// Park keeps the current message for later; Unpark replays all parked ones, in their
// order, before what is in the mailbox.
func (t *Turn) Park()   { panic("todo") }
func (t *Turn) Unpark() { panic("todo") }

// Go runs work on a goroutine of its own; then runs as a turn of this actor with the
// result. work's ctx ends when the actor dies. then is not called on a dead actor.
func Go[T any](t *Turn, work func(ctx context.Context) (T, error), then func(*Turn, T, error)) {
	panic("todo")
}

// ChildExited is told to the parent when a child has died.
type ChildExited struct {
	Child Ref
	Name  string
	Cause error
}

// System runs actors. One per process.
type System struct{}

// NewSystem makes a system that logs to log.
func NewSystem(log *zap.Logger) *System { panic("todo") }

// Spawn starts a top-level actor.
func (s *System) Spawn(name string, b Behavior) (Ref, error) { panic("todo") }

// Stop stops every actor, children first, and waits until all are dead or ctx ends.
func (s *System) Stop(ctx context.Context) error { panic("todo") }

// Directory is a table that one actor publishes and anybody reads without a turn.
type Directory[K comparable, V any] struct{}

func (d *Directory[K, V]) Put(k K, v V)          { panic("todo") }
func (d *Directory[K, V]) Get(k K) (V, bool)     { panic("todo") }
func (d *Directory[K, V]) Delete(k K)            { panic("todo") }
func (d *Directory[K, V]) Range(func(K, V) bool) { panic("todo") }
func (d *Directory[K, V]) Len() int              { panic("todo") }
