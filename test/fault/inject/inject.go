// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls are the system calls that can be made to fail, by name. Those of threads are not
// among the clones: Go ends a program that cannot make one. For the same reason what the
// runtime of Go needs for itself (mmap, futex, signals) is not here.
var Calls = map[string][]uint32{
	"bind":          {unix.SYS_BIND},
	"capset":        {unix.SYS_CAPSET},
	"chdir":         {unix.SYS_CHDIR, unix.SYS_FCHDIR},
	"clone":         {unix.SYS_CLONE, unix.SYS_CLONE3},
	"dup3":          {unix.SYS_DUP3},
	"epoll_create1": {unix.SYS_EPOLL_CREATE1},
	"epoll_ctl":     {unix.SYS_EPOLL_CTL},
	"eventfd2":      {unix.SYS_EVENTFD2},
	"execve":        {unix.SYS_EXECVE},
	"fchmodat":      {unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2},
	"fchownat":      {unix.SYS_FCHOWNAT},
	"fcntl":         {unix.SYS_FCNTL},
	"fsconfig":      {unix.SYS_FSCONFIG},
	"fsmount":       {unix.SYS_FSMOUNT},
	"fsopen":        {unix.SYS_FSOPEN},
	"ftruncate":     {unix.SYS_FTRUNCATE},
	"getdents64":    {unix.SYS_GETDENTS64},
	"inotify":       {unix.SYS_INOTIFY_INIT1, unix.SYS_INOTIFY_ADD_WATCH},
	"ioctl":         {unix.SYS_IOCTL},
	"mkdirat":       {unix.SYS_MKDIRAT},
	"mknodat":       {unix.SYS_MKNODAT},
	"mount":         {unix.SYS_MOUNT},
	"move_mount":    {unix.SYS_MOVE_MOUNT, unix.SYS_MOUNT_SETATTR},
	"open_tree":     {unix.SYS_OPEN_TREE},
	"openat":        {unix.SYS_OPENAT, unix.SYS_OPENAT2},
	"pidfd_open":    {unix.SYS_PIDFD_OPEN},
	"pipe2":         {unix.SYS_PIPE2},
	"pivot_root":    {unix.SYS_PIVOT_ROOT},
	"prlimit64":     {unix.SYS_PRLIMIT64},
	"read":          {unix.SYS_READ, unix.SYS_PREAD64},
	"readlinkat":    {unix.SYS_READLINKAT},
	"recvmsg":       {unix.SYS_RECVMSG},
	"renameat":      {unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2},
	"seccomp":       {unix.SYS_SECCOMP},
	"sendmsg":       {unix.SYS_SENDMSG},
	"sendto":        {unix.SYS_SENDTO},
	"setgroups":     {unix.SYS_SETGROUPS},
	"setns":         {unix.SYS_SETNS},
	"setresuid":     {unix.SYS_SETRESUID, unix.SYS_SETUID},
	"socket":        {unix.SYS_SOCKET},
	"socketpair":    {unix.SYS_SOCKETPAIR},
	"stat":          {unix.SYS_STATX, unix.SYS_NEWFSTATAT, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2},
	"statfs":        {unix.SYS_STATFS, unix.SYS_FSTATFS},
	"symlinkat":     {unix.SYS_SYMLINKAT, unix.SYS_LINKAT},
	"timerfd":       {unix.SYS_TIMERFD_CREATE},
	"umount2":       {unix.SYS_UMOUNT2},
	"unlinkat":      {unix.SYS_UNLINKAT},
	"unshare":       {unix.SYS_UNSHARE},
	"write":         {unix.SYS_WRITE, unix.SYS_PWRITE64},
}

// path is the argument that is a path, descriptor the one that is a descriptor: they tell one call
// from the others of its name.
var (
	path = map[uint32]int{
		unix.SYS_OPENAT: 1, unix.SYS_OPENAT2: 1, unix.SYS_MKDIRAT: 1, unix.SYS_MOUNT: 1, unix.SYS_UMOUNT2: 0,
		unix.SYS_MKNODAT: 1, unix.SYS_UNLINKAT: 1, unix.SYS_RENAMEAT: 3, unix.SYS_RENAMEAT2: 3, unix.SYS_SYMLINKAT: 2,
		unix.SYS_LINKAT: 3, unix.SYS_FCHOWNAT: 1, unix.SYS_FCHMODAT: 1, unix.SYS_FCHMODAT2: 1, unix.SYS_READLINKAT: 1,
		unix.SYS_STATX: 1, unix.SYS_NEWFSTATAT: 1, unix.SYS_FACCESSAT: 1, unix.SYS_FACCESSAT2: 1, unix.SYS_EXECVE: 0,
		unix.SYS_CHDIR: 0, unix.SYS_STATFS: 0, unix.SYS_INOTIFY_ADD_WATCH: 1, unix.SYS_PIVOT_ROOT: 0, unix.SYS_FSOPEN: 0,
		unix.SYS_OPEN_TREE: 1, unix.SYS_MOVE_MOUNT: 3, unix.SYS_MOUNT_SETATTR: 1,
	}
	descriptor = map[uint32]int{
		unix.SYS_READ: 0, unix.SYS_PREAD64: 0, unix.SYS_WRITE: 0, unix.SYS_PWRITE64: 0, unix.SYS_GETDENTS64: 0,
		unix.SYS_FTRUNCATE: 0, unix.SYS_SETNS: 0, unix.SYS_FCHDIR: 0, unix.SYS_FSTATFS: 0, unix.SYS_DUP3: 0,
		unix.SYS_IOCTL: 0, unix.SYS_FCNTL: 0, unix.SYS_SENDMSG: 0, unix.SYS_RECVMSG: 0, unix.SYS_EPOLL_CTL: 2,
		unix.SYS_FSCONFIG: 0, unix.SYS_FSMOUNT: 0, unix.SYS_SENDTO: 0, unix.SYS_BIND: 0,
	}
)

// onFiles are the calls that only count where the descriptor is a file's, or is none. The others are
// the runtime's own, or those by which the test speaks with the agent.
var onFiles = map[uint32]bool{
	unix.SYS_READ: true, unix.SYS_PREAD64: true, unix.SYS_WRITE: true, unix.SYS_PWRITE64: true, unix.SYS_IOCTL: true,
	unix.SYS_EPOLL_CTL: false, // the kernel refuses a file by itself
}

// Target is whose calls are counted.
type Target int

const (
	Agent  Target = iota // the agent's own
	Stages               // those of libcontainer's stages, until the container's program runs
	Helper               // those of the spawn helper and of sessions, until their program runs
)

func (t Target) String() string { return [...]string{"agent", "stages", "helper"}[t] }

// Point is a place where a call can fail.
type Point struct {
	Call string // a key of Calls
	// On is what it is called on, with # in place of numbers: a path, or what a descriptor is. Empty
	// is anything.
	On string
	// N says which one of those is meant, from 1.
	N int
}

// Injector answers the calls of one agent. At most one call fails for each Arm.
type Injector struct {
	tb     testing.TB
	socket int
	path   string
	names  map[uint32]string // of the calls, by number
	done   chan struct{}

	mu    sync.Mutex
	pid   int // of the agent
	whose Target
	at    Point // the call that fails; N is 0: none
	errno unix.Errno
	count int
	hit   string
	seen  map[Point]bool // nil: nobody wants to know
	order []Point
}

// New makes an injector for calls of some names. It ends with the test; the agent is to be
// started later, so that it ends before.
func New(tb testing.TB, calls ...string) *Injector {
	tb.Helper()
	in := &Injector{tb: tb, names: map[uint32]string{}, path: filepath.Join(tb.TempDir(), "s"), done: make(chan struct{})}
	for _, c := range calls {
		if len(Calls[c]) == 0 {
			tb.Fatalf("unknown call %q", c)
		}
		for _, n := range Calls[c] {
			in.names[n] = c
		}
	}
	var err error
	if in.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
		if err = unix.Bind(in.socket, &unix.SockaddrUnix{Name: in.path}); err == nil {
			err = unix.Listen(in.socket, 1)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	go in.serve()
	tb.Cleanup(func() {
		_ = unix.Shutdown(in.socket, unix.SHUT_RDWR) // if nobody has come
		<-in.done
		unix.Close(in.socket)
	})
	return in
}

// Wrap is the beginning of the command line that starts the agent.
func (in *Injector) Wrap() []string {
	exe, err := os.Executable()
	if err != nil {
		in.tb.Fatal(err)
	}
	var numbers []string
	for n := range in.names {
		numbers = append(numbers, strconv.Itoa(int(n)))
	}
	return []string{exe, launchWord, in.path, strings.Join(numbers, ",")}
}

// Watch has the points noted at which calls could fail from now on, until Seen.
func (in *Injector) Watch(pid int, whose Target) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.pid, in.whose, in.at, in.seen, in.order = pid, whose, Point{}, map[Point]bool{}, nil
}

// Seen ends Watch and gives the points in the order in which they came, each once, for its first
// call; with all, one for each call. What is sent to a socket (netlink) is another thing each time.
func (in *Injector) Seen(all bool) []Point {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.seen = nil
	if all {
		return in.order
	}
	var first []Point
	for _, p := range in.order {
		if p.N == 1 || p.Call == "sendto" {
			first = append(first, p)
		}
	}
	return first
}

// Arm lets the call at a point, counted from now on, fail with errno.
func (in *Injector) Arm(pid int, whose Target, at Point, errno unix.Errno) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.pid, in.whose, in.at, in.errno, in.count, in.hit = pid, whose, at, errno, 0, ""
}

// Disarm lets all calls go on again. hit says what has failed since Arm; "": nothing, as
// there were fewer calls.
func (in *Injector) Disarm() (hit string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.at = Point{}
	return in.hit
}

// serve answers until the last process that has the filter is gone.
func (in *Injector) serve() {
	defer close(in.done)
	listener, err := in.accept()
	if err != nil {
		return
	}
	defer unix.Close(listener)
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if fds[0].Revents&unix.POLLIN != 0 {
			in.answer(listener)
		} else if fds[0].Revents != 0 {
			return
		}
	}
}

func (in *Injector) accept() (int, error) {
	conn, _, err := unix.Accept4(in.socket, unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(conn)
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(conn, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("no listener: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// notification is struct seccomp_notif, response struct seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

func (in *Injector) answer(listener int) {
	var n notification
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return // its caller is gone
	}
	r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	if errno := in.decide(&n); errno != 0 {
		r.error, r.flags = -int32(errno), 0
	}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
}

// decide gives the errno of a call, 0 for one that goes on.
func (in *Injector) decide(n *notification) unix.Errno {
	in.mu.Lock()
	defer in.mu.Unlock()
	name := in.names[uint32(n.nr)]
	if in.seen == nil && (in.at.N == 0 || in.hit != "" || in.at.Call != name) || !in.meant(n) || makesThread(n) {
		return 0
	}
	p := Point{Call: name, On: on(n)}
	if want, limited := onFiles[uint32(n.nr)]; limited && want != strings.HasPrefix(p.On, "/") {
		return 0
	}
	if in.seen != nil {
		for p.N = 1; in.seen[p]; p.N++ {
		}
		in.seen[p] = true
		in.order = append(in.order, p)
		return 0
	}
	if in.at.On != "" && in.at.On != p.On {
		return 0
	}
	if in.count++; in.count < in.at.N {
		return 0
	}
	in.hit = fmt.Sprintf("%s %d of %q: %v (%s)", name, in.count, comm(n.pid), in.errno, p.On)
	return in.errno
}

// meant tells whether a call is one of those that are counted.
func (in *Injector) meant(n *notification) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", in.pid, n.pid))
	switch in.whose {
	case Agent:
		return err == nil
	case Helper:
		return err != nil && comm(n.pid) == "kata-spawner"
	}
	return err != nil && strings.HasPrefix(comm(n.pid), "runc:[")
}

func comm(pid uint32) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(b))
}

// makesThread tells whether a call is a clone of a thread.
func makesThread(n *notification) bool {
	flags := n.args[0]
	switch uint32(n.nr) {
	case unix.SYS_CLONE3:
		b := make([]byte, 8) // struct clone_args begins with the flags
		if !read(n.pid, n.args[0], b) {
			return true
		}
		flags = binary.NativeEndian.Uint64(b)
	case unix.SYS_CLONE:
	default:
		return false
	}
	return flags&unix.CLONE_THREAD != 0
}

// numbers differ from one run to the next.
var numbers = regexp.MustCompile(`[0-9]{2,}`)

// on is what a call is made on.
func on(n *notification) string {
	if i, ok := descriptor[uint32(n.nr)]; ok {
		target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.pid, int32(n.args[i])))
		return numbers.ReplaceAllString(target, "#")
	}
	i, ok := path[uint32(n.nr)]
	if !ok {
		return ""
	}
	b := make([]byte, 128)
	if !read(n.pid, n.args[i], b) {
		return ""
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return numbers.ReplaceAllString(string(b), "#")
}

func read(pid uint32, at uint64, b []byte) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return false
	}
	defer f.Close()
	n, _ := f.ReadAt(b, int64(at))
	return n > 0
}
