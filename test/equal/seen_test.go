// SPDX-License-Identifier: Apache-2.0

package equal

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// seen is what was seen of a container: lines by section.
type seen map[string][]string

func (s seen) add(section, format string, args ...any) {
	s[section] = append(s[section], fmt.Sprintf(format, args...))
}

// diff are the lines in which two containers differ. Where only the order is another one, it says so.
func diff(a, b seen, nameA, nameB string) (lines []string) {
	sections := map[string]bool{}
	for _, s := range []seen{a, b} {
		for name := range s {
			sections[name] = true
		}
	}
	for name := range sections {
		if slices.Equal(a[name], b[name]) {
			continue
		}
		only := append(missing(name, nameA, a[name], b[name]), missing(name, nameB, b[name], a[name])...)
		if len(only) == 0 {
			only = []string{fmt.Sprintf("%s: another order:\n%s\n%s: %s\n%s", name, nameA, strings.Join(a[name], "\n"), nameB, strings.Join(b[name], "\n"))}
		}
		lines = append(lines, only...)
	}
	slices.Sort(lines)
	return lines
}

// missing are the lines of a that b has not as often.
func missing(section, who string, a, b []string) (out []string) {
	left := map[string]int{}
	for _, line := range b {
		left[line]++
	}
	for _, line := range a {
		if left[line]--; left[line] < 0 {
			out = append(out, fmt.Sprintf("%s: only %s: %s", section, who, line))
		}
	}
	return out
}

var (
	measured  = regexp.MustCompile(`^(Vm[^L]|VmL[^c]|Rss|Hugetlb|State|voluntary|nonvoluntary|FDSize|SigQ|x86_Thread|Speculation)`)
	numbers   = regexp.MustCompile(`^(Tgid|Ngid|Pid|PPid|NStgid|NSpid|NSpgid|NSsid):\t(.*)`)
	namespace = regexp.MustCompile(`^(\S+) -> (\w+):\[(\d+)\]`)
	nameless  = regexp.MustCompile(`(pipe|socket):\[\d+\]|(/autogroup-)\d+`)
	notOne    = regexp.MustCompile(`\b([02-9]|\d{2,})\b`)
)

// understand takes what differs from run to run out of the probe's output.
func understand(output string, b *box) seen {
	s := seen{}
	for line := range strings.SplitSeq(strings.ReplaceAll(output, "\r\n", "\n"), "\n") {
		section, text, _ := strings.Cut(line, "\t")
		switch section {
		case "":
			continue
		case "status":
			if measured.MatchString(text) {
				continue
			}
			text = numbers.ReplaceAllStringFunc(text, func(m string) string { return notOne.ReplaceAllString(m, "n") })
		case "stat":
			text = stat(text)
		case "cgroup":
			if foreign(text) {
				continue
			}
		case "ns":
			text = b.whoseNamespace(text)
		case "end":
			text = ""
		}
		s.add(section, "%s", nameless.ReplaceAllString(text, "$1$2"))
	}
	s["mountinfo"] = mountinfo(s["mountinfo"])
	return s
}

// stat keeps the fields of /proc/<pid>/stat that do not measure: flags 9 but for what the kernel changes
// by itself, exit signal 38, nice 19, threads 20, priorities 18 and 40, policy 41, exit code 52.
func stat(line string) string {
	end := strings.LastIndexByte(line, ')')
	f := append([]string{"pid", line[:max(end, 0)]}, strings.Fields(line[end+1:])...)
	var kept []string
	for _, n := range []int{18, 19, 20, 38, 40, 41} {
		if n <= len(f) {
			kept = append(kept, fmt.Sprintf("%d=%s", n, f[n-1]))
		}
	}
	return strings.Join(kept, " ")
}

// whoseNamespace tells whose a namespace is: the agent's, a given one, or the container's own.
func (b *box) whoseNamespace(line string) string {
	m := namespace.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	kind := strings.TrimSuffix(m[1], "_for_children")
	own := m[2] + ":[" + m[3] + "]"
	if link, _ := os.Readlink("/proc/self/ns/" + kind); link == own {
		return m[1] + " is the agent's"
	}
	for name, inode := range b.given {
		if inode == own {
			return m[1] + " is " + name
		}
	}
	return m[1] + " is the container's own"
}

// mountinfo leaves out the numbers of mounts and of peer groups, which are named by their order, and
// those of file systems without a device.
func mountinfo(lines []string) (out []string) {
	points, groups, devices := map[string]string{}, map[string]string{}, map[string]string{}
	for _, line := range lines {
		if f := strings.Fields(line); len(f) > 5 {
			points[f[0]] = f[4]
		}
	}
	ordered := func(of map[string]string, key, prefix string) string {
		if of[key] == "" {
			of[key] = prefix + strconv.Itoa(len(of)+1)
		}
		return of[key]
	}
	for _, line := range lines {
		f := strings.Fields(line)
		if len(f) < 6 {
			out = append(out, line)
			continue
		}
		f[0], f[1] = "mount", "on "+points[f[1]]
		if minor, none := strings.CutPrefix(f[2], "0:"); none {
			f[2] = ordered(devices, minor, "fs")
		}
		for i, word := range f {
			for _, kind := range []string{"shared:", "master:", "propagate_from:"} {
				if n, ok := strings.CutPrefix(word, kind); ok {
					f[i] = kind + ordered(groups, n, "group")
				}
			}
		}
		out = append(out, strings.Join(f, " "))
	}
	return out
}

// tree is what lies in a directory: types, modes, owners, devices, links. Sizes are left out: the content
// is the case's own.
func (s seen) tree(section, dir string) {
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			s.add(section, "%v", err)
			return nil
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			s.add(section, "%v", err)
			return nil
		}
		to, _ := os.Readlink(path)
		s.add(section, "%s %o %d:%d %x %s", strings.TrimPrefix(path, dir), st.Mode, st.Uid, st.Gid, st.Rdev, to)
		return nil
	})
	if err != nil {
		s.add(section, "%v", err)
	}
}
