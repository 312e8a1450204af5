// SPDX-License-Identifier: Apache-2.0

package documents

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/kata-containers/kata-agent/test/harness"
)

var (
	inCheckout = regexp.MustCompile(`(^|[\s/])(make|bin/|test/|go (test|run|tool))`)
	// made finds containers that the commands themselves make.
	made     = regexp.MustCompile(`(?:--id |CreateContainer [^']*?(?:cid=|"id": "))(c\d)`)
	named    = regexp.MustCompile(`\bc[12]\b`)
	makesOwn = regexp.MustCompile(`bundle( --image \S+)? \./bundle`)
)

// prepare makes what a reader of a block would have: a directory with the files that it names, and the
// containers.
func (r *reader) prepare(b block) {
	r.t.Helper()
	r.needAgent()
	text := b.text()
	if r.dir = r.t.TempDir(); inCheckout.MatchString(text) {
		r.dir = r.checkout()
	}
	r.files(text)
	own := map[string]bool{"c2": strings.Contains(text, "request.json")}
	for _, m := range made.FindAllStringSubmatch(text, -1) {
		own[m[1]] = true
	}
	if strings.Contains(text, "./bundle") && !makesOwn.MatchString(text) {
		r.must("kata-agent-ctl bundle ./bundle")
	}
	for _, id := range []string{"c1", "c2"} {
		if named.MatchString(text) && !own[id] && strings.Contains(text, id) {
			r.must(fmt.Sprintf("kata-agent-ctl bundle ./bundle-of-%s && kata-agent-ctl run -d --id %[1]s ./bundle-of-%[1]s", id))
		}
	}
	if strings.Contains(text, "session-1") {
		r.must("kata-agent-ctl exec -d -t --exec-id session-1 c1 sh")
	}
}

// must runs a command of the test's own.
func (r *reader) must(text string) {
	r.t.Helper()
	if out, err := r.run(text); err != nil {
		r.t.Fatalf("%s: %v\n%s", text, err, out)
	}
}

// files writes those that the text of a block names.
func (r *reader) files(text string) {
	r.t.Helper()
	docs := filepath.Join(harness.ModuleRoot(), "docs/samples")
	load := filepath.Join(harness.ModuleRoot(), "cmd/kata-agent-ctl/internal/report/testdata")
	for name, content := range map[string]func() []byte{
		"policy.rego": func() []byte {
			if strings.Contains(text, "policy-requests.json") {
				return r.read(filepath.Join(docs, "policy.rego"))
			}
			return []byte("package agent_policy\n\ndefault AllowRequestsFailingPolicy := true\n")
		},
		"requests.json":        func() []byte { return []byte(`{"method": "Check"}`) },
		"policy-requests.json": func() []byte { return r.read(filepath.Join(docs, "policy-requests.json")) },
		"pod.trace":            func() []byte { return r.read(filepath.Join(docs, "trace.json")) },
		"old.json":             func() []byte { return r.read(filepath.Join(load, "first.json")) },
		"new.json":             func() []byte { return r.read(filepath.Join(load, "second.json")) },
		"commands.txt":         func() []byte { return []byte("# is it there\nCheck\n") },
		"config/a":             func() []byte { return []byte("a\n") },
		"request.json":         r.request,
		"eth0.json": func() []byte {
			return []byte(`{"interface": {"device": "lo", "name": "lo", "hwAddr": "00:00:00:00:00:00", "mtu": 65536}}`)
		},
	} {
		path := filepath.Join(r.dir, name)
		first, _, _ := strings.Cut(name, "/")
		if !strings.Contains(text, first) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, content(), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	if strings.Contains(text, "./layout") {
		r.layout()
	}
}

func (r *reader) read(path string) []byte {
	r.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

// request is one that makes a container c2.
func (r *reader) request() []byte {
	r.t.Helper()
	text, err := json.MarshalIndent(map[string]any{
		"container_id": "c2", "exec_id": "c2", "OCI": r.agent.Spec("c2", harness.Rootfs(r.t), "sleep", "1000"),
	}, "", "  ")
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

// layout is an image of busybox.
func (r *reader) layout() {
	r.t.Helper()
	layer, err := busybox()
	if err != nil {
		r.t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err == nil {
		image, err = mutate.Config(image, v1.Config{Cmd: []string{"/bin/busybox", "true"}})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := layout.Write(filepath.Join(r.dir, "layout"), empty.Index)
	if err == nil {
		err = l.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "latest"}))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func busybox() (v1.Layer, error) {
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []tar.Header{
		{Name: "bin", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "bin/busybox", Mode: 0o755, Size: int64(len(program))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
}

// TestBlocksAreFound: the parts of documents and help texts that are commands, and what is not.
func TestBlocksAreFound(t *testing.T) {
	text := "text\n```sh\na b   # why\n# all of it\nc \\\n   d\n```\n```\nnot a command\n$ e\n```\n```go\nx\n```\n"
	var got []string
	for _, b := range markdown("doc.md", text) {
		for _, l := range b.lines {
			got = append(got, l.place+" "+l.text)
		}
	}
	if want := "doc.md:3 a b|doc.md:5 c d|doc.md:10 e"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
	help := "Use:\n  x\n\nExamples:\n  one\n  two  # of them\n\nFlags:\n  -h\n"
	blocks := examples(t, "x", help, false)
	if len(blocks) != 2 || blocks[0].text() != "one" || blocks[1].text() != "two" {
		t.Errorf("examples are %+v, want one and two", blocks)
	}
}
