// SPDX-License-Identifier: Apache-2.0

// Command standin takes the place of attestation-agent, confidential-data-hub or api-server-rest,
// whichever its file is called, on their real sockets and with their real arguments. It says on
// standard output with which arguments it was started and what it is asked. Its script is the
// file beside it with ".script" after its name; images and resources are beside it too.
package main
