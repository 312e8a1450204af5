// SPDX-License-Identifier: Apache-2.0

// Package pci finds PCI devices by the path the host knows them by, a list of slots from
// the root complex down through the bridges, because bus numbers are the guest's choice.
//
// It reads sysfs and writes nothing but the request to look for devices again. A bridge
// that is not there yet is a [NotReadyError], which may pass; every other error will
// not. The package must not import actors, rpc or protocols.
package pci
