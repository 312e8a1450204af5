// SPDX-License-Identifier: Apache-2.0

package core

import (
	"sync"
	"sync/atomic"
)

// Directory is a table that one actor publishes and anybody reads without a turn.
// The zero Directory is empty and ready. It must not be copied.
type Directory[K comparable, V any] struct {
	m sync.Map
	n atomic.Int64
}

// Put stores v under k, in place of what was there.
func (d *Directory[K, V]) Put(k K, v V) {
	if _, was := d.m.Swap(k, v); !was {
		d.n.Add(1)
	}
}

// Get returns what stands under k.
func (d *Directory[K, V]) Get(k K) (V, bool) {
	v, ok := d.m.Load(k)
	typed, _ := v.(V) // a nil V of an interface type is stored as a nil any
	return typed, ok
}

// Delete removes k, if it is there.
func (d *Directory[K, V]) Delete(k K) {
	if _, was := d.m.LoadAndDelete(k); was {
		d.n.Add(-1)
	}
}

// Range calls f for each entry until f returns false, in no order and without
// a snapshot: an entry put or deleted meanwhile may be seen or not. f may use
// the directory.
func (d *Directory[K, V]) Range(f func(K, V) bool) {
	d.m.Range(func(k, v any) bool {
		typed, _ := v.(V)
		return f(k.(K), typed)
	})
}

// Len is the number of entries.
func (d *Directory[K, V]) Len() int { return int(d.n.Load()) }
