// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// HookTimeout is the time in seconds a guest hook may take. OCI has no default; guest hooks
// always had this one.
const HookTimeout = 10

// ScanHooks reads the sub-directories prestart, poststart and poststop of dir, an absolute
// path in the guest. Each regular file with an execute bit is a hook, with arguments
// [file name, kind] and no environment, in lexical order. Links and other files are
// passed over, as is a missing sub-directory. Without any hook the result is nil.
//
// On an error the hooks found so far are returned with it.
func ScanHooks(dir string) (*specs.Hooks, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("guest hook path %q is not absolute", dir)
	}
	var h specs.Hooks
	var errs []error
	for _, k := range []struct {
		name string
		list *[]specs.Hook
	}{
		{"prestart", &h.Prestart}, // deprecated by OCI, still what guest images have
		{"poststart", &h.Poststart},
		{"poststop", &h.Poststop},
	} {
		var err error
		if *k.list, err = scanKind(dir, k.name); err != nil {
			errs = append(errs, err)
		}
	}
	err := errors.Join(errs...)
	if len(h.Prestart)+len(h.Poststart)+len(h.Poststop) == 0 {
		return nil, err
	}
	return &h, err
}

func scanKind(dir, kind string) ([]specs.Hook, error) {
	dir = filepath.Join(dir, kind)
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("scan guest hooks: %w", err)
	}
	var hooks []specs.Hook
	for _, e := range entries {
		info, err := e.Info() // of the entry itself, not of what a link leads to
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return hooks, fmt.Errorf("scan guest hooks: %w", err)
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			continue
		}
		timeout := HookTimeout
		hooks = append(hooks, specs.Hook{
			Path:    filepath.Join(dir, e.Name()),
			Args:    []string{e.Name(), kind},
			Timeout: &timeout,
		})
	}
	return hooks, nil
}
