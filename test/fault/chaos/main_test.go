// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
