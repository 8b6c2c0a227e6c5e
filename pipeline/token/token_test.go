package token

import (
	"encoding/base64"
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
	page := m.Page("ann", "mug", now, 2*time.Minute)
	link := m.Link("mug", now, 2*time.Minute)
	edit := func(token string, change func(b []byte) []byte) string {
		b, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(change(b))
	}
	flip := func(i int) func(b []byte) []byte { return func(b []byte) []byte { b[i] ^= 1; return b } }
	for _, c := range []struct {
		name, token, viewer, offer string
		at                         time.Duration
		want                       error
	}{
		{"good", page, "ann", "mug", now, nil},
		{"good at its last moment", page, "ann", "mug", now + 2*time.Minute - 1, nil},
		{"expired", page, "ann", "mug", now + 2*time.Minute, pipeline.ErrTokenExpired},
		{"key rotated while in flight", m.Page("ann", "mug", 2*time.Hour-1, 2*time.Minute), "ann", "mug", 2*time.Hour + time.Minute, nil},
		{"two epochs later", page, "ann", "mug", now + 2*Epoch, pipeline.ErrTokenInvalid},
		{"from the future", page, "ann", "mug", now - Epoch, pipeline.ErrTokenInvalid},
		{"another viewer's", page, "bob", "mug", now, pipeline.ErrTokenInvalid},
		{"another offer's", page, "ann", "pen", now, pipeline.ErrTokenInvalid},
		{"boundary moved between viewer and offer", page, "annm", "ug", now, pipeline.ErrTokenInvalid},
		{"another kit's", mint(t, secret, "kit-2").Page("ann", "mug", now, time.Minute), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"another secret's", mint(t, []byte("0123456789abcdef"), "kit-1").Page("ann", "mug", now, time.Minute), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"expiry moved", edit(page, flip(7)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"nonce changed", edit(page, flip(12)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"terms changed", edit(page, flip(11)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"epoch changed", edit(page, flip(3)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"MAC changed", edit(page, flip(35)), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"truncated", edit(page, func(b []byte) []byte { return b[:35] }), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"lengthened", edit(page, func(b []byte) []byte { return append(b, 0) }), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"page's passed off as a link's", edit(page, func(b []byte) []byte { b[0] = linkKind; return append(b, "mug"...) }), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"link's, any viewer", link, "bob", "mug", now, nil},
		{"link's for another offer", link, "bob", "pen", now, pipeline.ErrTokenInvalid},
		{"link's, offer rewritten", edit(link, func(b []byte) []byte { return append(b[:36], "pen"...) }), "bob", "pen", now, pipeline.ErrTokenInvalid},
		{"link's passed off as a page's", edit(link, func(b []byte) []byte { b[0] = pageKind; return b[:36] }), "", "mug", now, pipeline.ErrTokenInvalid},
		{"unknown kind", edit(page, func(b []byte) []byte { b[0] = 0x11; return b }), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"spliced", edit(page, func(b []byte) []byte {
			o, _ := base64.RawURLEncoding.DecodeString(m.Page("ann", "mug", now, time.Minute))
			return append(b[:20], o[20:]...)
		}), "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"same bits, other padding bits", padded(m.Link("pens", now, time.Minute)), "ann", "pens", now, pipeline.ErrTokenInvalid},
		{"empty", "", "ann", "mug", now, pipeline.ErrTokenInvalid},
		{"not base64", "!!!", "ann", "mug", now, pipeline.ErrTokenInvalid},
	} {
		if _, err := m.Verify(c.token, c.viewer, c.offer, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// padded changes the bits of a base64 text that mean nothing.
func padded(s string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(s) - 1
	return s[:last] + string(digits[strings.IndexByte(digits, s[last])^1])
}

// TestATokenCarriesItsTerms: those of the moment it was minted.
func TestATokenCarriesItsTerms(t *testing.T) {
	m, terms := mint(t, secret, "kit"), uint32(7)
	m.Terms = func(string) uint32 { return terms }
	page, link := m.Page("ann", "mug", 0, time.Minute), m.Link("mug", 0, time.Minute)
	terms = 8
	for _, token := range []string{page, link} {
		if g, err := m.Verify(token, "ann", "mug", 0); g.Terms != 7 || err != nil {
			t.Errorf("%+v, %v", g, err)
		}
	}
}

func TestNoncesDiffer(t *testing.T) {
	m, seen := mint(t, secret, "kit"), map[[8]byte]bool{}
	for range 1000 {
		g, err := m.Verify(m.Page("v", "o", 0, time.Minute), "v", "o", 0)
		if err != nil || seen[g.Nonce] {
			t.Fatalf("nonce %x, seen %v, %v", g.Nonce, seen[g.Nonce], err)
		}
		seen[g.Nonce] = true
	}
}

func TestLifeIsBounded(t *testing.T) {
	m := mint(t, secret, "kit")
	g, err := m.Verify(m.Page("v", "o", 0, 100*time.Hour), "v", "o", 0)
	if err != nil || g.Expires != MaxLife {
		t.Errorf("expires %v, %v; want %v", g.Expires, err, MaxLife)
	}
}

func FuzzVerify(f *testing.F) {
	m := mint(f, secret, "kit")
	f.Add(m.Page("v", "o", 0, time.Minute), "v", "o")
	f.Add(m.Link("o", 0, time.Minute), "v", "o")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, token, viewer, offer string) {
		if _, err := m.Verify(token, viewer, offer, 0); err == nil && len(token) < 48 {
			t.Errorf("%q checks out", token)
		}
		LinkOffer(token)
	})
}
