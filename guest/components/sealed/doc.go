// SPDX-License-Identifier: Apache-2.0

// Package sealed finds the sealed secrets in a container's environment and mounted files and puts in
// their place what the Confidential Data Hub makes of them.
//
// A sealed secret is a text of four parts, "sealed.<header>.<payload>.<signature>", whose payload is a
// JSON object in base64url: a name for a secret, or the secret encrypted. The host may read it, and not what it stands for. So an unsealed file is
// never written into a directory that the host shares: it is a file in the guest's memory, mounted over
// the sealed one.
//
// A secret that cannot be unsealed is an error: no program runs with the sealed text in its place. A
// text that begins with "sealed." and is not of that form may be anything, such as the name of a
// computer, and stays if the hub does not know it.
//
// Errors name the variable or file and hold nothing that was unsealed. It logs nothing, keeps no
// state, and must import nothing of the agent but guest/mount and guest/sys.
package sealed
