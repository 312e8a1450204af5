// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/kata-containers/kata-agent/protocols"
)

// Target is an agent whose sandbox stands.
type Target struct {
	Dial   func() (net.Conn, error)
	Rootfs string // of busybox, where the agent is
	Cgroup string // parent of the containers' cgroups
	// Limit is how long an answer may take beside its deadline.
	Limit func() time.Duration
}

// finding is an answer that must not be.
type finding struct {
	kind string // what is the same in another run of the same fault
	text string
	call int // in the record
}

// event is the beginning or end of a call, in the order in which the model has seen them.
type event struct {
	*exchange
	begins bool
	answer answer // of an end
}

// text is the answer in words.
func (e event) text() string {
	text := e.answer.String()
	if e.step.reads() && e.answer.code == codes.OK && !e.answer.gone {
		text += fmt.Sprintf(": %d bytes", len(e.answer.data()))
	}
	return text
}

// run makes the calls of one plan.
type run struct {
	target  Target
	pod     pod
	objects []*object
	began   time.Time
	calls   atomic.Int64

	mu       sync.Mutex
	record   []event
	finding  *finding
	outcomes map[string]int
	slowest  time.Duration // answer, beside its deadline
}

// execute runs a plan with containers of its own. It leaves none.
func execute(target Target, p plan, containers int, name string) *run {
	r := &run{target: target, pod: pod{target.Rootfs, target.Cgroup}, began: time.Now(), outcomes: map[string]int{}}
	for i := range containers {
		r.objects = append(r.objects, newObject(fmt.Sprintf("%s-%d", name, i)))
	}
	var all sync.WaitGroup
	for k, steps := range p {
		all.Go(func() { r.client(k, steps) })
	}
	all.Wait()
	r.clear()
	return r
}

func (r *run) found() *finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.finding
}

// fail notes the first finding; the others follow from it.
func (r *run) fail(number int, kind, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.finding == nil {
		r.finding = &finding{kind, fmt.Sprintf(format, args...), number}
	}
}

func (r *run) note(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.record = append(r.record, e)
	if !e.begins {
		first, _, _ := strings.Cut(e.answer.String(), ":")
		r.outcomes[e.step.Method+" "+first]++
	}
}

// client does the steps of one client.
func (r *run) client(k int, steps []step) {
	var c *client
	for _, s := range steps {
		time.Sleep(s.Pause) // clock: the plan's; what is meanwhile makes no difference to the rules
		if r.found() != nil {
			break
		}
		if c == nil {
			nc, err := r.target.Dial()
			if err != nil {
				r.fail(0, "connect", "connect: %v", err)
				break
			}
			c = newClient(nc)
		}
		if left := r.step(c, k, s); left {
			c = nil
		}
	}
	if c != nil {
		c.hangUp()
	}
}

// step makes one call, unless the model has no room for it now. It tells whether the client has gone.
func (r *run) step(c *client, k int, s step) (left bool) {
	o := r.objects[s.Container]
	x := &exchange{step: s, client: k, number: int(r.calls.Add(1))}
	if rules[s.Method] != nil {
		if !o.begin(r, x) {
			return false
		}
	} else {
		x.message = others(&s, o.id, "")
		r.note(event{exchange: x, begins: true})
	}
	service := agentService
	if s.Method == "Check" {
		service = healthService
	}
	started := time.Now()
	a := r.await(c, c.call(service, s.Method, x.message, s.Deadline), x)
	took := time.Since(started)
	if a.code == codes.DeadlineExceeded && took < s.Deadline {
		r.fail(x.number, s.Method+" early", "%s: DEADLINE_EXCEEDED after %v, its deadline is %v", s.Method, took, s.Deadline)
	}
	r.took(took - s.Deadline)
	if rules[s.Method] != nil {
		o.end(r, x, a)
	} else {
		r.note(event{exchange: x, answer: a})
		r.beside(x, a)
	}
	return x.left
}

func (r *run) took(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slowest = max(r.slowest, d)
}

// await waits for an answer, or lets the client go away.
func (r *run) await(c *client, answers <-chan answer, x *exchange) answer {
	var leave <-chan time.Time
	if x.step.Leave > 0 {
		leave = time.After(x.step.Leave) // clock: the plan's; what is meanwhile makes no difference to the rules
	}
	began := time.Now()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case a := <-answers:
			if a.gone && !x.left {
				r.fail(x.number, "connection", "%s: the agent has closed the connection", x.step.Method)
			}
			return a
		case <-leave:
			x.left = true
			c.hangUp()
		case <-look.C:
			limit := x.step.Deadline + r.target.Limit()
			if time.Since(began) > limit && (x.step.Deadline > 0 || !x.step.waits()) { // clock: that an answer takes no longer is what is looked for
				r.fail(x.number, x.step.Method+" late", "%s: no answer in %v", x.step.Method, limit)
				x.left = true
				c.hangUp()
			}
		}
	}
}

// beside looks at the answer to a call that no container has a part in.
func (r *run) beside(x *exchange, a answer) {
	want, text := codes.OK, ""
	switch x.step.Method {
	case "CreateSandbox":
		want, text = codes.AlreadyExists, "already exists"
	case "GetOOMEvent":
		want, text = codes.DeadlineExceeded, "timeout"
	}
	if a.gone || a.code == want && strings.Contains(a.text, text) || x.expired(a) {
		return
	}
	r.fail(x.number, fmt.Sprintf("%s %v", x.step.Method, a.code), "%s: %v, want %v %q", x.step.Method, a, want, text)
}

// clear removes every container, whatever state it is in.
func (r *run) clear() {
	nc, err := r.target.Dial()
	if err != nil {
		r.fail(0, "connect", "connect: %v", err)
		return
	}
	c := newClient(nc)
	defer c.hangUp()
	for _, o := range r.objects {
		for {
			s := step{Method: "RemoveContainer"}
			x := &exchange{step: s}
			a := r.await(c, c.call(agentService, s.Method, r.pod.request(&s, o.id, "", nil), 0), x)
			if a.code == codes.OK && !a.gone {
				continue // the create of a client that has gone may be under way still
			}
			if !strings.Contains(a.text, "invalid container id") {
				r.fail(x.number, "clear", "remove %s in the end: %v", o.id, a)
			}
			break
		}
	}
}

func (a answer) String() string {
	switch {
	case a.gone:
		return "gone"
	case a.code == codes.OK:
		return "OK"
	}
	return fmt.Sprintf("%v: %s", a.code, a.text)
}

// data is what a read has got.
func (a answer) data() []byte {
	var m protocols.ReadStreamResponse
	_ = proto.Unmarshal(a.body, protocols.Wire(&m)) // no data then
	return m.Data
}

// status is what a wait has got.
func (a answer) status() int {
	var m protocols.WaitProcessResponse
	_ = proto.Unmarshal(a.body, protocols.Wire(&m))
	return int(m.Status)
}
