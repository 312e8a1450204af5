// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"strings"
	"testing"
)

// ban forbids packages in from to import packages in to. A path without a dot
// in its first element is in the module.
type ban struct {
	from, to string
	except   []string // packages in from that may
	tests    bool     // applies to test files too
	why      string
}

var bans = []ban{
	{from: "guest", to: "actors", tests: true, why: "leaf packages know the kernel, not who uses them"},
	{from: "guest", to: "rpc", tests: true, why: "leaf packages know the kernel, not who uses them"},
	{from: "guest", to: "protocols", except: []string{"guest/components/cdh"}, tests: true, why: "leaf packages take plain Go values; rpc/convert makes them"},
	{from: "guest", to: "go.uber.org/zap", except: []string{"guest/logging"}, why: "leaf packages return errors, they do not log"},
	{from: "guest", to: "github.com/sirupsen/logrus", except: []string{"guest/logging"}, why: "leaf packages return errors, they do not log"},
	{from: "guest", to: "log", except: []string{"guest/logging"}, why: "leaf packages return errors, they do not log"},
	{from: "actors", to: "rpc", tests: true, why: "calls go down the tree only"},
	{from: "actors", to: "protocols", tests: true, why: "messages between actors are plain Go"},
	{from: "actors/core", to: "guest", why: "the core knows no kernel facility"},
	{from: "rpc", to: "cmd", tests: true, why: "calls go down the tree only"},
	{from: "protocols", to: "guest", tests: true, why: "messages are data"},
	{from: "protocols", to: "actors", tests: true, why: "messages are data"},
	{from: "protocols", to: "rpc", tests: true, why: "messages are data"},
	{from: "cmd/kata-agent", to: "protocols", why: "main only wires; rpc speaks to hosts"},
	{from: "cmd/kata-agent-ctl", to: "actors", why: "the client sees what a host sees"},
	{from: "", to: "cmd", except: []string{"cmd"}, why: "commands wire packages, nothing builds on them"},
	{from: "", to: "test", except: []string{"test"}, tests: false, why: "what is shipped does not depend on test tools"},
	{
		from: "", to: "github.com/asynkron/protoactor-go", except: []string{"actors/core"}, tests: true,
		why: "its hazards (lost requests at a stop, restarts with empty state, LIFO stash) are closed in actors/core only",
	},
	{from: "", to: "unsafe", except: []string{"guest", "cmd", "test", "rpc/frame"}, why: "memory tricks belong to system calls"},
}

// districts are the parts of guest that know nothing of one another: what a
// container needs of a disk, or a volume of a device, is joined by the actors, so
// that each can be read, tested and changed alone.
var districts = []string{"guest/components", "guest/container", "guest/device", "guest/network", "guest/storage"}

// TestDistrictsKnowNothingOfEachOther holds the districts apart, their tests too;
// and guest/sys, which serves all of them, from using any.
func TestDistrictsKnowNothingOfEachOther(t *testing.T) {
	for _, p := range packages(t) {
		imports := append(append(append([]string(nil), p.Imports...), p.TestImports...), p.XTestImports...)
		for _, i := range imports {
			i = strings.TrimPrefix(i, module+"/")
			for _, d := range districts {
				if within(i, d) && districtOf(p.path()) != d && districtOf(p.path()) != "" {
					t.Errorf("%s imports %s: districts know nothing of one another, the actors join them", p.path(), i)
				}
			}
		}
	}
}

// districtOf returns the district that holds path, or "" for packages outside.
func districtOf(path string) string {
	for _, d := range append([]string{"guest/sys"}, districts...) {
		if within(path, d) {
			return d
		}
	}
	return ""
}

// handlersMay are the packages below guest that handlers use without an actor, and what for. A call
// belongs here only if no other call can get in its way; see docs/architecture.md.
var handlersMay = map[string]string{
	"guest/cgroup":                "types of statistics",
	"guest/components/cdh":        "an error, for its status code",
	"guest/container/bundle":      "reads the file of a termination message",
	"guest/container/runtime":     "errors, for their status codes",
	"guest/container/sharedmount": "types of requests, errors",
	"guest/device":                "types of requests",
	"guest/device/online":         "size of a memory block; probing of memory",
	"guest/device/pci":            "reads addresses",
	"guest/logging":               "shows a request without its secrets",
	"guest/memagent":              "types of settings, an error",
	"guest/metrics":               "reads counters",
	"guest/network/iptables":      "lists rules",
	"guest/network/netlink":       "lists links and routes",
	"guest/policy":                "decides; its state changes in one step",
	"guest/storage/filesystem":    "sizes of volumes",
	"guest/storage/fsgroup":       "types of requests",
	"guest/storage/share":         "uploads of files, one lock for each",
	"guest/storage/swap":          "swapon(2)",
	"guest/storage/volume":        "types of requests, errors, names of drivers",
	"guest/sys/clock":             "settimeofday(2)",
	"guest/sys/netdev":            "reads counters",
	"guest/sys/peer":              "who has connected",
	"guest/sys/random":            "RNDADDENTROPY",
	"guest/sys/takeover":          "replaces goroutines that the kernel keeps",
	"guest/trace":                 "spans; whoever ends one waits for nobody",
}

// TestHandlersCallFewGuestPackages finds a handler that goes past the actors in a new way, and a
// permission that is not used any more.
func TestHandlersCallFewGuestPackages(t *testing.T) {
	used := map[string]bool{}
	for _, p := range packages(t) {
		if !within(p.path(), "rpc") {
			continue
		}
		for _, i := range p.Imports {
			i = strings.TrimPrefix(i, module+"/")
			if !within(i, "guest") {
				continue
			}
			used[i] = true
			if handlersMay[i] == "" {
				t.Errorf("%s imports %s: what two calls may do at the same time goes through an actor; else say in handlersMay what it is for", p.path(), i)
			}
		}
	}
	for i := range handlersMay {
		if !used[i] {
			t.Errorf("no handler imports %s any more, but handlersMay allows it", i)
		}
	}
}

func (b ban) covers(p pkg) bool {
	if b.from != "" && !within(p.path(), b.from) {
		return false
	}
	for _, e := range b.except {
		if within(p.path(), e) {
			return false
		}
	}
	return true
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		for _, b := range bans {
			if !b.covers(p) {
				continue
			}
			imports := p.Imports
			if b.tests {
				imports = append(append(append([]string(nil), imports...), p.TestImports...), p.XTestImports...)
			}
			for _, i := range imports {
				if within(strings.TrimPrefix(i, module+"/"), b.to) {
					t.Errorf("%s imports %s: %s", p.path(), i, b.why)
				}
			}
		}
	}
}

// TestBansAreKnown finds a ban that a renamed package has made void.
func TestBansAreKnown(t *testing.T) {
	for _, b := range bans {
		for _, place := range append([]string{b.from}, b.except...) {
			known := place == ""
			for _, p := range packages(t) {
				known = known || within(p.path(), place)
			}
			if !known && !strings.HasPrefix(place, "cmd") {
				t.Errorf("the ban on %s names %s, which is not there", b.to, place)
			}
		}
	}
}

// TestModuleStandsAlone finds a replace or exclude, which make a module that
// nobody else can build the same; a replacement in the tree they can.
func TestModuleStandsAlone(t *testing.T) {
	for line := range strings.Lines(read(t, "go.mod")) {
		if strings.Contains(line, " => ./actors/core/unmetered/") {
			continue
		}
		for _, word := range []string{"replace", "exclude", "toolchain"} {
			if strings.HasPrefix(strings.TrimSpace(line), word) {
				t.Errorf("go.mod: %s", strings.TrimSpace(line))
			}
		}
	}
}
