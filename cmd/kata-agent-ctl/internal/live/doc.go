// SPDX-License-Identifier: Apache-2.0

// Package live reads what an agent says of itself: what is under way, containers, sessions, calls. It
// is the other end of GetDiagnosticData with log_type "live" (docs/protocol.md) and must not import
// anything of this module but the client and protocols.
package live
