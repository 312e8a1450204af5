// SPDX-License-Identifier: Apache-2.0

package diagnostic_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kata-containers/kata-agent/guest/diagnostic"
	"golang.org/x/sys/unix"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTerminationLog(t *testing.T) {
	p := t.TempDir() + "/log"
	if s, err := diagnostic.TerminationLog(p); s != "" || err != nil {
		t.Errorf("missing: %q, %v", s, err)
	}
	for content, want := range map[string]string{
		"":                              "",
		"out of memory\n":               "out of memory\n",
		"a\xffb":                        "a\uFFFDb",
		strings.Repeat("x", 10000):      strings.Repeat("x", 4096),
		strings.Repeat("x", 4095) + "é": strings.Repeat("x", 4095) + "\uFFFD",
	} {
		must(t, os.WriteFile(p, []byte(content), 0o600))
		s, err := diagnostic.TerminationLog(p)
		if s != want || err != nil || !utf8.ValidString(s) {
			t.Errorf("%.20q: %.20q, %v", content, s, err)
		}
	}
}

func TestTerminationLogOfAHostileWorkload(t *testing.T) {
	dir := t.TempDir()
	must(t, unix.Mkfifo(dir+"/fifo", 0o600))
	must(t, os.WriteFile(dir+"/secret", []byte("secret"), 0o600))
	must(t, os.Symlink(dir+"/secret", dir+"/link"))
	for name, want := range map[string]error{"fifo": diagnostic.ErrNotAFile, "": diagnostic.ErrNotAFile, "link": unix.ELOOP} {
		if s, err := diagnostic.TerminationLog(dir + "/" + name); s != "" || !errors.Is(err, want) {
			t.Errorf("%q: %q, %v", name, s, err)
		}
	}
}
