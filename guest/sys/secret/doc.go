// SPDX-License-Identifier: Apache-2.0

// Package secret holds values that must not be shown: they print as ‹redacted›, in logs, errors,
// traces, panics and JSON, whatever verb or encoder is used.
//
// It must not import actors, rpc or protocols.
package secret
