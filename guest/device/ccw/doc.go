// SPDX-License-Identifier: Apache-2.0

// Package ccw reads the numbers of s390x devices: of channel-attached ones, and of the
// queues of crypto adapters (AP). It touches no file and must not import anything of this module.
package ccw
