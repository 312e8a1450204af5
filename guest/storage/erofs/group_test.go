// SPDX-License-Identifier: Apache-2.0

package erofs

import (
	"errors"
	"strings"
	"testing"

	"github.com/kata-containers/kata-agent/guest/storage/devicemapper"
	"github.com/kata-containers/kata-agent/guest/storage/volume"
)

// member is a storage as runtime-rs describes a layer.
func member(fsType, source string, options ...string) volume.Storage {
	return volume.Storage{
		Driver: "blk", Source: source, FSType: fsType, MountPoint: "/run/kata-containers/c/rootfs",
		Options: append(options, memberOption),
	}
}

func upper(options ...string) volume.Storage {
	return member("ext4", "01/00", append(options, upperOption, "rw")...)
}

func lower(source string, options ...string) volume.Storage {
	return member("erofs", source, append(options, lowerOption, "ro")...)
}

func part(number string, options ...string) volume.Storage {
	return lower("02/00", append(options, partitionedOption+"=true", numberOption+"="+number)...)
}

func TestPlan(t *testing.T) {
	shm := volume.Storage{Driver: "ephemeral", MountPoint: "/shm"}
	disk := volume.Storage{Driver: "blk", FSType: "ext4", MountPoint: "/disk"}
	got, err := Plan([]volume.Storage{shm, disk})
	if err != nil || len(got) != 2 || got[0].MountPoint != "/shm" || got[1].MountPoint != "/disk" {
		t.Errorf("no group: %+v, %v", got, err)
	}
	second := lower("02/00")
	second.MountPoint = "/elsewhere"
	got, err = Plan([]volume.Storage{shm, upper(), disk, lower("01/00"), second})
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	g := got[1]
	if got[0].MountPoint != "/shm" || got[2].MountPoint != "/disk" || g.Driver != Driver || g.MountPoint != "/run/kata-containers/c/rootfs" || len(g.Layers) != 3 {
		t.Errorf("%+v", got)
	}
	for _, bad := range [][]volume.Storage{{upper()}, {lower("01/00"), upper(), upper()}} {
		if _, err := Plan(bad); !errors.Is(err, ErrGroup) {
			t.Errorf("%+v: %v, want %v", bad, err, ErrGroup)
		}
	}
}

func TestParse(t *testing.T) {
	g, err := Parse([]volume.Storage{lower("02/00"), upper(mkdirOption + "{{ mount 0 }}/upper:0755"), lower("03/00", mkdirOption+"{{mount 2}}/a/b")})
	if err != nil {
		t.Fatal(err)
	}
	if g.Upper == nil || len(g.Lowers) != 2 || g.Lowers[0].Storage.Source != "02/00" || g.Lowers[0].Partition != 0 || g.Lowers[0].Verity != nil {
		t.Errorf("%+v", g)
	}
	if d := g.Devices(); len(d) != 3 || d[0].Storage.FSType != "ext4" || d[1].Storage.Source != "02/00" {
		t.Errorf("devices %+v", d)
	}
	if len(g.dirs) != 2 || g.dirs[0].layer != 0 || g.dirs[0].path != "upper" || g.dirs[1].layer != 2 || g.dirs[1].path != "a/b" {
		t.Errorf("directories %+v", g.dirs)
	}

	// Partitions come in the order of their numbers, what is not in one comes last; a
	// storage known by its driver alone is found by the form of its address.
	alone := volume.Storage{Driver: Driver, Source: "1:0", FSType: "erofs", MountPoint: "/x"}
	g, err = Parse([]volume.Storage{alone, part("10"), part("2"), {Driver: Driver, Source: "/dev/vdz", FSType: "erofs"}, part("1")})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, l := range g.Lowers {
		order = append(order, l.Driver+" "+l.Storage.Source)
	}
	if got := strings.Join(order, ", "); g.Upper != nil || got != "blk 02/00, blk 02/00, blk 02/00, scsi 1:0, blk /dev/vdz" ||
		g.Lowers[0].Partition != 1 || g.Lowers[2].Partition != 10 || g.Target != "/x" {
		t.Errorf("%s: %+v", got, g)
	}
}

const hash = "abababababababababababababababababababababababababababababababab"

func TestParseVerity(t *testing.T) {
	checked := func(options ...string) volume.Storage {
		for i, o := range options {
			options[i] = verityPrefix + o
		}
		return part("1", append(options, checkedOption+"=true")...)
	}
	for name, tt := range map[string]struct {
		s    volume.Storage
		want devicemapper.Verity
	}{
		"standard": {checked("roothash="+hash, "hashoffset=8192"),
			devicemapper.Verity{RootHash: hash, Algorithm: "sha256", HashType: 1, DataBlock: 4096, HashBlock: 4096, HashOffset: 8192}},
		"all": {checked("roothash="+hash, "hashoffset=8192", "blocksize=512", "hashsize=1024", "algorithm=sha512", "salt=00ff", "hashtype=0", "no-superblock=true"),
			devicemapper.Verity{RootHash: hash, Salt: "00ff", Algorithm: "sha512", DataBlock: 512, HashBlock: 1024, HashOffset: 8192, NoSuperblock: true}},
		"bare word": {checked("roothash="+hash, "hashoffset=8192", "salt=-", "no-superblock"),
			devicemapper.Verity{RootHash: hash, Salt: "-", Algorithm: "sha256", HashType: 1, DataBlock: 4096, HashBlock: 4096, HashOffset: 8192, NoSuperblock: true}},
	} {
		g, err := Parse([]volume.Storage{tt.s})
		if err != nil || g.Lowers[0].Verity == nil || *g.Lowers[0].Verity != tt.want {
			t.Errorf("%s: %+v, %v", name, g.Lowers, err)
		}
	}
	g, err := Parse([]volume.Storage{part("1", checkedOption+"=false", verityPrefix+"roothash="+hash)})
	if err != nil || g.Lowers[0].Verity != nil {
		t.Errorf("not to be checked: %+v, %v", g.Lowers, err)
	}
	for _, bad := range []volume.Storage{
		checked("roothash=" + hash), checked("hashoffset=4096"), checked("roothash="+hash, "hashoffset=x"),
		checked("roothash="+hash, "hashoffset=4096", "blocksize=-1"), checked("roothash="+hash, "hashoffset=4096", "no-superblock=maybe"),
		checked("roothash="+hash, "hashoffset=4097"), checked("roothash="+hash, "hashoffset=4096", "algorithm=a b"),
		part("1", checkedOption+"=yes", verityPrefix+"roothash="+hash), part("1", checkedOption),
	} {
		if _, err := Parse([]volume.Storage{bad}); !errors.Is(err, ErrGroup) {
			t.Errorf("%q: %v, want %v", bad.Options, err, ErrGroup)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	at := func(mountPoint string) volume.Storage {
		s := lower("02/00")
		s.MountPoint = mountPoint
		return s
	}
	driver := func(name string) volume.Storage {
		s := lower("02/00")
		s.Driver = name
		return s
	}
	for name, tt := range map[string]struct {
		members []volume.Storage
		want    string
	}{
		"nothing":             {nil, "no lower layer"},
		"upper alone":         {[]volume.Storage{upper()}, "no lower layer"},
		"two uppers":          {[]volume.Storage{upper(), upper(), lower("02/00")}, "second upper"},
		"upper of xfs":        {[]volume.Storage{member("xfs", "01/00", upperOption), lower("02/00")}, "upper layer of type"},
		"checked upper":       {[]volume.Storage{upper(checkedOption+"=true", verityPrefix+"roothash="+hash, verityPrefix+"hashoffset=4096"), lower("02/00")}, "writable"},
		"lower of ext4":       {[]volume.Storage{member("ext4", "01/00", lowerOption)}, "lower layer of type"},
		"neither":             {[]volume.Storage{member("overlay", "01/00")}, "lower layer of type"},
		"relative":            {[]volume.Storage{at("run/x")}, "not absolute"},
		"climbing":            {[]volume.Storage{at("/run/kata-containers/../x")}, "not absolute"},
		"no mount point":      {[]volume.Storage{at("")}, "not absolute"},
		"a share":             {[]volume.Storage{driver("virtio-fs")}, "unsupported driver type 'virtio-fs' for multi-layer erofs"},
		"no driver":           {[]volume.Storage{driver("")}, "unsupported driver type"},
		"partition 0":         {[]volume.Storage{part("0")}, "number of a partition"},
		"partition x":         {[]volume.Storage{part("x")}, "number of a partition"},
		"no number":           {[]volume.Storage{lower("02/00", partitionedOption+"=true")}, "number of a partition"},
		"layer that is not":   {[]volume.Storage{lower("02/00", mkdirOption+"{{ mount 2 }}/x")}, "there is no layer 2"},
		"climbing directory":  {[]volume.Storage{lower("02/00", mkdirOption+"{{ mount 0 }}/a/../../x")}, `".."`},
		"half a template":     {[]volume.Storage{lower("02/00", mkdirOption+"{{ mount 0 /x")}, "not of the form"},
		"another template":    {[]volume.Storage{lower("02/00", mkdirOption+"{{ overlay 0 1 }}")}, "not of the form"},
		"two templates":       {[]volume.Storage{lower("02/00", mkdirOption+"{{ mount 0 }}/{{ mount 1 }}")}, "not of the form"},
		"template in between": {[]volume.Storage{lower("02/00", mkdirOption+"/etc/{{ mount 0 }}")}, "not of the form"},
		"negative":            {[]volume.Storage{lower("02/00", mkdirOption+"{{ mount -1 }}/x")}, "not of the form"},
	} {
		if _, err := Parse(tt.members); !errors.Is(err, ErrGroup) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if _, err := Parse([]volume.Storage{lower("02/00", mkdirOption+"/var/lib/containerd/x:0755")}); err != nil {
		t.Errorf("a directory of the host's: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(mkdirOption+"{{ mount 0 }}/upper:0755", checkedOption+"=true", verityPrefix+"roothash="+hash, verityPrefix+"hashoffset=4096")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		g, err := Parse([]volume.Storage{upper(a, b), lower("02/00", c, d)})
		if err != nil {
			return
		}
		for _, dir := range g.dirs {
			if dir.layer < 0 || dir.layer > len(g.Lowers) || strings.HasPrefix(dir.path, "/") || strings.Contains("/"+dir.path+"/", "/../") {
				t.Errorf("%+v", dir)
			}
		}
	})
}
