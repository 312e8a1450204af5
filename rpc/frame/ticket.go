// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kata-containers/kata-agent/protocols"
)

// ticket encodes the request by which the server is told of the call. It has no time limit: run
// sets it, from when the call has arrived and not from when the server has a turn.
func (c *Call) ticket(id uint32) []byte {
	b := make([]byte, headerLength, headerLength+len(c.route.ticket)+16)
	b = append(b, c.route.ticket...)
	b = protowire.AppendTag(b, requestPayload, protowire.BytesType)
	b = protowire.AppendBytes(b, protowire.AppendFixed32(nil, id))
	putHeader(b, header{length: uint32(len(b) - headerLength), stream: id, kind: kindRequest})
	return b
}

// call finds the call that a ticket stands for.
func (in *inner) call(id uint32) *Call {
	in.c.mu.Lock()
	defer in.c.mu.Unlock()
	return in.calls[id]
}

// runTicket is the method registered with the ttRPC server for every cold route.
func runTicket(ctx context.Context, unmarshal func(any) error) (any, error) {
	var t ticketMessage
	if err := unmarshal(protocols.Wire(&t)); err != nil {
		return nil, err
	}
	in := ctx.Value(innerKey{}).(*inner)
	if call := in.call(t.id); call != nil {
		call.run(ctx)
	}
	return emptyReply, nil
}

var emptyReply = protocols.Wire(&protocols.Empty{})

// ticketMessage is the payload of an inner request: four bytes.
type ticketMessage struct {
	protocols.Empty
	id uint32
}

// Unmarshal reads the number.
func (t *ticketMessage) Unmarshal(b []byte) error {
	id, n := protowire.ConsumeFixed32(b)
	t.id = id
	return protowire.ParseError(n)
}
