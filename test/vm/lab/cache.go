// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// CacheEnv names the environment variable that moves the lab's cache. The
// default is kata-agent-test in the user's cache directory.
const CacheEnv = "KATA_TEST_CACHE"

func cacheDir() (string, error) {
	dir := os.Getenv(CacheEnv)
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(base, "kata-agent-test")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// cached returns the cache entry of this name, made once by fill in a scratch
// directory. Test processes that start together wait for one another; a fill
// that fails or is killed leaves no entry.
func cached(name string, fill func(scratch string) error) (string, error) {
	base, err := cacheDir()
	if err != nil {
		return "", err
	}
	entry := filepath.Join(base, name)
	lock, err := os.OpenFile(filepath.Join(base, name+".lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock cache entry %s: %w", name, err)
	}
	if _, err := os.Stat(entry); err == nil {
		return entry, nil
	}
	scratch, err := os.MkdirTemp(base, name+".tmp")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	if err := fill(scratch); err != nil {
		return "", fmt.Errorf("cache entry %s: %w", name, err)
	}
	if err := os.Chmod(scratch, 0o755); err != nil {
		return "", err
	}
	return entry, os.Rename(scratch, entry)
}
