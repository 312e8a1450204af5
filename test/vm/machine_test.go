// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
	"github.com/kata-containers/kata-agent/test/vm/lab"
)

// TestMachine is a person at "make vm": there is a shell in the machine, the client reaches the agent by the
// address that is shown and runs a container in the root file system that is named; and nothing is left,
// whether the shell ends or ^C comes.
func TestMachine(t *testing.T) {
	lab.Need(t, "")
	harness.Root(t)
	dir := t.TempDir()
	for _, program := range []string{"./test/vm/machine", "./cmd/kata-agent-ctl"} {
		if err := harness.BuildProgram(program, dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, end := range map[string]func(in io.Writer, machine *os.Process) error{
		"the shell ends": func(in io.Writer, _ *os.Process) error { _, err := io.WriteString(in, "exit\n"); return err },
		"INT":            func(_ io.Writer, machine *os.Process) error { return machine.Signal(syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(within(t), filepath.Join(dir, "machine"))
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var errs strings.Builder
			cmd.Stderr = &errs
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // its machine ends with it
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			socket := visited(t, lines, in, filepath.Join(dir, "kata-agent-ctl"))
			if err := end(in, cmd.Process); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, lines) // until it has ended
			if err := cmd.Wait(); err != nil {
				t.Errorf("it has ended with %v, want a good end:\n%s", err, errs.String())
			}
			if _, err := os.Stat(filepath.Dir(socket)); !os.IsNotExist(err) {
				t.Errorf("%s: %v, want nothing left of the machine", filepath.Dir(socket), err)
			}
		})
	}
}

// visited uses shell and agent of a machine and returns the path of its socket.
func visited(t *testing.T, lines *bufio.Reader, in io.Writer, ctl string) string {
	t.Helper()
	address := regexp.MustCompile(`KATA_AGENT_SERVER_ADDR=(hvsock://(\S+):1024)`)
	rootfs := regexp.MustCompile(`--rootfs (\S+)`)
	var found, root []string
	for found == nil || root == nil {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%v, want the address", err)
		}
		if m := address.FindStringSubmatch(line); m != nil {
			found = m
		}
		if m := rootfs.FindStringSubmatch(line); m != nil {
			root = m
		}
	}
	if _, err := io.WriteString(in, "echo shell of $((40+2)) $(cat /proc/1/comm)\n"); err != nil {
		t.Fatal(err)
	}
	waitForLine(t, lines, "shell of 42 ")
	bundle := filepath.Join(t.TempDir(), "bundle")
	for _, args := range [][]string{
		{"bundle", bundle}, {"call", "Check"}, {"run", "--rm", "--rootfs", root[1], bundle, "--", "echo", "from the machine"},
	} {
		cmd := exec.CommandContext(within(t), ctl, args...)
		cmd.Env = append(os.Environ(), "KATA_AGENT_SERVER_ADDR="+found[1])
		run(t, cmd)
	}
	return found[2]
}
