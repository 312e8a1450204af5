// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/sys/sysfs"
)

var errNoSizes = errors.New("no pagesize/size options found")

// attachHugePages adds the pages of the volume to the kernel's pool of that page size
// and mounts them. Sizes are in bytes, written in decimal.
func (d *Drivers) attachHugePages(ctx context.Context, cid string, s Storage) (Attached, error) {
	pageSize, err := sizeOption(s.Options, "pagesize")
	if err != nil {
		return Attached{}, err
	}
	size, err := sizeOption(s.Options, "size")
	if err != nil {
		return Attached{}, err
	}
	pages := size / pageSize
	if err := d.addPages(pageSize, pages); err != nil {
		return Attached{}, err
	}
	a, err := d.attachMount(ctx, cid, s)
	mounted := a
	unmounted, dropped := false, false
	a.Keep = true
	a.release = func() error {
		if !unmounted {
			if err := mounted.Release(); err != nil {
				return err
			}
			unmounted = true
		}
		if dropped {
			return nil
		}
		err := d.dropPages(pageSize, pages)
		dropped = err == nil
		return err
	}
	if err != nil {
		return unless(err, a.release)
	}
	return a, nil
}

func sizeOption(options []string, key string) (uint64, error) {
	v, ok := option(options, key)
	if !ok {
		return 0, errNoSizes
	}
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("option %s=%s: not a number of bytes", key, v)
	}
	return n, nil
}

// addPages enlarges the pool. The kernel makes as many pages as it finds room for, so
// the number is read back, and put back if it is too small: pages nobody uses would be
// taken from the guest for good.
func (d *Drivers) addPages(pageSize, pages uint64) error {
	d.hugePages.Lock()
	defer d.hugePages.Unlock()
	before, err := d.readPages(pageSize)
	if err != nil {
		return err
	}
	if before+pages < before {
		return fmt.Errorf("huge pages of %d bytes: %d more are too many", pageSize, pages)
	}
	if err := d.writePages(pageSize, before+pages); err != nil {
		return errors.Join(err, d.writePages(pageSize, before))
	}
	now, err := d.readPages(pageSize)
	if err == nil && now < before+pages {
		err = fmt.Errorf("Only allocated %d of %d hugepages of size %d", now-min(now, before), pages, pageSize) // known text
	}
	if err != nil {
		return errors.Join(err, d.writePages(pageSize, before))
	}
	return nil
}

// dropPages takes the pages out of the pool again. Pages still in use leave it when
// they are free.
func (d *Drivers) dropPages(pageSize, pages uint64) error {
	d.hugePages.Lock()
	defer d.hugePages.Unlock()
	now, err := d.readPages(pageSize)
	if err != nil {
		return err
	}
	return d.writePages(pageSize, now-min(now, pages))
}

func (d *Drivers) poolFile(pageSize uint64) string {
	sys := d.SysDir
	if sys == "" {
		sys = "/sys"
	}
	return filepath.Join(sys, "kernel/mm/hugepages", fmt.Sprintf("hugepages-%dkB", pageSize/1024), "nr_hugepages")
}

func (d *Drivers) readPages(pageSize uint64) (uint64, error) {
	b, err := os.ReadFile(d.poolFile(pageSize))
	if err != nil {
		return 0, fmt.Errorf("huge pages of %d bytes: %w", pageSize, err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("huge pages of %d bytes: %w", pageSize, err)
	}
	return n, nil
}

func (d *Drivers) writePages(pageSize, n uint64) error {
	write := d.writePool
	if write == nil {
		write = func(file string, b []byte) error { return sysfs.Write(file, string(b)) }
	}
	if err := write(d.poolFile(pageSize), strconv.AppendUint(nil, n, 10)); err != nil {
		return fmt.Errorf("huge pages of %d bytes: %w", pageSize, err)
	}
	return nil
}
