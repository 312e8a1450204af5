// SPDX-License-Identifier: Apache-2.0

package nsexec

// As in the agent, its constructor resets the signals that whoever started the tests ignores.
import _ "github.com/kata-containers/kata-agent/guest/boot/pid1"
