// SPDX-License-Identifier: Apache-2.0

package sealed_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kata-containers/kata-agent/guest/components/sealed"
	"github.com/kata-containers/kata-agent/guest/guesttest"
	"github.com/kata-containers/kata-agent/guest/mount"
	"golang.org/x/sys/unix"
)

// hub unseals what secret has sealed, and calls nothing else a secret.
type hub struct {
	calls atomic.Int32
	err   error // of every call
}

func (h *hub) UnsealSecret(_ context.Context, text string) ([]byte, error) {
	h.calls.Add(1)
	if h.err != nil {
		return nil, h.err
	}
	parts := strings.Split(text, ".")
	if len(parts) != 4 || parts[1] != "header" {
		return nil, errors.New("no sealed secret")
	}
	plain, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(strings.TrimPrefix(string(plain), `{"plain":"`), `"}`)), nil
}

func secret(plain string) string {
	return "sealed.header." + base64.RawURLEncoding.EncodeToString([]byte(`{"plain":"`+plain+`"}`)) + ".signature"
}

func TestEnv(t *testing.T) {
	h := &hub{}
	env := []string{"A=1", "B=" + secret("one=two three"), "sealed.x", "C=sealed.", "D=sealed.example.co.uk", "E=x" + secret("y"), "F=" + secret("")}
	given := slices.Clone(env)
	got, err := sealed.Env(t.Context(), h, env)
	guesttest.Must(t, err)
	want := slices.Clone(env)
	want[1], want[6] = "B=one=two three", "F="
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !slices.Equal(env, given) {
		t.Error("the environment that was given has changed")
	}
	if h.calls.Load() != 4 {
		t.Errorf("%d calls, want one for each text that begins like a secret", h.calls.Load())
	}
}

func TestEnvThatCannotBeUnsealed(t *testing.T) {
	refused := errors.New("the key broker says no")
	_, err := sealed.Env(t.Context(), &hub{err: refused}, []string{"PASSWORD=" + secret("x")})
	if !errors.Is(err, refused) || strings.Count(err.Error(), `"PASSWORD"`) != 1 {
		t.Errorf("got %v, want %v and the variable's name once", err, refused)
	}
	// Not of the form: whatever the hub says, it is no secret.
	got, err := sealed.Env(t.Context(), &hub{err: refused}, []string{"HOST=sealed.example.co.uk"})
	if err != nil || got[0] != "HOST=sealed.example.co.uk" {
		t.Errorf("%q, %v, want it as it is", got, err)
	}
	for _, plain := range []string{"a\x00b", "\xff"} {
		_, err := sealed.Env(t.Context(), &plainHub{plain}, []string{"A=" + secret("x")})
		if err == nil || strings.Contains(err.Error(), plain) || !strings.Contains(err.Error(), `"A"`) {
			t.Errorf("%q: %v, want an error that names the variable and not the secret", plain, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sealed.Env(ctx, &hub{err: context.Canceled}, []string{"A=" + secret("x")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

type plainHub struct{ plain string }

func (h *plainHub) UnsealSecret(context.Context, string) ([]byte, error) { return []byte(h.plain), nil }

// volume is a directory as Kubernetes makes it for a Secret: names, links by way of ..data.
func volume(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	guesttest.Must(t, os.MkdirAll(dir+"/..2026_01", 0o755))
	guesttest.Must(t, os.Symlink("..2026_01", dir+"/..data"))
	for name, text := range content {
		guesttest.Must(t, os.WriteFile(dir+"/..2026_01/"+name, []byte(text), 0o600))
		guesttest.Must(t, os.Symlink("..data/"+name, dir+"/"+name))
	}
}

func TestFiles(t *testing.T) {
	run := t.TempDir()
	outside := t.TempDir()
	guesttest.Must(t, os.WriteFile(outside+"/f", []byte(secret("outside")), 0o600))
	f := sealed.Files{Hub: &hub{}, Mounts: mount.Mounter{Confined: []string{run}}, Dir: run + "/c1/secrets"}
	v := sealed.Volume{Source: run + "/shared/vol", Destination: "/etc/secret"}
	volume(t, v.Source, map[string]string{"password": secret("geheim"), "plain": "text", "host": "sealed.example.co.uk", "short": "seal"})
	guesttest.Must(t, os.Chmod(v.Source+"/..2026_01/password", 0o440))
	if os.Getuid() == 0 {
		guesttest.Must(t, os.Chown(v.Source+"/..2026_01/password", 12, 34))
	}
	guesttest.Must(t, os.Symlink("password", v.Source+"/again"))
	guesttest.Must(t, os.Symlink(outside+"/f", v.Source+"/absolute"))
	guesttest.Must(t, os.Symlink("../../../../../../../../.."+outside+"/f", v.Source+"/climbing"))
	guesttest.Must(t, os.Symlink("nowhere", v.Source+"/dangling"))
	guesttest.Must(t, unix.Mkfifo(v.Source+"/fifo", 0o600))
	guesttest.Must(t, os.WriteFile(v.Source+"/own", []byte(secret("direct")+"\n"), 0o600))
	single := sealed.Volume{Source: v.Source + "/own", Destination: "/etc/single"}
	gone := sealed.Volume{Source: run + "/shared/gone", Destination: "/gone"}

	over, err := f.Unseal(t.Context(), []sealed.Volume{v, gone, single})
	guesttest.Must(t, err)
	got := map[string]string{}
	for _, o := range over {
		b, err := os.ReadFile(o.Source)
		guesttest.Must(t, err)
		if filepath.Dir(o.Source) != f.Dir {
			t.Errorf("%s: not in %s", o.Source, f.Dir)
		}
		got[o.Destination] = string(b)
		if o.Destination != "/etc/secret/..2026_01/password" {
			continue
		}
		fi, err := os.Stat(o.Source)
		guesttest.Must(t, err)
		st := fi.Sys().(*syscall.Stat_t)
		if fi.Mode().Perm() != 0o440 || os.Getuid() == 0 && (st.Uid != 12 || st.Gid != 34) {
			t.Errorf("mode %v of %d:%d, want those of the sealed file", fi.Mode(), st.Uid, st.Gid)
		}
	}
	want := map[string]string{"/etc/secret/..2026_01/password": "geheim", "/etc/secret/own": "direct", "/etc/single": "direct"}
	if len(got) != len(want) || len(over) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for k, text := range want {
		if got[k] != text {
			t.Errorf("%s: %q, want %q", k, got[k], text)
		}
	}
	if b, _ := os.ReadFile(v.Source + "/password"); string(b) != secret("geheim") {
		t.Error("the host's directory has been written to")
	}
}

func TestFileThatCannotBeUnsealed(t *testing.T) {
	run := t.TempDir()
	refused := errors.New("the key broker says no")
	f := sealed.Files{Hub: &hub{err: refused}, Mounts: mount.Mounter{Confined: []string{run}}, Dir: run + "/c1/secrets"}
	v := sealed.Volume{Source: run + "/vol", Destination: "/etc/secret"}
	volume(t, v.Source, map[string]string{"password": secret("x")})
	if _, err := f.Unseal(t.Context(), []sealed.Volume{v}); !errors.Is(err, refused) || !strings.Contains(err.Error(), `"/etc/secret/..2026_01/password"`) {
		t.Errorf("got %v, want %v and the file's name", err, refused)
	}
}

func TestDirectoriesThatAreNotLookedAt(t *testing.T) {
	run := t.TempDir()
	h := &hub{}
	f := sealed.Files{Hub: h, Mounts: mount.Mounter{Confined: []string{run}}, Dir: run + "/c1/secrets"}
	guesttest.Must(t, os.MkdirAll(run+"/many/deep", 0o755))
	guesttest.Must(t, os.WriteFile(run+"/many/deep/f", []byte(secret("x")), 0o600))
	guesttest.Must(t, os.Mkdir(run+"/big", 0o755))
	guesttest.Must(t, os.WriteFile(run+"/big/f", append([]byte(secret("x")), make([]byte, 1<<20)...), 0o600))
	over, err := f.Unseal(t.Context(), []sealed.Volume{{Source: run + "/many", Destination: "/a"}, {Source: run + "/big", Destination: "/b"}})
	if err != nil || len(over) != 0 || h.calls.Load() != 0 {
		t.Errorf("%v, %v, %d calls; want nothing", over, err, h.calls.Load())
	}
	if _, err := os.Stat(f.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("a directory was made for nothing")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Unseal(ctx, []sealed.Volume{{Source: run + "/big", Destination: "/b"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
