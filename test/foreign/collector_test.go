// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

// collected is a request of OTLP as the collector writes it.
type collected struct {
	ResourceSpans []struct {
		Resource   struct{ Attributes []attribute }
		ScopeSpans []struct {
			Scope struct{ Name string }
			Spans []otlpSpan
		}
	}
}

type otlpSpan struct {
	TraceID, SpanID, ParentSpanID      string
	Name                               string
	Kind                               int
	StartTimeUnixNano, EndTimeUnixNano json.Number
	Attributes                         []attribute
	Status                             struct {
		Code    int
		Message string
	}
}

type attribute struct {
	Key   string
	Value struct{ StringValue string }
}

// startCollector runs the collector's own receiver and returns its address, and what it has taken
// when it is told to end.
func startCollector(t *testing.T) (address string, end func() []collected) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "collector")
	build(t, "collector", "go", "build", "-o", binary, ".")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	l.Close()
	cmd := exec.Command(binary, address)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(errs).ReadString('\n'); line != "listening\n" {
		t.Fatalf("the collector says %q, %v", line, err)
	}
	taken := make(chan []collected, 1)
	go func() {
		var all []collected
		for d := json.NewDecoder(out); ; {
			var c collected
			if err := d.Decode(&c); err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("got %v, want %v", err, io.EOF)
				}
				taken <- all
				return
			}
			all = append(all, c)
		}
	}()
	return address, func() []collected {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return guard.Receive(t, "the end of the collector", taken)
	}
}

// TestCollector: the OpenTelemetry Collector takes what the agent sends, and nothing is lost.
func TestCollector(t *testing.T) {
	address, end := startCollector(t)
	p := harness.NewPod(t, harness.Options{Cmdline: "agent.trace=true agent.trace_endpoint=http://" + address})
	p.Idle("c1")
	p.Output("c1", "e1", "true")
	if err := p.Exec(p.Ctx, "c1", "e2", &protocols.Process{Args: []string{"/no/such"}, Cwd: "/"}); err == nil {
		t.Error("a program that there is not was started")
	}
	p.Must(p.DestroySandbox(p.Ctx))
	p.WaitExit()
	spans := map[string]otlpSpan{}
	for _, c := range end() {
		for _, r := range c.ResourceSpans {
			if i := slices.IndexFunc(r.Resource.Attributes, func(a attribute) bool { return a.Key == "service.name" }); i < 0 {
				t.Errorf("resource %v", r.Resource)
			}
			for _, s := range r.ScopeSpans {
				for _, span := range s.Spans {
					spans[span.Name+" "+attributeOf(span, "req")] = span
				}
			}
		}
	}
	exec := spans[`exec_process ExecProcessRequest { container_id: "c1", exec_id: "e1", .. }`]
	failed := spans[`exec_process ExecProcessRequest { container_id: "c1", exec_id: "e2", .. }`]
	root := spans["root-span "]
	if exec.ParentSpanID != root.SpanID || exec.TraceID != root.TraceID || len(root.SpanID) != 16 || len(root.TraceID) != 32 {
		t.Errorf("an exec %+v is no child of %+v", exec, root)
	}
	if exec.Kind != 2 || attributeOf(exec, "mod") != "rpc.rs" || exec.Status.Code != 0 || exec.StartTimeUnixNano == "" {
		t.Errorf("exec %+v", exec)
	}
	if failed.Status.Code != 2 || !strings.Contains(failed.Status.Message, "/no/such") {
		t.Errorf("an exec that has failed: %+v", failed)
	}
	if !strings.Contains(p.Log(), `"lost":"0"`) {
		t.Errorf("spans were lost:\n%s", p.Log())
	}
}

func attributeOf(s otlpSpan, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue
		}
	}
	return ""
}
