// SPDX-License-Identifier: Apache-2.0

package hotplug

import (
	"strings"
	"testing"

	"github.com/pilebones/go-udev/netlink"
)

func datagram(header string, fields ...string) []byte {
	return []byte(header + "\x00" + strings.Join(fields, "\x00") + "\x00")
}

func TestParse(t *testing.T) {
	got, err := Parse(datagram("add@/devices/soc@0/block/vda", "ACTION=add", "DEVPATH=/devices/soc@0/block/vda",
		"SUBSYSTEM=block", "MODALIAS=a=b=c", "DEVNAME=vda", "DEVTYPE=disk", "noequals", "SEQNUM=18446744073709551615"))
	want := Event{Action: "add", DevPath: "/devices/soc@0/block/vda", Subsystem: "block", DevName: "vda", SeqNum: 1<<64 - 1}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got.Node() != "/dev/vda" || got.Base() != "vda" {
		t.Errorf("node %s, base %s", got.Node(), got.Base())
	}
	if (Event{}).Node() != "" {
		t.Error("an event without a name has a node")
	}
	for name, bad := range map[string][]byte{
		"empty": {}, "no zero": []byte("add@/devices/x"), "no header": datagram("libudev", "ACTION=add", "DEVPATH=/x"),
		"no action": datagram("add@/x", "DEVPATH=/x"), "no path": datagram("add@/x", "ACTION=add"),
		"relative": datagram("add@x", "ACTION=add", "DEVPATH=x"), "not UTF-8": datagram("add@/x", "ACTION=add", "DEVPATH=/\xff"),
	} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("%s: accepted as %+v", name, got)
		}
	}
}

// FuzzParse also holds the parser against the library's where that one accepts.
func FuzzParse(f *testing.F) {
	f.Add(datagram("add@/devices/x", "ACTION=add", "DEVPATH=/devices/x", "SUBSYSTEM=net", "INTERFACE=eth0", "SEQNUM=7"))
	f.Add(datagram("remove@/devices/x", "ACTION=remove", "DEVPATH=/devices/x", "DEVNAME=/dev/vda"))
	f.Add([]byte("add@/x"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data)
		if err != nil {
			return
		}
		if !strings.HasPrefix(e.DevPath, "/") || e.Action == "" || strings.Contains(e.Node(), "\x00") {
			t.Errorf("%q gave %+v", data, e)
		}
		_ = e.Base()
		if strings.HasPrefix(string(data), "libudev") || !strings.HasSuffix(string(data), "\x00") {
			return // another format; they drop the last field
		}
		theirs, err := netlink.ParseUEvent(data)
		if err == nil && (theirs.Env["DEVPATH"] != e.DevPath || theirs.Env["SUBSYSTEM"] != e.Subsystem || theirs.Env["ACTION"] != e.Action.String()) {
			t.Errorf("%q: ours %+v, theirs %+v", data, e, theirs)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data := datagram("add@/devices/pci0000:00/0000:00:02.0/virtio1/block/vda", "ACTION=add",
		"DEVPATH=/devices/pci0000:00/0000:00:02.0/virtio1/block/vda", "SUBSYSTEM=block", "MAJOR=254", "MINOR=0",
		"DEVNAME=vda", "DEVTYPE=disk", "DISKSEQ=9", "SEQNUM=1234")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
