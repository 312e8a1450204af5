// SPDX-License-Identifier: Apache-2.0

// Package policy asks the guest's policy about every call before it is served. It turns a request
// into the document that rules read, the engine's answer into the call's, and keeps the last
// decisions for whoever looks why a pod was refused.
//
// It is linked into builds with the engine only, so package rpc must not import it.
package policy
