// SPDX-License-Identifier: Apache-2.0

package qmp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrClosed says that QEMU closed the connection, most often by exiting.
var ErrClosed = errors.New("QMP connection closed")

// Args are the arguments of a command.
type Args map[string]any

// Error is QEMU's refusal of a command.
type Error struct {
	Command string
	Class   string
	Desc    string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Command, e.Desc) }

// Event is something QEMU tells unasked, DEVICE_DELETED for example.
type Event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// Client is one connection in command mode.
type Client struct {
	conn io.ReadWriteCloser

	writing sync.Mutex

	mu      sync.Mutex
	nextID  int
	pending map[int]chan message
	events  []Event
	news    chan struct{} // closed and replaced when events or closed change
	closed  bool
}

// message is any line of QEMU: greeting, answer or event.
type message struct {
	ID     int             `json:"id"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event
}

// New negotiates command mode on a connection to a QMP monitor.
func New(ctx context.Context, conn io.ReadWriteCloser) (*Client, error) {
	c := &Client{conn: conn, pending: map[int]chan message{}, news: make(chan struct{})}
	go c.read()
	if err := c.Do(ctx, "qmp_capabilities", nil, nil); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection; QEMU lives on.
func (c *Client) Close() error { return c.conn.Close() }

// Do runs a command and decodes its result into result, which may be nil.
func (c *Client) Do(ctx context.Context, command string, args Args, result any) error {
	id, answer, err := c.register()
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	defer c.unregister(id)
	if err := c.write(command, args, id); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", command, ErrClosed)
		case m.Error != nil:
			return &Error{command, m.Error.Class, m.Error.Desc}
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Return, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", command, ctx.Err())
	}
}

func (c *Client) register() (int, chan message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, nil, ErrClosed
	}
	c.nextID++
	answer := make(chan message, 1)
	c.pending[c.nextID] = answer
	return c.nextID, answer, nil
}

func (c *Client) unregister(id int) {
	c.mu.Lock()
	delete(c.pending, id)
	c.mu.Unlock()
}

func (c *Client) write(command string, args Args, id int) error {
	line, err := json.Marshal(struct {
		Execute string `json:"execute"`
		Args    Args   `json:"arguments,omitempty"`
		ID      int    `json:"id"`
	}{command, args, id})
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err = c.conn.Write(append(line, '\n'))
	return err
}

func (c *Client) read() {
	dec := json.NewDecoder(c.conn)
	for {
		var m message
		if err := dec.Decode(&m); err != nil {
			c.end()
			return
		}
		c.mu.Lock()
		switch answer := c.pending[m.ID]; {
		case m.Event.Name != "":
			c.events = append(c.events, m.Event)
			c.wake()
		case answer != nil:
			delete(c.pending, m.ID)
			answer <- m
		}
		c.mu.Unlock()
	}
}

func (c *Client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, answer := range c.pending {
		close(answer)
	}
	clear(c.pending)
	c.wake()
}

// wake tells every waiter to look again; the caller holds the lock.
func (c *Client) wake() {
	close(c.news)
	c.news = make(chan struct{})
}
