// SPDX-License-Identifier: Apache-2.0

// Package components starts the guest components of Confidential Containers, programs of the guest
// image that attest the guest and hold its secrets: attestation-agent, confidential-data-hub and
// api-server-rest.
//
// It owns what is known about them: which there are and in which order they start, from a table of
// its own or from the manifest of an extension image (Plan), and how one of them is started, killed
// and reaped (Start, Running). Each is waited for by its pidfd, here and by nobody else. What it
// prints is handed on line by line.
//
// When to start which of them again is the business of actors/components. The package logs
// nothing; paths of the guest are parameters.
package components
