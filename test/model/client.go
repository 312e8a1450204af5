// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/kata-containers/kata-agent/protocols"
)

// client is one connection. It waits for the agent's own answer at a deadline, and does not give one
// itself as other clients do: only so is it known what has become of the call.
type client struct {
	nc      net.Conn
	mu      sync.Mutex
	next    uint32
	waiting map[uint32]chan answer
	gone    bool
}

// answer is one of the agent, or none because the connection has ended.
type answer struct {
	code codes.Code
	text string
	body []byte
	gone bool
}

func newClient(nc net.Conn) *client {
	c := &client{nc: nc, next: 1, waiting: map[uint32]chan answer{}}
	go c.receive()
	return c
}

// hangUp ends the connection; who waits gets no answer.
func (c *client) hangUp() { _ = c.nc.Close() }

// call sends a request. The channel gets one answer.
func (c *client) call(service, method string, m protocols.Message, deadline time.Duration) <-chan answer {
	to := make(chan answer, 1)
	body, err := proto.Marshal(protocols.Wire(m))
	if err != nil {
		panic(err)
	}
	payload, err := proto.Marshal(&ttrpc.Request{
		Service: service, Method: method, Payload: body, TimeoutNano: deadline.Nanoseconds(),
	})
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		to <- answer{gone: true}
		return to
	}
	frame := make([]byte, 10, 10+len(payload))
	binary.BigEndian.PutUint32(frame, uint32(len(payload)))
	binary.BigEndian.PutUint32(frame[4:], c.next)
	frame[8] = 1
	c.waiting[c.next] = to
	c.next += 2
	_, _ = c.nc.Write(append(frame, payload...)) // a broken connection is seen by its reader
	return to
}

func (c *client) receive() {
	for {
		var head [10]byte
		if _, err := io.ReadFull(c.nc, head[:]); err != nil {
			break
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(c.nc, payload); err != nil {
			break
		}
		var r ttrpc.Response
		if err := proto.Unmarshal(payload, &r); err != nil {
			break
		}
		c.hand(binary.BigEndian.Uint32(head[4:]), answer{
			code: codes.Code(r.Status.GetCode()), text: r.Status.GetMessage(), body: r.Payload,
		})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	for id, to := range c.waiting {
		delete(c.waiting, id)
		to <- answer{gone: true}
	}
}

// hand gives an answer to its call. A second one would be to nobody.
func (c *client) hand(id uint32, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to := c.waiting[id]; to != nil {
		delete(c.waiting, id)
		to <- a
	}
}
