// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/mdlayher/vsock"
)

// ErrEndpoint is what errors wrap if an endpoint has no meaning.
var ErrEndpoint = errors.New("not of the form http://<host>[:<port>][/<path>], vsock://<cid>:<port>[/<path>] or unix://<path>")

const (
	// forwarderPort is where Kata's trace forwarder listens on the host.
	forwarderPort = 10240
	// otlpPort and otlpPath are those of OTLP over HTTP.
	otlpPort = "4318"
	otlpPath = "/v1/traces"
)

// dialer opens a connection to a collector.
type dialer func(ctx context.Context) (net.Conn, error)

// newExporter makes what sends spans to an endpoint:
//
//	""                            Kata's frames, to port 10240 of the host (vsock)
//	unix://<path>                 Kata's frames, to a socket
//	http://<host>[:4318][/path]   OTLP over HTTP, without TLS
//	vsock://<cid>:<port>[/path]   OTLP over HTTP over vsock
//
// The path of OTLP is /v1/traces unless given.
func newExporter(endpoint string) (exporter, error) {
	if endpoint == "" {
		return &frames{dial: dialVsock(vsock.Host, forwarderPort)}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q: %w", endpoint, ErrEndpoint)
	}
	out := &otlp{path: u.EscapedPath(), host: u.Host}
	if out.path == "" || out.path == "/" {
		out.path = otlpPath
	}
	switch {
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return &frames{dial: dialNet("unix", u.Path)}, nil
	case u.Scheme == "http" && u.Hostname() != "":
		port := u.Port()
		if port == "" {
			port = otlpPort
		}
		out.dial = dialNet("tcp", net.JoinHostPort(u.Hostname(), port))
		return out, nil
	case u.Scheme == "vsock":
		cid, cidErr := strconv.ParseUint(u.Hostname(), 10, 32)
		port, portErr := strconv.ParseUint(u.Port(), 10, 32)
		if cidErr == nil && portErr == nil {
			out.dial = dialVsock(uint32(cid), uint32(port))
			return out, nil
		}
	}
	return nil, fmt.Errorf("%q: %w", endpoint, ErrEndpoint)
}

// CheckEndpoint tells whether New takes an endpoint.
func CheckEndpoint(endpoint string) error {
	_, err := newExporter(endpoint)
	return err
}

func dialNet(network, address string) dialer {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
}

// dialVsock gives up after the two seconds that the kernel has for it (vsock(7)).
func dialVsock(cid, port uint32) dialer {
	return func(context.Context) (net.Conn, error) {
		c, err := vsock.Dial(cid, port, nil)
		if err != nil {
			return nil, fmt.Errorf("dial vsock://%d:%d: %w", cid, port, err)
		}
		return c, nil
	}
}

// bound ends what is done with a connection when ctx ends. release is called after it.
func bound(ctx context.Context, c net.Conn) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return func() { stop() }
}
