// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// feed gives a watcher the events, and returns what it has printed and recorded.
func feed(t *testing.T, lines ...string) (w *watcher, out, results *bytes.Buffer, start time.Time) {
	t.Helper()
	out, results, start = &bytes.Buffer{}, &bytes.Buffer{}, time.Unix(1000, 0)
	w = newWatcher(out, results, "example.org/agent", start)
	for _, line := range lines {
		w.line([]byte(line+"\n"), start)
	}
	return w, out, results, start
}

func TestResultsComeAsPackagesEnd(t *testing.T) {
	_, out, _, _ := feed(t,
		`go: downloading example.org/x v1.0.0`,
		`{"Action":"start","Package":"example.org/agent/a"}`,
		`{"Action":"run","Package":"example.org/agent/a","Test":"TestOne"}`,
		`{"Action":"output","Package":"example.org/agent/a","Test":"TestOne","Output":"=== RUN   TestOne\n"}`,
		`{"Action":"output","Package":"example.org/agent/a","Test":"TestOne","Output":"chatter\n"}`,
		`{"Action":"pass","Package":"example.org/agent/a","Test":"TestOne"}`,
		`{"Action":"output","Package":"example.org/agent/a","Output":"PASS\n"}`,
		`{"Action":"output","Package":"example.org/agent/a","Output":"ok  \texample.org/agent/a\t0.1s\n"}`,
		`{"Action":"pass","Package":"example.org/agent/a"}`,
	)
	want := "go: downloading example.org/x v1.0.0\nok  \texample.org/agent/a\t0.1s\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

func TestAFailureIsShownWithWhatItSaid(t *testing.T) {
	_, out, _, _ := feed(t,
		`{"Action":"run","Package":"example.org/agent/a","Test":"TestOne"}`,
		`{"Action":"output","Package":"example.org/agent/a","Test":"TestOne","Output":"    a_test.go:5: wanted more\n"}`,
		`{"Action":"fail","Package":"example.org/agent/a","Test":"TestOne"}`,
		`{"Action":"run","Package":"example.org/agent/a","Test":"TestTwo"}`,
		`{"Action":"output","Package":"example.org/agent/a","Test":"TestTwo","Output":"panic: two\n"}`,
		`{"Action":"output","Package":"example.org/agent/a","Output":"FAIL\texample.org/agent/a\t0.1s\n"}`,
		`{"Action":"fail","Package":"example.org/agent/a"}`,
	)
	for _, want := range []string{"a_test.go:5: wanted more", "not ended: TestTwo", "panic: two", "FAIL\texample.org/agent/a"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed %q without %q", out, want)
		}
	}
}

func TestAFailedBuildIsShown(t *testing.T) {
	_, out, _, _ := feed(t,
		`{"Action":"build-output","ImportPath":"example.org/agent/a","Output":"a.go:1:1: syntax error\n"}`,
		`{"Action":"start","Package":"example.org/agent/a"}`,
		`{"Action":"fail","Package":"example.org/agent/a","FailedBuild":"example.org/agent/a"}`,
	)
	for _, want := range []string{"syntax error", "FAIL\texample.org/agent/a [build failed]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed %q without %q", out, want)
		}
	}
}

func TestAHangHasAName(t *testing.T) {
	w, out, _, start := feed(t)
	w.heartbeat(start.Add(quiet - 1))
	if out.Len() > 0 {
		t.Fatalf("printed %q before %v of silence", out, quiet)
	}
	w.heartbeat(start.Add(quiet))
	if want := "... 30s: building\n"; out.String() != want {
		t.Fatalf("printed %q while nothing runs yet, want %q", out, want)
	}
	out.Reset()
	for _, line := range []string{
		`{"Action":"run","Package":"example.org/agent/a","Test":"TestOne"}`,
		`{"Action":"run","Package":"example.org/agent/a","Test":"TestOne/inner"}`,
		`{"Action":"start","Package":"example.org/agent/b"}`,
	} {
		w.line([]byte(line), start.Add(quiet))
	}
	w.heartbeat(start.Add(3 * quiet))
	if want := "... 1m30s: running: a TestOne/inner (1m0s), b (1m0s)\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out, want)
	}
}

func TestTheSummarySaysWhatWasSkippedAndWhy(t *testing.T) {
	_, _, results, _ := feed(t,
		`{"Action":"output","Package":"example.org/agent/a","Test":"TestOne","Output":"    a_test.go:5: needs root\n"}`,
		`{"Action":"output","Package":"example.org/agent/a","Test":"TestOne","Output":"--- SKIP: TestOne (0.00s)\n"}`,
		`{"Action":"skip","Package":"example.org/agent/a","Test":"TestOne"}`,
		`{"Action":"output","Package":"example.org/agent/b","Test":"TestTwo","Output":"    b_test.go:7: needs root\n"}`,
		`{"Action":"skip","Package":"example.org/agent/b","Test":"TestTwo"}`,
		`{"Action":"skip","Package":"example.org/agent/b","Test":"TestSilent"}`,
		`{"Action":"pass","Package":"example.org/agent/b","Test":"TestGood"}`,
		`{"Action":"output","Package":"example.org/agent/b","Test":"TestBad","Output":"    b_test.go:9: wanted 2\n"}`,
		`{"Action":"fail","Package":"example.org/agent/b","Test":"TestBad"}`,
		`{"Action":"fail","Package":"example.org/agent/b"}`,
	)
	var out bytes.Buffer
	if err := summarize(results, "govulncheck\tno network\ndeadcode\tno way\n", &out); err != nil {
		t.Fatal(err)
	}
	want := `== skipped: 3 tests
   2  needs root
      a TestOne, b TestTwo
   1  no reason given
      b TestSilent
== skipped in make check:
      govulncheck: no network
      deadcode: no way
== failed: 1 tests; packages: b
b TestBad
    b_test.go:9: wanted 2
1 passed, 1 failed, 3 skipped
`
	if out.String() != want {
		t.Errorf("summary\n%s\nwant\n%s", &out, want)
	}
}

func TestABrokenRecordIsAnError(t *testing.T) {
	if err := summarize(strings.NewReader("{no"), "", &bytes.Buffer{}); err == nil {
		t.Error("no error for what is no JSON")
	}
}
