// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kata-containers/kata-agent/guest/trace"
)

var (
	errChoice  = errors.New("unknown name")
	errURL     = errors.New("not an absolute URL")
	errAddress = errors.New("not of the form vsock://<cid>:<port> or unix://<path>")
)

// choice is one of a few names. Aliases map to the name they stand for.
type choice[T ~string] struct {
	p       *T
	names   []string
	aliases map[string]string
}

func (c choice[T]) set(text string) error {
	name := strings.ToLower(text)
	if to, ok := c.aliases[name]; ok {
		name = to
	}
	for _, n := range c.names {
		if n == name {
			*c.p = T(n)
			return nil
		}
	}
	return errChoice
}

func (c choice[T]) text() string { return string(*c.p) }
func (c choice[T]) toml() string { return quoteTOML(c.text()) }
func (choice[T]) kind() string   { return "name" }
func (c choice[T]) allowed() string {
	return joinCode(slices.Concat(c.names, sortedKeys(c.aliases)))
}

// level is the union of the names logrus (Go 1.x agent) and slog (Rust agent)
// know.
func level(p *LogLevel) value {
	return choice[LogLevel]{
		p: p,
		names: []string{
			string(LogCritical), string(LogError), string(LogWarn),
			string(LogInfo), string(LogDebug), string(LogTrace),
		},
		aliases: map[string]string{
			"fatal":   string(LogCritical),
			"panic":   string(LogCritical),
			"warning": string(LogWarn),
		},
	}
}

// link is an absolute URL, stored with a path so that "http://h" and
// "http://h/" are the same value.
type link struct{ p *string }

func (l link) set(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return errURL
	}
	if u.Path == "" {
		u.Path = "/"
	}
	*l.p = u.String()
	return nil
}

func (l link) text() string  { return *l.p }
func (l link) toml() string  { return quoteTOML(*l.p) }
func (link) kind() string    { return "URL" }
func (link) allowed() string { return "absolute URL" }

// collector is where spans go, or empty.
type collector struct{ p *string }

func (c collector) set(text string) error {
	if err := trace.CheckEndpoint(text); err != nil {
		return trace.ErrEndpoint
	}
	*c.p = text
	return nil
}

func (c collector) text() string { return *c.p }
func (c collector) toml() string { return quoteTOML(*c.p) }
func (collector) kind() string   { return "address" }
func (collector) allowed() string {
	return "`http://<host>[:4318][/<path>]`, `vsock://<cid>:<port>[/<path>]`, `unix://<path>`, or nothing"
}

// address is where the agent listens. The syntax is checked here so that a
// typing error falls back to the address hosts dial, with a warning, instead
// of ending the start at bind.
type address struct{ p *string }

func (a address) set(text string) error {
	switch scheme, rest, _ := strings.Cut(text, "://"); scheme {
	case "vsock":
		if !validVsock(rest) {
			return errAddress
		}
	case "unix":
		if rest == "" || rest == "@" {
			return errAddress
		}
	default:
		return errAddress
	}
	*a.p = text
	return nil
}

// validVsock checks "<cid>:<port>"; a context id of -1 or nothing means any.
func validVsock(rest string) bool {
	cid, port, ok := strings.Cut(rest, ":")
	if !ok {
		return false
	}
	if n, err := strconv.ParseUint(port, 10, 32); err != nil || n == 0 {
		return false
	}
	if cid == "" || cid == "-1" {
		return true
	}
	_, err := strconv.ParseUint(cid, 10, 32)
	return err == nil
}

func (a address) text() string { return *a.p }
func (a address) toml() string { return quoteTOML(*a.p) }
func (address) kind() string   { return "address" }
func (address) allowed() string {
	return "`vsock://<cid or -1>:<port>`, `unix://<path>`, `unix://@<abstract name>`"
}

// redactURL hides the password of a URL. Text that does not parse may still
// hold one, so only its length is told.
func redactURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return fmt.Sprintf("<%d bytes>", len(text))
	}
	return u.Redacted()
}
