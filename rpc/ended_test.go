// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kata-containers/kata-agent/actors/core"
)

// TestEndedContainer: a host is told no actor's name of a container that has gone meanwhile, but why a create has failed.
func TestEndedContainer(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("sandbox/container/c1: %w", core.ErrStopped), `invalid container id: "c1"`},
		{core.ErrStopped, `invalid container id: "c1"`},
		{errors.New("no space left on device"), `invalid container id: "c1" (no space left on device)`},
	} {
		got := ended("c1", c.err)
		if got.Error() != c.want || !errors.Is(got, errNoContainer) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
