// Package token mints and checks the rights to convert one offer once. A token is made without writing anything down:
// what it allows is in it, or in what it was bound to, and a keyed MAC (HMAC-SHA-256 cut to 128 bits, RFC 2104 section
// 5) shows that this kit made it. It is burned, by its nonce, in the transaction that uses it.
//
// Layout, 36 bytes before base64url without padding (RFC 4648 section 5):
//
//	0      version and kind: 0x21 for a page's token, 0x23 for a link's
//	1..3   key epoch, big endian
//	4..7   expiry in kit seconds, big endian
//	8..11  the offer's terms when it was minted, see pipeline.Levels.Terms; 0: whatever they are
//	12..19 nonce, random
//	20..35 MAC over bytes 0..19, the viewer's id and the offer's id, each with its length in front
//
// A link's token is bound to no viewer, and has its offer's tag (pipeline.OfferTag) in 4 more bytes behind the MAC, since a link has nothing else to name it
// with. It is written in base32 without padding (RFC 4648 section 6): 64 letters and digits that a QR code has room for as such (ISO/IEC 18004, 7.4.4,
// alphanumeric mode), so that the code is one of version 4 whatever the offer is called.
package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"edgekit.internal/pipeline"
)

const (
	pageKind = 0x21
	linkKind = 0x23
	head     = 20
	size     = 36
	linkSize = size + 4

	// Epoch is how long one key mints. A token outlives its epoch: the key before is still accepted.
	Epoch = time.Hour
	// MaxLife bounds a token's life, so that the key of the epoch before is always enough.
	MaxLife = 30 * time.Minute
)

// Mint makes and checks tokens. Safe for concurrent use.
type Mint struct {
	secret []byte
	kit    string

	mu   sync.Mutex
	keys map[uint32][]byte // the latest few epochs'
}

// New makes a mint from the kit's secret (at least 16 random bytes, kept by package identity) and its id: tokens of
// another kit never check out, even under the same secret.
func New(secret []byte, kit string) (*Mint, error) {
	if len(secret) < 16 {
		return nil, fmt.Errorf("token: the secret has %d bytes, at least 16 are needed", len(secret))
	}
	return &Mint{secret: secret, kit: kit, keys: map[uint32][]byte{}}, nil
}

// Page mints a token for one viewer's tap on an offer's prompt, under the offer's terms as they were shown (0: whatever they are), good for
// life from now.
func (m *Mint) Page(viewer, offer string, terms uint32, now, life time.Duration) string {
	return base64.RawURLEncoding.EncodeToString(m.mint(pageKind, viewer, offer, terms, now, life))
}

// Link mints a token for whoever opens its link first, under the offer's terms (0: whatever they are), good for life from now.
func (m *Mint) Link(offer string, terms uint32, now, life time.Duration) string {
	return letters.EncodeToString(binary.BigEndian.AppendUint32(m.mint(linkKind, "", offer, terms, now, life), pipeline.OfferTag(offer)))
}

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

func (m *Mint) mint(kind byte, viewer, offer string, terms uint32, now, life time.Duration) []byte {
	b := make([]byte, head, linkSize)
	binary.BigEndian.PutUint32(b[0:], uint32(now/Epoch)&0xffffff|uint32(kind)<<24)
	binary.BigEndian.PutUint32(b[4:], uint32((now+min(life, MaxLife))/time.Second))
	binary.BigEndian.PutUint32(b[8:], terms)
	rand.Read(b[12:head]) // never fails, by its contract
	return append(b, m.mac(b, viewer, offer)...)
}

// Verify checks a token of either kind against the viewer and offer it is used for, at kit time now. It reads no state
// but the secret; whether the token was used before is for the store to say.
func (m *Mint) Verify(token, viewer, offer string, now time.Duration) (pipeline.Grant, error) {
	b, ok := decode(token)
	if !ok {
		return pipeline.Grant{}, pipeline.ErrTokenInvalid
	}
	if b[0] == linkKind {
		if binary.BigEndian.Uint32(b[size:]) != pipeline.OfferTag(offer) {
			return pipeline.Grant{}, pipeline.ErrTokenInvalid
		}
		viewer = ""
	}
	epoch, current := binary.BigEndian.Uint32(b)&0xffffff, uint32(now/Epoch)&0xffffff
	if epoch != current && epoch+1 != current {
		// Older keys are gone. Which it is, forged or merely old, cannot be told any more, and need not be.
		return pipeline.Grant{}, pipeline.ErrTokenInvalid
	}
	if !hmac.Equal(b[head:size], m.mac(b[:head], viewer, offer)) {
		return pipeline.Grant{}, pipeline.ErrTokenInvalid
	}
	g := pipeline.Grant{Expires: time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Second, Terms: binary.BigEndian.Uint32(b[8:])}
	copy(g.Nonce[:], b[12:head])
	if now >= g.Expires {
		return g, pipeline.ErrTokenExpired
	}
	return g, nil
}

// LinkTag reads the tag of the offer out of a link's token, so that its page can be looked up. It checks nothing else.
func LinkTag(token string) (uint32, bool) {
	b, ok := decode(token)
	if !ok || b[0] != linkKind {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[size:]), true
}

// decode reads a token of either kind: a link's is longer, and has its own letters.
func decode(token string) (b []byte, ok bool) {
	var err error
	switch len(token) {
	case base64.RawURLEncoding.EncodedLen(size):
		b, err = base64.RawURLEncoding.Strict().DecodeString(token)
		return b, err == nil && len(b) == size && b[0] == pageKind // the decoder passes over line ends
	case letters.EncodedLen(linkSize):
		b, err = letters.DecodeString(token)
		return b, err == nil && len(b) == linkSize && b[0] == linkKind
	}
	return nil, false
}

// mac binds the token's head to viewer and offer. Lengths in front keep "ab"+"c" from meaning "a"+"bc".
func (m *Mint) mac(head []byte, viewer, offer string) []byte {
	h := hmac.New(sha256.New, m.key(binary.BigEndian.Uint32(head)&0xffffff))
	h.Write(head)
	var n [2]byte
	for _, s := range []string{viewer, offer} {
		binary.BigEndian.PutUint16(n[:], uint16(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return h.Sum(nil)[:16]
}

// key derives an epoch's key (HKDF-SHA-256, RFC 5869). The few in use are kept.
func (m *Mint) key(epoch uint32) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.keys[epoch]; k != nil {
		return k
	}
	k, err := hkdf.Key(sha256.New, m.secret, nil, fmt.Sprintf("edgekit token %s epoch %d", m.kit, epoch), 32)
	if err != nil {
		panic("token: " + err.Error()) // only for a length HKDF cannot give
	}
	if len(m.keys) >= 4 {
		clear(m.keys)
	}
	m.keys[epoch] = k
	return k
}
