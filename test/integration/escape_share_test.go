// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"github.com/kata-containers/kata-agent/protocols"
	"github.com/kata-containers/kata-agent/test/harness"
)

// newShare is a pod in which the container c1 may write to a directory of the share, at /share, that
// holds links out of it.
func newShare(t *testing.T, o harness.Options) *escape {
	t.Helper()
	e := newEscape(t, o)
	e.Must(os.MkdirAll(e.Path(shared+"/vol/dir"), 0o755))
	e.Must(os.MkdirAll(e.Path(shared+"/watchable"), 0o755))
	for link, target := range links(e.guest) {
		e.Must(os.Symlink(target, e.Path(shared+"/vol/"+link)))
	}
	spec := e.spec("c1", "sleep", "10000")
	spec.Mounts = append(spec.Mounts, bind(shared+"/vol", "/share"))
	e.Must(e.Create(e.Ctx, "c1", spec))
	e.Must(e.StartContainer(e.Ctx, "c1"))
	return e
}

// links lead to the guest's directory in every way there is.
func links(guest string) map[string]string {
	return map[string]string{
		"abs": guest, "rel": "../../../../.." + guest, "magic": "/proc/self/root" + guest, "cwd": "/proc/self/cwd" + guest,
		"twice": "abs", "up": "../../../../..", "file": guest + "/secret",
	}
}

// TestCopyFileThroughLinks is CVE-2026-41326: a link in the share, which a container has put there or
// the host itself by CopyFile, and a file that is then written through it.
func TestCopyFileThroughLinks(t *testing.T) {
	e := newShare(t, harness.Options{})
	write := func(path string) error {
		data := []byte("by the host")
		return e.Do(e.Ctx, "CopyFile", &protocols.CopyFileRequest{
			Path: path, Data: data, FileSize: int64(len(data)), FileMode: 0o100644, DirMode: 0o755,
		})
	}
	for link, target := range links(e.guest) {
		planted := shared + "/planted-" + link
		e.Must(e.Do(e.Ctx, "CopyFile", &protocols.CopyFileRequest{Path: planted, Data: []byte(target), FileMode: 0o120777}))
		for _, dir := range []string{planted, shared + "/vol/" + link} {
			for _, file := range []string{"/file", "/dir/file", e.guest + "/file", "/secret"} {
				_ = write(dir + file) // below the share "/" is the share's root: that is no escape
			}
		}
	}
	harness.Refused(t, write(shared+"/../../../../.."+e.guest+"/file"), codes.Internal)
	harness.Refused(t, write(e.guest+"/file"), codes.Internal)
	stop := e.intruder("c1", "exchange", "/share/dir", "/share/abs")
	for i := range 200 {
		_ = write(fmt.Sprintf("%s/vol/dir/f%d", shared, i))
	}
	stop()
	e.wantUntouched("CopyFile")
}

// TestWatchableThroughLinks: a watched volume gives a container copies of the share's files.
func TestWatchableThroughLinks(t *testing.T) {
	e := newShare(t, harness.Options{})
	for link := range links(e.guest) {
		t.Run(link, func(t *testing.T) {
			e := e.in(t)
			e.wantNoSecret("a watched volume", e.watched("w-"+link, "/vol/"+link))
		})
	}
	e.wantNoSecret("a watched volume with links", e.watched("w-all", "/vol"))
	stop := e.intruder("c1", "exchange", "/share/dir", "/share/abs")
	for i := range 8 {
		e.wantNoSecret("a watched volume", e.watched(fmt.Sprint("w-race", i), "/vol/dir"))
	}
	stop()
	e.wantUntouched("a watched volume")
}

// watched runs a container that looks for the secret in a watched volume.
func (e *escape) watched(cid, source string) string {
	e.T.Helper()
	at := shared + "/watchable/" + cid
	spec := e.spec(cid, "sh", "-c", "cat /config /config/* /config/*/secret; ls -R /config; true")
	spec.Mounts = append(spec.Mounts, bind(at, "/config"))
	err := e.Do(e.Ctx, "CreateContainer", &protocols.CreateContainerRequest{
		ContainerId: cid, OCI: spec, Storages: []*protocols.Storage{{
			Driver: "watchable-bind", Source: shared + source, Fstype: "bind", MountPoint: at, Options: []string{"rbind", "ro"},
		}},
	})
	if err != nil {
		return ""
	}
	defer e.Delete(cid)
	e.Must(e.StartContainer(e.Ctx, cid))
	out, err := e.ReadAll(e.Ctx, cid, cid)
	e.Must(err)
	return string(out)
}

// TestVolumeThroughLinks: a bind of something below a volume in which a container may write.
func TestVolumeThroughLinks(t *testing.T) { inEachWay(t, volumeThroughLinks) }

func volumeThroughLinks(t *testing.T, o harness.Options) {
	t.Helper()
	e := newShare(t, o)
	before := e.State()
	for link := range links(e.guest) {
		t.Run(link, func(t *testing.T) {
			e := e.in(t)
			for name, change := range map[string]func(*protocols.CreateContainerRequest){
				"mount": func(r *protocols.CreateContainerRequest) {
					r.OCI.Mounts = append(r.OCI.Mounts, bind(shared+"/vol/"+link, "/config"))
				},
				"mount with more of a path": func(r *protocols.CreateContainerRequest) {
					r.OCI.Mounts = append(r.OCI.Mounts, bind(shared+"/vol/"+link+e.guest, "/config"))
				},
				"storage": func(r *protocols.CreateContainerRequest) {
					at := "/run/kata-containers/sandbox/storage/x"
					r.OCI.Mounts = append(r.OCI.Mounts, bind(at, "/config"))
					r.Storages = []*protocols.Storage{{Driver: "bind", Source: shared + "/vol/" + link, Fstype: "bind", MountPoint: at, Options: []string{"rbind"}}}
				},
				"storage whose mount point is a link": func(r *protocols.CreateContainerRequest) {
					r.Storages = []*protocols.Storage{{Driver: "ephemeral", Source: "tmpfs", Fstype: "tmpfs", MountPoint: shared + "/vol/" + link}}
				},
				"storage below a link": func(r *protocols.CreateContainerRequest) {
					r.Storages = []*protocols.Storage{{Driver: "local", Source: "local", Fstype: "local", MountPoint: shared + "/vol/" + link + "/made"}}
				},
				"root": func(r *protocols.CreateContainerRequest) { r.OCI.Root.Path = shared + "/vol/" + link },
			} {
				r := &protocols.CreateContainerRequest{ContainerId: "c2", OCI: e.spec("c2", "sh", "-c", "cat /config /config/secret; true")}
				change(r)
				if err := e.Do(e.Ctx, "CreateContainer", r); err != nil {
					t.Logf("%s: %v", name, err)
					continue
				}
				e.Must(e.StartContainer(e.Ctx, "c2"))
				out, err := e.ReadAll(e.Ctx, "c2", "c2")
				e.Must(err)
				e.Delete("c2")
				e.wantNoSecret("a "+name+" by "+link, string(out))
			}
		})
	}
	e.wantUntouched("a volume")
	e.NothingLeft(t, before)
}

// TestRelativeSources: the source of a bind is no path from the directory that the agent happens to be
// started in.
func TestRelativeSources(t *testing.T) {
	e := newEscape(t, harness.Options{})
	wd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", e.Pid))
	e.Must(err)
	before := e.State()
	rel, err := filepath.Rel(wd, e.guest)
	e.Must(err)
	for _, source := range []string{rel, "./" + rel, ""} {
		spec := e.spec("c2", "cat", "/config/secret")
		spec.Mounts = append(spec.Mounts, bind(source, "/config"))
		harness.Refused(t, e.Create(e.Ctx, "c2", spec), codes.Internal, "/config", "absolute")
		at := "/run/kata-containers/sandbox/storage/x"
		err := e.Do(e.Ctx, "CreateContainer", &protocols.CreateContainerRequest{ContainerId: "c2", OCI: e.spec("c2", "true"), Storages: []*protocols.Storage{
			{Driver: "bind", Source: source, Fstype: "bind", MountPoint: at, Options: []string{"rbind"}},
		}})
		harness.Refused(t, err, codes.Internal, at)
	}
	spec := e.spec("c2", "cat", "/secret")
	spec.Root.Path = rel
	harness.Refused(t, e.Create(e.Ctx, "c2", spec), codes.Internal, "absolute")
	e.NothingLeft(t, before)
}

// TestVolumeExchangedWhileMounted: what is bound was looked at before, and is another thing by then.
func TestVolumeExchangedWhileMounted(t *testing.T) { inEachWay(t, volumeExchangedWhileMounted) }

func volumeExchangedWhileMounted(t *testing.T, o harness.Options) {
	t.Helper()
	e := newShare(t, o)
	e.write(e.Path(shared+"/vol/dir/kept"), "kept")
	before := e.State()
	stop := e.intruder("c1", "exchange", "/share/dir", "/share/abs")
	made, refused := 0, 0
	for i := range 16 {
		cid := fmt.Sprint("c2-", i)
		spec := e.spec(cid, "sh", "-c", "cat /config/kept /config/secret; true")
		spec.Mounts = append(spec.Mounts, bind(shared+"/vol/dir", "/config"))
		out, err := e.attempt(cid, spec)
		e.wantNoSecret("a container", out)
		if err == nil {
			made++
			if out != "kept" {
				t.Errorf("the volume shows %q, want its file", out)
			}
		} else {
			refused++
		}
	}
	stop()
	t.Logf("%d containers were made, %d refused", made, refused)
	if info, err := os.Lstat(e.Path(shared + "/vol/dir")); err == nil && !info.IsDir() {
		e.Must(unix.Renameat2(unix.AT_FDCWD, e.Path(shared+"/vol/dir"), unix.AT_FDCWD, e.Path(shared+"/vol/abs"), unix.RENAME_EXCHANGE))
	}
	e.wantUntouched("an exchange")
	e.NothingLeft(t, before)
}
