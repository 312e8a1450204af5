// SPDX-License-Identifier: Apache-2.0

// Package lab boots virtual machines under software emulation and lets a test
// act as the host: dial vsock ports, plug and unplug devices, pause, look
// inside, wait for power-off.
//
//	vm := lab.Boot(t, lab.Options{Init: lab.Agent(t), CgroupV2: true})
//	disk := vm.PlugDisk(t, lab.Ext4(t, 64, nil), lab.RootPort)
//	conn, err := vm.Dial(ctx, 1024)
//
// It promises that a VM never outlives its test (nor the test process), that
// every wait is bounded, and that a failed test shows the console and keeps
// the logs. Methods that take a testing.TB fail that test themselves, so one
// VM can serve many subtests.
//
// The kernel is the distribution's stock one, the rest of the guest is a small
// initramfs made for each boot; nothing here needs KVM, network devices or
// vhost on the host. It imports no package of the agent.
package lab
