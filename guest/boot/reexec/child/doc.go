// SPDX-License-Identifier: Apache-2.0

// Package child tells whether the program is a container's child. It imports nothing, so that it can be asked
// before anything else is initialised.
package child
