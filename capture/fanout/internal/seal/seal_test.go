package seal

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"crypto/aes"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

var profiles = map[Profile]srtp.ProtectionProfile{
	AES128CMHMACSHA1: srtp.ProtectionProfileAes128CmHmacSha1_80,
	AEADAES128GCM:    srtp.ProtectionProfileAeadAes128Gcm,
}

func keys(p Profile) (key, salt []byte) {
	for i := range p.KeyLen() {
		key = append(key, byte(i*7+1))
	}
	for i := range p.SaltLen() {
		salt = append(salt, byte(i*5+3))
	}
	return key, salt
}

// The vectors of RFC 3711 appendix B.3.
func TestDerivationMatchesTheRFC(t *testing.T) {
	key, _ := hex.DecodeString("E1F97A0D3E018BE0D64FA32C06DE4139")
	salt, _ := hex.DecodeString("0EC675AD498AFEEBB6960B3AABE6")
	master, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		label byte
		want  string
	}{
		{labelKey, "C61E7A93744F39EE10734AFE3FF7A087"},
		{labelSalt, "30CBBC08863D8C85D49DB34A9AE1"},
		{labelAuth, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
	} {
		want, _ := hex.DecodeString(c.want)
		if got := derive(master, salt, c.label, len(want)); !bytes.Equal(got, want) {
			t.Errorf("label %d: %X, want %X", c.label, got, want)
		}
	}
}

// An independent receiver opens what is sealed, across the wrap of the sequence number, and a second sealing of a
// packet gives the same bytes.
func TestAnIndependentReceiverOpensIt(t *testing.T) {
	for _, fast := range []bool{true, false} {
		t.Run(fmt.Sprintf("AES instructions %v", fast), func(t *testing.T) { opens(t, fast) })
	}
}

func opens(t *testing.T, fast bool) {
	for p, theirs := range profiles {
		t.Run(fmt.Sprintf("%#04x", uint16(p)), func(t *testing.T) {
			key, salt := keys(p)
			s, err := New(p, key, salt)
			if err != nil {
				t.Fatal(err)
			}
			s.fast = fast
			open, err := srtp.CreateContext(key, salt, theirs)
			if err != nil {
				t.Fatal(err)
			}
			for i, index := range []uint64{65533, 65534, 65535, 65536, 65537, 98303, 131070, 131071, 131072} {
				h := rtp.Header{Version: 2, PayloadType: 102, SequenceNumber: uint16(index), Timestamp: 90 * uint32(i), SSRC: 0xCAFEBABE, Marker: i%2 == 0}
				if i%3 != 0 {
					if err := h.SetExtension(3, []byte{1, 2, 3}); err != nil {
						t.Fatal(err)
					}
				}
				payload := bytes.Repeat([]byte{byte(i), 0x5A}, 1+i*90)
				kept := bytes.Clone(payload)
				header, err := h.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				sealed := s.Seal(append(make([]byte, 0, 1500), header...), payload, h.SSRC, index)
				again := s.Seal(append(make([]byte, 0, 1500), header...), payload, h.SSRC, index)
				if !bytes.Equal(sealed, again) {
					t.Fatal("sealing the same packet twice gave different bytes")
				}
				if len(sealed) != len(header)+len(payload)+s.Overhead() {
					t.Fatalf("%d bytes, want %d", len(sealed), len(header)+len(payload)+s.Overhead())
				}
				plain, err := open.DecryptRTP(nil, sealed, nil)
				if err != nil {
					t.Fatalf("index %d: %v", index, err)
				}
				if !bytes.Equal(plain[len(header):], kept) || !bytes.Equal(payload, kept) {
					t.Fatalf("index %d: payload changed", index)
				}
			}
		})
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	for _, c := range []struct {
		p         Profile
		key, salt int
	}{{AEADAES128GCM, 15, 12}, {AEADAES128GCM, 16, 14}, {AES128CMHMACSHA1, 16, 12}, {0x0005, 16, 14}} {
		if _, err := New(c.p, make([]byte, c.key), make([]byte, c.salt)); err == nil {
			t.Errorf("%+v: accepted", c)
		}
	}
}

// TestEveryProfileIsPreferredOnce, in whatever order: that is the machine's.
func TestEveryProfileIsPreferredOnce(t *testing.T) {
	got := Profiles()
	t.Logf("%#04x first", uint16(got[0]))
	if len(got) != 2 || got[0] == got[1] || !slices.Contains(got, AEADAES128GCM) || !slices.Contains(got, AES128CMHMACSHA1) {
		t.Errorf("%v", got)
	}
}

func BenchmarkSeal(b *testing.B) {
	for p, theirs := range profiles {
		key, salt := keys(p)
		payload := make([]byte, 1150)
		header := make([]byte, 20, 1500)
		(&rtp.Header{Version: 2, PayloadType: 102, SSRC: 1}).MarshalTo(header)
		b.Run(fmt.Sprintf("%#04x", uint16(p)), func(b *testing.B) {
			s, err := New(p, key, salt)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(1150)
			for i := range b.N {
				header[2], header[3] = byte(i>>8), byte(i)
				s.Seal(header, payload, 1, uint64(i))
			}
		})
		b.Run(fmt.Sprintf("%#04x/library", uint16(p)), func(b *testing.B) {
			c, err := srtp.CreateContext(key, salt, theirs)
			if err != nil {
				b.Fatal(err)
			}
			h := &rtp.Header{}
			dst := make([]byte, 0, 1500)
			b.ReportAllocs()
			b.SetBytes(1150)
			for i := range b.N {
				plain := append(header[:20], payload...)
				plain[2], plain[3] = byte(i>>8), byte(i)
				if _, err := c.EncryptRTP(dst, plain, h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
