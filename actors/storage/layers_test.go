// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kata-containers/kata-agent/actors/core"
	"github.com/kata-containers/kata-agent/actors/device"
	"github.com/kata-containers/kata-agent/guest/device/hotplug"
	"github.com/kata-containers/kata-agent/guest/device/hotplug/hotplugtest"
	"github.com/kata-containers/kata-agent/guest/storage/erofs"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
	"github.com/kata-containers/kata-agent/test/guard"
	"go.uber.org/zap"
)

// newTestMounter is a mounter over a directory in place of sysfs, and the kernel's voice.
func newTestMounter(t *testing.T, timeout time.Duration) (*Drivers, *hotplugtest.Source) {
	t.Helper()
	system := core.NewSystem(zap.NewNop())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), guard.Hang)
		defer cancel()
		if err := system.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	source := hotplugtest.NewSource()
	ref, err := system.Spawn("uevent", device.New(device.Options{
		Listen: func() (hotplug.Source, error) { return source, nil },
		Sys:    t.TempDir(),
	}))
	if err != nil {
		t.Fatal(err)
	}
	ref.Tell(device.Listen())
	return NewDrivers(device.Resolver{Actor: ref, Timeout: timeout}, Options{}), source
}

func plugged(devPath, name string) hotplug.Event {
	return hotplug.Event{Action: "add", Subsystem: "block", DevPath: devPath, DevName: name}
}

func layer(driver, source string, partition int) erofs.Layer {
	return erofs.Layer{Storage: volume.Storage{Source: source}, Driver: driver, Partition: partition}
}

// The disks and partitions of an image may come in any order, after they are asked for.
func TestDevicesOfLayers(t *testing.T) {
	m, kernel := newTestMounter(t, guard.Hang)
	found := make(chan []string, 1)
	go func() {
		nodes, err := m.layerNodes(t.Context(), []erofs.Layer{
			layer("scsi", "1:0", 0), layer("mmioblk", "/dev/vdb", 2), layer("mmioblk", "/dev/vdb", 1), layer("blk", "/dev/there", 0),
		})
		if err != nil {
			t.Error(err)
		}
		found <- nodes
	}()
	want := []string{"/dev/sda", "/dev/vdb2", "/dev/vdb1", "/dev/there"}
	disk := "/devices/platform/virtio-mmio.1/virtio1/block/vdb"
	for {
		for _, e := range []hotplug.Event{
			plugged(disk+"/vdb2", "vdb2"), plugged(disk, "vdb"), plugged(disk+"/vdb1", "vdb1"),
			plugged("/devices/pci0000:00/0000:00:03.0/virtio0/host4/target4:0:1/4:0:1:0/block/sda", "sda"),
		} {
			kernel.Send(e)
		}
		// Whoever asks after an event needs the next: sysfs is empty here.
		select {
		case nodes := <-found:
			if !slices.Equal(nodes, want) {
				t.Errorf("got %v, want %v", nodes, want)
			}
			return
		case <-time.After(10 * time.Millisecond): // clock: how often it is said again
		}
	}
}

func TestMissingDevicesOfLayers(t *testing.T) {
	m, _ := newTestMounter(t, 20*time.Millisecond)
	for _, tt := range []struct {
		l    erofs.Layer
		want string
	}{
		{layer("blk", "/dev/vdz", 3), "partition 3 of disk vdz"},
		{layer("mmioblk", "/dev/vdz", 0), "block device vdz"},
		{layer("blk", "nonsense", 0), "nonsense"},
	} {
		_, err := m.layerNodes(t.Context(), []erofs.Layer{layer("blk", "/dev/there", 0), tt.l})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.l, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.devices.Timeout = time.Hour
	if _, err := m.layerNodes(ctx, []erofs.Layer{layer("mmioblk", "/dev/vdz", 0)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// Every driver of the list can be used: disks are found by their driver's kind of address.
func TestEveryRegisteredDriverIsHandled(t *testing.T) {
	m, _ := newTestMounter(t, time.Millisecond)
	sources := map[string]string{"blk": "02/03", "blk-ccw": "0.0.0001", "scsi": "0:1", "mmioblk": "/dev/vdz", "nvdimm": "/dev/pmem9"}
	for _, driver := range volume.Registered() {
		if driver.Kind != volume.Disk {
			continue
		}
		v := Volume{Driver: driver.Name, Source: sources[driver.Name], FSType: "ext4", MountPoint: "/run/kata-containers/none"}
		_, err := m.Mount(t.Context(), "c", v)
		if err == nil || !strings.Contains(err.Error(), "waiting for uevent") {
			t.Errorf("%s with source %q: %v, want a wait for the disk", driver.Name, v.Source, err)
		}
	}
}

func TestMountRefusesBeforeItWaits(t *testing.T) {
	m, _ := newTestMounter(t, guard.Hang)
	for _, driver := range []string{"blk", "erofs.multi-layer", "ephemeral"} {
		_, err := m.Mount(t.Context(), "c", Volume{Driver: driver, Source: "02/03", MountPoint: "/etc"})
		if !errors.Is(err, volume.ErrRoot) {
			t.Errorf("%s on /etc: %v, want %v", driver, err, volume.ErrRoot)
		}
	}
}
