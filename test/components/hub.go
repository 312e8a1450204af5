// SPDX-License-Identifier: Apache-2.0

package components

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/ttrpc"
	"golang.org/x/sys/unix"

	"github.com/kata-containers/kata-agent/protocols"
)

// Hub is a stand-in for the Confidential Data Hub.
type Hub struct {
	StandIn
	// Dir has images/<reference, with _ for />: a root file system each, or a link to one; and
	// resources/<repository>/<type>/<tag>: a file each.
	Dir string
	// Attestation is the socket of the attestation agent, which is asked for a token before a secret
	// is handed out; "" asks nobody.
	Attestation string
}

// Seal makes a sealed secret that the stand-in unseals: of the form of real ones, header, body and
// signature, with the plain text as its body.
func Seal(plain string) string {
	return "sealed.fakejwsheader." + base64.RawURLEncoding.EncodeToString([]byte(plain)) + ".fakesignature"
}

// Server offers the hub's services.
func (h *Hub) Server() (*ttrpc.Server, error) {
	s, err := ttrpc.NewServer()
	if err != nil {
		return nil, err
	}
	h.register(s, protocols.SealedSecretService, map[string]ttrpc.Method{"UnsealSecret": unary(h.unseal)})
	h.register(s, protocols.GetResourceService, map[string]ttrpc.Method{"GetResource": unary(h.resource)})
	h.register(s, protocols.SecureMountService, map[string]ttrpc.Method{"SecureMount": unary(h.mount)})
	h.register(s, protocols.ImagePullService, map[string]ttrpc.Method{"PullImage": unary(h.pull)})
	return s, nil
}

// unary makes a method of a function on messages of package protocols.
func unary[Q, R any, PQ interface {
	*Q
	protocols.Message
}, PR interface {
	*R
	protocols.Message
}](serve func(context.Context, PQ) (PR, error)) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(any) error) (any, error) {
		request := PQ(new(Q))
		if err := unmarshal(protocols.Wire(request)); err != nil {
			return nil, err
		}
		reply, err := serve(ctx, request)
		if err != nil {
			return nil, err
		}
		return protocols.Wire(reply), nil
	}
}

func (h *Hub) unseal(ctx context.Context, q *protocols.UnsealSecretInput) (*protocols.UnsealSecretOutput, error) {
	parts := strings.Split(string(q.Secret), ".")
	if len(parts) != 4 || parts[0] != "sealed" {
		return nil, errors.New("not a sealed secret")
	}
	if h.Attestation != "" {
		if err := Attest(ctx, h.Attestation); err != nil {
			return nil, err
		}
	}
	plain, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, fmt.Errorf("sealed secret: %w", err)
	}
	return &protocols.UnsealSecretOutput{Plaintext: plain}, nil
}

func (h *Hub) resource(_ context.Context, q *protocols.GetResourceRequest) (*protocols.GetResourceResponse, error) {
	name, ok := strings.CutPrefix(q.ResourcePath, "kbs:///")
	if !ok {
		return nil, fmt.Errorf("%q is no resource", q.ResourcePath)
	}
	data, err := os.ReadFile(filepath.Join(h.Dir, "resources", filepath.Clean("/"+name)))
	return &protocols.GetResourceResponse{Resource: data}, err
}

// mount mounts a tmpfs, and says with which options a real one would have been made.
func (h *Hub) mount(_ context.Context, q *protocols.SecureMountRequest) (*protocols.SecureMountResponse, error) {
	if q.VolumeType != "block-device" {
		return nil, fmt.Errorf("volume type %q", q.VolumeType)
	}
	for _, key := range slices.Sorted(maps.Keys(q.Options)) {
		fmt.Printf("SecureMount %s=%s\n", key, q.Options[key])
	}
	return &protocols.SecureMountResponse{}, unix.Mount("secure", q.MountPoint, "tmpfs", 0, "mode=755")
}

// pull binds an image, where a real hub mounts an overlay.
func (h *Hub) pull(_ context.Context, q *protocols.ImagePullRequest) (*protocols.ImagePullResponse, error) {
	image, err := filepath.EvalSymlinks(filepath.Join(h.Dir, "images", strings.ReplaceAll(q.ImageUrl, "/", "_")))
	if err != nil {
		return nil, fmt.Errorf("image %s not found", q.ImageUrl)
	}
	rootfs := filepath.Join(q.BundlePath, "rootfs")
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		return nil, err
	}
	return &protocols.ImagePullResponse{}, unix.Mount(image, rootfs, "", unix.MS_BIND, "")
}
