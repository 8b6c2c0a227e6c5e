// Package identity keeps what makes a kit this kit: its Ed25519 key and its secret, made at first start and never
// leaving the data folder.
package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"edgekit.internal/hardware/whole"
)

// Identity is a kit's key and secret.
type Identity struct {
	ID     string // 12 characters, from the public key: names the kit to people and hubs
	key    ed25519.PrivateKey
	secret []byte
}

// Name is the identity's file in the data folder, mode 0600: 8 bytes of magic, 32 of Ed25519 seed, 32 of secret. Written once, by whole
// file rename; a crash leaves either no file or a good one.
const Name = "identity"

const magic = "edgekit1"

// Open reads the identity in a folder, or makes one there if there is none. A file that is not one is an error, not a
// reason to make a new one: tokens and pairings hang on it.
func Open(dir string) (*Identity, error) {
	i, err := Read(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return i, err
	}
	b := make([]byte, len(magic)+64)
	copy(b, magic)
	rand.Read(b[len(magic):])
	if err := whole.Replace(filepath.Join(dir, Name), b); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return Read(dir)
}

// Read is Open for a program that leaves the making to another: without an identity it is an fs.ErrNotExist.
func Read(dir string) (*Identity, error) {
	path := filepath.Join(dir, Name)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if len(b) != len(magic)+64 || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("identity: %s is not an edgekit identity (%d bytes; expected %d that start with %q): restore it from a backup, or remove it to make this a new kit", path, len(b), len(magic)+64, magic)
	}
	i := &Identity{key: ed25519.NewKeyFromSeed(b[len(magic) : len(magic)+32]), secret: b[len(magic)+32:]}
	sum := sha256.Sum256(i.key.Public().(ed25519.PublicKey))
	i.ID = strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:12])
	return i, nil
}

// Secret derives a secret of 32 bytes for one purpose (HKDF-SHA-256, RFC 5869).
func (i *Identity) Secret(purpose string) []byte {
	k, err := hkdf.Key(sha256.New, i.secret, nil, "edgekit "+purpose, 32)
	if err != nil {
		panic("identity: " + err.Error()) // only for a length HKDF cannot give
	}
	return k
}

// Sign signs a message with the kit's key.
func (i *Identity) Sign(message []byte) []byte { return ed25519.Sign(i.key, message) }

// Public is the key others check Sign's signatures with.
func (i *Identity) Public() ed25519.PublicKey { return i.key.Public().(ed25519.PublicKey) }
