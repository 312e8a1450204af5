// SPDX-License-Identifier: Apache-2.0

package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kata-containers/kata-agent/guest/mount"
	"github.com/kata-containers/kata-agent/test/guard"
)

// visitor has a mount table of its own.
func visitor(t *testing.T, points ...string) *StaleVisitor {
	t.Helper()
	proc := t.TempDir()
	if err := os.Mkdir(proc+"/self", 0o755); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, p := range points {
		fmt.Fprintf(&b, "%d 1 0:%d / %s rw - virtiofs kataShared rw\n", i+10, i+10, strings.ReplaceAll(p, " ", `\040`))
	}
	if err := os.WriteFile(proc+"/self/mountinfo", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return &StaleVisitor{Mounts: mount.Mounter{Proc: proc}}
}

func TestVisit(t *testing.T) {
	v := visitor(t, "/", "/run", DefaultStalePrefix, DefaultStalePrefix+"/a b", DefaultStalePrefix+"/c/rootfs", DefaultStalePrefix+"x/y")
	var mu sync.Mutex
	var seen []string
	v.stat = func(p string) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, p)
		if strings.HasSuffix(p, "b") {
			return os.ErrPermission
		}
		return nil
	}
	warnings, err := v.Visit(t.Context())
	if err != nil || len(warnings) != 1 || !errors.Is(warnings[0], os.ErrPermission) {
		t.Errorf("%v, %v, want one warning, %v, and no error", warnings, err, os.ErrPermission)
	}
	slices.Sort(seen)
	if want := []string{DefaultStalePrefix + "/a b", DefaultStalePrefix + "/c/rootfs"}; !slices.Equal(seen, want) {
		t.Errorf("visited %q, want %q", seen, want)
	}
}

// Mounts that hang hold up neither this call nor, by piling up, later ones.
func TestVisitOfHungMounts(t *testing.T) {
	var points []string
	for i := range 2 * maxAsked {
		points = append(points, fmt.Sprintf("%s/%d", DefaultStalePrefix, i))
	}
	v := visitor(t, points...)
	release := make(chan struct{})
	var started atomic.Int32
	v.stat = func(string) error { started.Add(1); <-release; return nil }
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int)
		go func() {
			warnings, err := v.Visit(ctx)
			if err != nil {
				t.Error(err)
			}
			done <- len(warnings)
		}()
		cancel()
		if n := <-done; n == 0 {
			t.Error("nothing told of mounts that hang")
		}
	}
	if n := started.Load(); n > maxAsked {
		t.Errorf("%d goroutines wait for mounts", n)
	}
	close(release)
	guard.Until(t, "no warning once they answer", func() bool {
		warnings, err := v.Visit(t.Context())
		return err == nil && len(warnings) == 0
	})
}

func TestVisitWithoutMountTable(t *testing.T) {
	v := &StaleVisitor{Mounts: mount.Mounter{Proc: t.TempDir()}}
	if _, err := v.Visit(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}
