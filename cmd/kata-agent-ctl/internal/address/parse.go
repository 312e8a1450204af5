// SPDX-License-Identifier: Apache-2.0

package address

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// AgentPort is the vsock port on which hosts expect the agent.
const AgentPort = 1024

// ErrInvalid is what the error of Parse wraps.
var ErrInvalid = errors.New("invalid server address")

// Kind is the way to reach an address.
type Kind int

// Kinds of addresses.
const (
	Unix   Kind = iota // a socket file, or a name in the abstract namespace
	Vsock              // AF_VSOCK, by context id and port
	Hybrid             // a socket file of the hypervisor, which asks for a port first
)

// An Address is a parsed address.
type Address struct {
	Kind Kind
	Path string // of the socket file; "@name" is the abstract name "name"
	CID  uint32 // context id
	Port uint32 // vsock port, for Vsock and Hybrid
}

const (
	cidLocal = 1         // VMADDR_CID_LOCAL: the machine we are on
	cidAny   = 1<<32 - 1 // VMADDR_CID_ANY, written -1
)

const want = "want unix://<path>, unix://@<name>, vsock://<cid>:<port> or hvsock://<path>:<port>"

// Parse reads an address:
//
//	unix:///run/agent.sock      a socket file (also remote:// and mock://, as the Go runtime has them)
//	unix://@/tmp/agent          the abstract socket "/tmp/agent"
//	vsock://3:1024              context id 3, port 1024; "" or -1 as the id is this machine
//	hvsock:///run/clh.sock:1024 port 1024 behind the hypervisor's socket file
//
// With hybrid, a unix:// path is the hypervisor's socket and port the port behind it.
func Parse(s string, hybrid bool, port uint32) (Address, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || rest == "" || rest == "@" {
		return Address{}, fmt.Errorf("%w %q: %s", ErrInvalid, s, want)
	}
	a, err := Address{}, error(nil)
	switch scheme {
	case "unix", "remote", "mock":
		a = Address{Kind: Unix, Path: rest}
		if hybrid {
			a.Kind, a.Port = Hybrid, port
		}
	case "vsock":
		a, err = parseVsock(rest)
	case "hvsock":
		a, err = parseHybrid(rest)
	default:
		err = errors.New(want)
	}
	if err != nil {
		return Address{}, fmt.Errorf("%w %q: %w", ErrInvalid, s, err)
	}
	return a, nil
}

func parseVsock(s string) (Address, error) {
	cid, port, ok := strings.Cut(s, ":")
	if !ok {
		port = strconv.Itoa(AgentPort)
	}
	a := Address{Kind: Vsock, CID: cidLocal}
	if cid != "" && cid != "-1" {
		n, err := strconv.ParseUint(cid, 10, 32)
		if err != nil {
			return a, fmt.Errorf("context id %q is neither -1 nor a number below 2^32", cid)
		}
		a.CID = uint32(n)
	}
	// An agent listens on any id, but one cannot connect to it: then it is the one here.
	if a.CID == cidAny {
		a.CID = cidLocal
	}
	var err error
	a.Port, err = parsePort(port)
	return a, err
}

func parseHybrid(s string) (Address, error) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return Address{Kind: Hybrid, Path: s, Port: AgentPort}, nil
	}
	port, err := parsePort(s[at+1:])
	return Address{Kind: Hybrid, Path: s[:at], Port: port}, err
}

func parsePort(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("port %q is not a number below 2^32", s)
	}
	return uint32(n), nil
}

// String is the address in the form Parse reads.
func (a Address) String() string {
	switch a.Kind {
	case Vsock:
		return fmt.Sprintf("vsock://%d:%d", a.CID, a.Port)
	case Hybrid:
		return fmt.Sprintf("hvsock://%s:%d", a.Path, a.Port)
	}
	return "unix://" + a.Path
}
