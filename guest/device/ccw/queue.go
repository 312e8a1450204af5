// SPDX-License-Identifier: Apache-2.0

package ccw

import (
	"fmt"
	"strconv"
	"strings"
)

// Queue is an adapter and a domain of it, the kernel's APQN.
type Queue struct {
	Adapter uint8
	Domain  uint16
}

// ParseQueue reads "aa.dddd" in hexadecimal.
func ParseQueue(text string) (Queue, error) {
	adapterText, domainText, _ := strings.Cut(text, ".")
	adapter, err := strconv.ParseUint(adapterText, 16, 8)
	if err != nil {
		return Queue{}, fmt.Errorf("AP queue %s should have the format AA.DDDD", text)
	}
	domain, err := strconv.ParseUint(domainText, 16, 16)
	if err != nil {
		return Queue{}, fmt.Errorf("AP queue %s should have the format AA.DDDD", text)
	}
	return Queue{Adapter: uint8(adapter), Domain: uint16(domain)}, nil
}

// String returns "aa.dddd".
func (q Queue) String() string { return fmt.Sprintf("%02x.%04x", q.Adapter, q.Domain) }

// DevPath returns the queue's directory below sysfs.
func (q Queue) DevPath() string { return fmt.Sprintf("/devices/ap/card%02x/%s", q.Adapter, q) }
