// SPDX-License-Identifier: Apache-2.0

// Package id has the names of containers and exec sessions as types of their own,
// so that one is never taken for the other, and the rules for valid ones.
package id
