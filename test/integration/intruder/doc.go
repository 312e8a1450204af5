// SPDX-License-Identifier: Apache-2.0

// Command intruder is what runs in containers that try to get out of them, in the tests of
// test/integration. It is linked statically and needs no file of its container. What it gets hold of
// it says in a line that begins with "REACHED".
//
//	intruder connect SOCKET      sends a request of the agent's to a unix socket; "@name" is abstract
//	intruder hunt                looks for processes that are being born, and reaches for them, until stdin ends
//	intruder exchange A B        gives two files each other's name over and over, until stdin ends
//	intruder overwrite           writes to the program that it is itself
package main
