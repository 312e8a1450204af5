// SPDX-License-Identifier: Apache-2.0

package netdev

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const sample = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0
  eth0:123456789012 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
broken: 1 2 three 4 5 6 7 8 9 10 11 12 13 14 15 16
 short: 1 2 3
`

func TestParse(t *testing.T) {
	got, err := Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := []Counters{
		{Name: "lo", Received: Received{RxBytes: 100, RxPackets: 1}, Sent: Sent{TxBytes: 100, TxPackets: 1}},
		{Name: "eth0",
			Received: Received{123456789012, 2, 3, 4, 5, 6, 7, 8},
			Sent:     Sent{9, 10, 11, 12, 13, 14, 15, 16}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestRead(t *testing.T) {
	root := t.TempDir()
	if _, err := Read(root, "7"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing process: got %v, want a not-exist error", err)
	}
	dir := filepath.Join(root, "7/net")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dev"), []byte(sample), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Read(root, "7")
	if err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}
