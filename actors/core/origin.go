// SPDX-License-Identifier: Apache-2.0

package core

import "context"

// Origin says for whom work is done. It does not change.
type Origin struct {
	// Method is the request's, such as "CreateContainer"; "" if no request has asked for it.
	Method string
	// Container and Exec are what it is about, "" for none.
	Container, Exec string
	// Peer has asked for it; nil if nobody has, or it is not known.
	Peer Peer
}

// Peer is a connection of somebody who asks.
type Peer interface {
	String() string // tells it from others
	Close()         // breaks it off
}

// originKey marks the Origin of a context, and the System where its steps are entered.
type originKey struct{}

type originOf struct {
	Origin
	sys *System
}

// From returns a context for work that is done for o.
func (s *System) From(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, &originOf{o, s})
}

// About returns a context for work about a container, for which nobody has asked: what ctx is for
// already is kept. It is for a work's ctx.
func About(ctx context.Context, container string) context.Context {
	if o := origin(ctx); o != nil && o.Container != "" {
		return ctx
	}
	a := actorOf(ctx)
	if a == nil {
		return ctx
	}
	return a.sys.From(ctx, Origin{Container: container})
}

func origin(ctx context.Context) *originOf {
	o, _ := ctx.Value(originKey{}).(*originOf)
	return o
}

// insideKey marks the contexts that actors hand out: that of a Call and that of a work. What is
// asked under them belongs to something already let in. The value is the actor.
type insideKey struct{}

func inside(ctx context.Context, a *actor) context.Context {
	return context.WithValue(ctx, insideKey{}, a)
}

// actorOf returns the actor that does the work of ctx, nil if none does.
func actorOf(ctx context.Context) *actor {
	a, _ := ctx.Value(insideKey{}).(*actor)
	return a
}
