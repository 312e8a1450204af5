// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/test/harness"
)

const (
	outputs = 1000
	mib     = 1 << 20
	// late is how long nobody reads; the process has written and exited by then if its pipe
	// takes everything, and waits in write(2) if not.
	late = 20 * time.Millisecond
)

// TestOutputIsNeverLost has sessions write a MiB of numbers and exit as soon as the pipe
// has taken it; each is read late, slowly at first, and every other one only after it was
// waited for. Every byte must come, in order.
func TestOutputIsNeverLost(t *testing.T) {
	a, _ := pod(t, harness.Options{Config: fmt.Sprintf("container_pipe_size = %d\n", pipeLimit(t))})
	want := numbers(mib)
	script := fmt.Sprintf("seq -w 0 9999999 | head -c %d", mib)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range width {
		wg.Go(func() {
			for i := next.Add(1); i <= outputs && !t.Failed(); i = next.Add(1) {
				if err := lateReader(t.Context(), a, fmt.Sprintf("w%d", i), script, i%2 == 0, want); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func lateReader(ctx context.Context, a *harness.Agent, id, script string, waitFirst bool, want []byte) error {
	if err := a.Exec(ctx, "c1", id, harness.Process("sh", "-c", script)); err != nil {
		return err
	}
	time.Sleep(late) // clock: a process that has not exited by then is another case of the same
	status := make(chan error, 1)
	wait := func() {
		code, err := a.Wait(ctx, "c1", id)
		if err == nil && code != 0 {
			err = fmt.Errorf("status %d", code)
		}
		status <- err
	}
	if waitFirst {
		go wait() // answered as soon as the process has exited, whoever reads
	}
	var got []byte
	for reads := 0; ; reads++ {
		data, err := a.ReadStdout(ctx, "c1", id, 8<<10)
		if err != nil {
			return fmt.Errorf("%s: after %d bytes: %w", id, len(got), err)
		}
		if len(data) == 0 {
			break
		}
		got = append(got, data...)
		if reads < 5 {
			time.Sleep(time.Millisecond) // clock: makes the reader slow, which is the case
		}
	}
	if !waitFirst {
		go wait()
	}
	if err := <-status; err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: %d bytes came, %d were written", id, len(got), len(want))
	}
	return nil
}

// numbers is what "seq -w 0 9999999" begins with.
func numbers(size int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%07d\n", i)
	}
	return b.Bytes()[:size]
}

// pipeLimit is the largest pipe that everybody may have, in bytes.
func pipeLimit(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/fs/pipe-max-size")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// impatient writes 1 MiB to a stdout that it has made non-blocking, as Node does, and takes
// EAGAIN for the end: status 3 with what was lost on stderr.
const impatient = `package main
import ("fmt"; "os"; "syscall")
func main() {
	data := make([]byte, 1<<20)
	for i := range data { data[i] = byte('a' + i%26) }
	if err := syscall.SetNonblock(1, true); err != nil { panic(err) }
	for len(data) > 0 {
		n, err := syscall.Write(1, data)
		if err != nil { fmt.Fprintf(os.Stderr, "%d bytes lost: %v\n", len(data), err); os.Exit(3) }
		data = data[n:]
	}
}
`

// TestImpatientWriter: with a pipe as large as its output, a program that does not wait for
// its reader loses nothing. With the kernel's 64 KiB it would; the second half shows that
// the first can fail.
func TestImpatientWriter(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(impatient), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "impatient"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for name, tc := range map[string]struct{ size, status int }{
		"large pipe": {2 * mib, 0}, // the agent clamps it to the kernel's limit, with a warning
		"small pipe": {0, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.size > 0 && pipeLimit(t) < mib {
				t.Skip("the kernel allows no pipe of 1 MiB here")
			}
			a, root := pod(t, harness.Options{Config: fmt.Sprintf("container_pipe_size = %d\n", tc.size)})
			program, err := os.ReadFile(filepath.Join(dir, "impatient"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "bin/impatient"), program, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := a.Exec(t.Context(), "c1", "n", harness.Process("impatient")); err != nil {
				t.Fatal(err)
			}
			status, err := a.Wait(t.Context(), "c1", "n")
			if err != nil || int(status) != tc.status {
				t.Errorf("status %d, %v; want %d", status, err, tc.status)
			}
			out, err := a.ReadAll(t.Context(), "c1", "n")
			if tc.status == 0 && (err != nil || len(out) != mib) {
				t.Errorf("%d bytes came, %v", len(out), err)
			}
		})
	}
}
