// SPDX-License-Identifier: Apache-2.0

// Package ap reads the numbers of the queues of s390x crypto adapters (adjunct
// processors). It touches no file and must not import anything of this module.
package ap
