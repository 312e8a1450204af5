// SPDX-License-Identifier: Apache-2.0

package cdh_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/test/components"
	"github.com/kata-containers/kata-agent/test/guard"
)

// hub is a stand-in, what it was asked, and a client.
type hub struct {
	*cdh.Client
	components.Hub
	socket string
	asked  chan string

	mu    sync.Mutex
	ends  func()
	death atomic.Value // func(), what the hub does when its script has it die
}

// dies says what a death is.
func (h *hub) dies(death func()) { h.death.Store(death) }

func start(t *testing.T, script string) *hub {
	t.Helper()
	dir := t.TempDir()
	h := &hub{socket: filepath.Join(dir, "cdh.sock"), asked: make(chan string, 100)}
	h.Hub = components.Hub{Dir: dir, StandIn: components.StandIn{
		Script: components.Script(filepath.Join(dir, "script")),
		Called: func(method string) { h.asked <- method },
		Die:    func() { h.death.Load().(func())() },
	}}
	write(t, string(h.Script), script)
	h.serve(t)
	h.Client = cdh.New(cdh.Options{Socket: h.socket})
	t.Cleanup(h.Close)
	return h
}

// serve starts a hub in the place of one that has ended.
func (h *hub) serve(t *testing.T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	standIn := h.Hub
	h.ends = components.Serve(t, h.socket, &standIn)
}

// stop ends the hub. Its socket's file stays.
func (h *hub) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ends()
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCalls: each call reaches the hub, and brings back what it answers.
func TestCalls(t *testing.T) {
	h := start(t, "")
	ctx := guard.Context(t)
	if plain, err := h.UnsealSecret(ctx, components.Seal("pass\x00word")); err != nil || string(plain) != "pass\x00word" {
		t.Errorf("unseal: %q, %v, want what was sealed", plain, err)
	}
	write(t, filepath.Join(h.Dir, "resources/default/key/1"), "a key")
	if data, err := h.GetResource(ctx, "kbs:///default/key/1"); err != nil || string(data) != "a key" {
		t.Errorf("resource: %q, %v, want the file", data, err)
	}
	write(t, filepath.Join(h.Dir, "images/registry.io_busybox:1/bin/sh"), "x")
	bundle := filepath.Join(h.Dir, "bundle")
	rootfs, err := h.PullImage(ctx, "registry.io/busybox:1", bundle)
	defer unmount(t, filepath.Join(bundle, "rootfs"))
	if _, statErr := os.Stat(filepath.Join(rootfs, "bin/sh")); err != nil || statErr != nil {
		t.Errorf("pull: %q, %v, %v, want the image there", rootfs, err, statErr)
	}
	store := filepath.Join(h.Dir, "store")
	write(t, filepath.Join(store, "below"), "")
	err = h.SecureMount(ctx, cdh.Mount{Type: "block-device", Options: map[string]string{"deviceId": "8:16"}, Point: store})
	defer unmount(t, store)
	if _, statErr := os.Stat(filepath.Join(store, "below")); err != nil || !os.IsNotExist(statErr) {
		t.Errorf("secure mount: %v, %v, want the directory covered", err, statErr)
	}
}

func unmount(t *testing.T, dir string) {
	if err := unix.Unmount(dir, 0); err != nil {
		t.Error(err)
	}
}

// TestAbsent: in a guest without a hub nobody waits for one.
func TestAbsent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "cdh.sock")
	c := cdh.New(cdh.Options{Socket: socket})
	defer c.Close()
	if c.Present() {
		t.Error("present without a socket")
	}
	if _, err := c.UnsealSecret(guard.Context(t), "sealed.x"); !errors.Is(err, cdh.ErrAbsent) {
		t.Errorf("got %v, want %v", err, cdh.ErrAbsent)
	}
	write(t, socket, "") // a file, and no socket
	if c.Present() {
		t.Error("present, but it is no socket")
	}
}

// TestRefusal: the words of the hub are in the error, what it was asked is not.
func TestRefusal(t *testing.T) {
	h := start(t, "refuse UnsealSecret no policy for it\n")
	_, err := h.UnsealSecret(guard.Context(t), components.Seal("password"))
	var refusal *cdh.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "UnsealSecret") || !strings.Contains(refusal.Text, "no policy for it") {
		t.Errorf("got %v, want a refusal with the hub's words", err)
	}
	if err != nil && strings.Contains(err.Error(), "sealed.") {
		t.Errorf("the error has the secret in it: %v", err)
	}
	if _, err = h.PullImage(guard.Context(t), "no/such", t.TempDir()); err == nil || !strings.Contains(err.Error(), `image "no/such"`) {
		t.Errorf("got %v, want the image's name", err)
	}
}

// TestHubIsStartedAgain: calls after a hub's death, and those during it that may be done again, go to the
// next one as soon as it listens.
func TestHubIsStartedAgain(t *testing.T) {
	h := start(t, "die-once UnsealSecret\n")
	died := make(chan bool, 1)
	h.dies(func() { h.stop(); died <- true })
	got := make(chan error, 1)
	go func() {
		plain, err := h.UnsealSecret(guard.Context(t), components.Seal("secret"))
		if err == nil && string(plain) != "secret" {
			err = errors.New("another secret")
		}
		got <- err
	}()
	guard.Receive(t, "the hub's death", died)
	guard.Silent(t, "an answer of a dead hub", got)
	h.serve(t)
	if err := guard.Receive(t, "the answer", got); err != nil {
		t.Errorf("got %v, want the secret from the hub that was started again", err)
	}
	h.stop()
	if err := os.Remove(h.socket); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := h.UnsealSecret(guard.Context(t), components.Seal("secret"))
		got <- err
	}()
	guard.Silent(t, "an answer without a hub", got)
	h.serve(t)
	if err := guard.Receive(t, "the answer", got); err != nil {
		t.Errorf("got %v, want the secret", err)
	}
}

// TestNotTwice: a hub that dies of a call is asked at most twice, and only for what changes nothing.
func TestNotTwice(t *testing.T) {
	for method, want := range map[string]int{"UnsealSecret": 2, "GetResource": 2, "PullImage": 1, "SecureMount": 1} {
		t.Run(method, func(t *testing.T) {
			h := start(t, "die "+method+"\n")
			restarted := make(chan bool, 10)
			h.dies(func() {
				h.stop()
				h.serve(t)
				restarted <- true
			})
			if err := ask(guard.Context(t), h.Client, method); !errors.Is(err, cdh.ErrDied) {
				t.Errorf("got %v, want %v", err, cdh.ErrDied)
			}
			for range want {
				guard.Receive(t, fmt.Sprintf("%d calls", want), restarted)
			}
			guard.Silent(t, "one call more", restarted)
		})
	}
}

func ask(ctx context.Context, c *cdh.Client, method string) (err error) {
	switch method {
	case "UnsealSecret":
		_, err = c.UnsealSecret(ctx, components.Seal("x"))
	case "GetResource":
		_, err = c.GetResource(ctx, "kbs:///a/b/c")
	case "PullImage":
		_, err = c.PullImage(ctx, "image", "/no/where")
	case "SecureMount":
		err = c.SecureMount(ctx, cdh.Mount{Type: "block-device", Point: "/no/where"})
	}
	return err
}

// TestLimit: a hub that does not answer costs the limit of the call, and the caller's own if that is
// shorter. The error tells them apart from a caller that has gone.
func TestLimit(t *testing.T) {
	h := start(t, "silent UnsealSecret\nsilent PullImage\n")
	short := cdh.New(cdh.Options{
		Socket: h.socket,
		// clock: the limit is what is tested, and its end is what is waited for.
		Timeout: time.Millisecond, PullTimeout: 2 * time.Millisecond,
	})
	defer short.Close()
	for method, limit := range map[string]string{"UnsealSecret": "1ms", "PullImage": "2ms"} {
		err := ask(guard.Context(t), short, method)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), limit) {
			t.Errorf("%s: got %v, want %v after %s", method, err, context.DeadlineExceeded, limit)
		}
	}
	ctx, cancel := context.WithCancel(guard.Context(t))
	got := make(chan error, 1)
	go func() { got <- ask(ctx, h.Client, "UnsealSecret") }()
	guard.Receive(t, "the call", h.asked)
	cancel()
	if err := guard.Receive(t, "the end of a call that was given up", got); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// TestClose ends what waits for an answer, and what waits for a hub.
func TestClose(t *testing.T) {
	h := start(t, "silent PullImage\n")
	got := make(chan error, 2)
	go func() { got <- ask(guard.Context(t), h.Client, "PullImage") }()
	guard.Receive(t, "the call", h.asked)
	h.Close()
	if err := guard.Receive(t, "the end of the call", got); !errors.Is(err, cdh.ErrClosed) {
		t.Errorf("got %v, want %v", err, cdh.ErrClosed)
	}
	if err := ask(guard.Context(t), h.Client, "UnsealSecret"); !errors.Is(err, cdh.ErrClosed) {
		t.Errorf("after the end: got %v, want %v", err, cdh.ErrClosed)
	}
}
