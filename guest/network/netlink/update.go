// SPDX-License-Identifier: Apache-2.0

package netlink

import (
	"fmt"
	"net"

	"github.com/kata-containers/kata-agent/guest/sys/undo"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// update is one change of one link under way.
type update struct {
	h      *Handle
	link   vnl.Link
	links  []vnl.Link
	want   change
	newMAC bool // the link was found by its name
	isDown bool // it was up and has been taken down
	undo   undo.List
}

// apply leaves the coming up to the end, so that until then everything can be taken back
// unseen.
func (u *update) apply() error {
	before, err := u.h.snapshot(u.link)
	if err != nil {
		return err
	}
	u.undo.Add(func() error { return u.h.restore(before) })
	renamed := u.link.Attrs().Name != u.want.name
	if renamed || u.newMAC {
		if err := u.takeDown(u.link); err != nil {
			return err
		}
	}
	if u.newMAC {
		if err := u.setMAC(); err != nil {
			return err
		}
	}
	var displaced *snapshot
	if renamed {
		if displaced, err = u.rename(); err != nil {
			return err
		}
	}
	for _, step := range []func() error{u.setMTU, u.setARP, u.setAddresses} {
		if err := step(); err != nil {
			return err
		}
	}
	return u.finish(before, displaced)
}

// finish brings the links up. The displaced one gets back what it had. The other one gets
// its addresses back if the request names none; its routes are the host's to set.
func (u *update) finish(before, displaced *snapshot) error {
	if displaced != nil && isUp(displaced.link) {
		u.undo.Add(func() error { return u.h.nl.LinkSetDown(displaced.link) })
		if err := u.h.nl.LinkSetUp(displaced.link); err != nil {
			return fmt.Errorf("bring up %s: %w", u.link.Attrs().Name, err)
		}
		// It is not what the request is about: one of its routes that cannot be set again
		// is no reason to refuse.
		_ = u.h.restore(displaced)
	}
	if u.isDown || !isUp(u.link) {
		u.undo.Add(func() error { return u.h.nl.LinkSetDown(u.link) })
		if err := u.h.nl.LinkSetUp(u.link); err != nil {
			return fmt.Errorf("bring up %s: %w", u.want.name, err)
		}
	}
	if u.isDown && len(u.want.addrs) == 0 {
		if err := u.h.restoreAddresses(before); err != nil {
			return fmt.Errorf("restore addresses of %s: %w", u.want.name, err)
		}
	}
	return nil
}

func isUp(link vnl.Link) bool { return link.Attrs().Flags&net.FlagUp != 0 }

// takeDown takes a link down if it is up.
func (u *update) takeDown(link vnl.Link) error {
	if !isUp(link) {
		return nil
	}
	if err := u.h.nl.LinkSetDown(link); err != nil {
		return fmt.Errorf("take down %s: %w", link.Attrs().Name, err)
	}
	u.isDown = u.isDown || link == u.link
	u.undo.Add(func() error { return u.h.nl.LinkSetUp(link) })
	return nil
}

func (u *update) setMAC() error {
	old := u.link.Attrs().HardwareAddr
	if err := u.h.nl.LinkSetHardwareAddr(u.link, u.want.mac); err != nil {
		return fmt.Errorf("set MAC address of %s: %w", u.link.Attrs().Name, err)
	}
	u.undo.Add(func() error { return u.h.nl.LinkSetHardwareAddr(u.link, old) })
	return nil
}

// rename gives the link its name. Another link that has it gets the first one's old name.
// Both are down throughout: before Linux 6.2 an interface that is up cannot be renamed.
// The result is how the other one was, nil if there is none.
func (u *update) rename() (displaced *snapshot, err error) {
	old := u.link.Attrs().Name
	other := findByName(u.links, u.want.name)
	if other == nil {
		return nil, u.setName(u.link, old, u.want.name)
	}
	if displaced, err = u.h.snapshot(other); err != nil {
		return nil, err
	}
	u.undo.Add(func() error { return u.h.restore(displaced) })
	if err := u.takeDown(other); err != nil {
		return nil, err
	}
	spare := u.spareName()
	if err := u.setName(other, u.want.name, spare); err != nil {
		return nil, err
	}
	if err := u.setName(u.link, old, u.want.name); err != nil {
		return nil, err
	}
	return displaced, u.setName(other, spare, old)
}

func (u *update) setName(link vnl.Link, from, to string) error {
	if err := u.h.nl.LinkSetName(link, to); err != nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, err)
	}
	u.undo.Add(func() error { return u.h.nl.LinkSetName(link, from) })
	return nil
}

// spareName returns a name nobody has, of at most 15 bytes as the kernel wants it.
func (u *update) spareName() string {
	for i := u.link.Attrs().Index; ; i++ {
		name := fmt.Sprintf("swap%d", i%1_000_000)
		if findByName(u.links, name) == nil {
			return name
		}
	}
}

func (u *update) setMTU() error {
	old := u.link.Attrs().MTU
	if u.want.mtu == 0 || u.want.mtu == old {
		return nil
	}
	if err := u.h.nl.LinkSetMTU(u.link, u.want.mtu); err != nil {
		return fmt.Errorf("set MTU of %s to %d: %w", u.want.name, u.want.mtu, err)
	}
	u.undo.Add(func() error { return u.h.nl.LinkSetMTU(u.link, old) })
	return nil
}

func (u *update) setARP() error {
	noARP := u.link.Attrs().RawFlags&unix.IFF_NOARP != 0
	if noARP == u.want.noARP {
		return nil
	}
	set, unset := u.h.nl.LinkSetARPOn, u.h.nl.LinkSetARPOff
	if u.want.noARP {
		set, unset = unset, set
	}
	if err := set(u.link); err != nil {
		return fmt.Errorf("set ARP flag of %s: %w", u.want.name, err)
	}
	u.undo.Add(func() error { return unset(u.link) })
	return nil
}
