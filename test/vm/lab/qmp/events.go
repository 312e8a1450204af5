// SPDX-License-Identifier: Apache-2.0

package qmp

import "context"

// Mark is a place in the stream of events.
type Mark int

// Now marks the present end of the event stream. Take it before the command
// whose event is awaited.
func (c *Client) Now() Mark {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Mark(len(c.events))
}

// Wait returns the first event after since that match accepts.
func (c *Client) Wait(ctx context.Context, since Mark, match func(Event) bool) (Event, error) {
	for {
		c.mu.Lock()
		events, news, closed := c.events, c.news, c.closed
		c.mu.Unlock()
		for ; int(since) < len(events); since++ {
			if match(events[since]) {
				return events[since], nil
			}
		}
		if closed {
			return Event{}, ErrClosed
		}
		select {
		case <-news:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}
