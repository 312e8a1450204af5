// SPDX-License-Identifier: Apache-2.0

package bundle_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kata-containers/kata-agent/guest/container/bundle"
	"golang.org/x/sys/unix"
)

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTerminationLog(t *testing.T) {
	p := t.TempDir() + "/log"
	if s, err := bundle.TerminationLog(p); s != "" || err != nil {
		t.Errorf("missing: %q, %v", s, err)
	}
	for content, want := range map[string]string{
		"":                              "",
		"out of memory\n":               "out of memory\n",
		"a\xffb":                        "a\uFFFDb",
		strings.Repeat("x", 10000):      strings.Repeat("x", 4096),
		strings.Repeat("x", 4095) + "é": strings.Repeat("x", 4095) + "\uFFFD",
	} {
		try(t, os.WriteFile(p, []byte(content), 0o600))
		s, err := bundle.TerminationLog(p)
		if s != want || err != nil || !utf8.ValidString(s) {
			t.Errorf("%.20q: %.20q, %v", content, s, err)
		}
	}
}

func TestTerminationLogOfAHostileWorkload(t *testing.T) {
	dir := t.TempDir()
	try(t, unix.Mkfifo(dir+"/fifo", 0o600))
	try(t, os.WriteFile(dir+"/secret", []byte("secret"), 0o600))
	try(t, os.Symlink(dir+"/secret", dir+"/link"))
	for name, want := range map[string]error{"fifo": bundle.ErrNotAFile, "": bundle.ErrNotAFile, "link": unix.ELOOP} {
		if s, err := bundle.TerminationLog(dir + "/" + name); s != "" || !errors.Is(err, want) {
			t.Errorf("%q: %q, %v, want nothing and %v", name, s, err, want)
		}
	}
}
