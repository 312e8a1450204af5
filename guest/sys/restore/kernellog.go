// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forkMessage is what the kernel says when the generation of the machine has changed
// (add_vmfork_randomness, since Linux 5.18), at a level that is always kept.
const forkMessage = "crng reseeded due to virtual machine fork"

// kernelLog reads the kernel's log from its present end on. Each line wakes whoever watches it, so it
// is only read in a machine with a generation.
type kernelLog struct {
	fd  int
	buf []byte
}

// recordMax is the largest record of /dev/kmsg (PRINTK_MESSAGE_MAX), in bytes.
const recordMax = 8192

func openKernelLog(p Places) (source, error) {
	if p.Kmsg == "" || !hasDevice(p.Drivers) {
		return nil, nil
	}
	fd, err := unix.Open(p.Kmsg, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		if _, err = unix.Seek(fd, 0, unix.SEEK_END); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("kernel log %s: %w", p.Kmsg, err)
	}
	return &kernelLog{fd: fd}, nil
}

// hasDevice tells whether a driver has a device: a link whose name is that of a device, such as
// VMGENCTR:00.
func hasDevice(drivers []string) bool {
	for _, dir := range drivers {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if strings.Contains(e.Name(), ":") {
				return true
			}
		}
	}
	return false
}

func (k *kernelLog) name() string    { return "kernel's message" }
func (k *kernelLog) descriptor() int { return k.fd }
func (k *kernelLog) close()          { unix.Close(k.fd) }

// look reads all there is. Records that were overwritten before they could be read are passed over
// (EPIPE), as the kernel's log does.
func (k *kernelLog) look() (seen Seen) {
	if k.buf == nil {
		k.buf = make([]byte, 512) // most records; the kernel says EINVAL if one is longer
	}
	for {
		n, err := unix.Read(k.fd, k.buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EPIPE):
		case errors.Is(err, unix.EINVAL) && len(k.buf) < recordMax:
			k.buf = make([]byte, recordMax)
		case err != nil || n <= 0:
			return seen
		case saysFork(k.buf[:n]):
			seen = Restored
		}
	}
}

// saysFork tells whether a record, "priority,number,time,flags;text", is the kernel's own about a new
// generation. What a program writes has another facility than 0, the kernel's.
func saysFork(record []byte) bool {
	head, text, ok := bytes.Cut(record, []byte{';'})
	if !ok || !bytes.Contains(text, []byte(forkMessage)) {
		return false
	}
	priority, _, _ := bytes.Cut(head, []byte{','})
	n, err := strconv.Atoi(string(priority))
	return err == nil && n>>3 == 0
}
