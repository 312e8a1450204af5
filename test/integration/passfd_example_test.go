// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// connect makes the connection of one stream. Its port is the host's to choose.
func connect(socket string, port int) (*net.UnixConn, error) {
	own := &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("@stream_%d", port)}
	return net.DialUnix("unix", own, &net.UnixAddr{Net: "unix", Name: socket + "_1027"})
}

// passedCat has cat write what it reads.
func passedCat(ctx context.Context, agent *harness.Client, socket, text string) (string, error) {
	stdin, err := connect(socket, 40001)
	if err != nil {
		return "", err
	}
	stdout, err := connect(socket, 40002)
	if err != nil {
		return "", err
	}
	err = agent.Do(ctx, "ExecProcess", &protocols.ExecProcessRequest{
		ContainerId: "c1", ExecId: "cat", Process: harness.Process("cat"), StdinPort: 40001, StdoutPort: 40002,
	})
	if err != nil {
		return "", err
	}
	_, err = stdin.Write([]byte(text))
	stdin.Close() // the end of input
	if err != nil {
		return "", err
	}
	output, err := io.ReadAll(stdout)
	return string(output), err
}

// TestPassfdExample runs the example of docs/passfd.md, whose text is above.
func TestPassfdExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/passfd.md")
	if err != nil {
		t.Fatal(err)
	}
	this, err := os.ReadFile("passfd_example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "```go\n")
	example, _, _ = strings.Cut(example, "```")
	if example == "" || !strings.Contains(string(this), example) {
		t.Errorf("this file does not have the example of docs/passfd.md:\n%s", example)
	}
	p := newPassingPod(t)
	p.Idle("c1")
	got, err := passedCat(p.Ctx, p.Client, strings.TrimPrefix(p.Address, "unix://"), "hello")
	if err != nil || got != "hello" {
		t.Errorf("cat writes %q, %v; want hello", got, err)
	}
	p.WantExit("c1", "cat", 0)
}
