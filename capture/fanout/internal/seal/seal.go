// Package seal turns RTP packets into SRTP packets for the one case the fan-out has: a sender that knows the 48-bit
// index of each packet, and a payload that is shared by many receivers and must be read but never written.
//
// A general SRTP library parses the header it is given and derives the roll-over counter from the order of calls, and
// wants the plain packet assembled first. Here the header is built in place, the cipher text is written straight
// behind it from the shared payload, and sealing the same packet twice gives the same bytes, which retransmission and
// retries need: a second, different packet under an index already used would give the key away (RFC 7714 section 8.1).
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"

	"golang.org/x/sys/cpu"
)

// Profile is an SRTP protection profile, numbered as in the use_srtp extension (IANA "DTLS-SRTP Protection Profiles").
type Profile uint16

// The profiles that can be sealed.
const (
	AES128CMHMACSHA1 Profile = 0x0001 // RFC 5764 section 4.1.2: AES counter mode, 80-bit HMAC-SHA1 tag
	AEADAES128GCM    Profile = 0x0007 // RFC 7714 section 14.2: AES-GCM, 128-bit tag
)

// MaxOverhead is the most that any profile adds to a packet, in bytes.
const MaxOverhead = 16

// KeyLen and SaltLen are the sizes of the master key and salt, in bytes.
func (p Profile) KeyLen() int { return 16 }

// SaltLen is 14 for counter mode (RFC 3711 section 5.1) and 12 for GCM (RFC 7714 section 12).
func (p Profile) SaltLen() int {
	if p == AEADAES128GCM {
		return 12
	}
	return 14
}

// Sealer encrypts the packets of one sender to one receiver. It is not safe for concurrent use.
type Sealer struct {
	salt [16]byte // padded on the right: 14 bytes count for counter mode, 12 for GCM
	iv   [16]byte // kept here so that it does not escape at every packet

	aead cipher.AEAD // GCM, or nil

	block cipher.Block
	fast  bool // the processor has AES instructions
	mac   hash.Hash
	sum   [sha1.Size]byte
	pad   [16]byte
}

// New derives the session keys from a master key and salt (RFC 3711 section 4.3). It refuses unknown profiles and
// keys of the wrong length.
func New(p Profile, key, salt []byte) (*Sealer, error) {
	if p != AES128CMHMACSHA1 && p != AEADAES128GCM {
		return nil, fmt.Errorf("seal: profile %#04x, expected %#04x or %#04x", uint16(p), uint16(AES128CMHMACSHA1), uint16(AEADAES128GCM))
	}
	if len(key) != p.KeyLen() || len(salt) != p.SaltLen() {
		return nil, fmt.Errorf("seal: key of %d and salt of %d bytes, expected %d and %d", len(key), len(salt), p.KeyLen(), p.SaltLen())
	}
	master, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: master key: %w", err)
	}
	session, err := aes.NewCipher(derive(master, salt, labelKey, 16))
	if err != nil {
		return nil, fmt.Errorf("seal: session key: %w", err)
	}
	s := &Sealer{}
	copy(s.salt[:], derive(master, salt, labelSalt, p.SaltLen()))
	if p == AEADAES128GCM {
		if s.aead, err = cipher.NewGCM(session); err != nil {
			return nil, fmt.Errorf("seal: GCM: %w", err)
		}
		return s, nil
	}
	s.block, s.fast = session, cpu.X86.HasAES || cpu.ARM64.HasAES
	s.mac = hmac.New(sha1.New, derive(master, salt, labelAuth, sha1.Size))
	return s, nil
}

// Overhead is what Seal adds to header and payload, in bytes.
func (s *Sealer) Overhead() int {
	if s.aead != nil {
		return s.aead.Overhead()
	}
	return tagLen
}

// Seal appends the encrypted payload and the tag to header and returns the packet. The index is the extended sequence
// number, 2^16 × ROC + SEQ (RFC 3711 section 3.3.1); its low 16 bits must be those of the header. It writes only
// behind header, in place when the capacity is there, and payload must not overlap that room.
func (s *Sealer) Seal(header, payload []byte, ssrc uint32, index uint64) []byte {
	if s.aead != nil {
		// RFC 7714 section 8.1: 00 00, SSRC, ROC, SEQ, all XORed with the salt.
		binary.BigEndian.PutUint16(s.iv[0:], 0)
		binary.BigEndian.PutUint32(s.iv[2:], ssrc)
		binary.BigEndian.PutUint32(s.iv[6:], uint32(index>>16))
		binary.BigEndian.PutUint16(s.iv[10:], uint16(index))
		for i := range 12 {
			s.iv[i] ^= s.salt[i]
		}
		return s.aead.Seal(header, s.iv[:12], payload, header)
	}
	n := len(header)
	packet := append(header, payload...)
	// RFC 3711 section 4.1.1: (salt × 2^16) ⊕ (SSRC × 2^64) ⊕ (index × 2^16), the low 16 bits count blocks.
	s.iv = s.salt
	xor32(s.iv[4:], ssrc)
	xor32(s.iv[8:], uint32(index>>16))
	s.iv[12] ^= byte(index >> 8)
	s.iv[13] ^= byte(index)
	s.stream(packet[n:])
	s.mac.Reset()
	s.mac.Write(packet) // a hash never fails
	binary.BigEndian.PutUint32(s.iv[:], uint32(index>>16))
	s.mac.Write(s.iv[:4]) // the roll-over counter is authenticated, not sent (section 4.2)
	return append(packet, s.mac.Sum(s.sum[:0])[:tagLen]...)
}

// stream encrypts in counter mode, from the counter in s.iv. With AES instructions the standard library's, which does
// many blocks at once, is worth the key schedule that it copies; without them the copy is garbage for nothing.
func (s *Sealer) stream(b []byte) {
	if s.fast {
		cipher.NewCTR(s.block, s.iv[:]).XORKeyStream(b, b)
		return
	}
	for len(b) > 0 {
		s.block.Encrypt(s.pad[:], s.iv[:])
		b = b[subtle.XORBytes(b, b, s.pad[:]):]
		binary.BigEndian.PutUint16(s.iv[14:], binary.BigEndian.Uint16(s.iv[14:])+1) // a packet has fewer than 65,536 blocks
	}
}

const tagLen = 10 // bytes of the 80-bit tag

// The labels of RFC 3711 section 4.3.1.
const (
	labelKey  = 0
	labelAuth = 1
	labelSalt = 2
)

// derive is the AES-CM key derivation with a derivation rate of zero (RFC 3711 section 4.3.3).
func derive(master cipher.Block, salt []byte, label byte, n int) []byte {
	var x [16]byte
	copy(x[:14], salt)
	x[7] ^= label
	out := make([]byte, (n+15)&^15)
	for i := 0; i < len(out); i += 16 {
		binary.BigEndian.PutUint16(x[14:], uint16(i/16))
		master.Encrypt(out[i:], x[:])
	}
	return out[:n]
}

func xor32(b []byte, v uint32) {
	binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)^v)
}
