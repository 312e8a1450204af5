// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/kata-containers/kata-agent/guest/sys/safepath"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// defaultPauseBundle is where guest images have the pause image.
const defaultPauseBundle = "/pause_bundle"

// maxConfig bounds the pause image's config.json, in bytes.
const maxConfig = 1 << 20

var (
	// ErrNoPause is a pause container of a guest pull in a guest without the image for it.
	ErrNoPause   = errors.New("Pause image not present in rootfs") // known text
	errNoProcess = errors.New("its config.json has no process with an absolute path")
)

// PauseProcess is the process of the guest's pause image, which takes the place of what a host asks
// for: the host does not know the image.
func (d *Drivers) PauseProcess() (*specs.Process, error) {
	bundle, err := d.openPause()
	if err != nil {
		return nil, err
	}
	defer bundle.Close()
	p, err := pauseProcess(bundle)
	if err != nil {
		return nil, fmt.Errorf("pause image: %w", err)
	}
	return p, nil
}

func (d *Drivers) openPause() (*safepath.Dir, error) {
	name := d.PauseBundle
	if name == "" {
		name = defaultPauseBundle
	}
	bundle, err := safepath.Open(name, safepath.Rebase)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoPause, name)
	}
	return bundle, err
}

func pauseProcess(bundle *safepath.Dir) (*specs.Process, error) {
	f, err := bundle.Open("config.json", unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var spec struct {
		Process *specs.Process `json:"process"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxConfig)).Decode(&spec); err != nil {
		return nil, err
	}
	if spec.Process == nil || len(spec.Process.Args) == 0 || !path.IsAbs(spec.Process.Args[0]) {
		return nil, errNoProcess
	}
	return spec.Process, nil
}

// unpackPause makes a root file system of the pause image's program, which needs nothing else.
func (d *Drivers) unpackPause(rootfs string) error {
	bundle, err := d.openPause()
	if err != nil {
		return err
	}
	defer bundle.Close()
	p, err := pauseProcess(bundle)
	if err == nil {
		program := path.Clean(p.Args[0])
		err = d.copyProgram(bundle, "rootfs"+program, rootfs+program)
	}
	if err != nil {
		return fmt.Errorf("pause image: %w", err)
	}
	return nil
}

func (d *Drivers) copyProgram(bundle *safepath.Dir, from, to string) (err error) {
	source, err := bundle.Open(from, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer source.Close()
	target, _, err := d.Mounts.OpenFile(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Chmod(0o755)
}
