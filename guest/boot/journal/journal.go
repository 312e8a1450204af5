// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Journal is a directory of entries. Its methods may be called from any goroutine; two that change
// one entry at the same time are up to the callers. A nil Journal keeps nothing.
type Journal struct {
	dir string

	files   sync.RWMutex // against Stop
	stopped bool

	mu      sync.Mutex
	queue   []func()
	running bool
	idle    sync.Cond
}

// Open uses the directory, which is made if it is not there.
func Open(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{dir: dir}
	j.idle.L = &j.mu
	return j, nil
}

// suffix of an entry's file; what has another is not whole.
const suffix = ".json"

// path is where an entry is: kind and a digest of the name, which may be any text.
func (j *Journal) path(kind, name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(j.dir, kind+"-"+hex.EncodeToString(sum[:])+suffix)
}

// Put writes an entry in one step, in the place of the one before.
func (j *Journal) Put(kind, name string, value any) error {
	if j == nil {
		return nil
	}
	j.files.RLock()
	defer j.files.RUnlock()
	if j.stopped {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("journal of %s %q: %w", kind, name, err)
	}
	path := j.path(kind, name)
	half := strings.TrimSuffix(path, suffix)
	err = os.WriteFile(half, data, 0o600)
	if err == nil {
		err = os.Rename(half, path)
	}
	if err != nil {
		_ = os.Remove(half) // it may be there in part, or not at all
		return fmt.Errorf("journal of %s %q: %w", kind, name, err)
	}
	return nil
}

// Stop removes all entries, and has none made from now on.
func (j *Journal) Stop() error {
	if j == nil {
		return nil
	}
	j.files.Lock()
	j.stopped = true
	j.files.Unlock()
	return j.Clear()
}

// Delete removes an entry; one that is not there is no error.
func (j *Journal) Delete(kind, name string) error {
	if j == nil {
		return nil
	}
	if err := os.Remove(j.path(kind, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal of %s %q: %w", kind, name, err)
	}
	return nil
}

// Later has work done on a goroutine, after all that was given to Later before: for entries that
// nobody may be held up for.
func (j *Journal) Later(work func(*Journal)) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, func() { work(j) })
	if !j.running {
		j.running = true
		go j.run()
	}
}

func (j *Journal) run() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.queue) > 0 {
		work := j.queue[0]
		j.queue[0] = nil
		j.queue = j.queue[1:]
		j.mu.Unlock()
		work()
		j.mu.Lock()
	}
	j.queue, j.running = nil, false
	j.idle.Broadcast()
}

// Flush waits for all that was given to Later.
func (j *Journal) Flush() {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.running {
		j.idle.Wait()
	}
}

// Read returns the entries of a kind. One that cannot be read is passed over, and in the error.
func Read[T any](j *Journal, kind string) (entries []T, _ error) {
	if j == nil {
		return nil, nil
	}
	files, err := filepath.Glob(filepath.Join(j.dir, kind+"-*"+suffix))
	errs := []error{err}
	for _, file := range files {
		var v T
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &v)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("journal: %s: %w", filepath.Base(file), err))
			continue
		}
		entries = append(entries, v)
	}
	return entries, errors.Join(errs...)
}

// Clear removes all entries.
func (j *Journal) Clear() error {
	if j == nil {
		return nil
	}
	j.Flush()
	entries, err := os.ReadDir(j.dir)
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.Remove(filepath.Join(j.dir, e.Name())))
	}
	return errors.Join(errs...)
}
