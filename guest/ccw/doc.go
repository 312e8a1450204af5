// SPDX-License-Identifier: Apache-2.0

// Package ccw reads the device numbers of channel-attached devices on s390x. It touches
// no file and must not import anything of this module.
package ccw
