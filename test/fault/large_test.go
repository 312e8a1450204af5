// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// TestLargeRequests: what would take minutes is refused at once, and what is just small
// enough is done.
func TestLargeRequests(t *testing.T) {
	p := harness.NewPod(t, harness.Options{})
	before := p.Warm()
	rules := func(n int) *protocols.Spec {
		spec := p.Spec("c1", p.Rootfs, "sleep", "10000")
		for i := range n {
			spec.Linux.Resources.Devices = append(spec.Linux.Resources.Devices,
				&protocols.LinuxDeviceCgroup{Allow: true, Type: "c", Major: int64(i / 256), Minor: int64(i % 256), Access: "rw"})
		}
		return spec
	}
	err := p.Create(p.Ctx, "c1", rules(100_000))
	harness.Refused(t, err, codes.Internal, `"c1"`, "100000 devices and rules for devices, at most 4096 are possible")
	devices := &protocols.CreateContainerRequest{ContainerId: "c1", OCI: rules(0)}
	for i := range 10_000 {
		devices.Devices = append(devices.Devices, &protocols.Device{
			Type: "blk", VmPath: fmt.Sprintf("/dev/absent%d", i), ContainerPath: fmt.Sprintf("/dev/absent%d", i),
		})
	}
	harness.Refused(t, p.Do(p.Ctx, "CreateContainer", devices), codes.Internal, "10000 devices are asked for, at most 1024 are possible")
	begin := time.Now()
	p.Must(p.Create(p.Ctx, "c1", rules(4096)))
	t.Logf("4,096 rules: created after %v", time.Since(begin))
	p.Must(p.StartContainer(p.Ctx, "c1"))
	begin = time.Now()
	p.Delete("c1")
	t.Logf("4,096 rules: removed after %v", time.Since(begin))
	p.NothingLeft(t, before)
}
