// SPDX-License-Identifier: Apache-2.0

package ccw

import (
	"fmt"
	"strconv"
	"strings"
)

// maxSubchannelSet is the highest subchannel set, z/Architecture Principles of Operation,
// "Subchannel sets".
const maxSubchannelSet = 3

// Device is a device number within a subchannel set.
type Device struct {
	SubchannelSet uint8 // 0 to 3
	Number        uint16
}

// Parse reads "0.s.nnnn", the form in which the kernel names the device. The first field,
// the channel subsystem, is always 0.
func Parse(text string) (Device, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[0] != "0" {
		return Device{}, fmt.Errorf("CCW device %s should have the format 0.S.NNNN", text)
	}
	set, err := strconv.ParseUint(parts[1], 16, 8)
	if err != nil || set > maxSubchannelSet {
		return Device{}, fmt.Errorf("CCW device %s: subchannel set should be in range [0..3]", text)
	}
	number, err := strconv.ParseUint(parts[2], 16, 16)
	if err != nil {
		return Device{}, fmt.Errorf("CCW device %s: device number should be in range [0..0xffff]", text)
	}
	return Device{SubchannelSet: uint8(set), Number: uint16(number)}, nil
}

// String returns "0.s.nnnn".
func (d Device) String() string { return fmt.Sprintf("0.%x.%04x", d.SubchannelSet, d.Number) }
