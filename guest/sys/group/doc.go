// SPDX-License-Identifier: Apache-2.0

// Package group runs functions side by side, as golang.org/x/sync/errgroup does, and brings a panic of one of them
// to the goroutine that waits for them: on one of its own it would end the program, past everybody who contains it.
// It imports nothing of the module.
package group
