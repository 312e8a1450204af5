// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"fmt"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/guest/container/runtime"
	"github.com/kata-containers/kata-agent/guest/container/sharedmount"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// sharedTimeout bounds the wait of a create for the mounts that other containers share with it: what
// agents have always waited.
const sharedTimeout = 10 * time.Second

// SharedMount is a mount of another container that is to be seen in this one.
type SharedMount struct {
	sharedmount.Mount
	// From is the container that has it, nobody if there is none of that name.
	From core.Ref
}

// nameKeys are the annotations by which containerd and CRI-O tell a container's name in its pod.
var nameKeys = [...]string{"io.kubernetes.cri.container-name", "io.kubernetes.cri-o.ContainerName"}

// Name is the name of a container in its pod; "" if its runtime has given none.
func Name(spec *specs.Spec) string {
	for _, key := range nameKeys {
		if name := spec.Annotations[key]; name != "" {
			return name
		}
	}
	return ""
}

// initProcess answers who wants to look into this container. A create that is under way is waited for.
func (c *container) initProcess(t *core.Turn, m *Init) {
	switch {
	case c.os != nil && !c.removing && c.state != stopped:
		m.Reply(c.os.Init(), nil)
	case c.os == nil && c.busy && !c.removing && m.Context().Err() == nil:
		t.Park()
	default:
		m.Reply(nil, fmt.Errorf("%w: it is %s", sharedmount.ErrSource, stopped))
	}
}

// share shows the mounts of other containers in this one, which stands and whose init does not run
// its program yet. First all are found, then all places, so that no place is looked for in what a
// program of another container serves.
func (c *container) share(ctx context.Context, mounts []SharedMount, own *runtime.Process, rootfs string) error {
	if len(mounts) == 0 {
		return nil
	}
	sources := make([]sharedSource, len(mounts))
	defer func() {
		for i := range sources {
			sources[i].close()
		}
	}()
	limited, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	for i, m := range mounts {
		err := core.Step(limited, core.StepSharedMount, m.Name, func(ctx context.Context) error {
			return sources[i].open(ctx, c.options.Runtime.Proc, m)
		})
		if err != nil {
			return fmt.Errorf("shared mount %q: %w", m.Name, err)
		}
	}
	return c.attachShared(mounts, sources, own, rootfs)
}

func (c *container) attachShared(mounts []SharedMount, sources []sharedSource, own *runtime.Process, rootfs string) error {
	view, err := sharedmount.OpenView(c.options.Runtime.Proc, own.Pid, own.PidFD)
	if err != nil {
		return err
	}
	defer view.Close()
	for i, m := range mounts {
		if sources[i].target, err = view.Target(m.DestinationPath, rootfs, !sources[i].found.Dir); err != nil {
			return fmt.Errorf("shared mount %q: %w", m.Name, err)
		}
	}
	for i, m := range mounts {
		if err := sources[i].found.Attach(view, sources[i].target); err != nil {
			return fmt.Errorf("shared mount %q: %w", m.Name, err)
		}
	}
	return nil
}
