// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
	"google.golang.org/grpc/status"
)

const (
	// span is how long requests are made, unless KATA_TEST_CHAOS says otherwise.
	span = 10 * time.Second
	// answerTimeout guards against a request that is never answered.
	answerTimeout = guard.Hang
	clients       = 8
)

// TestChaos is made to find what nobody has thought of. KATA_TEST_CHAOS is a longer time
// to look for it ("10m"), KATA_TEST_CHAOS_SEED repeats a run as far as the scheduler lets it.
func TestChaos(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("KATA_TEST_CHAOS_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	end := span
	if d, err := time.ParseDuration(os.Getenv("KATA_TEST_CHAOS")); err == nil {
		end = d
	}
	t.Logf("seed %d", seed)
	c := &chaos{Agent: harness.Start(t, harness.Options{}), t: t, rootfs: harness.Rootfs(t), outcomes: map[string]int{}}
	guesttest.Must(c.t, c.Do(t.Context(), "CreateSandbox", &protocols.CreateSandboxRequest{Hostname: "pod", SandboxId: "sandbox"}))
	c.life()
	before := c.State()

	var all sync.WaitGroup
	stop := time.Now().Add(end)
	for i := range clients {
		all.Go(func() { c.client(rand.New(rand.NewPCG(seed, uint64(i))), stop) })
	}
	all.Wait()
	t.Logf("outcomes: %v", c.outcomes)
	c.clear()
	c.NothingLeft(t, before)
	c.life() // it is as good as new
}

// chaos is what the clients share.
type chaos struct {
	*harness.Agent
	t      *testing.T
	rootfs string

	mu       sync.Mutex
	outcomes map[string]int // how often a method has ended with a code
}

// life leads one container from its creation to its removal.
func (c *chaos) life() {
	c.t.Helper()
	ctx := harness.Context(c.t)
	guesttest.Must(c.t, c.Create(ctx, "orderly", c.Spec("orderly", c.rootfs, "sleep", "1000")))
	guesttest.Must(c.t, c.StartContainer(ctx, "orderly"))
	if out, code, err := c.Run(ctx, "orderly", "e", "echo", "hi"); out != "hi\n" || code != 0 || err != nil {
		c.t.Fatalf("session: %q, %d, %v", out, code, err)
	}
	guesttest.Must(c.t, c.Remove(ctx, "orderly"))
}

// client makes requests one after the other until the time is over or one was not answered.
func (c *chaos) client(r *rand.Rand, stop time.Time) {
	conn := c.dial()
	for conn != nil && time.Now().Before(stop) && !c.t.Failed() {
		q := c.request(r)
		ctx, cancel := context.WithTimeout(c.t.Context(), q.patience)
		if r.IntN(20) == 0 { // the host goes away in the middle
			time.AfterFunc(time.Duration(r.IntN(20))*time.Millisecond, conn.Close)
		}
		started := time.Now()
		err := conn.Do(ctx, q.method, q.message)
		cancel()
		c.note(q.method, err, time.Since(started))
		if errors.Is(err, ttrpc.ErrClosed) {
			conn = c.dial()
		}
	}
	if conn != nil {
		conn.Close()
	}
}

func (c *chaos) dial() *harness.Client {
	conn, err := harness.Dial(c.Address)
	if err != nil {
		c.t.Error(err)
		return nil
	}
	return conn
}

// note counts an outcome. No answer at all is a failure.
func (c *chaos) note(method string, err error, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[method+" "+status.Code(err).String()]++
	if took >= answerTimeout {
		c.fail("%s was not answered in %v: %v", method, took, err)
	}
}

// fail has the stacks of the agent's goroutines in its log, which is shown.
func (c *chaos) fail(format string, args ...any) {
	c.t.Errorf(format, args...)
	_ = syscall.Kill(c.Pid, syscall.SIGUSR1)
}

// clear removes every container, whatever state it is in.
func (c *chaos) clear() {
	ctx := harness.Context(c.t)
	for i := range containers {
		err := c.Remove(ctx, container(i))
		for err == nil { // the create of a client that has gone may be under way still
			err = c.Remove(ctx, container(i))
		}
		if !strings.Contains(err.Error(), "invalid container id") {
			c.fail("remove %s: %v", container(i), err)
		}
	}
}
