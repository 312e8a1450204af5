// SPDX-License-Identifier: Apache-2.0

package core

// fifo is a queue that holds no memory worth speaking of while it is empty.
type fifo struct {
	buf  []Message
	head int
}

// keepCap is the largest buffer, in messages, that an empty queue keeps.
const keepCap = 4

func (q *fifo) len() int { return len(q.buf) - q.head }

func (q *fifo) push(m Message) {
	if q.head > 0 && len(q.buf) == cap(q.buf) && q.head >= len(q.buf)/2 {
		n := copy(q.buf, q.buf[q.head:])
		clear(q.buf[n:])
		q.buf, q.head = q.buf[:n], 0
	}
	q.buf = append(q.buf, m)
}

func (q *fifo) pop() (m Message, ok bool) {
	if q.head == len(q.buf) {
		return nil, false
	}
	m, q.buf[q.head] = q.buf[q.head], nil
	q.head++
	if q.head == len(q.buf) {
		q.head = 0
		if q.buf = q.buf[:0]; cap(q.buf) > keepCap {
			q.buf = nil
		}
	}
	return m, true
}

// takeAll empties the queue.
func (q *fifo) takeAll() []Message {
	all := q.buf[q.head:]
	*q = fifo{}
	return all
}
