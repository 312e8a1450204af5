// SPDX-License-Identifier: Apache-2.0

// Package claim says which agent a directory of state belongs to, and what one that has died has left
// mounted in it. Agents with directories of their own know nothing of one another.
//
// The claim is a lock on a file (flock(2)), which the kernel takes back from who dies. The file's content
// says that somebody has begun and not ended in order, and what was mounted before, which is not theirs.
//
// It keeps no state but the open file, logs nothing and must import nothing of the agent.
package claim
