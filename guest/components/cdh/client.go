// SPDX-License-Identifier: Apache-2.0

package cdh

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/kata-containers/kata-agent/guest/components/socket"
	"github.com/kata-containers/kata-agent/protocols"
)

// Socket is where the hub listens.
const Socket = "/run/confidential-containers/cdh.sock"

// Limits of calls, unless Options says otherwise.
const (
	defaultTimeout     = 50 * time.Second
	defaultPullTimeout = 20 * time.Minute
)

// Options of a Client.
type Options struct {
	// Socket is the path on which the hub listens, [Socket] if empty.
	Socket string
	// Timeout is the limit of one call, 50 s if 0. It is also how long a hub that is being started
	// again is waited for, whatever the call.
	Timeout time.Duration
	// PullTimeout is the limit of pulling one image, 20 minutes if 0.
	PullTimeout time.Duration
}

// Client makes calls. Any number may be under way at the same time.
type Client struct {
	options Options
	seen    atomic.Bool // the hub has been there

	closed context.Context
	end    context.CancelCauseFunc
}

// New makes a client, which connects when it is used.
func New(o Options) *Client {
	if o.Socket == "" {
		o.Socket = Socket
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.PullTimeout == 0 {
		o.PullTimeout = defaultPullTimeout
	}
	c := &Client{options: o}
	c.closed, c.end = context.WithCancelCause(context.Background())
	return c
}

// Close ends the calls under way with [ErrClosed], and lets none begin.
func (c *Client) Close() { c.end(ErrClosed) }

// Present tells whether the guest has a hub: it listens now, or did at the last time that somebody
// asked or called. In a guest without one every call fails at once with [ErrAbsent].
func (c *Client) Present() bool {
	if !c.seen.Load() && socket.Present(c.options.Socket) {
		c.seen.Store(true)
	}
	return c.seen.Load()
}

// UnsealSecret returns what is sealed in a text that begins with "sealed.". It is asked for once more
// if the hub dies meanwhile.
func (c *Client) UnsealSecret(ctx context.Context, sealed string) ([]byte, error) {
	var reply protocols.UnsealSecretOutput
	err := c.callTwice(ctx, call{
		service: protocols.SealedSecretService, method: "UnsealSecret", limit: c.options.Timeout,
		request: &protocols.UnsealSecretInput{Secret: []byte(sealed)}, reply: &reply,
	})
	return reply.Plaintext, err
}

// GetResource returns a resource of the key broker, named as "kbs:///repository/type/tag". It is asked
// for once more if the hub dies meanwhile.
func (c *Client) GetResource(ctx context.Context, path string) ([]byte, error) {
	var reply protocols.GetResourceResponse
	err := c.callTwice(ctx, call{
		service: protocols.GetResourceService, method: "GetResource", limit: c.options.Timeout,
		request: &protocols.GetResourceRequest{ResourcePath: path}, reply: &reply,
	})
	return reply.Resource, err
}

// Mount is what SecureMount makes.
type Mount struct {
	// Type of the volume, such as "block-device".
	Type string
	// Options are those of that type. A block device has deviceId, sourceType, targetType,
	// filesystemType, mkfsOpts, encryptionType, dataIntegrity.
	Options map[string]string
	// Flags are mount options.
	Flags []string
	// Point is the directory to mount on, which is there.
	Point string
}

// SecureMount has the hub mount a volume. If the hub dies meanwhile nobody knows what became of it,
// and the error is [ErrDied].
func (c *Client) SecureMount(ctx context.Context, m Mount) error {
	return c.call(ctx, call{
		service: protocols.SecureMountService, method: "SecureMount", limit: c.options.Timeout,
		request: &protocols.SecureMountRequest{VolumeType: m.Type, Options: m.Options, Flags: m.Flags, MountPoint: m.Point},
		reply:   &protocols.SecureMountResponse{},
	})
}

// PullImage fetches a container image. Its root file system is mounted on the directory it returns,
// bundle/rootfs. If the hub dies meanwhile the error is [ErrDied].
func (c *Client) PullImage(ctx context.Context, image, bundle string) (rootfs string, err error) {
	err = c.call(ctx, call{
		service: protocols.ImagePullService, method: "PullImage", limit: c.options.PullTimeout,
		request: &protocols.ImagePullRequest{ImageUrl: image, BundlePath: bundle},
		reply:   &protocols.ImagePullResponse{},
	})
	if err != nil {
		return "", fmt.Errorf("image %q: %w", image, err)
	}
	return filepath.Join(bundle, "rootfs"), nil
}
