// SPDX-License-Identifier: Apache-2.0

package filesystem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Errors of a Grow that cannot be.
var (
	ErrUnsupported = errors.New("only ext4 and xfs can grow")
	ErrTooLarge    = errors.New("size is larger than the device")
	ErrShrink      = errors.New("a file system in use cannot shrink")
	ErrNoDevice    = errors.New("no block device below the file system")
)

// xfsSuperMagic is XFS_SUPER_MAGIC of statfs(2), "XFSB".
const xfsSuperMagic = 0x58465342

// Grower grows file systems; the zero value does on the real system.
type Grower struct {
	// SysDir is where sysfs is, "/sys" if empty.
	SysDir string
}

// Grow enlarges the mounted ext4 or xfs path lies on to size bytes, rounded down to
// whole blocks. A file system of that size already is left as it is. It needs
// CAP_SYS_RESOURCE for ext4. Growing goes on in the kernel when ctx ends.
func (g Grower) Grow(ctx context.Context, path string, size uint64) error {
	_, err := within(ctx, func() (struct{}, error) { return struct{}{}, g.grow(path, size) })
	if err != nil {
		return fmt.Errorf("grow file system of %s to %d bytes: %w", path, size, err)
	}
	return nil
}

func (g Grower) grow(path string, size uint64) error {
	probe, err := open(path)
	if err != nil {
		return err
	}
	defer probe.Close()
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err := errors.Join(unix.Fstatfs(int(probe.Fd()), &fs), unix.Fstat(int(probe.Fd()), &st)); err != nil {
		return err
	}
	var enlarge func(f *os.File, blockSize, size uint64) error
	switch int64(fs.Type) {
	case unix.EXT4_SUPER_MAGIC: // also ext2 and ext3, which the ioctl refuses
		enlarge = growExt4
	case xfsSuperMagic:
		enlarge = growXFS
	default:
		return fmt.Errorf("%w: file system type %#x", ErrUnsupported, fs.Type)
	}
	device, err := g.deviceSize(uint64(st.Dev))
	if err != nil {
		return err
	}
	if size > device {
		return fmt.Errorf("%w: it has %d bytes", ErrTooLarge, device)
	}
	// The ioctls need a real descriptor; the type was checked above.
	f, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(int(probe.Fd())), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return enlarge(f, uint64(fs.Bsize), size)
}

// deviceSize is the size in bytes of the block device with that number, after SCSI
// disks were asked for their present size; virtio disks report a new one themselves.
func (g Grower) deviceSize(dev uint64) (uint64, error) {
	sys := g.SysDir
	if sys == "" {
		sys = "/sys"
	}
	dir := filepath.Join(sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)))
	if f, err := os.OpenFile(filepath.Join(dir, "device/rescan"), os.O_WRONLY, 0); err == nil {
		_, _ = f.WriteString("1") // the size below is what counts
		f.Close()
	}
	b, err := os.ReadFile(filepath.Join(dir, "size"))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	sectors, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	return sectors * 512, nil
}

func growExt4(f *os.File, blockSize, size uint64) error {
	const resizeFS = 1<<30 | 8<<16 | 'f'<<8 | 16 // EXT4_IOC_RESIZE_FS, _IOW('f', 16, __u64)
	blocks := size / blockSize
	err := ioctl(f, ioctlNumber(resizeFS), unsafe.Pointer(&blocks))
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w: %w", ErrShrink, err)
	}
	return err
}

// xfsGeometry is struct xfs_fsop_geom_v1.
type xfsGeometry struct {
	blockSize, rtExtSize, agBlocks, agCount, logBlocks, sectSize, inodeSize, imaxPct uint32
	dataBlocks                                                                       uint64
	_                                                                                [72]byte
}

// xfsGrow is struct xfs_growfs_data.
type xfsGrow struct {
	newBlocks uint64
	imaxPct   uint32
	_         uint32
}

func growXFS(f *os.File, _, size uint64) error {
	const (
		geometry = 2<<30 | 112<<16 | 'X'<<8 | 100 // XFS_IOC_FSGEOMETRY_V1
		growData = 1<<30 | 16<<16 | 'X'<<8 | 110  // XFS_IOC_FSGROWFSDATA
	)
	var have xfsGeometry
	if err := ioctl(f, ioctlNumber(geometry), unsafe.Pointer(&have)); err != nil {
		return err
	}
	blocks := size / uint64(have.blockSize)
	switch {
	case blocks < have.dataBlocks:
		return fmt.Errorf("%w: it has %d bytes", ErrShrink, have.dataBlocks*uint64(have.blockSize))
	case blocks == have.dataBlocks:
		return nil
	}
	want := xfsGrow{newBlocks: blocks, imaxPct: have.imaxPct}
	return ioctl(f, ioctlNumber(growData), unsafe.Pointer(&want))
}

// ioctlNumber turns a number with the common direction bits (write 1, read 2) into the
// architecture's: powerpc and mips have read 2 and write 4 in three bits.
func ioctlNumber(n uintptr) uintptr {
	switch runtime.GOARCH {
	case "ppc64", "ppc64le":
		return n&^(3<<30) | map[uintptr]uintptr{1: 4, 2: 2}[n>>30]<<29
	}
	return n
}

func ioctl(f *os.File, number uintptr, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), number, uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}
