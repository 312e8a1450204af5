// SPDX-License-Identifier: Apache-2.0

package initdata

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
)

// Dir is where the document and what it carries for guest components is written.
const Dir = "/run/confidential-containers/initdata"

// File is the document in Dir.
const File = "initdata.toml"

// Names in the document's table, and of the files they go to.
const (
	KeyAgent  = "aa.toml"  // configuration of the attestation agent
	KeyHub    = "cdh.toml" // configuration of the Confidential Data Hub
	keyPolicy = "policy.rego"
)

// version is the only one there is.
const version = "0.1.0"

// Document is init data that has been read.
type Document struct {
	Device    string            // where it was found
	Algorithm string            // sha256, sha384 or sha512
	Digest    string            // of the text, hexadecimal
	Data      map[string]string // named texts
	text      []byte
}

// Parse reads the TOML text.
func Parse(text []byte) (*Document, error) {
	if err := bounded(text); err != nil {
		return nil, err
	}
	var head struct {
		Version   string            `toml:"version"`
		Algorithm string            `toml:"algorithm"`
		Data      map[string]string `toml:"data"`
	}
	if _, err := toml.Decode(string(text), &head); err != nil {
		return nil, err
	}
	if head.Version != version {
		return nil, fmt.Errorf("version %q, want %q", head.Version, version)
	}
	digest, err := sum(head.Algorithm, text)
	if err != nil {
		return nil, err
	}
	return &Document{Algorithm: head.Algorithm, Digest: digest, Data: head.Data, text: text}, nil
}

// sum is the digest of text, in hexadecimal.
func sum(algorithm string, text []byte) (string, error) {
	switch algorithm {
	case "sha256":
		d := sha256.Sum256(text)
		return hex.EncodeToString(d[:]), nil
	case "sha384":
		d := sha512.Sum384(text)
		return hex.EncodeToString(d[:]), nil
	case "sha512":
		d := sha512.Sum512(text)
		return hex.EncodeToString(d[:]), nil
	}
	return "", fmt.Errorf("algorithm %q, want sha256, sha384 or sha512", algorithm)
}

// Policy returns the policy that the document carries, if it does. Without a document there is none.
func (d *Document) Policy() (text string, ok bool) {
	if d == nil {
		return "", false
	}
	text, ok = d.Data[keyPolicy]
	return text, ok
}

// Write puts the document and the configurations of guest components into dir, which it makes.
// A configuration that the document does not carry is not made, and one of an earlier start goes.
func (d *Document) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("init data: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, File), d.text, 0o644); err != nil {
		return fmt.Errorf("init data: %w", err)
	}
	for _, key := range []string{KeyAgent, KeyHub} {
		path := filepath.Join(dir, key)
		text, ok := d.Data[key]
		if !ok {
			_ = os.Remove(path)
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("init data: %w", err)
		}
	}
	return nil
}
