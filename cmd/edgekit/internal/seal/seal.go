// Package seal signs the small values that browsers keep for the kit: who a viewer is, that an operator has paired.
package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Key signs and checks values of one kind; keys of different secrets never accept each other's.
type Key []byte

// Sign returns the value with its MAC (HMAC-SHA-256 cut to 128 bits) behind it. Values have no dot in them.
func (k Key) Sign(value string) string {
	return value + "." + base64.RawURLEncoding.EncodeToString(k.mac(value))
}

// Open returns the value of a string that Sign made.
func (k Key) Open(signed string) (string, bool) {
	if len(signed) > 256 {
		return "", false
	}
	value, mac, ok := strings.Cut(signed, ".")
	if !ok {
		return "", false
	}
	got, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	return value, err == nil && hmac.Equal(got, k.mac(value))
}

func (k Key) mac(value string) []byte {
	h := hmac.New(sha256.New, k)
	h.Write([]byte(value))
	return h.Sum(nil)[:16]
}
