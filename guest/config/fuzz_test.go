// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile reads a configuration file. Endpoints that cannot be understood are an error: nothing may
// be allowed by mistake.
func FuzzFile(f *testing.F) {
	f.Add("log_level = 'debug'\nhotplug_timeout = { secs = 10, nanos = 5 }\n[endpoints]\nallowed = ['ExecProcessRequest']\n")
	f.Add("endpoints = 1")
	f.Add("[endpoints]\nallowed = [1]")
	f.Add("[[log_level]]\na = 1")
	dir := f.TempDir()
	cmdline := filepath.Join(dir, "cmdline")
	if err := os.WriteFile(cmdline, nil, 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "agent.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := Load(Sources{Cmdline: cmdline, File: file})
		if err != nil {
			return
		}
		if !c.Endpoints.Restricted && len(c.Endpoints.Allowed) > 0 {
			t.Errorf("a list of endpoints without effect: %v", c.Endpoints)
		}
	})
}
