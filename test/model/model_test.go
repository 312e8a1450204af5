// SPDX-License-Identifier: Apache-2.0

package model

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/guard"
	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const (
	// span is how long plans are made up, unless KATA_MODEL_TIME says otherwise.
	span = 60 * time.Second
	// One plan in so many runs beside busy loops.
	starved = 4
	// starvedFor is for how many seconds at most: on a machine that others use the plan would not end.
	starvedFor = "5"
	// leakLook is how many plans there are between two looks for leaks.
	leakLook = 25
)

// TestModel looks for answers that no state allows. KATA_MODEL_TIME is a longer time to look for them
// ("30m"), KATA_MODEL_SEED repeats a run as far as the scheduler lets it.
func TestModel(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	routines := goroutines(t, p)
	s := &Search{Target: target(t, p), Seed: seed()}
	s.Between = func(plan int) error {
		if plan%leakLook == leakLook-1 {
			p.NothingLeft(t, before)
		}
		starve(t, plan%starved == starved-1)
		if t.Failed() {
			return errors.New("something was left behind")
		}
		return nil
	}
	found, err := s.Run(duration("KATA_MODEL_TIME", span))
	starve(t, false)
	t.Log(s)
	if found != nil {
		t.Errorf("seed %d, plan %d: %s\n%s", s.Seed, found.Plan, found.Text, found.Script)
	}
	if err != nil {
		t.Error(err)
	}
	p.NothingLeft(t, before)
	guard.Until(t, fmt.Sprintf("the agent has its %d goroutines again", routines), func() bool { return goroutines(t, p) <= routines+spare })
}

// spare is how many more goroutines the agent may have than before: those of the connection that asks.
const spare = 4

// target is a pod's agent, for a search.
func target(t *testing.T, p *harness.Pod) Target {
	t.Helper()
	pace := NewPace(os.Getenv("KATA_TEST_RACE") != "0")
	t.Cleanup(pace.Close)
	return Target{
		Dial:   func() (net.Conn, error) { return net.Dial("unix", strings.TrimPrefix(p.Address, "unix://")) },
		Rootfs: p.Rootfs, Cgroup: p.Cgroup, Limit: pace.Limit,
	}
}

func seed() uint64 {
	if s, err := strconv.ParseUint(os.Getenv("KATA_MODEL_SEED"), 10, 64); err == nil {
		return s
	}
	return uint64(time.Now().UnixNano())
}

func duration(variable string, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(variable)); err == nil {
		return d
	}
	return usual
}

// loops are the busy loops that run now.
var loops []*exec.Cmd

// starve starts busy loops, or ends them.
func starve(t *testing.T, on bool) {
	t.Helper()
	for _, l := range loops {
		_ = syscall.Kill(-l.Process.Pid, syscall.SIGKILL)
		_ = l.Wait()
	}
	loops = nil
	if !on {
		return
	}
	for range 3 {
		l := exec.Command("/bin/busybox", "timeout", "-s", "KILL", starvedFor, "/bin/busybox", "sh", "-c", "while :; do :; done")
		l.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := l.Start(); err != nil {
			t.Fatal(err)
		}
		loops = append(loops, l)
	}
}

var total = regexp.MustCompile(`total (\d+)`)

// goroutines is how many the agent has.
func goroutines(t *testing.T, p *harness.Pod) int {
	t.Helper()
	var r protocols.GetDiagnosticDataResponse
	if err := p.Call(p.Ctx, "GetDiagnosticData", &protocols.GetDiagnosticDataRequest{LogType: "goroutines"}, &r); err != nil {
		t.Fatal(err)
	}
	m := total.FindStringSubmatch(r.Data)
	if m == nil {
		t.Fatalf("no total in %.200q", r.Data)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
