// SPDX-License-Identifier: Apache-2.0

package sealed

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kata-containers/kata-agent/guest/sys/group"
)

// Unsealer is the hub, whose calls end with ctx.
type Unsealer interface {
	UnsealSecret(ctx context.Context, sealed string) (plain []byte, err error)
}

// prefix begins every sealed secret.
const prefix = "sealed."

// parts of a sealed secret, and atOnce how many are unsealed at the same time.
const (
	parts  = 4
	atOnce = 8
)

// errText is for a secret that cannot be the value of a variable.
var errText = errors.New("the secret is not a text that a variable can hold: it has a NUL, or is not UTF-8")

// isSealed tells whether a text has the form of a sealed secret. Its payload is an object in JSON,
// encoded in base64url.
func isSealed(text string) bool {
	p := strings.Split(text, ".")
	if len(p) != parts || p[0]+"." != prefix {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(p[2], "="))
	return err == nil && bytes.HasPrefix(payload, []byte("{")) && json.Valid(payload)
}

// unseal gives what a text that begins with prefix stands for. ok is false if it is no secret.
func unseal(ctx context.Context, hub Unsealer, text string) (plain []byte, ok bool, err error) {
	plain, err = hub.UnsealSecret(ctx, text)
	switch {
	case err == nil:
		return plain, true, nil
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case !isSealed(strings.TrimSpace(text)):
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("unseal: %w", err)
}

// Env returns the environment with its secrets unsealed. The one given is not changed.
func Env(ctx context.Context, hub Unsealer, env []string) ([]string, error) {
	out := slices.Clone(env)
	works, ctx := group.WithContext(ctx)
	works.SetLimit(atOnce)
	for i, e := range env {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(value, prefix) {
			continue
		}
		works.Go(func() error {
			plain, ok, err := unseal(ctx, hub, value)
			if ok && (!utf8.Valid(plain) || slices.Contains(plain, 0)) {
				err = errText
			}
			if err != nil {
				return fmt.Errorf("environment variable %q: %w", name, err)
			}
			if ok {
				out[i] = name + "=" + string(plain)
			}
			return nil
		})
	}
	if err := works.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}
