// SPDX-License-Identifier: Apache-2.0

// Package components has stand-ins for the guest components of Confidential Containers: they
// speak the real services (ttRPC, package names api and attestation_agent; HTTP) on sockets that
// a test names, and unseal, pull and mount without any cryptography. Package standin makes a program of
// them that takes the place of all three in a guest image.
//
// A script says how a stand-in misbehaves: see Script. What a secret holds is in the secret itself
// (Seal); images and resources are directories and files beside the program.
package components
