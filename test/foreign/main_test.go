// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"os"
	"testing"

	"github.com/kata-containers/kata-agent/test/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Clean()
	os.Exit(code)
}
