// SPDX-License-Identifier: Apache-2.0

// Package agenttest is an agent for tests of the client: a ttRPC server in the test's own process
// that records requests and answers what the test tells it to, and processes that have streams and
// an exit status but do not exist. It must not import anything of this module but protocols.
package agenttest
