// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"encoding/json"
	"strings"
	"testing"
)

type fakeProcess struct {
	Args []string
	Env  []string
	UID  uint32
}

type fakeRequest struct {
	ID            string
	Process       *fakeProcess
	Data          []byte
	Labels        map[string]string
	Policy        string
	Files         []struct{ Content []byte }
	Self          any
	XXX_unknown   []byte // the name generated code uses
	Options       []string
	unexported    string
	DriverOptions map[string]any
}

func TestScrubHidesSecrets(t *testing.T) {
	req := fakeRequest{
		ID:            "c1",
		Process:       &fakeProcess{Args: []string{"sh", "-c"}, Env: []string{"KEY=SECRET1", "SECRET15", "A=b=SECRET2"}, UID: 7},
		Data:          []byte("SECRET3"),
		Labels:        map[string]string{"app": "web", "db_password": "SECRET4", "io.katacontainers.config.hypervisor.cc_init_data": "SECRET14", "env": "SECRET5"},
		Policy:        "SECRET6",
		Files:         []struct{ Content []byte }{{[]byte("SECRET7")}},
		Options:       []string{"size=1", "password=SECRET12", "--auth-token=SECRET13"},
		XXX_unknown:   []byte("SECRET8"),
		unexported:    "SECRET9",
		DriverOptions: map[string]any{"authToken": "SECRET10", "nested": map[string]any{"Env": []any{"K=SECRET11"}}},
	}
	text := Scrub(&req)
	if strings.Contains(text, "SECRET") || strings.Contains(text, "U0VDUkVU") {
		t.Errorf("a secret shows: %s", text)
	}
	var back map[string]any
	if err := json.Unmarshal([]byte(text), &back); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for _, kept := range []string{`"c1"`, `["sh","-c"]`, `"KEY=‹redacted›"`, `"A=‹redacted›"`, `"web"`, `"size=1"`, `"password=‹redacted›"`, `"UID":7`, `"<7 bytes>"`} {
		if !strings.Contains(text, kept) {
			t.Errorf("%s is missing in %s", kept, text)
		}
	}
}

func TestScrubOfOddValues(t *testing.T) {
	loop := &fakeRequest{ID: "x"}
	loop.Self = loop
	for name, v := range map[string]any{
		"nil": nil, "nil pointer": (*fakeRequest)(nil), "loop": loop, "channel": make(chan int),
		"function": func() {}, "nan": []float64{0, 1.5}, "array": [3]byte{1, 2, 3},
	} {
		if text := Scrub(v); !json.Valid([]byte(text)) {
			t.Errorf("%s gives %q", name, text)
		}
	}
}

func TestEnv(t *testing.T) {
	got := names([]string{"A=1", "B", "C="})
	if strings.Join(got, " ") != "A=‹redacted› ‹redacted› C=‹redacted›" {
		t.Errorf("Env = %v", got)
	}
}
