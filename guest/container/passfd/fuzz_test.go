// SPDX-License-Identifier: Apache-2.0

package passfd

import (
	"context"
	"os"
	"testing"
	"time"
)

// FuzzStreams connects, claims and lets streams grow old in any order: each is either handed out once
// or closed, and no more wait than may.
func FuzzStreams(f *testing.F) {
	f.Add([]byte{0x01, 0x02, 0x03, 0x81, 0xff, 0x01, 0x01})
	f.Add([]byte{0x01, 0x01, 0x01, 0x02, 0x03, 0x04, 0x05, 0x83})
	f.Fuzz(func(t *testing.T, steps []byte) {
		const most = 3
		s := New(Options{MaxWaiting: most, ClaimTime: time.Hour, OrphanTime: time.Hour})
		defer s.Close()
		gone, cancel := context.WithCancel(t.Context())
		cancel() // so that a claim takes only what is there
		newest := map[uint32]*os.File{}
		for _, step := range steps[:min(len(steps), 200)] {
			port := uint32(step&7) + 1
			if step&0x80 != 0 {
				c, err := s.Claim(gone, Ports{Stdout: port})
				if (c.Stdout == nil) != (err != nil) || c.Stdout != nil && c.Stdout != newest[port] {
					t.Fatalf("port %d: %v, %v; the latest was %v", port, c.Stdout, err, newest[port])
				}
				c.Close()
				delete(newest, port)
				continue
			}
			file, err := os.Open("/dev/null")
			if err != nil {
				t.Fatal(err)
			}
			s.put(port, file)
			newest[port] = file
			if s.Waiting() > most {
				t.Fatalf("%d wait, at most %d may", s.Waiting(), most)
			}
		}
	})
}
