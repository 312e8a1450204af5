// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// space is what outlives the keepers of a test.
type space struct {
	t      *testing.T
	memory []byte
	queue  [2]int
}

func newSpace(t *testing.T) *space {
	t.Helper()
	memory, err := unix.Mmap(-1, 0, Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	queue, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(queue[0])
		unix.Close(queue[1])
		_ = unix.Munmap(memory)
	})
	return &space{t, memory, queue}
}

// next is the keeper of the next process.
func (s *space) next() *Keeper {
	s.t.Helper()
	k, err := New(s.memory, s.queue)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// connection returns the agent's descriptor of a connection and the host's end.
func connection(t *testing.T) (fd int, host *os.File) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	host = os.NewFile(uintptr(pair[1]), "host")
	t.Cleanup(func() { host.Close() })
	return pair[0], host
}

// keep keeps a connection as an agent does that then dies: its own descriptor goes with it.
func keep(t *testing.T, k *Keeper) (*Conn, *os.File) {
	t.Helper()
	fd, host := connection(t)
	c, err := k.Keep(fd)
	unix.Close(fd)
	if err != nil {
		t.Fatal(err)
	}
	return c, host
}

func ended(t *testing.T, host *os.File) bool {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(host.Fd()), Events: unix.POLLRDHUP}}
	if _, err := unix.Poll(fds, 0); err != nil && !errors.Is(err, unix.EINTR) { // what is ready is told all the same
		t.Fatal(err)
	}
	return fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0
}

// TestTake: the next process finds a connection with what was asked on it, in the order in which that came, and
// can write to it.
func TestTake(t *testing.T) {
	s := newSpace(t)
	k := s.next()
	c, host := keep(t, k)
	c.Reading(true)
	var numbers []int
	for i := range 5 {
		numbers = append(numbers, c.Enter(uint32(2*i+1), fmt.Appendf(nil, "frame %d", i)))
	}
	c.Enter(99, nil)
	c.Leave(numbers[1])
	c.Leave(numbers[3])
	c.Enter(11, []byte("frame 5")) // in an entry that was used before
	c.Reading(false)

	in := s.next().Take()
	if len(in.Conns) != 1 || in.Cut != 0 {
		t.Fatalf("found %+v, want one connection", in)
	}
	l := in.Conns[0]
	var again []string
	for _, f := range l.Again {
		again = append(again, string(f))
	}
	if want := []string{"frame 0", "frame 2", "frame 4", "frame 5"}; !slices.Equal(again, want) {
		t.Errorf("to serve again: %q, want %q", again, want)
	}
	if want := []uint32{99}; !slices.Equal(l.Unanswered, want) {
		t.Errorf("without an answer: %v, want %v", l.Unanswered, want)
	}
	f := os.NewFile(uintptr(l.FD), "taken")
	defer f.Close()
	if _, err := f.WriteString("hi"); err != nil {
		t.Error(err)
	}
	b := make([]byte, 2)
	if _, err := host.Read(b); err != nil || string(b) != "hi" {
		t.Errorf("the host has read %q, %v", b, err)
	}
	if again := s.next().Take(); len(again.Conns) != 0 || again.Cut != 0 {
		t.Errorf("found a second time: %+v, want nothing", again)
	}
}

// TestCut: a connection with something under way cannot be gone on with. The host sees its end.
func TestCut(t *testing.T) {
	for name, disturb := range map[string]func(k *Keeper, c *Conn){
		"a request is being read":    func(_ *Keeper, c *Conn) { c.Reading(true) },
		"an answer is being written": func(_ *Keeper, c *Conn) { c.Writing(true) },
		"output is being moved":      func(k *Keeper, _ *Conn) { k.Moving(1) },
		"a request is too long":      func(_ *Keeper, c *Conn) { c.Enter(1, []byte(strings.Repeat("x", frameRoom+1))) },
		"there is no room": func(_ *Keeper, c *Conn) {
			for i := range uint32(maxRequests + 1) {
				c.Enter(i, nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpace(t)
			k := s.next()
			c, host := keep(t, k)
			disturb(k, c)
			if in := s.next().Take(); len(in.Conns) != 0 || in.Cut != 1 {
				t.Errorf("found %+v, want one connection cut", in)
			}
			if !ended(t, host) {
				t.Error("the host does not see that the connection has ended")
			}
			quiet, _ := keep(t, k)
			quiet.Reading(false)
			if in := s.next().Take(); len(in.Conns) != 1 {
				t.Errorf("afterwards found %+v, want the connection of the next process", in)
			} else {
				unix.Close(in.Conns[0].FD)
			}
		})
	}
}

// TestClosed: a connection that the agent closes ends, and is not found. Others are.
func TestClosed(t *testing.T) {
	s := newSpace(t)
	k := s.next()
	a, hostA := keep(t, k)
	_, hostB := keep(t, k)
	a.Close()
	a.Close()
	if !ended(t, hostA) || ended(t, hostB) {
		t.Errorf("ended: %v, %v, want only the one that was closed", ended(t, hostA), ended(t, hostB))
	}
	in := s.next().Take()
	if len(in.Conns) != 1 {
		t.Fatalf("found %+v, want the other connection", in)
	}
	unix.Close(in.Conns[0].FD)
	if !ended(t, hostB) {
		t.Error("the taken descriptor is not that of the other connection")
	}
}

// TestFull: there is room for so many connections, and for another one when one has been closed.
func TestFull(t *testing.T) {
	s := newSpace(t)
	k := s.next()
	var all []*Conn
	for range maxConns {
		c, _ := keep(t, k)
		all = append(all, c)
	}
	fd, _ := connection(t)
	defer unix.Close(fd)
	if _, err := k.Keep(fd); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v, want %v", err, ErrFull)
	}
	all[7].Close()
	c, err := k.Keep(fd)
	if err != nil {
		t.Fatalf("in the place of one that was closed: %v", err)
	}
	c.Close()
	for _, c := range all {
		c.Close()
	}
}

// TestStatus: the last process with a number counts, and the oldest ones are forgotten.
func TestStatus(t *testing.T) {
	k := newSpace(t).next()
	end := func(pid, status int) {
		e := &k.front.ended[k.front.count.Load()%maxEnded]
		e.pid.Store(int32(pid))
		e.status.Store(int32(status))
		k.front.count.Add(1)
	}
	end(7, 1<<8)
	end(8, 2<<8)
	end(7, 9)
	if got, ok := k.Status(7); !ok || got != 9 {
		t.Errorf("status %d, %v, want that of the last process 7, 9", got, ok)
	}
	if _, ok := k.Status(6); ok {
		t.Error("a status for a process that nobody has seen")
	}
	for i := range maxEnded {
		end(1000+i, 0)
	}
	if got, ok := k.Status(8); ok {
		t.Errorf("status %d of a process that so many have followed, want none", got)
	}
	if _, ok := (*Keeper)(nil).Status(7); ok {
		t.Error("nobody knows a status")
	}
}

// TestTooLittleMemory: a keeper never writes beyond its memory.
func TestTooLittleMemory(t *testing.T) {
	if _, err := New(make([]byte, Size-1), [2]int{}); err == nil {
		t.Error("made, want an error")
	}
	if _, err := New(nil, [2]int{}); err == nil {
		t.Error("made without memory, want an error")
	}
}

// TestInitsPage: what init in front writes in C is what is read here.
func TestInitsPage(t *testing.T) {
	header, err := os.ReadFile("../pid1/kept.h")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("#define KEPT_ENDED %d\n", maxEnded); !strings.Contains(string(header), want) {
		t.Errorf("kept.h lacks %q", want)
	}
	if want := fmt.Sprintf("#define KEPT_SIZE %d\n", Size); !strings.Contains(string(header), want) {
		t.Errorf("kept.h lacks %q", want)
	}
	if got := unsafe.Sizeof(front{}); got != frontSize {
		t.Errorf("init's page has %d bytes, want %d", got, frontSize)
	}
}
