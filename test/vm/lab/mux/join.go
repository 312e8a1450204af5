// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"io"
	"sync"
)

// Duplex is a connection whose directions close one by one: a Stream, a unix
// or a vsock connection.
type Duplex interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Join copies both ways between two connections until both directions ended,
// or one broke, then closes both.
func Join(a io.ReadWriteCloser, b io.ReadWriteCloser) {
	var wg sync.WaitGroup
	one := func(dst, src io.ReadWriteCloser) {
		defer wg.Done()
		_, err := io.Copy(dst, src)
		half, ok := dst.(Duplex)
		if err == nil && ok {
			err = half.CloseWrite()
		}
		if err != nil || !ok {
			// A broken direction ends the other too, as a reset does.
			a.Close()
			b.Close()
		}
	}
	wg.Add(2)
	go one(a, b)
	go one(b, a)
	wg.Wait()
	a.Close()
	b.Close()
}
