// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/test/guard"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestOTLP: a request is a POST of protobuf to the path of OTLP, and what the answer says of the
// spans counts. That a collector understands it is shown by test/foreign.
func TestOTLP(t *testing.T) {
	partial := protowire.AppendTag(nil, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, 1)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), "too old")
	partial = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	for name, tc := range map[string]struct {
		status int
		answer string
		want   Counts
		lost   string
	}{
		"taken":        {200, "", Counts{Sent: 3}, ""},
		"not all":      {200, string(partial), Counts{Sent: 2, Lost: 1}, "too old"},
		"nonsense":     {200, "\xff\xff", Counts{Sent: 3}, ""},
		"out of order": {503, "later", Counts{Lost: 3}, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			requests := make(chan string, 10)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				requests <- fmt.Sprintf("%s %s %s %v %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), len(body) > 100, err)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.answer)
			}))
			defer s.Close()
			reports := make(chan error, 10)
			tr := newTracer(t, s.URL, func(err error) { reports <- err })
			_, span := tr.Begin(context.Background(), "x", parent, "a=b")
			span.Set("key", "value")
			span.End(nil)
			record(tr, "y")
			c := tr.Close(t.Context())
			if n := uint64(len(requests)); tc.answer == string(partial) && n > 0 { // each request loses one
				tc.want = Counts{Sent: 3 - n, Lost: n}
			}
			if c != tc.want {
				t.Errorf("%+v, want %+v", c, tc.want)
			}
			if got, want := guard.Receive(t, "a request", requests), "POST /v1/traces application/x-protobuf true <nil>"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if tc.lost != "" {
				if err := guard.Receive(t, "a report", reports); !strings.Contains(err.Error(), tc.lost) {
					t.Errorf("%v does not name %q", err, tc.lost)
				}
			}
		})
	}
}
