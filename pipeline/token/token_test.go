package token

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"edgekit.internal/pipeline"
)

var secret = []byte("made by the test, 32 bytes long.")

func mint(t testing.TB, secret []byte, kit string) *Mint {
	m, err := New(secret, kit)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAttacks: what does not check out, and why. Each row starts from a good token.
func TestAttacks(t *testing.T) {
	const now = 90 * time.Minute
	m := mint(t, secret, "kit-1")
	page := m.Page("ann", "mug", 0, now, 2*time.Minute)
	link := m.Link("mug", 0, now, 2*time.Minute)
	code := map[byte]interface {
		DecodeString(string) ([]byte, error)
		EncodeToString([]byte) string
	}{pageKind: base64.RawURLEncoding, linkKind: letters}
	change := func(of byte, token string, as byte, how func(b []byte) []byte) string {
		b, err := code[of].DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		return code[as].EncodeToString(how(b))
	}
	edit := func(token string, how func(b []byte) []byte) string { return change(pageKind, token, pageKind, how) }
	editLink := func(how func(b []byte) []byte) string { return change(linkKind, link, linkKind, how) }
	flip := func(i int) func(b []byte) []byte { return func(b []byte) []byte { b[i] ^= 1; return b } }
	for _, c := range []struct {
		name, token, viewer, offer string
		at                         time.Duration
		want                       error
	}{
		{"good", page, "ann", "mug", now, nil},
		{"good at its last moment", page, "ann", "mug", now + 2*time.Minute - 1, nil},
		{"expired", page, "ann", "mug", now + 2*time.Minute, pipeline.ErrTokenExpired},
		{"key rotated while in flight", m.Page("ann", "mug", 0, 2*time.Hour-1, 2*time.Minute), "ann", "mug", 2*time.Hour + time.Minute, nil},
		{"two epochs later", page, "ann", "mug", now + 2*Epoch, pipeline.ErrTokenInvalid},
		{"from the future", page, "ann", "mug", now - Epoch, pipeline.ErrTokenInvalid},
		{"another viewer's", page, "bob", "mug", now, pipeline.ErrTokenInvalid},
		{"another offer's", page, "ann", "pen", now, pipeline.ErrTokenInvalid},
		{"boundary moved between viewer and offer", page, "annm", "ug", now, pipeline.ErrTokenInvalid},
		{"another kit's", mint(t, secret, "kit-2").Page("ann", "mug", 0, now, time.Minute), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"another secret's", mint(t, []byte("0123456789abcdef"), "kit-1").Page("ann", "mug", 0, now, time.Minute), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"expiry moved", edit(page, flip(7)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"nonce changed", edit(page, flip(12)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"terms changed", edit(page, flip(11)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"epoch changed", edit(page, flip(3)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"MAC changed", edit(page, flip(35)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"truncated", edit(page, func(b []byte) []byte { return b[:35] }), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"lengthened", edit(page, func(b []byte) []byte { return append(b, 0) }), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"page's passed off as a link's", change(pageKind, page, linkKind, func(b []byte) []byte {
			b[0] = linkKind
			return binary.BigEndian.AppendUint32(b, pipeline.OfferTag("mug"))
		}), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"link's, any viewer", link, "bob", "mug", now, nil},
		{"link's for another offer", link, "bob", "pen", now, pipeline.ErrTokenInvalid},
		{"link's, offer rewritten", editLink(func(b []byte) []byte { return binary.BigEndian.AppendUint32(b[:36], pipeline.OfferTag("pen")) }), "bob", "pen", now, pipeline.ErrTokenInvalid},
		{"link's passed off as a page's", change(linkKind, link, pageKind, func(b []byte) []byte { b[0] = pageKind; return b[:36] }), "", "mug", now, pipeline.ErrTokenInvalid},
		{"unknown kind", edit(page, func(b []byte) []byte { b[0] = 0x11; return b }), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"spliced", edit(page, func(b []byte) []byte {
			o, _ := base64.RawURLEncoding.DecodeString(m.Page("ann", "mug", 0, now, time.Minute))
			return append(b[:20], o[20:]...)
		}), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"link's, lengthened", link + link[:8], "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"link's, truncated", link[:56], "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"link's, in small letters", strings.ToLower(link), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"line ends alone", strings.Repeat("\n", 48), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"a link's line ends alone", strings.Repeat("\r", 64), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"line ends within", page[:44] + "\n\r\n\r", "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"empty", "", "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"not base64", "!!!", "ann", "mug", now, pipeline.ErrTokenInvalid},
	} {
		if _, err := m.Verify(c.token, c.viewer, c.offer, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestALinkIsSmall: its code is of version 4 at an address of a kit's own Wi-Fi, however long the offer's id is.
func TestALinkIsSmall(t *testing.T) {
	link := mint(t, secret, "kit").Link(strings.Repeat("long", 16), 0, 0, time.Minute)
	if len(link) != 64 || strings.Trim(link, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		t.Error(link)
	}
	const room = 90 // ISO/IEC 18004, table 7: version 4 at level M, alphanumeric
	if n := len("HTTP://10.66.0.1/T/") + len(link); n > room {
		t.Errorf("%d letters, expected at most %d", n, room)
	}
}

// TestATokenCarriesItsTerms: those of the moment it was minted.
func TestATokenCarriesItsTerms(t *testing.T) {
	m := mint(t, secret, "kit")
	for _, token := range []string{m.Page("ann", "mug", 7, 0, time.Minute), m.Link("mug", 7, 0, time.Minute)} {
		if g, err := m.Verify(token, "ann", "mug", 0); g.Terms != 7 || err != nil {
			t.Errorf("%+v, %v", g, err)
		}
	}
}

func TestNoncesDiffer(t *testing.T) {
	m, seen := mint(t, secret, "kit"), map[[8]byte]bool{}
	for range 1000 {
		g, err := m.Verify(m.Page("v", "o", 0, 0, time.Minute), "v", "o", 0)
		if err != nil || seen[g.Nonce] {
			t.Fatalf("nonce %x, seen %v, %v", g.Nonce, seen[g.Nonce], err)
		}
		seen[g.Nonce] = true
	}
}

func TestLifeIsBounded(t *testing.T) {
	m := mint(t, secret, "kit")
	g, err := m.Verify(m.Page("v", "o", 0, 0, 100*time.Hour), "v", "o", 0)
	if err != nil || g.Expires != MaxLife {
		t.Errorf("expires %v, %v; want %v", g.Expires, err, MaxLife)
	}
}

func FuzzVerify(f *testing.F) {
	m := mint(f, secret, "kit")
	f.Add(m.Page("v", "o", 0, 0, time.Minute), "v", "o")
	f.Add(m.Link("o", 0, 0, time.Minute), "v", "o")
	f.Add("", "", "")
	f.Add(strings.Repeat("\n", 64), "", "")
	f.Fuzz(func(t *testing.T, token, viewer, offer string) {
		if _, err := m.Verify(token, viewer, offer, 0); err == nil && len(token) < 48 {
			t.Errorf("%q checks out", token)
		}
		LinkTag(token)
	})
}
