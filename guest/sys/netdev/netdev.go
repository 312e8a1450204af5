// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// columns is the number of counters per interface in net/dev: eight received, eight
// sent. See dev_seq_printf_stats in the kernel's net/core/net-procfs.c.
const columns = 16

// Counters are the totals of one interface since it was made.
type Counters struct {
	Name string
	Received
	Sent
}

// Received counts what came in. Bytes and Packets are totals, the rest are events.
type Received struct {
	RxBytes, RxPackets, RxErrors, RxDropped, RxFIFO, RxFrame, RxCompressed, RxMulticast uint64
}

// Sent counts what went out. Bytes and Packets are totals, the rest are events.
type Sent struct {
	TxBytes, TxPackets, TxErrors, TxDropped, TxFIFO, TxCollisions, TxCarrier, TxCompressed uint64
}

// Read returns the counters of every interface in the network namespace of the process
// named in proc, "self" or a pid, in the kernel's order. procRoot is "/proc".
func Read(procRoot, process string) ([]Counters, error) {
	f, err := os.Open(filepath.Join(procRoot, process, "net/dev"))
	if err != nil {
		return nil, fmt.Errorf("read interface counters: %w", err)
	}
	defer f.Close()
	counters, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("read interface counters: %w", err)
	}
	return counters, nil
}

// Parse reads the text of a net/dev file.
func Parse(r io.Reader) ([]Counters, error) {
	var all []Counters
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if c, ok := parseLine(lines.Text()); ok {
			all = append(all, c)
		}
	}
	return all, lines.Err()
}

// parseLine reads "name: 16 numbers". The two header lines have no such form. The name
// ends at the last colon: the old alias names ("eth0:1") hold one themselves.
func parseLine(line string) (Counters, bool) {
	colon := strings.LastIndexByte(line, ':')
	if colon < 0 {
		return Counters{}, false
	}
	fields := strings.Fields(line[colon+1:])
	if len(fields) < columns {
		return Counters{}, false
	}
	var n [columns]uint64
	for i := range n {
		v, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			return Counters{}, false
		}
		n[i] = v
	}
	return Counters{
		Name:     strings.TrimSpace(line[:colon]),
		Received: Received{n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]},
		Sent:     Sent{n[8], n[9], n[10], n[11], n[12], n[13], n[14], n[15]},
	}, true
}
